"""Asking: a request to `sessions.requests`, the reply on an exclusive queue of this process."""

import asyncio
import time
from typing import Any, TypeVar

import msgspec
import structlog
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import DeliveryError

from shared.bus import topology
from shared.bus.answering import Outcome, Refusal
from shared.bus.link import Link, Lost
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
        ask_id = new_id()
        reply: asyncio.Future[AbstractIncomingMessage] = asyncio.get_running_loop().create_future()
        self._waiting[ask_id] = reply
        try:
            async with asyncio.timeout(timeout_s):
                if self._reply_to is None:
                    await self._link.ready()
                self._tasks.create_task(self._send(request, ask_id, timeout_s, reply))
                message = await reply
        except TimeoutError as error:
            raise Unavailable("sessions") from error
        finally:
            del self._waiting[ask_id]
        return _read(type(request), message)

    async def _send(
        self, request: Request[Any], ask_id: str, timeout_s: float, reply: asyncio.Future[Any]
    ) -> None:
        """Send without holding up the reply; a failure ends the wait at once."""
        tag = request.__struct_config__.tag
        ambient = structlog.contextvars.get_contextvars().get("correlation_id")
        assert self._reply_to is not None
        message = request_message(
            msgspec.json.encode(request),
            ask_id=ask_id,
            correlation_id=ambient or ask_id,
            kind=str(tag),
            app_id=self._service,
            reply_to=self._reply_to,
            timeout_s=timeout_s,
        )
        try:
            await self._publishing.ready()
            await self._publishing.send_once(
                message, "", topology.REQUESTS, True, time.monotonic() + timeout_s
            )
        except (Lost, DeliveryError, TimeoutError, Unavailable) as error:
            if not reply.done():
                log.warning("request.not_sent", type=tag, error=str(error))
                reply.set_exception(Unavailable("sessions"))

    async def _replied(self, message: AbstractIncomingMessage) -> None:
        waiting = self._waiting.get(message.correlation_id or "")
        if waiting is not None and not waiting.done():
            waiting.set_result(message)


def _read(kind: type[Request[A]], message: AbstractIncomingMessage) -> A:
    if message.type == Outcome.ANSWERED:
        answer: A = answer_decoder(kind).decode(message.body)
        return answer
    if message.type == Outcome.REFUSED:
        refusal = msgspec.json.decode(message.body, type=Refusal)
        raise Refused(refusal.code, refusal.detail, refusal.about)
    raise Unavailable("sessions")
