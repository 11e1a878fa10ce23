"""A certificate for `make up TLS=1`, made on this machine for the addresses it has."""

import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.local.processes import HOST, ServerFailed

# Safari takes no more than 825 days of a certificate that somebody trusted by hand.
DAYS = 365
STALE_S = 24 * 3600


@dataclass(frozen=True)
class Pair:
    """The files of a certificate and its key, made or not."""

    directory: Path

    @property
    def certificate(self) -> Path:
        return self.directory / "certificate.pem"

    @property
    def key(self) -> Path:
        return self.directory / "key.pem"


def addresses() -> list[str]:
    """This machine's own IPv4 addresses in its networks, without loopback."""
    said = subprocess.run(["hostname", "-I"], check=False, capture_output=True, text=True).stdout
    return [word for word in said.split() if word.count(".") == 3] or _address_outwards()


def self_signed(pair: Pair, hosts: list[str]) -> None:
    """Make the pair for these hosts, unless the one that is there still serves.

    So a phone that has accepted the certificate does so once. Raises `ServerFailed`.
    """
    pair.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    names = ",".join(_name(host) for host in ("localhost", HOST, *hosts))
    stamp = pair.directory / "names"
    if not (stamp.exists() and stamp.read_text() == names and _lasts(pair)):
        _make(pair, names)
        stamp.write_text(names)


def _make(pair: Pair, names: str) -> None:
    request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    request += ["-nodes", "-days", str(DAYS), "-subj", "/CN=Parley on this machine"]
    # A certificate that says it is no authority can vouch for nobody else.
    request += ["-addext", "basicConstraints=critical,CA:FALSE"]
    request += ["-addext", "extendedKeyUsage=serverAuth", "-addext", f"subjectAltName={names}"]
    pair.key.touch(mode=0o600)
    _openssl(*request, "-out", str(pair.certificate), "-keyout", str(pair.key))


def _lasts(pair: Pair) -> bool:
    words = ("x509", "-checkend", str(STALE_S), "-noout", "-in", str(pair.certificate))
    try:
        _openssl(*words)
    except ServerFailed:
        return False
    return pair.key.exists()


def _openssl(*words: str) -> None:
    if shutil.which("openssl") is None:
        raise ServerFailed("openssl: not found, install it (Debian: openssl)")
    done = subprocess.run(["openssl", *words], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["it failed"]
        raise ServerFailed(f"openssl {words[0]}: {said[-1]}")


def _name(host: str) -> str:
    return f"IP:{host}" if host.replace(".", "").isdecimal() else f"DNS:{host}"


def _address_outwards() -> list[str]:
    """Where `hostname` can't say: the address from which packets would leave. None is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return []
        return [str(probe.getsockname()[0])]
