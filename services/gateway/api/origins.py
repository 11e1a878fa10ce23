"""Which web pages may call: the `Origin` check shared by the HTTP API and the WebSocket."""

import re

from services.gateway.api.settings import ApiSettings

LOCALHOST = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?")


def allowed(origin: str | None, settings: ApiSettings) -> bool:
    """True for an origin of `ALLOWED_ORIGINS`, and for calls without one (apps, command lines).

    In development any port of localhost may call too. "null" (a sandboxed or local page) may not.
    """
    if origin is None or origin in settings.allowed_origins:
        return True
    return not settings.is_production and LOCALHOST.fullmatch(origin) is not None
