"""Who has practised which language for how long: a service beside Parley, told by its events.

    leaderboard.py run             listen, and print the board whenever it has changed
    leaderboard.py show [--json]   print the board as it stands
    leaderboard.py load            hear the events on stdin, a line each: what was before the queue

AMQP_URL says where RabbitMQ is, LEADERBOARD_DB which SQLite file keeps the board. It may be killed
at any moment: what it had not acknowledged comes again, and what comes twice changes nothing.
"""

import argparse
import asyncio
import json
import logging
import os
import sqlite3
import sys
from collections.abc import Iterable
from contextlib import closing
from typing import Any, NamedTuple

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

EVENTS = "parley.events"  # Parley declares it; we only bind to it.
KEYS = ("session.created", "session.ended", "user.erased")
INBOX = "leaderboard.inbox"
DEAD = "leaderboard.dead"
INBOX_ARGUMENTS: dict[str, Any] = {
    "x-queue-type": "quorum",
    # What kills us each time we look at it goes to the dead letters instead.
    "x-delivery-limit": 20,
    "x-dead-letter-exchange": DEAD,
    # If we stay away we lose the oldest, then the queue. Never reject-publish: a full queue would
    # then refuse Parley's own events.
    "x-max-length": 1_000_000,
    "x-overflow": "drop-head",
    "x-expires": 30 * 24 * 3600 * 1000,
}
DEAD_ARGUMENTS: dict[str, Any] = {"x-queue-type": "quorum", "x-max-length": 10_000}
PREFETCH = 100
PAUSE_S = 2.0  # Before connecting again.
ANSWER_TIMEOUT_S = 10.0

TABLES = """
CREATE TABLE IF NOT EXISTS sessions (session_id TEXT PRIMARY KEY, ended INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS practised (
    session_id TEXT, user_id TEXT, language TEXT NOT NULL, seconds INTEGER NOT NULL,
    PRIMARY KEY (session_id, user_id)
);
CREATE INDEX IF NOT EXISTS practised_by ON practised (user_id);
CREATE TABLE IF NOT EXISTS erased (user_id TEXT PRIMARY KEY);
"""
CREATED = "INSERT INTO sessions VALUES (:session_id, 0) ON CONFLICT DO NOTHING"
ENDED = "INSERT INTO sessions VALUES (:session_id, 1) ON CONFLICT DO UPDATE SET ended = 1"
PRACTISED = """
INSERT INTO practised
SELECT :session_id, :user_id, :practises, :practised_s
WHERE NOT EXISTS (SELECT 1 FROM erased WHERE user_id = :user_id)
ON CONFLICT DO NOTHING
"""
ERASED = "INSERT INTO erased VALUES (:user_id) ON CONFLICT DO NOTHING"
FORGET = "DELETE FROM practised WHERE user_id = :user_id"
STANDINGS = """
SELECT user_id, language, sum(seconds), count(*) FROM practised WHERE seconds > 0
GROUP BY user_id, language ORDER BY sum(seconds) DESC, user_id, language
"""
COUNTS = "SELECT count(*), coalesce(sum(NOT ended), 0) FROM sessions"


class Standing(NamedTuple):
    """One line of the board: what somebody practised in how many talks."""

    user_id: str
    language: str
    seconds: int
    talks: int


class Board:
    """What was heard, in SQLite: by session and user, so that hearing it again adds nothing.

    Events come in any order. Whoever is erased stays so: a session that ended before may be told
    after.
    """

    def __init__(self, path: str) -> None:
        self._database = sqlite3.connect(path)
        self._database.executescript(TABLES)

    def close(self) -> None:
        self._database.close()

    def hear(self, events: Iterable[dict[str, Any]]) -> None:
        """All of them or none, on disk when this returns. Types we do not know change nothing.

        Raises `KeyError`, `TypeError` or `ValueError` if one is not what was agreed.
        """
        with self._database:
            for event in events:
                self._hear(event)

    def _hear(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "session.created":
                self._database.execute(CREATED, {"session_id": event["session_id"]})
            case "session.ended":
                self._ended(event["session_id"], event["participants"])
            case "user.erased":
                for statement in (ERASED, FORGET):
                    self._database.execute(statement, {"user_id": event["user_id"]})

    def _ended(self, session_id: str, participants: list[dict[str, Any]]) -> None:
        self._database.execute(ENDED, {"session_id": session_id})
        for side in participants:
            values = {
                "session_id": session_id,
                "user_id": side["user_id"],
                "practises": side["practises"],
                # Younger than the event: where it is missing it has its default.
                "practised_s": int(side.get("practised_s", 0)),
            }
            self._database.execute(PRACTISED, values)

    def standings(self) -> list[Standing]:
        return [Standing(*row) for row in self._database.execute(STANDINGS)]

    def __str__(self) -> str:
        sessions, live = self._database.execute(COUNTS).fetchone()
        lines = [f"{sessions} sessions, {live} of them on"]
        for place, (user_id, language, seconds, talks) in enumerate(self.standings(), 1):
            lines.append(f"{place:4}. {user_id}  {language:<8} {seconds:7} s in {talks} talks")
        return "\n".join(lines)


async def run(url: str, board: Board) -> None:
    """Listen for ever, connecting again whenever the connection or the queue is lost."""
    while True:
        try:
            connection = await aio_pika.connect(url, heartbeat=10, timeout=ANSWER_TIMEOUT_S)
            async with connection, connection.channel(publisher_confirms=False) as channel:
                await listen(channel, board)
        except CONNECTION_EXCEPTIONS as error:
            print(f"not connected: {error!r}", file=sys.stderr, flush=True)
        except asyncio.CancelledError:  # aiormq's, of what was pending on a lost channel; or ours.
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
        await asyncio.sleep(PAUSE_S)


async def listen(channel: AbstractChannel, board: Board) -> None:
    """Handle what arrives, one after the other, until the channel or the queue is gone."""
    arrived: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()
    channel.close_callbacks.add(lambda *_: arrived.put_nowait(None))
    beneath = await channel.get_underlay_channel()
    beneath.on_consumer_cancel_callbacks.add(lambda *_: arrived.put_nowait(None))
    await channel.set_qos(prefetch_count=PREFETCH)
    inbox = await declare(channel)
    await inbox.consume(arrived.put)
    print(shown := str(board), flush=True)
    while (message := await arrived.get()) and not channel.is_closed:
        await handle(message, board)
        if arrived.empty() and str(board) != shown:
            print(shown := str(board), flush=True)
    raise ConnectionError("the channel or the queue is gone")


async def declare(channel: AbstractChannel) -> AbstractQueue:
    """Our queues and bindings. From here on events are kept for us, whether we run or not."""
    dead = await channel.declare_exchange(DEAD, "fanout", durable=True)
    letters = await channel.declare_queue(f"{INBOX}.dead", durable=True, arguments=DEAD_ARGUMENTS)
    await letters.bind(dead)
    inbox = await channel.declare_queue(INBOX, durable=True, arguments=INBOX_ARGUMENTS)
    for key in KEYS:
        await inbox.bind(EVENTS, routing_key=key)
    return inbox


async def handle(message: AbstractIncomingMessage, board: Board) -> None:
    """Acknowledge only what is on disk. If the disk fails we end, and it comes again."""
    try:
        board.hear([json.loads(message.body)])
        settled = message.ack()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        print(f"put aside {message.message_id}: {error!r}", file=sys.stderr, flush=True)
        settled = message.reject(requeue=False)
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        await settled


def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("command", choices=["run", "show", "load"])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)  # We say ourselves what was lost.
    with closing(Board(os.environ.get("LEADERBOARD_DB", "leaderboard.sqlite3"))) as board:
        match arguments.command:
            case "run":
                url = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/")
                asyncio.run(run(url, board))
            case "load":
                board.hear(json.loads(line) for line in sys.stdin)
                print(board)
            case "show" if arguments.json:
                print(json.dumps([standing._asdict() for standing in board.standings()]))
            case "show":
                print(board)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
