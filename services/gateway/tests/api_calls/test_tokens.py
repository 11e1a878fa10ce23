from collections.abc import Callable

import jwt
import pytest

from services.gateway.api.settings import DEVELOPMENT_SECRET, ApiSettings
from services.gateway.api.tokens import AUDIENCE, ISSUER, Tokens
from shared.config import load
from shared.errors import Refused, SettingsError
from shared.identifiers import TokenId, UserId, new_id

NOW = 1_800_000_000
USER = UserId(new_id())
CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "typ": "access", "sub": USER, "iat": NOW, "exp": NOW + 9}


class Clock:
    now = float(NOW)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(clock: Callable[[], float]) -> Tokens:
    return Tokens(ApiSettings(), clock)


def refusal(read: Callable[[str], object], token: str) -> str:
    with pytest.raises(Refused) as caught:
        read(token)
    assert not token or token not in caught.value.detail
    return caught.value.code


def signed(secret: str = DEVELOPMENT_SECRET, **changes: object) -> str:
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not None}
    return jwt.encode(claims, secret, "HS256")


def test_a_token_is_read_back_as_what_it_was_issued_for(tokens: Tokens) -> None:
    token_id = TokenId(new_id())
    assert tokens.read_access(tokens.issue_access(USER)) == USER
    assert tokens.read_refresh(tokens.issue_refresh(USER, token_id)) == (USER, token_id)


def test_an_access_token_lives_a_quarter_of_an_hour_and_the_leeway(
    tokens: Tokens, clock: Clock
) -> None:
    token = tokens.issue_access(USER)
    clock.now = NOW + 15 * 60 + 1
    assert tokens.read_access(token) == USER
    clock.now = NOW + 15 * 60 + 3
    assert refusal(tokens.read_access, token) == "expired-token"


def test_one_kind_is_never_taken_for_the_other(tokens: Tokens) -> None:
    refresh = tokens.issue_refresh(USER, TokenId(new_id()))
    assert refusal(tokens.read_access, refresh) == "invalid-token"
    assert refusal(tokens.read_refresh, tokens.issue_access(USER)) == "invalid-token"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        "é.ü.☃",
        signed(secret="another secret that is long enough to be one"),
        signed(iss="someone"),
        signed(aud="elsewhere"),
        signed(typ=None),
        signed(sub=None),
        signed(exp=None),
        signed(iat=None),
        signed(iat=NOW + 60),
        signed(exp=float("inf")),
        jwt.encode(CLAIMS, None, "none"),
    ],
)
def test_what_was_not_issued_here_is_refused(tokens: Tokens, token: str) -> None:
    assert refusal(tokens.read_access, token) == "invalid-token"


def test_production_refuses_the_development_secret() -> None:
    with pytest.raises(SettingsError, match="JWT_SECRET"):
        load(ApiSettings, {"PARLEY_ENV": "production"})
    amqp_url = "amqp://ana:secret@mq/"
    environ = {"PARLEY_ENV": "production", "JWT_SECRET": "s" * 32, "AMQP_URL": amqp_url}
    load(ApiSettings, environ)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JWT_SECRET", "short"),
        ("ALLOWED_ORIGINS", "parley.example"),
        ("ALLOWED_ORIGINS", "https://parley.example/"),
        ("ALLOWED_ORIGINS", "*"),
        ("TRUSTED_PROXIES", "proxy"),
        ("PARLEY_ENV", "prod"),
        ("PARLEY_ENV", "Production"),
        ("TURN_URLS", "turn:turn.example:3478"),
        ("TURN_SECRET", "a secret without a relay"),
        ("STUN_URLS", "turn:turn.example:3478"),
    ],
)
def test_a_setting_that_makes_no_sense_stops_the_start_and_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load(ApiSettings, {name: value})


@pytest.mark.parametrize(
    ("urls", "secrets"), [("turn.example:3478", "one"), ("turn:turn.example", "one,two,three")]
)
def test_relays_are_named_as_browsers_read_them_with_two_secrets_at_most(
    urls: str, secrets: str
) -> None:
    with pytest.raises(SettingsError, match="TURN_"):
        load(ApiSettings, {"TURN_URLS": urls, "TURN_SECRET": secrets})


def test_a_secret_that_is_being_changed_is_read_as_two() -> None:
    urls = "turn:turn.example:3478,turns:turn.example:5349?transport=tcp"
    settings = load(ApiSettings, {"TURN_URLS": urls, "TURN_SECRET": "new,old"})
    assert settings.can_relay and settings.turn_secret == ("new", "old")
    assert not load(ApiSettings, {}).can_relay


def test_a_changed_secret_signs_and_the_former_one_is_still_believed(clock: Clock) -> None:
    old, new = "o" * 32, "n" * 32
    before = Tokens(ApiSettings(jwt_secret=(old,)), clock)
    meanwhile = Tokens(ApiSettings(jwt_secret=(new, old)), clock)
    after = Tokens(ApiSettings(jwt_secret=(new,)), clock)
    held = before.issue_access(USER)
    assert meanwhile.read_access(held) == USER
    fresh = meanwhile.issue_access(USER)
    assert after.read_access(fresh) == USER
    assert refusal(after.read_access, held) == "invalid-token"
    assert refusal(before.read_access, fresh) == "invalid-token"


@pytest.mark.parametrize("secrets", ["n" * 32 + ",short", ",".join(c * 32 for c in "abc")])
def test_two_whole_secrets_are_the_most(secrets: str) -> None:
    with pytest.raises(SettingsError, match="JWT_SECRET"):
        load(ApiSettings, {"JWT_SECRET": secrets})


def test_the_development_secret_is_not_believed_in_production_beside_another() -> None:
    environ = {"JWT_SECRET": f"{'n' * 32},{DEVELOPMENT_SECRET}", "PARLEY_ENV": "production"}
    with pytest.raises(SettingsError, match="your own"):
        load(ApiSettings, environ)
