"""Registering, the caller's own profile, and tokens."""

import msgspec
import structlog
from msgspec import UNSET, Struct, UnsetType
from starlette.responses import Response

from services.gateway.api import bodies, texts
from services.gateway.api.answers import nothing, ok
from services.gateway.api.dependencies import Call, Dependencies, UserCall
from services.gateway.api.languages import LANGUAGE_PROBLEMS, Natives, Practices, checked
from services.gateway.api.operations import LOCATION, operation
from services.gateway.api.settings import ApiSettings
from shared.domain import Profile
from shared.errors import Refused
from shared.identifiers import TokenId, UserId, new_id
from shared.requests import ChangeProfile, EraseUser, GetProfile, RegisterUser, RotateToken


class Registration(Struct, frozen=True, forbid_unknown_fields=True):
    """Who one is. `relay_only`: partners never see one's network address."""

    display_name: texts.DisplayName
    native_languages: Natives
    practice_languages: Practices
    interests: texts.Interests = ()
    relay_only: bool = False


class ProfileChange(Struct, frozen=True, forbid_unknown_fields=True):
    """Only what is given changes."""

    display_name: texts.DisplayName | UnsetType = UNSET
    native_languages: Natives | UnsetType = UNSET
    practice_languages: Practices | UnsetType = UNSET
    interests: texts.Interests | UnsetType = UNSET
    relay_only: bool | UnsetType = UNSET


class Renewal(Struct, frozen=True, forbid_unknown_fields=True):
    refresh_token: str


class TokenPair(Struct, frozen=True, kw_only=True):
    """`expires_in` counts the seconds the access token lives."""

    access_token: str
    refresh_token: str
    expires_in: int


class Registered(TokenPair, frozen=True, kw_only=True):
    user: Profile


_registration = msgspec.json.Decoder(Registration)
_change = msgspec.json.Decoder(ProfileChange)
_renewal = msgspec.json.Decoder(Renewal)


@operation(
    "Register",
    {201: Registered},
    *LANGUAGE_PROBLEMS,
    "relay-unavailable",
    "unavailable",
    body=Registration,
    headers=(LOCATION,),
    links={"put_blocks_user_id": {"user_id": "$response.body#/user/id"}},
)
async def register(call: Call) -> Response:
    """A new user, with the first pair of tokens."""
    parts = call.parts
    body = await bodies.read(call.request, parts.settings)
    given = bodies.decode(call.request, body, _registration)
    _check_relay(given.relay_only, parts.settings)
    natives, practices = checked(given.native_languages, given.practice_languages)
    user_id, token_id = UserId(new_id()), TokenId(new_id())
    structlog.contextvars.bind_contextvars(user_id=user_id)
    profile = await parts.asker.ask(
        RegisterUser(
            user_id=user_id,
            display_name=texts.display_name(given.display_name),
            native_languages=natives,
            practice_languages=practices,
            interests=texts.interests(given.interests),
            relay_only=given.relay_only,
            token_id=token_id,
            token_expires_in_s=parts.tokens.refresh_lifetime_s,
        )
    )
    pair = _tokens(parts, user_id, token_id)
    registered = Registered(user=profile, **msgspec.structs.asdict(pair))
    return ok(registered, 201, {LOCATION: "/api/v1/users/me"})


@operation("Read one's profile", {200: Profile}, "unknown-user")
async def read(call: UserCall) -> Response:
    """The profile as the user sees it. Unknown once it is erased."""
    return ok(await call.parts.asker.ask(GetProfile(user_id=call.user_id)))


@operation(
    "Change one's profile",
    {200: Profile},
    *LANGUAGE_PROBLEMS,
    "unknown-user",
    "relay-unavailable",
    body=ProfileChange,
)
async def change(call: UserCall) -> Response:
    """The profile as it is now. A pending request keeps the languages it was opened with."""
    settings = call.parts.settings
    body = await bodies.read(call.request, settings)
    given = bodies.decode(call.request, body, _change)
    _check_relay(given.relay_only, settings)
    natives, practices = checked(
        None if given.native_languages is UNSET else given.native_languages,
        None if given.practice_languages is UNSET else given.practice_languages,
    )
    name, interests = given.display_name, given.interests
    state = await call.parts.asker.ask(
        ChangeProfile(
            user_id=call.user_id,
            display_name=UNSET if name is UNSET else texts.display_name(name),
            native_languages=UNSET if natives is None else natives,
            practice_languages=UNSET if practices is None else practices,
            interests=UNSET if interests is UNSET else texts.interests(interests),
            relay_only=given.relay_only,
        )
    )
    return ok(state.user, after=call.parts.telling(state))


@operation("Erase one's profile", {204: None}, "unknown-user")
async def erase(call: UserCall) -> Response:
    """The profile is blank, what was open has ended, the socket is closed."""
    state = await call.parts.asker.ask(EraseUser(user_id=call.user_id))
    return nothing(call.parts.telling(state))


@operation(
    "Renew the tokens",
    {200: TokenPair},
    "invalid-token",
    "expired-token",
    "token-revoked",
    "unavailable",
    body=Renewal,
)
async def renew_tokens(call: Call) -> Response:
    """A fresh pair for a refresh token, which stays valid until its successor is first used."""
    parts = call.parts
    body = await bodies.read(call.request, parts.settings)
    given = bodies.decode(call.request, body, _renewal)
    user_id, token_id = parts.tokens.read_refresh(given.refresh_token)
    successor_id = TokenId(new_id())
    await parts.asker.ask(
        RotateToken(
            user_id=user_id,
            token_id=token_id,
            successor_id=successor_id,
            successor_expires_in_s=parts.tokens.refresh_lifetime_s,
        )
    )
    return ok(_tokens(parts, user_id, successor_id))


def _check_relay(relay_only: bool | UnsetType, settings: ApiSettings) -> None:
    """Refused: `relay-unavailable`, rather than to promise what no call could keep."""
    if relay_only is True and not settings.can_relay:
        detail = "No relay is set up here: calls show the address of each to the other."
        raise Refused("relay-unavailable", detail)


def _tokens(parts: Dependencies, user_id: UserId, refresh_id: TokenId) -> TokenPair:
    return TokenPair(
        access_token=parts.tokens.issue_access(user_id),
        refresh_token=parts.tokens.issue_refresh(user_id, refresh_id),
        expires_in=parts.tokens.access_lifetime_s,
    )
