"""Somebody arrives whose partner is waiting: how long until both have heard?"""

import asyncio
import gc
import time

from bench import report
from bench.crowd import User, crowd, language_pairs
from bench.http import Http

PAIRS = 500
PAIRS_PER_S = 20
WAITED_S = 1.0
LEAD_S = 1.275
"""How long before the arrival the partner asks: its 202 must be 1 s old by then. Half a
period off the arrivals: the 40 posts a second are evenly spaced and none coincide."""
LIMIT_S = 15.0
TARGET_MS = {"p50": 15.0, "p99": 60.0}


class Encounter:
    """Two users and one moment: `first` waits, `second` is sent at `at` (monotonic)."""

    def __init__(self, first: User, second: User, at: float) -> None:
        self.first = first
        self.second = second
        self.at = at
        self.accepted_at = 0.0
        self.answered_at = 0.0

    async def happen(self) -> None:
        await sleep_until(self.at - LEAD_S)
        self.accepted_at = await self.first.ask()
        await sleep_until(self.at)
        self.answered_at = await self.second.ask()
        async with asyncio.timeout(LIMIT_S):
            await asyncio.gather(self.first.found, self.second.found)

    @property
    def took_s(self) -> float:
        """From the second's scheduled send to the later of the two frames."""
        (first_at, one), (second_at, other) = self.first.found.result(), self.second.found.result()
        assert one == other, "paired with somebody else"
        return max(first_at, second_at) - self.at


async def sleep_until(at: float) -> None:
    await asyncio.sleep(at - time.monotonic())


async def run(urls: list[str], scale: float) -> bool:
    """Open loop: every send has its time, however the ones before fared.

    No two pairs share their two languages, so that each second can only meet its first.
    """
    gateways = [Http(url) for url in urls]
    count = max(1, int(PAIRS * scale))
    users = [
        (User(gateways[n % len(urls)], one, two), User(gateways[(n + 1) % len(urls)], two, one))
        for n, (one, two) in enumerate(await language_pairs(gateways[0], count))
    ]
    async with crowd([user for pair in users for user in pair]):
        for gateway in gateways:
            await gateway.warm(16)
        gc.collect()
        gc.freeze()
        begin = time.monotonic() + LEAD_S + 0.5
        meetings = [Encounter(*pair, begin + n / PAIRS_PER_S) for n, pair in enumerate(users)]
        async with asyncio.TaskGroup() as tasks:
            for meeting in meetings:
                tasks.create_task(meeting.happen())
    return tell(meetings)


def tell(meetings: list[Encounter]) -> bool:
    """Print what was measured; whether it is within the target."""
    took = [meeting.took_s for meeting in meetings]
    late = sum(meeting.at - meeting.accepted_at < WAITED_S for meeting in meetings)
    print(
        f"{len(meetings)} pairs at {PAIRS_PER_S} pairs a second, the partner waiting {WAITED_S} s"
    )
    report.line("second POST (scheduled) to the later frame", took)
    report.line("second POST (scheduled) to its 202", [m.answered_at - m.at for m in meetings])
    if late:
        print(f"{late} partners had waited less than {WAITED_S} s")
    figures = report.spread(took)
    met = all(figures[name] <= most for name, most in TARGET_MS.items())
    report.as_json(
        scenario="arrive", pairs=len(took), pairs_per_s=PAIRS_PER_S, unit="ms", **figures,
        target=TARGET_MS, met=met,
    )  # fmt: skip
    return met
