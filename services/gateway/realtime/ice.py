"""Which STUN and TURN servers a browser may use, and the passwords for them. Pure.

TURN REST credentials, as coturn's `use-auth-secret` checks them: the user name is the Unix time of
expiry and the user's id, the password its HMAC-SHA1 under a secret shared with the relays.
"""

import hmac
from base64 import b64encode
from datetime import UTC, datetime

from services.gateway.api.settings import ApiSettings
from services.gateway.realtime.protocol import IceConfiguration, IceServer, IceTransportPolicy
from shared.domain import UserState
from shared.identifiers import UserId


def configuration(settings: ApiSettings, state: UserState, now: datetime) -> IceConfiguration:
    """What this user makes the connection of the live session with.

    Each secret has an entry of its own: while it is changed, some relays know only the old one.
    Where either side shows no address there are relays alone, and none if none are set.
    """
    relay_only = state.session is not None and state.session.relay_only
    servers = []
    if settings.stun_urls and not relay_only:
        servers.append(IceServer(urls=settings.stun_urls))
    expires_s = int(now.timestamp() + settings.turn_lifetime_s)
    for secret in settings.turn_secret:
        username, credential = credentials(secret, state.user.id, expires_s)
        servers.append(IceServer(settings.turn_urls, username, credential))
    return IceConfiguration(
        ice_servers=tuple(servers),
        ice_transport_policy=IceTransportPolicy.RELAY if relay_only else IceTransportPolicy.ALL,
        expires_at=datetime.fromtimestamp(expires_s, UTC) if settings.turn_secret else None,
    )


def credentials(secret: str, user_id: UserId, expires_s: int) -> tuple[str, str]:
    """User name and password for the relays, good until this Unix time."""
    username = f"{expires_s}:{user_id}"
    digest = hmac.digest(secret.encode(), username.encode(), "sha1")
    return username, b64encode(digest).decode()
