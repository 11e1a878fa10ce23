"""What tests need: waiting with a deadline, fakes of the bus that encode and decode as it does."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

import msgspec

from shared import events, metrics, requests
from shared.errors import Unavailable
from shared.events import AnyEvent
from shared.messaging import Encoded, answer_decoder, encoded
from shared.proxy import Proxy
from shared.requests import Request

__all__ = ["Proxy", "RecordingPublisher", "Rise", "ScriptedAsker", "eventually"]

A = TypeVar("A")
E = TypeVar("E")
T = TypeVar("T")

POLL_S = 0.01


@overload
async def eventually(check: Callable[[], Awaitable[T]], deadline_s: float = 5.0) -> T: ...
@overload
async def eventually(check: Callable[[], T], deadline_s: float = 5.0) -> T: ...
async def eventually(check: Callable[[], Any], deadline_s: float = 5.0) -> Any:
    """What `check` returns once it stops raising `AssertionError`; its last one at the deadline."""
    until = time.monotonic() + deadline_s
    while True:
        try:
            result = check()
            return await result if inspect.isawaitable(result) else result
        except AssertionError:
            if time.monotonic() > until:
                raise
        await asyncio.sleep(POLL_S)


class Rise:
    """How much a series of the process's figures has risen since this was made."""

    def __init__(self, name: str, **labels: str) -> None:
        self._name, self._labels = name, labels
        self._before = metrics.value(name, **labels)

    @property
    def by(self) -> float:
        return metrics.value(self._name, **self._labels) - self._before

    def reaches(self, amount: float) -> None:
        """For `eventually`."""
        assert self.by == amount, (self._name, self._labels, self.by)


class RecordingPublisher:
    """A `Publisher` that remembers, also the trace of each. Set `failing` to make the next
    publishes raise it."""

    def __init__(self) -> None:
        self.published: list[AnyEvent] = []
        self.traces: list[str] = []
        self.failing: Exception | None = None

    async def publish(self, *published: AnyEvent) -> None:
        await self.publish_encoded(*map(encoded, published))

    async def publish_encoded(self, *messages: Encoded) -> None:
        if self.failing is not None:
            raise self.failing
        self.published.extend(events.decode(message.body) for message in messages)
        self.traces.extend(message.trace for message in messages)

    def of(self, kind: type[E]) -> list[E]:
        """Those of one type, oldest first."""
        return [event for event in self.published if isinstance(event, kind)]


class ScriptedAsker:
    """An `Asker` whose answers are given per request type: a value, an error, or a function.

    A type without a script is `Unavailable`, as when nobody answers. `asked` remembers.
    """

    def __init__(self, script: dict[type[Any], Any] | None = None) -> None:
        self.script: dict[type[Any], Any] = dict(script or {})
        self.asked: list[Any] = []

    async def ask(self, request: Request[A], timeout_s: float | None = None) -> A:
        received = requests.decode(msgspec.json.encode(request))
        self.asked.append(received)
        answer = self.script.get(type(request), Unavailable("sessions"))
        if callable(answer):
            answer = answer(received)
        if inspect.isawaitable(answer):
            answer = await answer
        if isinstance(answer, Exception):
            raise answer
        decoded: A = answer_decoder(type(request)).decode(msgspec.json.encode(answer))
        return decoded
