"""The pool in plain Python: what the scripts are held against."""

from datetime import UTC, datetime

from services.matcher.pool.tickets import Outcome
from services.matcher.tests.people import may_meet
from shared.domain import Ticket
from shared.events import MatchFound

Identity = tuple[str, int]
"""(request id, attempt)"""


class Model:
    """What the pool is to hold: the rules of DESIGN.md without Redis, scripts or pages."""

    def __init__(self) -> None:
        self.waiting: dict[str, Ticket] = {}
        self.left: dict[str, tuple[Outcome, int, str]] = {}
        self.kept: set[str] = set()
        self.claims: dict[Identity, str] = {}

    def open(self, ticket: Ticket, now: datetime) -> Outcome:
        outcome, attempt, _ = self.left.get(ticket.request_id, (None, 0, ""))
        present = self.waiting.get(ticket.request_id)
        if outcome is Outcome.CLOSED:
            return Outcome.CLOSED
        if outcome is Outcome.CLAIMED and attempt >= ticket.attempt:
            return Outcome.CLAIMED if attempt == ticket.attempt else Outcome.STALE
        if ticket.expires_at <= now:
            return Outcome.EXPIRED
        if present is not None and present.attempt > ticket.attempt:
            return Outcome.STALE
        if present is None or present.attempt < ticket.attempt:
            self.waiting[ticket.request_id] = ticket
            self.left.pop(ticket.request_id, None)
        return Outcome.WAITING

    def close(self, ticket: Ticket) -> None:
        self.waiting.pop(ticket.request_id, None)
        self.left[ticket.request_id] = (Outcome.CLOSED, 0, "")

    def claim(self, match: MatchFound) -> None:
        """Check that the pair may be claimed, and take it out."""
        a, b = (self.waiting.pop(side.request_id) for side in match.sides)
        assert may_meet(a, b)
        assert min(a.expires_at, b.expires_at) > datetime.now(UTC)
        for ticket, side in zip((a, b), match.sides, strict=True):
            assert (ticket.attempt, ticket.user_id) == (side.attempt, side.user_id)
            assert (ticket.request_id, ticket.attempt) not in self.claims, "claimed twice"
            assert side.practises in [each.language for each in ticket.practice_languages]
            self.claims[ticket.request_id, ticket.attempt] = match.match_id
            self.left[ticket.request_id] = (Outcome.CLAIMED, ticket.attempt, match.match_id)
        self.kept.add(match.match_id)

    def legal(self, ticket: Ticket, now: datetime) -> list[Ticket]:
        others = [each for each in self.waiting.values() if each.expires_at > now]
        return [each for each in others if may_meet(ticket, each)]

    def flush(self) -> None:
        self.waiting, self.left, self.kept, self.claims = {}, {}, set(), {}


def lapsed(ticket: Ticket) -> bool:
    return ticket.expires_at <= datetime.now(UTC)


def milliseconds(ticket: Ticket) -> int:
    return int(ticket.since.timestamp() * 1000)
