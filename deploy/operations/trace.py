"""`make trace USER=…`: what every store knows of one user, and what happened, in order of time.

    python -m deploy.operations.trace USER [--moments COUNT]

Changes nothing, and shows nothing that people wrote or said to each other.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping, Sequence

import asyncpg
import redis.exceptions

from deploy.operations import keys, logs, rows
from deploy.operations.stores import opened
from shared.identifiers import is_id

MOMENTS = 200


async def run(environ: Mapping[str, str], user_id: str, count: int) -> int:
    async with opened(environ) as stores:
        known = await rows.read(stores.postgres, user_id)
        if known is None:
            print(f"trace: nobody has the id {user_id}", file=sys.stderr)
            return 1
        requests = [str(row["id"]) for row in known.requests]
        sessions = [str(row["id"]) for row in known.sessions]
        held = await keys.shown(stores.redis, user_id, requests, sessions)
        messages = await stores.messages()
    show(f"Postgres, {user_id}", rows.shown(known))
    show("Redis", held)
    show("RabbitMQ", [f"{queue:<20} {ready}" for queue, ready in messages.items()])
    happened = sorted([*rows.moments(known), *logs.concerning(known.ids, logs.lines())])
    told = [f"{one.at:%Y-%m-%d %H:%M:%S.%f}"[:-3] + f"  {one.where:<20} {one.what}"
            for one in happened[-count:]]  # fmt: skip
    left_out = len(happened) - len(told)
    show(f"What happened{f', without the {left_out} moments before' if left_out else ''}", told)
    return 0


def show(title: str, lines: Sequence[str]) -> None:
    print(f"{title}\n" + "".join(f"  {safe(line)}\n" for line in lines))


def safe(line: str) -> str:
    """A log names paths that anybody may have made up: none of it may steer a terminal."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in line)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="trace", description=__doc__)
    parser.add_argument("user", metavar="USER", help="the user's id")
    parser.add_argument("--moments", type=int, default=MOMENTS, metavar="COUNT")
    wanted = parser.parse_args(arguments)
    if not is_id(wanted.user):
        print(f"trace: {wanted.user} is no id", file=sys.stderr)
        return 1
    try:
        return asyncio.run(run(os.environ, wanted.user, wanted.moments))
    except (OSError, asyncpg.PostgresError, redis.exceptions.RedisError) as error:
        print(f"trace: a store cannot be read: {error!r}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
