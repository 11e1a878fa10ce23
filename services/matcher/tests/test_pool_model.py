"""Random histories of the pool, through the real scripts, against a model in plain Python."""

from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    initialize,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec import structs

from services.matcher import handlers, matching
from services.matcher.pairing import found
from services.matcher.pool import keys
from services.matcher.pool.tickets import Claim, Outcome
from services.matcher.tests.machine import PATIENT_S, Machine
from services.matcher.tests.model import lapsed, milliseconds
from services.matcher.tests.people import USERS, may_meet, tickets
from shared.domain import Ticket
from shared.errors import Unavailable
from shared.events import MatchFound, TicketClosed
from shared.memory import command

people = partial(tickets, tags=("en", "es", "pt-BR", "pt-PT"))

Some = MultipleResults[Ticket] | Ticket


class PoolMachine(Machine):
    """Tickets open, open again, are claimed and closed, lapse and get lost, in any order."""

    known: Bundle[Ticket] = Bundle("known")

    @initialize(target=known, crowd=st.lists(people(), min_size=3, max_size=9))
    def matchers_died_between_opening_and_claiming(self, crowd: list[Ticket]) -> Some:
        self.everyone += crowd
        for ticket in crowd:
            self.model.open(ticket, datetime.now(UTC))
            self.run(self.pool.open(ticket))
        return multiple(*crowd)

    @rule(target=known, crowd=st.lists(people(), min_size=1, max_size=4))
    def another_died_between_opening_and_claiming(self, crowd: list[Ticket]) -> Some:
        return self.matchers_died_between_opening_and_claiming(crowd)

    @rule(target=known, crowd=st.lists(people(), min_size=1, max_size=4))
    def several_arrive(self, crowd: list[Ticket]) -> Some:
        for ticket in crowd:
            self.arrive(ticket)
        return multiple(*crowd)

    @rule(target=known, ticket=people())
    def somebody_is_known_whose_opening_comes_later(self, ticket: Ticket) -> Ticket:
        return ticket

    @rule(ticket=known)
    def an_opening_is_redelivered(self, ticket: Ticket) -> None:
        self.arrive(ticket)

    @rule(target=known, ticket=known, avoid=st.sampled_from(USERS))
    def the_next_attempt_is_opened(self, ticket: Ticket, avoid: str) -> Ticket:
        attempt = self.attempts.get(ticket.request_id, 1) + 1
        self.attempts[ticket.request_id] = attempt
        longer = structs.replace(ticket, attempt=attempt, avoid=(*ticket.avoid, avoid))
        self.arrive(longer)
        return longer

    @rule(ticket=known)
    def a_request_is_closed(self, ticket: Ticket) -> None:
        event = TicketClosed(
            correlation_id="c", request_id=ticket.request_id, expires_at=ticket.expires_at
        )
        self.run(handlers.close_ticket(self.pool, event))
        self.model.close(ticket)

    @rule(a=known, data=st.data())
    def any_process_claims_a_pair_from_a_stale_read(self, a: Ticket, data: st.DataObject) -> None:
        pairings = matching.rank(a, self.everyone, datetime.now(UTC), frozenset())
        if not pairings:
            return
        pairing = data.draw(st.sampled_from(pairings))
        b = pairing.partner_of(a)
        assert may_meet(a, b)
        waiting = [self.model.waiting.get(each.request_id) for each in (a, b)]
        match = found(pairing)
        claim = self.run(self.pool.claim(pairing, match))
        both_wait = all(
            present is not None and present.attempt == each.attempt and not lapsed(present)
            for present, each in zip(waiting, (a, b), strict=True)
        )
        assert (claim is Claim.CLAIMED) is both_wait
        if both_wait:
            self.model.claim(match)

    @rule(ticket=known)
    def candidates_are_the_legal_ones_longest_waiting_first(self, ticket: Ticket) -> None:
        """All pages of a ticket with one bucket, in order and with nobody left out."""
        ticket = structs.replace(
            ticket,
            native_languages=ticket.native_languages[:1],
            practice_languages=ticket.practice_languages[:1],
        )
        read: list[Ticket] = []
        page = self.run(self.pool.candidates(ticket))
        while page.more:
            read += page.candidates
            page = self.run(self.pool.candidates(ticket, page.number + 1))
        read += page.candidates
        [[native, practice]] = matching.buckets(ticket)
        expected = [
            each
            for each in self.model.waiting.values()
            if (practice, native) in matching.buckets(each) and each.request_id != ticket.request_id
        ]
        assert read == sorted(expected, key=lambda each: (milliseconds(each), each.request_id))

    @rule()
    def the_sweep_pairs_all_who_are_patient(self) -> None:
        self.run(self.sweep.pair_waiting())
        self.heed_matches()
        now = datetime.now(UTC)
        for ticket in self.model.waiting.values():
            if matching.waited_s(ticket, now) > PATIENT_S and not lapsed(ticket):
                assert self.model.legal(ticket, now) == []

    @rule(ticket=people())
    def the_broker_is_away_when_somebody_arrives(self, ticket: Ticket) -> None:
        self.publisher.failing = Unavailable("rabbitmq")
        try:
            self.run(self.open(ticket))
        except Unavailable:
            pass
        else:
            assert self.model.open(ticket, datetime.now(UTC)) is Outcome.WAITING
            return
        finally:
            self.publisher.failing = None
        self.model.open(ticket, datetime.now(UTC))
        unpublished = self.run(self.upkeep.unpublished(-1, 1000))
        [match] = [each for each in unpublished if each.match_id not in self.model.kept]
        self.model.claim(match)

    @rule()
    def the_sweep_publishes_what_stands_unpublished(self) -> None:
        self.run(self.sweep.publish_unpublished())
        told = {match.match_id for match in self.publisher.of(MatchFound)[self.seen :]}
        self.seen = len(self.publisher.of(MatchFound))
        assert told <= self.model.kept
        self.model.kept -= told

    @precondition(lambda self: self.model.waiting)
    @rule(data=st.data())
    def the_time_of_a_ticket_runs_out(self, data: st.DataObject) -> None:
        """As if time had passed: its end is moved into the past, in Redis and in the model."""
        ticket = data.draw(st.sampled_from(list(self.model.waiting.values())))
        past = datetime.now(UTC) - timedelta(seconds=1)
        over = structs.replace(ticket, expires_at=past)
        self.model.waiting[ticket.request_id] = over
        body = msgspec.json.encode(over)
        past_ms = int(past.timestamp() * 1000)
        writing = [
            command("HSET", keys.TICKETS, ticket.request_id, body),
            command("ZADD", keys.EXPIRIES, past_ms, ticket.request_id),
        ]
        self.run(self.memory.run(writing))

    @rule()
    def the_sweep_drops_what_is_past_its_time(self) -> None:
        self.run(self.sweep.drop_expired())
        self.model.waiting = {
            request_id: each for request_id, each in self.model.waiting.items() if not lapsed(each)
        }

    @precondition(lambda self: len(self.model.waiting) > 5)
    @rule()
    def redis_comes_back_empty(self) -> None:
        self.run(self.memory.run([command("FLUSHDB")]))
        self.model.flush()


def test_any_history_of_the_pool_is_one_of_the_model(redis_url: str) -> None:
    class Connected(PoolMachine):
        def __init__(self) -> None:
            super().__init__(redis_url)

    run_state_machine_as_test(
        Connected,
        settings=hypothesis_settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            phases=[Phase.generate],  # Times are real: a history cannot be shortened by repeating.
            suppress_health_check=list(HealthCheck),
        ),
    )
