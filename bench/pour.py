"""Everybody asks in the same moment: how long until all are paired?"""

import asyncio
import gc
import time
from collections import defaultdict

from bench import report
from bench.crowd import User, crowd, language_pairs
from bench.http import Http

PEOPLE = 2_000
LANGUAGE_PAIRS = 10
LIMIT_S = 120.0


async def run(urls: list[str], scale: float) -> bool:
    gateways = [Http(url) for url in urls]
    pairs = await language_pairs(gateways[0], LANGUAGE_PAIRS)
    users = []
    for n in range(max(1, int(PEOPLE * scale) // 2)):
        one, two = pairs[n % len(pairs)]
        users.append(User(gateways[n % len(urls)], one, two))
        users.append(User(gateways[(n + 1) % len(urls)], two, one))
    async with crowd(users):
        for gateway in gateways:
            await gateway.warm(128)
        gc.collect()
        gc.freeze()
        begin = time.monotonic()
        async with asyncio.timeout(LIMIT_S):
            answered = await asyncio.gather(*(user.ask() for user in users))
            found = await asyncio.gather(*(user.found for user in users))
    accepted_s = max(answered) - begin
    paired_s = max(at for at, _ in found) - begin
    print(f"{len(users)} requests at once, {LANGUAGE_PAIRS} pairs of languages")
    report.line("first send to 202", [at - begin for at in answered])
    report.line("first send to match.found", [at - begin for at, _ in found])
    refused = sum(user.refused for user in users)
    report.line("both accepted to both told", after_acceptance(answered, found))
    print(f"{refused} calls were answered 503 and repeated")
    print(f"all accepted after {accepted_s:.2f} s, all paired after {paired_s:.2f} s")
    report.as_json(
        scenario="pour", requests=len(users), accepted_s=round(accepted_s, 3),
        paired_s=round(paired_s, 3), requests_per_s=round(len(users) / paired_s, 1),
        refused=refused,
    )  # fmt: skip
    return True


def after_acceptance(answered: list[float], found: list[tuple[float, str]]) -> list[float]:
    """Per session: from the later 202 of its two to the later frame; 0 if that came first."""
    accepted: dict[str, float] = defaultdict(float)
    told: dict[str, float] = defaultdict(float)
    for answered_at, (found_at, session) in zip(answered, found, strict=True):
        accepted[session] = max(accepted[session], answered_at)
        told[session] = max(told[session], found_at)
    return [max(0.0, told[session] - accepted[session]) for session in told]
