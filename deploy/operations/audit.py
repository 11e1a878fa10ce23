"""`make audit`: what must hold of Postgres, Redis and the broker, and between them.

    python -m deploy.operations.audit [--grace SECONDS] [--late SECONDS]

What is on its way from one store to another looks like a fault for a moment: a violation counts if
it is still there after the grace. Changes nothing. Ends with 1 naming each violation, 2 if a store
cannot be read.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping, Sequence

import asyncpg
import redis.exceptions

from deploy.operations import agreement, memory, rules, truth
from deploy.operations.agreement import Facts
from deploy.operations.stores import Stores, opened
from deploy.operations.violation import Violation

NAMES = (*(rule.name for rule in rules.RULES), *agreement.RULES)
GRACE_S = 5.0
# The relay of the outbox takes what is 6 s old, and what was held up by an outage comes soon after.
LATE_S = 30.0


async def found(stores: Stores, late_s: float = LATE_S) -> list[Violation]:
    """What does not hold at this moment, some of it perhaps only just now.

    Redis is read first: what it holds was in Postgres before.
    """
    messages = await stores.messages()
    held = await memory.read(stores.redis)
    async with stores.postgres.transaction(isolation="repeatable_read", readonly=True):
        violations = [
            one for rule in rules.RULES for one in await rules.broken(stores.postgres, rule, late_s)
        ]
        known = await truth.read(stores.postgres)
    return violations + list(agreement.broken(Facts(known, held, messages, late_s)))


async def audit(stores: Stores, grace_s: float, late_s: float = LATE_S) -> list[Violation]:
    """What does not hold, and still does not after the grace."""
    suspected = {(one.rule, one.subject) for one in await found(stores, late_s)}
    if not suspected:
        return []
    await asyncio.sleep(grace_s)
    return sorted(
        one for one in await found(stores, late_s) if (one.rule, one.subject) in suspected
    )


async def run(environ: Mapping[str, str], grace_s: float, late_s: float) -> int:
    async with opened(environ) as stores:
        violations = await audit(stores, grace_s, late_s)
    for one in violations:
        print(f"{one.rule}: {one.subject} {one.says}")
    print(f"audit: {len(NAMES)} rules, {len(violations)} violations")
    return 1 if violations else 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="audit", description=__doc__)
    parser.add_argument("--grace", type=float, default=GRACE_S, metavar="SECONDS")
    parser.add_argument("--late", type=float, default=LATE_S, metavar="SECONDS")
    wanted = parser.parse_args(arguments)
    try:
        return asyncio.run(run(os.environ, wanted.grace, wanted.late))
    except (OSError, asyncpg.PostgresError, redis.exceptions.RedisError) as error:
        print(f"audit: a store cannot be read: {error!r}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
