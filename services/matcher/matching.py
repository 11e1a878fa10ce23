"""Who fits whom: the hard filter, the score, and the threshold that falls with waiting. Pure.

The score of a legal pair is a whole number ≥ 0, the sum of

    level fit   0…40   40 − 8 per CEFR step between the two learners
    variants    0…20   10 each way: does the partner speak the variant that is practised?
    interests   0…20   4 for each shared interest, at most 5
    fresh       0, 10  10 if the two have not met lately
    age         0…     1 for each whole second the longer waiter has waited

Level: in tandem learning both halves are to profit alike (the principle of reciprocity, Brammerts
and Little 1996), which two learners of about the same level manage best. Age has no upper bound, so
nobody is starved: eight seconds of waiting outweigh one CEFR step, a minute outweighs all the rest.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import product

from msgspec import Struct

from shared.domain import Level, Practice, Ticket
from shared.identifiers import UserId
from shared.languages import primary

LEVEL_POINTS = 40
LEVEL_STEP_POINTS = 8
VARIANT_POINTS = 10
INTEREST_POINTS = 4
INTERESTS_COUNTED_MAX = 5
FRESH_POINTS = 10

# Two CEFR steps apart with nothing else in common (24 + 20 + 10) pass at once, three steps do not.
THRESHOLD_START = 50
# Poor fits wait this long for a better one; an offer after a second of waiting asks for 38.
THRESHOLD_FALLS_S = 4.0

_RANK = {level: rank for rank, level in enumerate(Level)}


class Pairing(Struct, frozen=True, kw_only=True):
    """A legal pair, scored. `first` began to wait no later than `second` (ties by request id)."""

    first: Ticket
    second: Ticket
    first_practises: str
    second_practises: str
    score: int

    def partner_of(self, ticket: Ticket) -> Ticket:
        return self.second if ticket.request_id == self.first.request_id else self.first


def buckets(ticket: Ticket) -> list[tuple[str, str]]:
    """The ticket's (native, practice) pairs of primary languages, without repeats, in its order."""
    natives = [primary(tag) for tag in ticket.native_languages]
    practices = [primary(practice.language) for practice in ticket.practice_languages]
    return list(dict.fromkeys(product(natives, practices)))


def fits(a: Ticket, b: Ticket, now: datetime) -> bool:
    """The hard filter, the same both ways round: different people, neither avoids the other,
    neither is past its time, and each is native in a language (by its primary) the other practises.
    """
    if a.user_id == b.user_id or a.request_id == b.request_id:
        return False
    if a.user_id in b.avoid or b.user_id in a.avoid:
        return False
    if a.expires_at <= now or b.expires_at <= now:
        return False
    return _can_learn(a, b) and _can_learn(b, a)


def weigh(a: Ticket, b: Ticket, now: datetime, met_lately: bool) -> Pairing | None:
    """The scored pair, or None if the hard filter forbids it. The same both ways round.

    When several languages would do, the best level and variant fit is taken; of equals the one
    that comes first in the longer waiter's profile.
    """
    if not fits(a, b, now):
        return None
    first, second = (a, b) if (a.since, a.request_id) <= (b.since, b.request_id) else (b, a)
    points, first_practises, second_practises = max(
        (
            (_level_points(mine.level, theirs.level) + mine_points + theirs_points, mine, theirs)
            for (mine, mine_points), (theirs, theirs_points) in product(
                _lessons(first, second), _lessons(second, first)
            )
        ),
        key=lambda lesson: lesson[0],
    )
    points += _interest_points(first, second)
    points += 0 if met_lately else FRESH_POINTS
    points += int(waited_s(first, now))
    return Pairing(
        first=first,
        second=second,
        first_practises=first_practises.language,
        second_practises=second_practises.language,
        score=points,
    )


def rank(
    ticket: Ticket, candidates: Iterable[Ticket], now: datetime, met: frozenset[UserId]
) -> list[Pairing]:
    """The legal pairs of `ticket`, best first; of equals the longer waiting, then by id."""
    weighed = (weigh(ticket, other, now, other.user_id in met) for other in candidates)
    pairings = [pairing for pairing in weighed if pairing is not None]

    def order(pairing: Pairing) -> tuple[int, datetime, str]:
        partner = pairing.partner_of(ticket)
        return (-pairing.score, partner.since, partner.request_id)

    return sorted(pairings, key=order)


def threshold(pairing: Pairing, now: datetime, urgent_s: float) -> int:
    """The score at which the pair is taken: falls evenly from `THRESHOLD_START` to 0 while the
    longer waiter waits `THRESHOLD_FALLS_S`; 0 at once if either has less than `urgent_s` left."""
    ends = min(pairing.first.expires_at, pairing.second.expires_at)
    if ends - now <= timedelta(seconds=urgent_s):
        return 0
    left = 1.0 - waited_s(pairing.first, now) / THRESHOLD_FALLS_S
    return max(0, int(THRESHOLD_START * left))


def waited_s(ticket: Ticket, now: datetime) -> float:
    """Seconds since the user began to wait; never negative, although the clocks are two."""
    return max(0.0, (now - ticket.since).total_seconds())


def _can_learn(learner: Ticket, speaker: Ticket) -> bool:
    spoken = {primary(tag) for tag in speaker.native_languages}
    return any(primary(practice.language) in spoken for practice in learner.practice_languages)


def _lessons(learner: Ticket, speaker: Ticket) -> list[tuple[Practice, int]]:
    """What `learner` can practise with `speaker`, each with its variant points."""
    lessons = []
    for practice in learner.practice_languages:
        language = primary(practice.language)
        spoken = [tag for tag in speaker.native_languages if primary(tag) == language]
        if spoken:
            points = max(_variant_points(practice.language, tag) for tag in spoken)
            lessons.append((practice, points))
    return lessons


def _level_points(mine: Level, theirs: Level) -> int:
    return LEVEL_POINTS - LEVEL_STEP_POINTS * abs(_RANK[mine] - _RANK[theirs])


def _variant_points(practised: str, spoken: str) -> int:
    """All points if nothing particular is practised or it is just what is spoken, none if another
    script or region is spoken, half if the speaker does not say."""
    wanted, offered = _variant(practised), _variant(spoken)
    if any(kind in offered and offered[kind] != subtag for kind, subtag in wanted.items()):
        return 0
    return VARIANT_POINTS if wanted.keys() <= offered.keys() else VARIANT_POINTS // 2


def _variant(tag: str) -> dict[str, str]:
    """Script and region of a normalised BCP 47 tag (RFC 5646, 2.2.3 and 2.2.4)."""
    found = {}
    for subtag in tag.split("-")[1:]:
        if len(subtag) == 4 and subtag.isalpha():
            found["script"] = subtag
        elif len(subtag) == 2 or (len(subtag) == 3 and subtag.isdigit()):
            found["region"] = subtag
    return found


def _interest_points(a: Ticket, b: Ticket) -> int:
    shared = {text.casefold() for text in a.interests} & {text.casefold() for text in b.interests}
    return INTEREST_POINTS * min(len(shared), INTERESTS_COUNTED_MAX)
