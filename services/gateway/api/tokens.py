"""Access and refresh tokens: JWTs signed with HS256 by the gateways' common secret."""

import time
from collections.abc import Callable
from typing import Any

import jwt

from services.gateway.api.settings import ApiSettings
from shared.errors import Refused
from shared.identifiers import TokenId, UserId

ALGORITHM = "HS256"
ISSUER = "parley"
AUDIENCE = "parley-api"


class Tokens:
    """Issues and reads tokens. An access token is never taken for a refresh token or vice versa."""

    def __init__(self, settings: ApiSettings, clock: Callable[[], float] = time.time) -> None:
        self._secrets = settings.jwt_secret
        self._leeway_s = settings.token_leeway_s
        self._clock = clock
        self.access_lifetime_s = int(settings.access_token_lifetime_s)
        self.refresh_lifetime_s = int(settings.refresh_token_lifetime_s)

    def issue_access(self, user_id: UserId) -> str:
        return self._issue("access", user_id, self.access_lifetime_s)

    def issue_refresh(self, user_id: UserId, token_id: TokenId) -> str:
        return self._issue("refresh", user_id, self.refresh_lifetime_s, jti=token_id)

    def read_access(self, token: str) -> UserId:
        """Whose token it is. Refused: `invalid-token`, `expired-token`."""
        return UserId(self._read("access", token)["sub"])

    def read_refresh(self, token: str) -> tuple[UserId, TokenId]:
        """Whose token and which. Refused: `invalid-token`, `expired-token`."""
        claims = self._read("refresh", token, "jti")
        return UserId(claims["sub"]), TokenId(claims["jti"])

    def _issue(self, kind: str, user_id: UserId, lifetime_s: int, **more: str) -> str:
        now = int(self._clock())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "typ": kind,
            "sub": user_id,
            "iat": now,
            "exp": now + lifetime_s,
            **more,
        }
        return jwt.encode(claims, self._secrets[0], ALGORITHM)

    def _read(self, kind: str, token: str, *more: str) -> dict[str, Any]:
        for secret in self._secrets:
            try:
                claims = _decoded(token, secret, *more)
                break
            except jwt.InvalidSignatureError:
                continue  # Perhaps it was signed before the secret was changed.
            except jwt.PyJWTError:
                raise _not_ours() from None
        else:
            raise _not_ours()
        if claims.get("typ") != kind:
            raise Refused("invalid-token", f"This call takes a token of the other kind: {kind}.")
        self._check_times(claims)
        return claims

    def _check_times(self, claims: dict[str, Any]) -> None:
        now = self._clock()
        if not all(isinstance(claims[claim], int) for claim in ("iat", "exp")):
            raise Refused("invalid-token", "The token is not one of ours.")
        if claims["iat"] > now + self._leeway_s:
            raise Refused("invalid-token", "The token is from the future.")
        if claims["exp"] + self._leeway_s <= now:
            raise Refused("expired-token", "The token has expired; get a fresh one.")


def _decoded(token: str, secret: str, *more: str) -> dict[str, Any]:
    """Raises `PyJWTError`. The times are left to the caller, who is told the time."""
    claims: dict[str, Any] = jwt.decode(
        token,
        secret,
        algorithms=[ALGORITHM],
        audience=AUDIENCE,
        issuer=ISSUER,
        options={
            "require": ["sub", "iat", "exp", *more],
            "verify_exp": False,
            "verify_iat": False,
            "verify_nbf": False,
        },
    )
    return claims


def _not_ours() -> Refused:
    return Refused("invalid-token", "The token is not one of ours.")
