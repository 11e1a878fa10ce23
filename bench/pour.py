"""Everybody asks in the same moment: how long until all are paired?"""

import asyncio
import gc
import time

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
    print(f"all accepted after {accepted_s:.2f} s, all paired after {paired_s:.2f} s")
    report.as_json(
        scenario="pour", requests=len(users), accepted_s=round(accepted_s, 3),
        paired_s=round(paired_s, 3), requests_per_s=round(len(users) / paired_s, 1),
    )  # fmt: skip
    return True
