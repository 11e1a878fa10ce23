"""What tickets and matches remember, while they are in the pool, of what brought them there."""

from typing import Final

import msgspec

from shared import tracing
from shared.domain import Ticket
from shared.events import MatchFound
from shared.messaging import Encoded, encoded


class TracedTicket(Ticket, frozen=True, kw_only=True):
    """`trace` is the traceparent of what put the ticket in."""

    trace: str


class TracedMatch(MatchFound, frozen=True, kw_only=True, tag="match.found"):
    """`trace` is the traceparent of the pairing."""

    trace: str


# Within a string of JSON the quotes would be escaped.
_MARK: Final = b'"trace":'
_ticket_decoder = msgspec.json.Decoder(Ticket)
_traced_ticket_decoder = msgspec.json.Decoder(TracedTicket)
_match_decoder = msgspec.json.Decoder(MatchFound)
_traced_match_decoder = msgspec.json.Decoder(TracedMatch)


def trace_of(kept: Ticket | MatchFound) -> str:
    return kept.trace if isinstance(kept, TracedTicket | TracedMatch) else ""


def ticket_body(ticket: Ticket) -> bytes:
    """The ticket as it is to stand in the pool, put in by what is in hand."""
    trace = tracing.carried()
    if not trace:
        return msgspec.json.encode(ticket)
    fields = {name: getattr(ticket, name) for name in Ticket.__struct_fields__}
    return msgspec.json.encode(TracedTicket(**fields, trace=trace))


def read_ticket(body: bytes) -> Ticket:
    return (_traced_ticket_decoder if _MARK in body else _ticket_decoder).decode(body)


def traced(match: MatchFound) -> MatchFound:
    """The match as it is to be kept until it is published, found by what is in hand."""
    trace = tracing.carried()
    fields = {name: getattr(match, name) for name in MatchFound.__struct_fields__}
    return TracedMatch(**fields, trace=trace) if trace else match


def read_match(body: bytes) -> MatchFound:
    return (_traced_match_decoder if _MARK in body else _match_decoder).decode(body)


def published(match: MatchFound) -> Encoded:
    """The plain event, in the trace of its pairing."""
    fields = {name: getattr(match, name) for name in MatchFound.__struct_fields__}
    return encoded(MatchFound(**fields), trace_of(match))
