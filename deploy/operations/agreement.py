"""What must hold between the stores, and of Redis and the broker alone. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec import Struct

from deploy.operations.memory import Memory
from deploy.operations.truth import Truth
from deploy.operations.violation import Violation
from shared.languages import primary

Found = Iterator[tuple[str, str]]
"""What is at fault, and why."""


class Facts(Struct, frozen=True):
    """`messages` per queue, None where there is none. `late_s` is what is taken for too late."""

    truth: Truth
    memory: Memory
    messages: Mapping[str, int | None]
    late_s: float


def broken(facts: Facts) -> Iterable[Violation]:
    for name, rule in RULES.items():
        for subject, says in rule(facts):
            yield Violation(name, subject, says)


def _unmutual(facts: Facts) -> Found:
    for side in facts.truth.meetings:
        learnt = primary(side.practises)
        if learnt not in map(primary, side.natives):
            yield (
                side.session_id,
                f"{side.user_id} practises {learnt}, the other's is {side.natives}",
            )
        elif learnt not in map(primary, side.practices):
            yield side.session_id, f"{side.user_id} practises {learnt}, wanted {side.practices}"


def _tickets_of_nothing(facts: Facts) -> Found:
    pending = facts.truth.pending
    for id, ticket in facts.memory.pool.tickets.items():
        attempt = pending.get(id)
        if attempt is None:
            yield id, f"in the pool for {ticket['user_id']}, and not pending"
        elif ticket["attempt"] != attempt:
            yield id, f"in the pool at attempt {ticket['attempt']}, pending at {attempt}"


def _requests_without_ticket(facts: Facts) -> Found:
    pool = facts.memory.pool
    for user_id, person in facts.truth.people.items():
        if person.request_id is not None and person.request_id not in pool.tickets:
            yield person.request_id, f"pending for {user_id}, and not in the pool"


def _users_twice_in_the_pool(facts: Facts) -> Found:
    by_user: dict[str, list[str]] = defaultdict(list)
    for id, ticket in facts.memory.pool.tickets.items():
        by_user[ticket["user_id"]].append(id)
    for user_id, ids in by_user.items():
        if len(ids) > 1:
            yield user_id, f"waits with {', '.join(sorted(ids))}"


def _untrue_indexes(facts: Facts) -> Found:
    pool = facts.memory.pool
    tickets = set(pool.tickets)
    for index, members in pool.indexes.items():
        for id in members ^ tickets:
            yield id, f"{'has no ticket, stands' if id in members else 'is not'} in {index}"
    filed = set().union(*pool.buckets.values()) if pool.buckets else set()
    for id in filed ^ tickets:
        yield id, "has no ticket, stands in a bucket" if id in filed else "is in no bucket"


def _untold_matches(facts: Facts) -> Found:
    pool = facts.memory.pool
    for match_id, claimed_at in pool.claimed.items():
        if pool.now_s - claimed_at > facts.late_s:
            yield match_id, f"claimed {pool.now_s - claimed_at:.0f} s ago and not published"


def _cards_ahead(facts: Facts) -> Found:
    for card in facts.memory.cards:
        person = facts.truth.people.get(card.user_id)
        if person is None:
            yield card.user_id, f"has a card of version {card.version} and no row"
        elif card.version > person.version:
            yield (
                card.user_id,
                f"has a card of version {card.version}, the row has {person.version}",
            )


def _untrue_cards(facts: Facts) -> Found:
    for card in facts.memory.cards:
        person = facts.truth.people.get(card.user_id)
        if person is None or card.state is None or card.version != person.version:
            continue
        for what, is_open in (("request", person.request_id), ("session", person.session_id)):
            if card.open_id(what) != is_open:
                yield card.user_id, f"card shows {what} {card.open_id(what)}, open is {is_open}"


def _relays_of_nothing(facts: Facts) -> Found:
    live = {
        (person.session_id, user_id)
        for user_id, person in facts.truth.people.items()
        if person.session_id is not None
    }
    for relay in facts.memory.relays:
        if (relay.session_id, relay.receiver) not in live:
            yield relay.session_id, f"relays to {relay.receiver}, who is not live in it"


def _dead_letters(facts: Facts) -> Found:
    for queue, ready in facts.messages.items():
        if queue.endswith(".dead") and ready:
            yield queue, f"holds {ready}, see: make dead-letters"


def _queues_missing(facts: Facts) -> Found:
    for queue, ready in facts.messages.items():
        if ready is None:
            yield queue, "is not there"


RULES: Mapping[str, Callable[[Facts], Found]] = {
    "each practises what the other speaks": _unmutual,
    "a ticket in the pool is a pending request's, at its attempt": _tickets_of_nothing,
    "a pending request has its ticket in the pool": _requests_without_ticket,
    "nobody waits twice in the pool": _users_twice_in_the_pool,
    "the pool's indexes hold its tickets": _untrue_indexes,
    "a match that is found is told": _untold_matches,
    "no card is ahead of its user's version": _cards_ahead,
    "a card of the present version shows what is open": _untrue_cards,
    "only live sessions relay": _relays_of_nothing,
    "no message is dead": _dead_letters,
    "every queue is there": _queues_missing,
}
