import asyncio
import ssl
from pathlib import Path

import pytest

from deploy.local import tls
from deploy.local.layout import Choices, Layout
from deploy.local.processes import HOST, Server
from deploy.local.tls import Pair, self_signed


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    made = Pair(tmp_path / "tls")
    self_signed(made, ["192.0.2.7", "parley.local"])
    return made


async def greeted(pair: Pair, name: str) -> bool:
    """Whether a client that believes only this certificate speaks to its owner by this name."""
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(pair.certificate, pair.key)
    believing = ssl.create_default_context(cafile=str(pair.certificate))
    server = await asyncio.start_server(lambda _, writer: writer.close(), HOST, 0, ssl=serving)
    async with server:
        port = server.sockets[0].getsockname()[1]
        try:
            _, writer = await asyncio.open_connection(
                HOST, port, ssl=believing, server_hostname=name
            )
        except ssl.SSLCertVerificationError:
            return False
        writer.close()
        return True


@pytest.mark.parametrize("name", ["localhost", HOST, "192.0.2.7", "parley.local"])
async def test_the_certificate_is_good_for_every_name_of_this_machine(
    pair: Pair, name: str
) -> None:
    assert await greeted(pair, name)


async def test_the_certificate_is_good_for_no_other_name(pair: Pair) -> None:
    assert not await greeted(pair, "192.0.2.8")


def test_the_key_is_for_its_owner_alone(pair: Pair) -> None:
    assert pair.key.stat().st_mode & 0o077 == 0


def test_a_pair_stays_until_the_addresses_change(pair: Pair) -> None:
    first = pair.certificate.read_bytes()
    self_signed(pair, ["192.0.2.7", "parley.local"])
    assert pair.certificate.read_bytes() == first
    self_signed(pair, ["192.0.2.9"])
    assert pair.certificate.read_bytes() != first


def test_a_pair_that_is_broken_is_made_anew(pair: Pair) -> None:
    pair.certificate.write_text("not a certificate")
    self_signed(pair, ["192.0.2.7", "parley.local"])
    ssl.create_default_context().load_cert_chain(pair.certificate, pair.key)


def gateway(directory: Path, choices: Choices) -> Server:
    layout = Layout(directory, choices)
    return next(server for server in layout.services() if server.name == "gateway-1")


def test_with_tls_the_gateways_serve_the_network_and_let_its_pages_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "addresses", lambda: ["192.0.2.7"])
    origins = {"ALLOWED_ORIGINS": "https://parley.example"}
    choices = Choices(gateways=2, settings=origins).changed_by({"TLS": "1"})
    layout = Layout(tmp_path, choices)
    assert layout.urls == [f"https://{HOST}:8080", f"https://{HOST}:8081"]
    assert layout.network_urls == ["https://192.0.2.7:8080", "https://192.0.2.7:8081"]
    environment = gateway(tmp_path, choices).environment
    assert environment["LISTEN_HOST"] == "0.0.0.0"
    assert environment["ALLOWED_ORIGINS"] == (
        "https://192.0.2.7:8080,https://192.0.2.7:8081,https://parley.example"
    )
    assert Path(environment["TLS_CERTIFICATE"]).exists()
    assert Path(environment["TLS_KEY"]).exists()


def test_without_tls_nothing_leaves_this_machine(tmp_path: Path) -> None:
    layout = Layout(tmp_path, Choices())
    assert layout.network_urls == []
    assert "LISTEN_HOST" not in gateway(tmp_path, layout.choices).environment
