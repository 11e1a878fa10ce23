"""Sockets opened, welcomed and closed, one after another from many users: how many a second?"""

import asyncio
import time

from bench import report
from bench.crowd import TOGETHER, User, in_turn, language_pairs
from bench.http import Http

USERS = 100
HANDSHAKES = 2_000


async def run(urls: list[str], scale: float) -> bool:
    gateways = [Http(url) for url in urls]
    pairs = await language_pairs(gateways[0], USERS)
    users = [User(gateways[n % len(urls)], *pair) for n, pair in enumerate(pairs)]
    await in_turn(user.register() for user in users)
    took_s: list[float] = []
    left = iter(range(max(1, int(HANDSHAKES * scale))))

    async def open_and_close(some: list[User]) -> None:
        for n in left:
            begin = time.monotonic()
            user = some[n % len(some)]
            await user.connect()
            took_s.append(time.monotonic() - begin)
            user.abort()

    begin = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for n in range(TOGETHER):
            tasks.create_task(open_and_close(users[n::TOGETHER]))
    rate = len(took_s) / (time.monotonic() - begin)
    print(f"{len(took_s)} handshakes with welcome, {TOGETHER} at a time: {rate:.0f} a second")
    report.line("connect to welcome", took_s)
    report.as_json(
        scenario="handshakes", handshakes=len(took_s), per_s=round(rate, 1), unit="ms",
        **report.spread(took_s),
    )  # fmt: skip
    return True
