"""What runs in the local stack, on which ports and with which settings."""

import dataclasses
import functools
import http.client
import secrets
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local import servers, tls
from deploy.local.processes import HOST, Server, ServerFailed

DATABASE = "language_exchange"
REPLICAS_MAX = 9  # Of one service: more than a laptop wants, and as many as fit between ports.
READY_TIMEOUT_S = 2.0
# What whoever calls `make up` may set for the services; the rest the stack decides itself.
SETTINGS = (
    "ALLOWED_ORIGINS",
    "JWT_SECRET",
    "LOG_LEVEL",
    "MATCHING_INTERVAL",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "PRESENCE_GRACE",
    "QUEUE_DEFAULT_TIMEOUT",
    "SESSION_CONNECT_TIMEOUT",
    "SESSION_JOIN_TIMEOUT",
    "SESSION_MAXIMUM",
    "SESSION_MINIMUM",
    "SESSION_TURN",
    "STUN_URLS",
    "TURN_LIFETIME",
    "TURN_SECRET",
    "TURN_URLS",
)


@dataclass(frozen=True)
class Choices:
    """What a caller may choose. The gateways serve at `port` and above, all else from `ports`."""

    gateways: int = 1
    matchers: int = 1
    sessions: int = 1
    port: int = 8080
    ports: int = 17_000
    tls: int = 0  # 1: the gateways speak HTTPS, to this machine's networks too.
    settings: Mapping[str, str] = field(default_factory=dict)

    def changed_by(self, environ: Mapping[str, str]) -> "Choices":
        """These choices with what `environ` says instead; `ServerFailed` names a wrong value."""
        numbers = {
            name: _number(name.upper(), environ[name.upper()], most)
            for name, most in (
                ("gateways", REPLICAS_MAX),
                ("matchers", REPLICAS_MAX),
                ("sessions", REPLICAS_MAX),
                ("port", 65_535),
                ("ports", 65_000),
                ("tls", 1),
            )
            if environ.get(name.upper())
        }
        settings = {name: environ[name] for name in SETTINGS if environ.get(name)}
        return dataclasses.replace(self, **numbers, settings={**self.settings, **settings})


@dataclass(frozen=True)
class Layout:
    """The processes that `choices` ask for, with all they keep below `directory`."""

    directory: Path
    choices: Choices

    @property
    def urls(self) -> list[str]:
        """The gateways' addresses."""
        return self._urls_at(HOST)

    @property
    def network_urls(self) -> list[str]:
        """Where other machines of its networks reach the gateways: nowhere without TLS."""
        if not self.choices.tls:
            return []
        return [url for address in tls.addresses() for url in self._urls_at(address)]

    @property
    def tls_pair(self) -> tls.Pair:
        return tls.Pair(self.directory / "tls")

    @property
    def environment(self) -> dict[str, str]:
        """Where the stores are: for the services, and for whoever looks into the running stack."""
        ports, user = self.choices.ports, servers.POSTGRES_USER
        address = f"{user}:{self._password()}@{HOST}:{ports + 4}"
        return {
            "AMQP_URL": f"amqp://guest:guest@{HOST}:{ports + 1}/",
            "REDIS_URL": f"redis://{HOST}:{ports + 3}/0",
            "DATABASE_URL": f"postgres://{address}/{DATABASE}?sslmode=disable",
        }

    def stores(self) -> list[Server]:
        """The servers in the order they start. The first time this makes Postgres's cluster."""
        ports, data = self.choices.ports, self.directory / "data"
        found = [
            servers.epmd(data / "rabbitmq", ports),
            servers.rabbitmq(data / "rabbitmq", ports + 1, ports + 2, ports),
            servers.redis(data / "redis", ports + 3),
            servers.postgres(data / "postgres", ports + 4, self._password()),
        ]
        return [dataclasses.replace(server, log=self.log(server.name)) for server in found]

    def services(self) -> list[Server]:
        counts = {
            "sessions": self.choices.sessions,
            "matcher": self.choices.matchers,
            "gateway": self.choices.gateways,
        }
        return [
            self._service(service, number, self.choices.ports + 10 * place)
            for place, (service, count) in enumerate(counts.items(), 1)
            for number in range(1, count + 1)
        ]

    def log(self, name: str) -> Path:
        return self.directory / "logs" / f"{name}.log"

    def _service(self, service: str, number: int, ops_ports: int) -> Server:
        ops_port = ops_ports + number
        environment = {
            **self.environment,
            **self.choices.settings,
            "PYTHONUNBUFFERED": "1",
            f"{service.upper()}_OPS_PORT": str(ops_port),
        }
        port, probed = ops_port, {f"http://{HOST}:{ops_port}"}
        if service == "gateway":
            port = self.choices.port + number - 1
            probed.add(self.urls[number - 1])
            environment |= {"PORT": str(port), **self._serving()}
        return Server(
            name=f"{service}-{number}",
            port=port,
            command=(sys.executable, "-m", f"services.{service}"),
            log=self.log(f"{service}-{number}"),
            ready=functools.partial(_ready, probed),
            environment=environment,
            other_ports=() if port == ops_port else (ops_port,),
        )

    def _urls_at(self, host: str) -> list[str]:
        scheme, first = "https" if self.choices.tls else "http", self.choices.port
        return [f"{scheme}://{host}:{port}" for port in range(first, first + self.choices.gateways)]

    def _serving(self) -> dict[str, str]:
        """A gateway's settings that make it serve these URLs."""
        if not self.choices.tls:
            return {}
        pair = self.tls_pair
        tls.self_signed(pair, tls.addresses())
        origins = [*self.network_urls, self.choices.settings.get("ALLOWED_ORIGINS", "")]
        return {
            "ALLOWED_ORIGINS": ",".join(filter(None, origins)),
            "LISTEN_HOST": "0.0.0.0",
            "TLS_CERTIFICATE": str(pair.certificate),
            "TLS_KEY": str(pair.key),
        }

    def _password(self) -> str:
        """Postgres's, made once. Trusting everybody on the machine would lend them our rights."""
        path = self.directory / "postgres-password"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(16))
        return path.read_text()


def _number(name: str, text: str, most: int) -> int:
    if not text.isdecimal() or int(text) > most:
        raise ServerFailed(f"{name}={text}: expected a whole number up to {most}")
    return int(text)


def _ready(urls: set[str]) -> bool:
    return all(_says_ready(url) for url in urls)


def _says_ready(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme == "https":  # Of a certificate that nobody signed; it is our own process.
        unchecked = ssl._create_unverified_context()
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            parts.netloc, timeout=READY_TIMEOUT_S, context=unchecked
        )
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=READY_TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
