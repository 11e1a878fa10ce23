"""A matcher on real Redis beside the model, and what must hold of the two after every step."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine, invariant

from services.matcher import handlers, matching
from services.matcher.config import Settings
from services.matcher.pairing import Matchmaker
from services.matcher.pool.tickets import Outcome, Pool
from services.matcher.pool.upkeep import Upkeep
from services.matcher.sweep import Sweep
from services.matcher.tests.model import Model, lapsed
from shared.config import Seconds
from shared.domain import Ticket
from shared.events import MatchFound, TicketOpened
from shared.memory import Memory, command
from shared.testing import RecordingPublisher

PATIENT_S = matching.THRESHOLD_FALLS_S
"""Who has waited this long takes anybody legal."""


class Machine(RuleBasedStateMachine):
    def __init__(self, redis_url: str) -> None:
        super().__init__()
        self.model = Model()
        self.publisher = RecordingPublisher()
        self.seen = 0
        self.attempts: dict[str, int] = {}
        self.everyone: list[Ticket] = []
        self.settings = Settings(
            redis_url=redis_url,
            pool_page_size=2,
            sweep_page_size=3,
            unpublished_after_s=Seconds(-1),
        )
        self.runner = asyncio.Runner()
        self.memory = Memory.open(redis_url, Seconds(2), 4)
        self.run(self.memory.run([command("FLUSHDB")]))
        self.pool = Pool(self.memory, self.settings)
        self.upkeep = Upkeep(self.memory)
        self.matchmaker = Matchmaker(self.pool, self.publisher, self.settings)
        self.sweep = Sweep(
            *(self.pool, self.upkeep, self.matchmaker, self.publisher, self.settings),
            instance="matcher-test",
        )

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    @invariant()
    def the_pool_holds_what_the_model_holds(self) -> None:
        waiting = self.run(self.upkeep.waiting(0, 1000))
        assert {each.request_id: each for each in waiting} == self.model.waiting
        unpublished = self.run(self.upkeep.unpublished(-1, 1000))
        assert {match.match_id for match in unpublished} == self.model.kept

    @invariant()
    def every_bucket_holds_whom_it_should(self) -> None:
        _, measured = self.run(self.upkeep.measure())
        counted = {(each.native, each.practice): each.waiting for each in measured if each.waiting}
        expected: dict[tuple[str, str], int] = {}
        for ticket in self.model.waiting.values():
            for bucket in matching.buckets(ticket):
                expected[bucket] = expected.get(bucket, 0) + 1
        assert counted == expected

    def teardown(self) -> None:
        """Once everything is closed and what expires has expired, nothing is left behind."""
        try:
            for ticket in list(self.model.waiting.values()):
                self.run(self.pool.close(ticket.request_id, ticket.expires_at))
            self.run(self.sweep.publish_unpublished())
            self.run(self.forget_what_expires())
            self.run(self.upkeep.measure())
            assert self.run(self.memory.run([command("KEYS", "*")])) == [[]]
        finally:
            self.run(self.memory.close())
            self.runner.close()

    async def forget_what_expires(self) -> None:
        [names] = await self.memory.run([command("KEYS", "*")])
        lifetimes_ms = await self.memory.run([command("PTTL", name) for name in names])
        for name, lifetime_ms in zip(names, lifetimes_ms, strict=True):
            if lifetime_ms >= 0:
                await self.memory.run([command("DEL", name)])

    async def open(self, ticket: Ticket) -> None:
        event = TicketOpened(correlation_id=ticket.request_id, ticket=ticket)
        await handlers.open_ticket(self.matchmaker, event)

    def arrive(self, ticket: Ticket) -> None:
        """Hand the opening to the handler, and hold what it did against the model."""
        self.everyone.append(ticket)
        outcome = self.model.open(ticket, datetime.now(UTC))
        claimed = self.model.claims.get((ticket.request_id, ticket.attempt))
        held = self.model.waiting.get(ticket.request_id, ticket)
        legal = self.model.legal(ticket, datetime.now(UTC))
        self.run(self.open(ticket))
        told = [match.match_id for match in self.publisher.of(MatchFound)[self.seen :]]
        if outcome is Outcome.CLAIMED:
            self.seen = len(self.publisher.of(MatchFound))
            self.model.kept.discard(claimed or "")
            assert told == [claimed]
            return
        self.heed_matches()
        assert len(told) <= 1
        if outcome is not Outcome.WAITING or not legal or lapsed(held):
            assert told == []
        elif matching.waited_s(ticket, datetime.now(UTC)) > PATIENT_S:
            assert len(told) == 1

    def heed_matches(self) -> None:
        """Take what was published since out of the model; each must have been possible."""
        matches = self.publisher.of(MatchFound)
        for match in matches[self.seen :]:
            self.model.claim(match)
            self.model.kept.discard(match.match_id)
        self.seen = len(matches)
