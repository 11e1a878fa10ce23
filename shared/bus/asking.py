"""Asking: a request to `sessions.requests`, the reply on an exclusive queue of this process."""

import asyncio
import time
from typing import Any, TypeVar

import msgspec
import structlog
from aio_pika import Message
from aio_pika.abc import AbstractIncomingMessage

from shared import tracing
from shared.bus import metrics, topology
from shared.bus.answering import Outcome, Refusal
from shared.bus.link import Link
from shared.bus.messages import request_message
from shared.bus.publishing import Publishing
from shared.errors import Refused, Unavailable
from shared.identifiers import new_id
from shared.messaging import answer_decoder
from shared.requests import Request

A = TypeVar("A")

log = structlog.get_logger()


class Asking:
    """The part of a link that receives replies, and who waits for which."""

    def __init__(
        self, link: Link, service: str, publishing: Publishing, tasks: asyncio.TaskGroup
    ) -> None:
        self._link = link
        self._service = service
        self._publishing = publishing
        self._tasks = tasks
        self._waiting: dict[str, asyncio.Future[AbstractIncomingMessage]] = {}
        self._reply_to: str | None = None

    async def opened(self) -> None:
        """A fresh name each time: the broker may still hold the lost connection's queue locked."""
        channel = await self._link.channel(confirms=False)
        queue = await channel.declare_queue(
            f"{self._service}.replies.{new_id()}",
            exclusive=True,
            arguments={"x-queue-type": "classic"},
        )
        await queue.consume(self._replied, no_ack=True)
        self._reply_to = queue.name

    def lost(self) -> None:
        """No reply can come any more to those who wait."""
        self._reply_to = None
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(Unavailable("rabbitmq"))

    async def ask(self, request: Request[A], timeout_s: float) -> A:
        """The answer. Raises `Refused`, or `Unavailable` after `timeout_s` at the latest."""
        kind, outcome, began = _tag(request), "unavailable", time.perf_counter()
        try:
            with tracing.span(f"ask {kind}", tracing.CLIENT, messaging__system="rabbitmq"):
                answer = await self._ask(request, timeout_s)
            outcome = "answered"
        except Refused:
            outcome = "refused"
            raise
        finally:
            metrics.ASKED.labels(kind, outcome).inc()
            metrics.ASKING.labels(kind).observe(time.perf_counter() - began)
        return answer

    async def _ask(self, request: Request[A], timeout_s: float) -> A:
        ask_id = new_id()
        reply: asyncio.Future[AbstractIncomingMessage] = asyncio.get_running_loop().create_future()
        self._waiting[ask_id] = reply
        try:
            async with asyncio.timeout(timeout_s):
                message = self._message(request, ask_id, await self._reply_queue(), timeout_s)
                self._tasks.create_task(self._send(message, timeout_s, reply))
                answer = await reply
        except TimeoutError as error:
            raise Unavailable("sessions") from error
        finally:
            del self._waiting[ask_id]
        return _read(type(request), answer)

    async def _reply_queue(self) -> str:
        """Raises `Unavailable` when there is none and will not be soon."""
        while self._reply_to is None:
            await self._link.ready()
        return self._reply_to

    def _message(
        self, request: Request[Any], ask_id: str, reply_to: str, timeout_s: float
    ) -> Message:
        ambient = structlog.contextvars.get_contextvars().get("correlation_id")
        return request_message(
            msgspec.json.encode(request),
            ask_id=ask_id,
            correlation_id=ambient or ask_id,
            kind=_tag(request),
            app_id=self._service,
            reply_to=reply_to,
            timeout_s=timeout_s,
            trace=tracing.carried(),
        )

    async def _send(self, message: Message, timeout_s: float, reply: asyncio.Future[Any]) -> None:
        """Send without holding up the reply; a failure ends the wait at once."""
        deadline = time.monotonic() + timeout_s
        try:
            await self._publishing.ready()
            await self._publishing.send_once(message, "", topology.REQUESTS, True, deadline)
        except Exception as error:  # of any kind: it must reach the asker, not the task group
            if not reply.done():
                log.warning("request.not_sent", type=message.type, error=repr(error))
                reply.set_exception(Unavailable("sessions"))

    async def _replied(self, message: AbstractIncomingMessage) -> None:
        waiting = self._waiting.get(message.correlation_id or "")
        if waiting is not None and not waiting.done():
            waiting.set_result(message)


def _tag(request: Request[Any]) -> str:
    return str(request.__struct_config__.tag)


def _read(kind: type[Request[A]], message: AbstractIncomingMessage) -> A:
    if message.type == Outcome.ANSWERED:
        answer: A = answer_decoder(kind).decode(message.body)
        return answer
    if message.type == Outcome.REFUSED:
        refusal = msgspec.json.decode(message.body, type=Refusal)
        raise Refused(refusal.code, refusal.detail, refusal.about)
    raise Unavailable("sessions")
