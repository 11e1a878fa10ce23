"""Looks after the dead letters: `python -m shared.deadletters list | replay QUEUE | drop QUEUE`."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from shared import config
from shared.bus import dead
from shared.config import CommonSettings
from shared.errors import SettingsError

LISTED_MAX = 1000
"""Letters shown per queue; each shown is in memory at the broker's and here until the end."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when done, 1 when nothing matched or the broker cannot be reached."""
    wanted = _parser().parse_args(arguments)
    try:
        settings = config.load(CommonSettings, os.environ)
        return asyncio.run(_do(wanted, settings.amqp_url))
    except (SettingsError, OSError, TimeoutError) as error:
        print(f"dead letters cannot be reached: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deadletters", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="every dead letter, oldest first")
    for command, does in (("replay", "put back into the queue"), ("drop", "throw away")):
        each = commands.add_parser(command, help=does)
        each.add_argument("queue", choices=dead.QUEUES)
        each.add_argument("--id", help="only the letter with this event id")
    return parser


async def _do(wanted: argparse.Namespace, url: str) -> int:
    async with dead.opened(url) as cemetery:
        if wanted.command == "list":
            for queue in dead.QUEUES:
                await _list(cemetery, queue)
            return 0
        act = cemetery.replay if wanted.command == "replay" else cemetery.drop
        count = await act(wanted.queue, wanted.id)
    print(f"{wanted.queue}: {count} {'replayed' if wanted.command == 'replay' else 'dropped'}")
    return 0 if count else 1


async def _list(cemetery: dead.Cemetery, queue: str) -> None:
    print(f"{queue}: {await cemetery.count(queue)}")
    for letter in await cemetery.letters(queue, LISTED_MAX):
        age = "?" if letter.age_s is None else f"{letter.age_s:.0f}s"
        print(f"  {age:>8}  {letter.type:<18} {letter.event_id}  {letter.cause}")


if __name__ == "__main__":
    sys.exit(main())
