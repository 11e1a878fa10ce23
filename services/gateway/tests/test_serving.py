import asyncio
import ssl
import subprocess
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from services.gateway.config import Settings
from services.gateway.server import listen, server
from shared.errors import SettingsError
from shared.testing import eventually


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    certificate, key = str(tmp_path / "certificate.pem"), str(tmp_path / "key.pem")
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"]
    request += ["ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=test"]
    request += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key]
    subprocess.run(request, check=True, capture_output=True)
    return Settings(port=0, tls_certificate=certificate, tls_key=key)


async def test_with_a_certificate_the_gateway_speaks_https(settings: Settings) -> None:
    app = Starlette(routes=[Route("/", lambda _: PlainTextResponse("hello"))])
    listening = listen(settings)
    http = server(app, settings)
    serving = asyncio.create_task(http.serve([listening]))

    def started() -> None:
        assert http.started

    await eventually(started)
    url = f"https://127.0.0.1:{listening.getsockname()[1]}/"
    believing = ssl.create_default_context(cafile=settings.tls_certificate)
    async with httpx2.AsyncClient(verify=believing, trust_env=False) as client:
        assert (await client.get(url)).text == "hello"
        with pytest.raises(httpx2.TransportError):
            await client.get(url.replace("https", "http", 1))
    http.should_exit = True
    await serving


def test_a_certificate_without_a_key_is_refused_and_a_key_without_a_certificate() -> None:
    with pytest.raises(SettingsError, match="TLS_CERTIFICATE, TLS_KEY"):
        Settings(tls_certificate="c.pem")
    with pytest.raises(SettingsError, match="TLS_CERTIFICATE, TLS_KEY"):
        Settings(tls_key="k.pem")


def test_a_certificate_that_cannot_be_used_stops_the_start(settings: Settings) -> None:
    Path(settings.tls_key).write_text("not a key")
    with pytest.raises(SettingsError, match=r"cannot use .*key\.pem"):
        server(Starlette(), settings)
