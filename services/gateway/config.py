"""The settings of the gateway, read once at start."""

from services.gateway.realtime.settings import RealtimeSettings
from shared.config import Seconds
from shared.errors import SettingsError


class Settings(RealtimeSettings, frozen=True, kw_only=True):
    """All of the gateway's settings: the common ones, those of the API and of the sockets."""

    port: int = 8080
    listen_host: str = "127.0.0.1"
    """Where the API and the sockets listen; containers set 0.0.0.0."""
    gateway_ops_port: int = 0
    """The operations port; 0 is off."""
    listen_backlog: int = 2048
    """Handshakes a burst of reconnects may queue; uvicorn takes about 2,500 a second."""
    user_timeout_s: int = 20
    """The kernel drops a socket whose peer acknowledges nothing for this long."""
    http_keep_alive_s: int = 20
    """Longer than load balancers reuse a connection without asking."""
    http_head_bytes_max: int = 32 * 1024
    """Request line and headers: browsers send 2 KiB and a token; uvicorn itself would take any."""
    http_head_timeout_s: Seconds = Seconds(10)
    """A head fits one packet; who opens a connection and says less holds it for nothing."""
    http_drain_s: int = 2
    """At a stop, calls in hand may take this long after the last goodbye."""
    tls_certificate: str = ""
    """A PEM file with the certificate's chain. Set with `tls_key`, the gateway speaks HTTPS and
    WSS itself; production has a load balancer in front that does."""
    tls_key: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise SettingsError("TLS_CERTIFICATE, TLS_KEY: expected both or neither")
