import pytest

from shared.config import CommonSettings, Seconds, Settings, load, parse_duration
from shared.errors import SettingsError


class Everything(Settings, frozen=True, kw_only=True):
    name: str
    count: int = 1
    share: float = 0.5
    quick: bool = False
    join_timeout_s: Seconds = Seconds(30)
    origins: tuple[str, ...] = ()


def test_what_is_not_set_has_its_default() -> None:
    assert load(Everything, {"NAME": "ana"}) == Everything(name="ana")


def test_every_type_is_read() -> None:
    environ = {
        "NAME": " ana ",
        "COUNT": "7",
        "SHARE": "0.25",
        "QUICK": "True",
        "JOIN_TIMEOUT": "500ms",
        "ORIGINS": "https://a.example, https://b.example,",
        "UNRELATED": "x",
    }
    assert load(Everything, environ) == Everything(
        name="ana",
        count=7,
        share=0.25,
        quick=True,
        join_timeout_s=Seconds(0.5),
        origins=("https://a.example", "https://b.example"),
    )


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load(Everything, {"NAME": "ana", "COUNT": "", "JOIN_TIMEOUT": " "}).count == 1
    with pytest.raises(SettingsError, match="NAME is missing"):
        load(Everything, {"NAME": ""})


def test_everything_wrong_is_named_at_once_with_what_was_expected() -> None:
    environ = {"COUNT": "many", "SHARE": "half", "QUICK": "maybe", "JOIN_TIMEOUT": "30"}
    with pytest.raises(SettingsError) as wrong:
        load(Everything, environ)
    assert str(wrong.value).split("; ") == [
        "NAME is missing",
        "COUNT is malformed: expected a whole number",
        "SHARE is malformed: expected a number",
        "QUICK is malformed: expected true or false",
        "JOIN_TIMEOUT is malformed: expected a duration such as 500ms, 2s, 5m or 1h",
    ]


def test_a_malformed_value_is_not_repeated_for_it_may_be_a_secret() -> None:
    with pytest.raises(SettingsError) as wrong:
        load(Everything, {"NAME": "ana", "COUNT": "s3cret"})
    assert "s3cret" not in str(wrong.value)


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("2s", 2), ("1.5s", 1.5), ("5m", 300), ("1h", 3600)]
)
def test_a_duration_carries_its_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "-5s", "5d", "1m30s", "infs", "nan"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


def test_the_common_settings_need_nothing_in_development() -> None:
    settings = load(CommonSettings, {})
    assert settings.amqp_url == "amqp://guest:guest@localhost:5672/"
    assert settings.amqp_heartbeat_s == Seconds(5)
    assert not settings.is_production
    environ = {"PARLEY_ENV": "production", "AMQP_URL": "amqp://ana:secret@mq/"}
    assert load(CommonSettings, environ).is_production


@pytest.mark.parametrize("password", ["guest", "parley", "password"])
def test_production_refuses_the_passwords_of_development(password: str) -> None:
    environ = {"AMQP_URL": f"amqp://ana:{password}@mq/"}
    load(CommonSettings, environ)
    with pytest.raises(SettingsError, match="AMQP_URL"):
        load(CommonSettings, environ | {"PARLEY_ENV": "production"})


@pytest.mark.parametrize("password", ["s3c/ret", "s3c#ret", "s3c?ret"])
def test_a_url_that_a_password_breaks_is_refused_without_a_word_of_it(password: str) -> None:
    with pytest.raises(SettingsError, match="AMQP_URL is malformed: expected a URL") as wrong:
        load(CommonSettings, {"AMQP_URL": f"amqp://parley:{password}@rabbitmq:5672/"})
    assert "s3c" not in str(wrong.value)


@pytest.mark.parametrize(
    "url",
    [
        "amqp://rabbitmq",
        "amqp://parley:s3c%2Fret@[::1]:5672/",
        "postgres://langapp:s3cret@one:5432,two:5433/language_exchange",
        "postgres:///language_exchange?host=/run/postgresql",
        "unix:///run/redis.sock",
    ],
)
def test_a_url_may_be_whatever_its_client_library_knows(url: str) -> None:
    assert load(CommonSettings, {"AMQP_URL": url}).amqp_url == url
