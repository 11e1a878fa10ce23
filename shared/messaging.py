"""The bus as the rest of the code sees it: what can be published and asked, without a broker."""

import typing
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import Struct

from shared import events, tracing
from shared.events import AnyEvent
from shared.requests import Request

A = TypeVar("A")
E_contra = TypeVar("E_contra", contravariant=True)

Handler = Callable[[Any], Awaitable[None]]
"""Handles one event. Returning acknowledges it; see `Bus.consume` for what raising does."""

Answerer = Callable[[Any], Awaitable[Any]]
"""Answers one request, or raises `Refused` or `Unavailable`."""


class Encoded(Struct, frozen=True, kw_only=True):
    """An event as it stands in the outbox: already JSON. `trace` is what it belongs to, or ""."""

    event_id: str
    type: str
    correlation_id: str
    body: bytes
    trace: str = ""


def encoded(event: AnyEvent, trace: str = "") -> Encoded:
    """Of `trace`, or of the one in hand."""
    return Encoded(
        event_id=event.event_id,
        type=events.event_type(event),
        correlation_id=event.correlation_id,
        body=events.encode(event),
        trace=trace or tracing.carried(),
    )


class Publisher(Protocol):
    """Publishes events; returns once the broker has them. Raises `Unavailable`."""

    async def publish(self, *published: AnyEvent) -> None: ...


class EncodedPublisher(Protocol):
    """Publishes events that are JSON already and returns once all are confirmed.

    Raises `Unavailable`.
    """

    async def publish_encoded(self, *messages: Encoded) -> None: ...


class Asker(Protocol):
    """Asks sessions. Raises `Refused` or `Unavailable`."""

    async def ask(self, request: Request[A], timeout_s: float | None = None) -> A: ...


@cache
def answer_decoder(kind: type[Request[A]]) -> msgspec.json.Decoder[A]:
    """Decodes what answers requests of this kind: `UserState` for `GetState`."""
    [base] = kind.__orig_bases__  # type: ignore[attr-defined]
    [answer] = typing.get_args(base)
    return msgspec.json.Decoder(answer)
