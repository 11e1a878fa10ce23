"""What the HTTP half of the gateway reads from the environment, each limit with its reason."""

from ipaddress import ip_network
from urllib.parse import urlsplit

from shared.config import CommonSettings, Seconds
from shared.errors import SettingsError

ENVIRONMENTS = ("development", "production")
DEVELOPMENT_SECRET = "parley-development-secret-never-for-production"
# RFC 7518 section 3.2: an HS256 key is at least as long as the hash, 256 bits.
SECRET_BYTES_MIN = 32
TURN_SECRETS_MAX = 2
JWT_SECRETS_MAX = 2


class ApiSettings(CommonSettings, frozen=True, kw_only=True):
    """Defaults suit development; `PARLEY_ENV=production` refuses the development secret."""

    # Two while the secret is changed: the first signs, both are believed.
    jwt_secret: tuple[str, ...] = (DEVELOPMENT_SECRET,)
    # Stolen access tokens can't be revoked: a quarter of an hour bounds the harm.
    access_token_lifetime_s: Seconds = Seconds(15 * 60)
    # Somebody who practises once a month stays signed in.
    refresh_token_lifetime_s: Seconds = Seconds(30 * 24 * 3600)
    # Clocks of replicas kept by NTP differ by less; the design allows 2 s across stores.
    token_leeway_s: Seconds = Seconds(2)

    # Full origins ("https://parley.example"); empty in development means any localhost port.
    allowed_origins: tuple[str, ...] = ()
    # Networks whose X-Forwarded-For is believed; empty: the address is the socket's.
    trusted_proxies: tuple[str, ...] = ()

    # How long a request waits when it names no time: as long as people look at a spinner.
    queue_default_timeout_s: Seconds = Seconds(5 * 60)

    # Where two browsers learn their addresses ("stun:stun.example:3478"); none: same network only.
    stun_urls: tuple[str, ...] = ()
    # Relays for calls that find no direct way, or must not ("turn:turn.example:3478").
    turn_urls: tuple[str, ...] = ()
    # What the relays share with us; two while the secret is changed, the one to use first first.
    turn_secret: tuple[str, ...] = ()
    # A credential outlives the longest call (SESSION_MAXIMUM); `ice.refresh` gives another.
    turn_lifetime_s: Seconds = Seconds(3600)

    # The largest honest body (10 + 10 languages, 10 interests, a name) is about 2 KiB.
    body_bytes_max: int = 16 * 1024
    # A refused upload is read on, up to this much, so that the 413 arrives before a reset does.
    refused_body_bytes_max: int = 2 * 1024 * 1024
    refused_body_timeout_s: Seconds = Seconds(2)
    # A body that trickles in holds a task: a phone on a bad line sends 16 KiB well within this.
    body_timeout_s: Seconds = Seconds(10)

    # Calls a minute, also the burst. The defaults admit load tests from one machine: thousands of
    # registrations and 40 requests a second from one address; deploy/env.example has tighter ones.
    limit_registrations_per_minute: int = 6_000
    limit_address_per_minute: int = 60_000
    limit_user_per_minute: int = 3_000
    # Throttling must not cost more than what it protects: unanswered, all is admitted.
    limit_timeout_s: Seconds = Seconds(0.1)
    # After a failure nobody asks Redis for this long, so that its outage costs no call a time-out.
    limit_pause_s: Seconds = Seconds(1)

    # The matcher measures every sweep (2 s); figures older than several sweeps are past.
    queue_figures_lifetime_s: Seconds = Seconds(15)
    # Figures change once a sweep; a second of staleness spares every call a look into Redis.
    queue_figures_cache_s: Seconds = Seconds(1)
    # Side work of a call (presence, card, figures) never holds up its answer for longer.
    side_work_timeout_s: Seconds = Seconds(0.25)

    def __post_init__(self) -> None:
        if self.parley_env not in ENVIRONMENTS:
            # "prod" taken for development would accept the secret that everybody knows.
            raise SettingsError(f"PARLEY_ENV: expected one of {', '.join(ENVIRONMENTS)}")
        _check_secrets(self)
        for origin in self.allowed_origins:
            _check_origin(origin)
        for network in self.trusted_proxies:
            _check_network(network)
        _check_relays(self)

    @property
    def can_relay(self) -> bool:
        """Whether a call can be led past its two browsers' addresses."""
        return bool(self.turn_urls)


def _check_secrets(settings: ApiSettings) -> None:
    secrets = settings.jwt_secret
    if not 1 <= len(secrets) <= JWT_SECRETS_MAX:
        raise SettingsError("JWT_SECRET: expected one secret, or the new and the old one")
    if any(len(secret.encode()) < SECRET_BYTES_MIN for secret in secrets):
        raise SettingsError(f"JWT_SECRET: expected at least {SECRET_BYTES_MIN} bytes each")
    if settings.is_production and DEVELOPMENT_SECRET in secrets:
        raise SettingsError("JWT_SECRET: expected a secret of your own when PARLEY_ENV=production")


def _check_origin(origin: str) -> None:
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc}":
        raise SettingsError(
            f"ALLOWED_ORIGINS: expected origins like https://parley.example, got {origin!r}"
        )


def _check_network(network: str) -> None:
    try:
        ip_network(network)
    except ValueError:
        raise SettingsError(
            f"TRUSTED_PROXIES: expected addresses or networks like 10.0.0.0/8, got {network!r}"
        ) from None


def _check_relays(settings: ApiSettings) -> None:
    """Browsers refuse a list of ICE servers that has one they cannot read."""
    if bool(settings.turn_urls) != bool(settings.turn_secret):
        raise SettingsError("TURN_URLS and TURN_SECRET: expected both or neither")
    if len(settings.turn_secret) > TURN_SECRETS_MAX:
        raise SettingsError("TURN_SECRET: expected one secret, or two while it is changed")
    for name, urls, schemes in (
        ("STUN_URLS", settings.stun_urls, ("stun:", "stuns:")),
        ("TURN_URLS", settings.turn_urls, ("turn:", "turns:")),
    ):
        for url in urls:
            if not url.startswith(schemes):
                expected = f"{schemes[0]}host:3478"
                raise SettingsError(f"{name}: expected URLs like {expected}, got {url!r}")
