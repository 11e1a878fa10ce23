"""Tickets for the tests: people with languages, levels and a wait."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from shared.domain import Level, Practice, Ticket
from shared.events import MatchFound
from shared.identifiers import RequestId, UserId, new_id
from shared.languages import primary

TAGS = ("en", "es", "pt", "pt-BR", "pt-PT", "zh-Hant", "zh-Hans-CN")
USERS = "uvwxyz"


def ticket(  # noqa: PLR0913 - a test names only what it is about
    natives: str,
    practices: str,
    *,
    level: Level = Level.B1,
    user: str = "",
    attempt: int = 1,
    waited_s: float = 0.0,
    lasts_s: float = 300.0,
    interests: tuple[str, ...] = (),
    avoid: tuple[str, ...] = (),
    now: datetime | None = None,
) -> Ticket:
    """Languages are separated by spaces; a practice language may name its level: `en:C1 pt-BR`."""
    now = now or datetime.now(UTC)
    practised = [tag.partition(":") for tag in practices.split()]
    return Ticket(
        request_id=RequestId(new_id()),
        attempt=attempt,
        user_id=UserId(user or new_id()),
        native_languages=tuple(natives.split()),
        practice_languages=tuple(
            Practice(language=tag, level=Level(own) if own else level) for tag, _, own in practised
        ),
        interests=interests,
        avoid=tuple(UserId(each) for each in avoid),
        since=now - timedelta(seconds=waited_s),
        expires_at=now + timedelta(seconds=lasts_s),
    )


def requests_of(match: MatchFound) -> set[str]:
    return {side.request_id for side in match.sides}


def may_meet(a: Ticket, b: Ticket) -> bool:
    """The mutual rule once more, spelled out for the tests to compare with."""
    strangers = a.user_id not in b.avoid and b.user_id not in a.avoid
    spoken = [{primary(tag) for tag in each.native_languages} for each in (a, b)]
    sought = [{primary(p.language) for p in each.practice_languages} for each in (a, b)]
    mutual = bool(sought[0] & spoken[1]) and bool(sought[1] & spoken[0])
    return a.user_id != b.user_id and strangers and mutual


@st.composite
def languages(draw: st.DrawFn, tags: Sequence[str] = TAGS) -> tuple[str, str]:
    """(natives, practices), no language both."""
    chosen = draw(st.lists(st.sampled_from(tags), min_size=2, max_size=4, unique_by=primary))
    split = draw(st.integers(1, len(chosen) - 1))
    practices = [f"{tag}:{draw(st.sampled_from(Level))}" for tag in chosen[split:]]
    return " ".join(chosen[:split]), " ".join(practices)


@st.composite
def tickets(draw: st.DrawFn, tags: Sequence[str] = TAGS) -> Ticket:
    """Few users, so that they meet themselves, each other again, and whom they avoid."""
    natives, practices = draw(languages(tags))
    return ticket(
        natives,
        practices,
        user=draw(st.sampled_from(USERS)),
        waited_s=draw(st.sampled_from((0.0, 0.5, 2.0, 9.0))),
        avoid=tuple(draw(st.lists(st.sampled_from(USERS), max_size=2, unique=True))),
        interests=tuple(draw(st.lists(st.sampled_from(("film", "Go", "jazz")), max_size=3))),
    )
