"""Answering requests: each gets exactly one reply, unless its asker no longer waits."""

import enum
import time
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import structlog
from aio_pika.abc import AbstractIncomingMessage
from msgspec import Meta, Struct

from shared import requests, tracing
from shared.bus import metrics, topology
from shared.bus.consuming import Delivery
from shared.bus.messages import TIMEOUT_MS, reply_message, trace_of
from shared.bus.publishing import Publishing
from shared.errors import Refused, Unavailable
from shared.messaging import Answerer

TIMEOUT_MAX_S = 60.0  # Of a request that does not say how long its asker waits.

log = structlog.get_logger()


class Outcome(enum.StrEnum):
    """The AMQP type of a reply."""

    ANSWERED = "answered"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    FAILED = "failed"


class Refusal(Struct, frozen=True):
    code: str
    detail: str
    about: dict[Annotated[str, Meta(pattern="^[a-z_]+$")], str]


class Answering:
    """Handles deliveries of `sessions.requests`.

    A request is acknowledged after it was answered: one in the hands of a replica that dies is
    answered by another, so an answerer may see a request again, as any handler may.
    """

    def __init__(
        self, service: str, answerers: Mapping[type[Any], Answerer], publishing: Publishing
    ) -> None:
        self._service = service
        self._answerers = dict(answerers)
        self._publishing = publishing

    async def handle(self, delivery: Delivery) -> None:
        message = delivery.message
        received = time.monotonic()
        structlog.contextvars.bind_contextvars(correlation_id=message.correlation_id)
        with tracing.span(
            f"answer {message.type}",
            tracing.SERVER,
            trace_of(message.headers),
            messaging__system="rabbitmq",
            messaging__destination__name=topology.REQUESTS,
            parley__correlation_id=message.correlation_id or "",
        ):
            kind, outcome, body = await self._answer(message)
            tracing.note(parley__outcome=outcome)
        left_s = received + _timeout_s(message) - time.monotonic()
        metrics.ANSWERING.labels(kind).observe(time.monotonic() - received)
        metrics.ANSWERED.labels(kind, outcome if left_s > 0 else "late").inc()
        if left_s > 0:
            await self._reply(message, outcome, body, left_s)
        else:
            log.warning("request.answered_too_late", type=message.type)
        await delivery.acknowledge()

    async def _answer(self, message: AbstractIncomingMessage) -> tuple[str, Outcome, bytes]:
        """The type of the request, `unknown` if it cannot be read; what to reply."""
        kind = "unknown"
        try:
            request = requests.decode(message.body)
            kind = str(request.__struct_config__.tag)
            answer = await self._answerers[type(request)](request)
            return kind, Outcome.ANSWERED, msgspec.json.encode(answer)
        except Refused as error:
            refusal = Refusal(error.code, error.detail, error.about)
            return kind, Outcome.REFUSED, msgspec.json.encode(refusal)
        except Unavailable as error:
            log.warning("request.unavailable", type=message.type, error=str(error))
            return kind, Outcome.UNAVAILABLE, b"{}"
        except Exception:  # the asker is told, the cause is ours to find
            log.exception("request.failed", type=message.type)
            return kind, Outcome.FAILED, b"{}"

    async def _reply(
        self, message: AbstractIncomingMessage, outcome: Outcome, body: bytes, left_s: float
    ) -> None:
        """Send the reply, over the next connection if this one is just lost."""
        if not message.reply_to or not message.message_id:
            return
        reply = reply_message(
            body, ask_id=message.message_id, outcome=outcome, app_id=self._service
        )
        try:
            await self._publishing.send_unconfirmed(reply, message.reply_to, left_s)
        except Unavailable as error:
            log.warning("request.reply_lost", type=message.type, error=str(error))


def _timeout_s(message: AbstractIncomingMessage) -> float:
    timeout_ms = message.headers.get(TIMEOUT_MS)
    return timeout_ms / 1000 if isinstance(timeout_ms, int) else TIMEOUT_MAX_S
