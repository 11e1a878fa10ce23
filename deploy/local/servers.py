"""RabbitMQ, Redis and Postgres as plain processes: how each is made ready to run, and asked.

Standard library only: the stack starts its servers before anything else is installed, and the
tests start throw-away ones with it. Every server listens on loopback only, keeps all it has in
the directory it is given, and is durable as in production (fsync, append-only, no eviction).
"""

import functools
import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from deploy.local.processes import HOST, Server, ServerFailed

POSTGRES_USER = "langapp"
ANSWER_TIMEOUT_S = 2.0


def epmd(directory: Path, port: int) -> Server:
    """Erlang's port mapper, which RabbitMQ needs. Ours, or Erlang leaves one behind for ever."""
    directory.mkdir(parents=True, exist_ok=True)
    return Server(
        name="epmd",
        port=port,
        command=(_binary("epmd", "erlang-base"), "-port", str(port), "-address", HOST),
        log=directory / "epmd.log",
        ready=functools.partial(answers, port, b"\x00\x01n", b""),
    )


def rabbitmq(directory: Path, port: int, dist_port: int, epmd_port: int) -> Server:
    """RabbitMQ with its data in `directory`; `epmd` must run at `epmd_port` before it starts."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "rabbitmq.conf").write_text(f"listeners.tcp.1 = {HOST}:{port}\n")
    (directory / "rabbitmq-env.conf").touch()  # Else the one in /etc would have its say.
    environment = {
        "HOME": str(directory),  # Where the Erlang cookie goes.
        "RABBITMQ_CONF_ENV_FILE": str(directory / "rabbitmq-env.conf"),
        "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
        "RABBITMQ_LOG_BASE": str(directory / "log"),
        "RABBITMQ_LOGS": "-",
        # A long name needs no host name that resolves, which a bare machine may not have.
        "RABBITMQ_USE_LONGNAME": "true",
        "RABBITMQ_NODENAME": f"parley@{HOST}",
        "RABBITMQ_DIST_PORT": str(dist_port),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "ERL_EPMD_PORT": str(epmd_port),
        "ERL_EPMD_ADDRESS": HOST,
    }
    return Server(
        name="rabbitmq",
        port=port,
        command=(_rabbitmq_binary(),),
        log=directory / "rabbitmq.log",
        ready=functools.partial(answers, port, b"AMQP\x00\x00\x09\x01", b"\x01\x00\x00"),
        environment=environment,
        other_ports=(dist_port,),
    )


def redis(directory: Path, port: int) -> Server:
    """Redis, or Valkey where there is only that: append-only, and it never evicts."""
    directory.mkdir(parents=True, exist_ok=True)
    binary = shutil.which("redis-server") or _binary("valkey-server", "redis-server")
    options = {"port": str(port), "bind": HOST, "dir": str(directory), "daemonize": "no"}
    options |= {"appendonly": "yes", "maxmemory-policy": "noeviction", "save": ""}
    return Server(
        name="redis",
        port=port,
        command=(binary, *(word for key, value in options.items() for word in ("--" + key, value))),
        log=directory / "redis.log",
        ready=functools.partial(answers, port, b"PING\r\n", b"+PONG"),
    )


def postgres(directory: Path, port: int, password: str) -> Server:
    """Postgres with its data in `directory`, made by initdb if there is none yet (2 s)."""
    directory.mkdir(parents=True, exist_ok=True)
    binaries, as_owner = _postgres_binaries(), _as_postgres_owner(directory)
    data = directory / "data"
    if not (data / "PG_VERSION").exists():
        _make_cluster(binaries, as_owner, directory, password)
    settings = (f"listen_addresses={HOST}", "unix_socket_directories=", "max_connections=300")
    words = [word for setting in settings for word in ("-c", setting)]
    return Server(
        name="postgres",
        port=port,
        command=(*as_owner, str(binaries / "postgres"), "-D", str(data), "-p", str(port), *words),
        log=directory / "postgres.log",
        ready=functools.partial(_postgres_ready, binaries, port),
        stop_signal=signal.SIGINT,  # "Fast": SIGTERM would wait for every client to go.
    )


def answers(port: int, question: bytes, answer: bytes) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=ANSWER_TIMEOUT_S) as connection:
            connection.sendall(question)
            return connection.recv(64).startswith(answer)
    except OSError:
        return False


def _postgres_ready(binaries: Path, port: int) -> bool:
    command = [str(binaries / "pg_isready"), "-q", "-h", HOST, "-p", str(port)]
    return subprocess.run(command, check=False).returncode == 0


def _binary(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ServerFailed(f"{name}: not installed (Debian package {package})")
    return found


def _rabbitmq_binary() -> str:
    # Debian's wrapper in /usr/sbin would change user to rabbitmq and lose our environment.
    direct = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    return str(direct) if direct.exists() else _binary("rabbitmq-server", "rabbitmq-server")


def _postgres_binaries() -> Path:
    """The newest Postgres installed: Debian keeps one directory per major version."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[-2]))
    if not found:
        raise ServerFailed("postgres: not installed (Debian package postgresql)")
    return found[-1]


def _as_postgres_owner(directory: Path) -> tuple[str, ...]:
    """The words before a Postgres command that give it the right user: it refuses root."""
    if os.geteuid() != 0:
        return ()
    words = ("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups")
    if all(parent.stat().st_mode & 0o001 for parent in directory.absolute().parents):
        return (*words, "--")
    # A checkout below /root: the postgres user may not pass through, so lend it that right.
    return (*words, "--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--")


def _make_cluster(binaries: Path, as_owner: Sequence[str], directory: Path, password: str) -> None:
    """Run initdb in a directory of its owner; half-made ones of an earlier try are removed."""
    data, secret = directory / "data", directory / "password"
    shutil.rmtree(data, ignore_errors=True)
    secret.write_text(password)
    secret.chmod(0o600)
    if as_owner:
        owner = pwd.getpwnam("postgres")
        for path in (directory, secret):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    command = [*as_owner, str(binaries / "initdb"), "-D", str(data), "-U", POSTGRES_USER]
    command += ["--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--locale=C.UTF-8"]
    made = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")
    secret.unlink()
    if made.returncode != 0:
        shutil.rmtree(data, ignore_errors=True)
        (directory / "postgres.log").write_text(made.stdout + made.stderr)
        raise ServerFailed(f"postgres: initdb failed, see {directory / 'postgres.log'}")
