"""AMQP messages: the properties of events, requests and replies."""

from datetime import UTC, datetime
from typing import Final

from aio_pika import DeliveryMode, Message
from aio_pika.abc import HeadersType

from shared.messaging import Encoded

JSON: Final = "application/json"

FAILURES: Final = "x-parley-failures"
CAUSE: Final = "x-parley-cause"
DIED_AT: Final = "x-parley-died-at"
QUEUE: Final = "x-parley-queue"
TRACEPARENT: Final = "traceparent"  # As W3C's Trace Context has it.
TIMEOUT_MS: Final = "x-parley-timeout-ms"


def own_headers(headers: HeadersType) -> HeadersType:
    """Without what the broker adds: a copy begins a life of its own."""
    broker = ("x-death", "x-first-death", "x-last-death", "x-delivery-count", "x-acquired-count")
    return {name: value for name, value in headers.items() if not name.startswith(broker)}


def trace_of(headers: HeadersType) -> str:
    """The traceparent of a message, "" if it has none."""
    trace = headers.get(TRACEPARENT)
    return trace if isinstance(trace, str) else ""


def traced(trace: str) -> HeadersType:
    return {TRACEPARENT: trace} if trace else {}


def event_message(
    event: Encoded, app_id: str | None, headers: HeadersType | None = None
) -> Message:
    """Persistent: it survives a restart of the broker."""
    return Message(
        event.body,
        message_id=event.event_id,
        correlation_id=event.correlation_id,
        type=event.type,
        app_id=app_id,
        timestamp=datetime.now(UTC),
        content_type=JSON,
        delivery_mode=DeliveryMode.PERSISTENT,
        headers=headers,
    )


def request_message(
    body: bytes, *, ask_id: str, correlation_id: str, kind: str, app_id: str, reply_to: str,
    timeout_s: float, trace: str = "",
) -> Message:  # fmt: skip
    """Transient, and dropped from the queue when the asker no longer waits."""
    return Message(
        body,
        message_id=ask_id,
        correlation_id=correlation_id,
        type=kind,
        app_id=app_id,
        timestamp=datetime.now(UTC),
        content_type=JSON,
        reply_to=reply_to,
        expiration=timeout_s,
        headers={TIMEOUT_MS: int(timeout_s * 1000), **traced(trace)},
    )


def reply_message(body: bytes, *, ask_id: str, outcome: str, app_id: str) -> Message:
    """`correlation_id` is the id of the request it answers."""
    return Message(
        body,
        correlation_id=ask_id,
        type=outcome,
        app_id=app_id,
        timestamp=datetime.now(UTC),
        content_type=JSON,
    )
