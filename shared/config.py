"""Typed settings, read once at start from the environment into frozen structs."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NewType, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import NODEFAULT, Struct

from shared.errors import SettingsError

Seconds = NewType("Seconds", float)

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_URL = "a URL, in a password %2F for /, %23 for #, %3F for ?, %40 for @"
_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class Settings(Struct, frozen=True, kw_only=True):
    """Base of every settings struct.

    A field is read from its upper-cased name. A field of type `Seconds` is named `…_s` and read
    from the name without it, with a unit: `queue_default_timeout_s` from `QUEUE_DEFAULT_TIMEOUT`,
    `5m`. A field named `…_url` is checked as far as goes without knowing its scheme. An empty
    variable counts as not set.
    """


class BusSettings(Settings, frozen=True, kw_only=True):
    """Limits of the bus, each with its reason."""

    amqp_heartbeat_s: Seconds = Seconds(5)
    """A vanished peer is noticed within three of these; an idle connection costs little."""
    amqp_connect_timeout_s: Seconds = Seconds(5)
    """A healthy broker accepts within milliseconds; longer means it hangs or is starting."""
    amqp_reconnect_max_s: Seconds = Seconds(2)
    """Longest pause between two attempts: a broker that is back is used again within 2 s."""
    amqp_down_grace_s: Seconds = Seconds(2)
    """A shorter loss is waited out, a longer one refuses at once: callers need a clear answer."""
    amqp_publish_timeout_s: Seconds = Seconds(5)
    """A confirm takes milliseconds; a blocked connection (memory alarm) must become a 503."""
    amqp_ask_timeout_s: Seconds = Seconds(3)
    """Default time-out of a request: a person is waiting at the other end."""
    amqp_in_flight_max: int = 512
    """Publishes awaiting their confirm: 32 gave 4,700/s, 128 7,900/s, 512 10,800/s, 1 1,400/s."""
    amqp_message_bytes_max: int = 1_048_576
    """No event comes near 1 MiB; what does is a fault or an attack."""
    amqp_watch_interval_s: Seconds = Seconds(15)
    """Between two looks at the length of the inbox and its dead letters: as often as figures are
    usually read."""
    amqp_watch_dead_s: Seconds = Seconds(300)
    """The oldest dead letter is taken in hand again after this, or when their number changes: each
    look counts as a delivery at the broker, which allows a million."""
    amqp_drain_timeout_s: Seconds = Seconds(6)
    """What is in hand at a stop may take this long; the whole stop has 10 s."""
    handler_failures_max: int = 20
    """Failures of a handler on one message before it goes to the dead letters."""
    handler_backoff_s: Seconds = Seconds(0.1)
    """First pause after a failure; it doubles each time."""
    handler_backoff_max_s: Seconds = Seconds(5)
    """Longest pause between attempts on one message: a store that is back is used within 5 s."""


class CommonSettings(BusSettings, frozen=True, kw_only=True):
    """Settings that every service has."""

    amqp_url: str = "amqp://guest:guest@localhost:5672/"
    log_level: str = "info"
    parley_env: str = "development"
    stop_timeout_s: Seconds = Seconds(10)
    """The whole stop, from signal to exit; whoever stops a process kills it soon after."""
    ops_host: str = "127.0.0.1"
    """Where the operations port listens; containers set 0.0.0.0."""
    otel_exporter_otlp_endpoint: str = ""
    """The collector of traces; without it none are made. The SDK reads it and other `OTEL_…`."""

    @property
    def is_production(self) -> bool:
        return self.parley_env == "production"


KNOWN_PASSWORDS = frozenset({"guest", "parley", "password"})
"""RabbitMQ's own default, compose.yml's, and that of the `DATABASE_URL` everybody copies."""

S = TypeVar("S", bound=Settings)


def load(kind: type[S], environ: Mapping[str, str]) -> S:
    """The settings of `kind` from `environ`.

    Raises `SettingsError` that names every missing or malformed variable and what was expected.
    """
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    problems: list[str] = []
    for field in msgspec.structs.fields(kind):
        variable = variable_name(field.name, hints[field.name])
        text = environ.get(variable, "").strip()
        if not text:
            if field.default is NODEFAULT and field.default_factory is NODEFAULT:
                problems.append(f"{variable} is missing")
            continue
        is_url = field.name.endswith("_url")
        expected, parse = (_URL, _parse_url) if is_url else _parser(hints[field.name])
        try:
            values[field.name] = parse(text)
        except (ValueError, KeyError):
            problems.append(f"{variable} is malformed: expected {expected}")
    if problems:
        raise SettingsError("; ".join(problems))
    settings = kind(**values)
    _refuse_known_passwords(settings)
    return settings


def _refuse_known_passwords(settings: Settings) -> None:
    """Raises `SettingsError` for a store in production behind a password that everybody knows."""
    if not getattr(settings, "is_production", False):
        return
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if name.endswith("_url") and urlsplit(value).password in KNOWN_PASSWORDS:
            raise SettingsError(f"{name.upper()}: its password is one of development, set your own")


def variable_name(field: str, kind: object) -> str:
    """The environment variable of a field: `QUEUE_DEFAULT_TIMEOUT` of `queue_default_timeout_s`."""
    if kind is Seconds:
        assert field.endswith("_s"), f"{field}: a duration's name ends with its unit, _s"
        return field.removesuffix("_s").upper()
    return field.upper()


def parse_duration(text: str) -> Seconds:
    """Seconds of `500ms`, `2s`, `5m`, `1h`. Raises `ValueError`."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not a duration: {text!r}")
    return Seconds(float(match[1]) * _UNIT_S[match[2]])


def _parser(kind: object) -> tuple[str, Callable[[str], object]]:
    """What a field of this type expects, in words, and what reads it."""
    if get_origin(kind) is tuple and get_args(kind) == (str, ...):
        return "values separated by commas", _parse_list
    parsers: dict[object, tuple[str, Callable[[str], object]]] = {
        str: ("text", str),
        int: ("a whole number", int),
        float: ("a number", float),
        bool: ("true or false", lambda text: _BOOLEANS[text.lower()]),
        Seconds: ("a duration such as 500ms, 2s, 5m or 1h", parse_duration),
    }
    return parsers[kind]


def _parse_list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _parse_url(text: str) -> str:
    """Raises `ValueError`: what a client library says instead quotes part of the password."""
    for host in urlsplit(text).netloc.rpartition("@")[2].split(","):
        port = host.rpartition("]")[2].partition(":")[2]
        if port and not port.isdecimal():
            raise ValueError("no port")
    return text
