"""Traces: what a call or a word on a socket sets in motion, in every process it touches.

Off, and nothing of it imported, unless the runner starts it because `OTEL_EXPORTER_OTLP_ENDPOINT`
is set; the other `OTEL_*` variables are the SDK's own. A trace begins at the gateway, where
somebody wants something, and is only continued elsewhere: what goes by the clock has none. Between
processes, rows and keys it travels as a W3C traceparent, a `str`; "" is none.
"""

import threading
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from shared.errors import Refused

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, Span

SERVER: Final = "SERVER"
CLIENT: Final = "CLIENT"
PRODUCER: Final = "PRODUCER"
CONSUMER: Final = "CONSUMER"
INTERNAL: Final = "INTERNAL"

FLUSH_TIMEOUT_S = 1.0
"""What is left at a stop may take this long to reach the collector; the whole stop has 10 s."""

_NOTHING: Final = nullcontext()


def start(service: str, instance: str) -> None:
    """From now on spans are made and sent."""
    global _on  # noqa: PLW0603  # one per process, as the SDK has it
    _on = _On(service, instance)


def stop() -> None:
    """Send what is left, if the collector takes it in time; make no more spans."""
    global _on
    ending, _on = _on, None
    if ending is not None:
        # A thread: a collector that is away holds up the SDK longer than a stop may take.
        flushing = threading.Thread(target=ending.provider.shutdown, daemon=True)
        flushing.start()
        flushing.join(FLUSH_TIMEOUT_S)


def began(
    name: str, caused_by: str = "", **attributes: str | int
) -> AbstractContextManager[object]:
    """The root of a new trace. `caused_by` is whatever the client says, so only a link."""
    if _on is None:
        return _NOTHING
    return _Spanning(_on, name, SERVER, _on.nothing, (caused_by,), attributes)


def span(
    name: str, kind: str, trace: str = "", links: Iterable[str] = (), **attributes: str | int
) -> AbstractContextManager[object]:
    """A part of `trace`, or of the one in hand; nothing when there is neither."""
    if _on is None or not (trace or _on.in_hand()):
        return _NOTHING
    parent = _on.context_of(trace) if trace else None
    return _Spanning(_on, name, kind, parent, links, attributes)


def continued(trace: str) -> AbstractContextManager[object]:
    """What is done here belongs to `trace`; to what is in hand if that is none."""
    if _on is None or not trace:
        return _NOTHING
    return _Continuing(_on, trace)


def carried() -> str:
    """The traceparent of the span in hand, "" if there is none: what to send or keep."""
    return "" if _on is None else _on.carried()


def in_hand() -> bool:
    """Whether a span would be made here."""
    return _on is not None and _on.in_hand()


def trace_id() -> str:
    """The id of the trace in hand, 32 hexadecimal digits, "" if there is none: for log lines."""
    return "" if _on is None else _on.trace_id()


def name(name: str, **attributes: str | int) -> None:
    """Name the span in hand better than was possible when it began."""
    if _on is not None:
        present = _on.trace.get_current_span()
        present.update_name(name)
        present.set_attributes(_dotted(attributes))


def note(**attributes: str | int) -> None:
    """Add to the span in hand."""
    if _on is not None:
        _on.trace.get_current_span().set_attributes(_dotted(attributes))


def fail() -> None:
    """What the span in hand is about went wrong, although nothing was raised."""
    if _on is not None:
        _on.trace.get_current_span().set_status(_on.trace.StatusCode.ERROR)


class _On:
    """The SDK, imported when it is wanted."""

    def __init__(self, service: str, instance: str) -> None:
        from opentelemetry import context, trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self.trace = trace
        self.context = context
        self.nothing = context.Context()
        self._propagator = TraceContextTextMapPropagator()
        attributes = {
            "service.name": service,
            "service.namespace": "parley",
            "service.instance.id": instance,
        }
        self.provider: TracerProvider = TracerProvider(
            resource=Resource.create(attributes), shutdown_on_exit=False
        )
        self.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self.tracer = self.provider.get_tracer("parley")

    def in_hand(self) -> bool:
        return self.trace.get_current_span().get_span_context().is_valid

    def carried(self) -> str:
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier.get("traceparent", "")

    def trace_id(self) -> str:
        present = self.trace.get_current_span().get_span_context()
        return self.trace.format_trace_id(present.trace_id) if present.is_valid else ""

    def context_of(self, trace: str) -> "Context":
        """Nothing if it is malformed: the span then begins a trace of its own."""
        return self._propagator.extract({"traceparent": trace}, self.nothing)

    def links(self, traces: Iterable[str]) -> "list[Link]":
        spans = [self.trace.get_current_span(self.context_of(one)) for one in traces if one]
        contexts = [one.get_span_context() for one in spans]
        return [self.trace.Link(one) for one in contexts if one.is_valid]


class _Spanning:
    """A span from entry to exit. A refusal is an answer; any other error marks the span."""

    def __init__(
        self,
        on: _On,
        name: str,
        kind: str,
        parent: "Context | None",
        links: Iterable[str],
        attributes: dict[str, str | int],
    ) -> None:
        self._on = on
        self._span: Span = on.tracer.start_span(
            name,
            parent,
            on.trace.SpanKind[kind],
            attributes=_dotted(attributes),
            links=on.links(links),
        )

    def __enter__(self) -> None:
        entered = self._on.trace.set_span_in_context(self._span)
        self._token: Token[Context] = self._on.context.attach(entered)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._on.context.detach(self._token)
        if kind is not None:
            self._span.set_attribute("error.type", kind.__qualname__)
            # Neither the text of an error nor where it was: it may quote what somebody wrote.
            if isinstance(error, Exception) and not isinstance(error, Refused):
                self._span.set_status(self._on.trace.StatusCode.ERROR)
        self._span.end()


class _Continuing:
    """Another process's span is the one in hand, from entry to exit."""

    def __init__(self, on: _On, trace: str) -> None:
        self._on = on
        self._trace = trace

    def __enter__(self) -> None:
        self._token = self._on.context.attach(self._on.context_of(self._trace))

    def __exit__(self, *_: object) -> None:
        self._on.context.detach(self._token)


def _dotted(attributes: dict[str, str | int]) -> dict[str, Any]:
    """A dot cannot be written in a name: `http__route` is `http.route`."""
    return {name.replace("__", "."): value for name, value in attributes.items()}


_on: _On | None = None
