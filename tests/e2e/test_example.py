"""docs/examples/leaderboard: another service, told by events alone, knows what Postgres does."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aio_pika
import pytest
import pytest_asyncio

from shared.testing import eventually
from tests.e2e.client import Person, speaks
from tests.e2e.crowd import Crowd, crowd
from tests.e2e.replica import END_WITH_US, ROOT
from tests.e2e.stack import Shape, Stack, Stacks
from tests.e2e.stores import Stores

DIRECTORY = ROOT / "docs/examples/leaderboard"
PROGRAM = DIRECTORY / "leaderboard.py"
INBOX = "leaderboard.inbox"
COPIES = "tests.copies"
QUICK = Shape(gateways=1, matchers=1, settings=(("SESSION_TURN", "1s"),))
STANDINGS = """
SELECT p.user_id::text AS user_id, p.practises AS language,
       sum(p.practised_s)::integer AS seconds, count(*)::integer AS talks
FROM participants AS p
JOIN chat_sessions AS s ON s.id = p.session_id
JOIN users AS u ON u.id = p.user_id
WHERE s.status = 'ended' AND u.erased_at IS NULL AND p.practised_s > 0
GROUP BY 1, 2 ORDER BY seconds DESC, user_id, language
"""


class Leaderboard:
    """The program as a process of its own, without the project in its path."""

    def __init__(self, stores: Stores, directory: Path) -> None:
        self.stores = stores
        self._database = directory / "board.sqlite3"
        self._log = directory / "board.log"
        self._environment = {
            **os.environ,
            "AMQP_URL": stores.amqp_url,
            "LEADERBOARD_DB": str(self._database),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*END_WITH_US, sys.executable, "-I", str(PROGRAM), "run"],
                cwd=self._log.parent,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None and self._process.poll() is None, self.log()
        self._process.send_signal(number)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def log(self) -> str:
        return self._log.read_text()

    async def listens(self) -> None:
        """Wait until its queue has a consumer; the program may just have been started."""
        await eventually(self._listens, deadline_s=20)

    async def _listens(self) -> None:
        async with self.stores.channel() as channel:
            try:
                queue = await channel.declare_queue(INBOX, passive=True)
            except aio_pika.exceptions.AMQPError as error:
                raise AssertionError(self.log()) from error
        assert queue.declaration_result.consumer_count == 1, self.log()

    async def call(self, *words: str, said: str = "") -> str:
        """What the program prints when called with these words and `said` on stdin."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", str(PROGRAM), *words),
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate(said.encode())
        assert process.returncode == 0
        return output.decode()

    async def shows(self, users: int, deadline_s: float = 15) -> list[dict[str, Any]]:
        """Wait until it shows what Postgres holds, of that many users; the board."""

        async def same() -> list[dict[str, Any]]:
            shown = json.loads(await self.call("show", "--json"))
            rows = await self.stores.query(STANDINGS)
            assert shown == [dict(row) for row in rows], self.log()
            assert len({row["user_id"] for row in rows}) == users
            return list(shown)

        return await eventually(same, deadline_s)


@pytest.fixture
def quick(stacks: Stacks) -> Stack:
    """A stack where turns are short. Who was in the tests before is erased, and on no board."""
    return stacks.use(QUICK)


@pytest_asyncio.fixture
async def board(quick: Stack, tmp_path: Path) -> AsyncIterator[Leaderboard]:
    leaderboard = Leaderboard(quick.stores, tmp_path)
    try:
        yield leaderboard
    finally:
        leaderboard.kill()
        async with quick.stores.channel() as channel:
            for queue in (INBOX, f"{INBOX}.dead", COPIES):
                await channel.queue_delete(queue)
            await channel.exchange_delete("leaderboard.dead")


async def talk(people: Crowd, *pair: Person) -> str:
    """The two meet, practise both languages and hang up; their session."""
    one, other = pair
    for person in pair:
        await person.ask()
    found = [await person.hear("match.found") for person in pair]
    session_id = str(found[0]["session_id"])
    for kind in ("session.join", "session.connected"):
        for person in pair:
            await person.say(type=kind, session_id=session_id)
    # A stack that has just begun holds deadlines for 10 s.
    await one.hear("session.turn", deadline_s=20, where=lambda frame: frame["turn"]["number"] == 2)
    await other.say(type="session.leave", session_id=session_id)
    for person in pair:
        await person.hear("session.ended")
    return session_id


async def repeat_everything(stores: Stores) -> int:
    """Publish every event so far once more, each as it was; how many those are."""
    async with stores.channel() as channel:
        queue = await channel.declare_queue(COPIES, passive=True)
        exchange = await channel.get_exchange("parley.events", ensure=False)
        count = queue.declaration_result.message_count or 0
        for _ in range(count):  # Copies are copied, too.
            message = await queue.get(no_ack=True)
            assert message is not None
            await exchange.publish(message, message.routing_key or "", mandatory=False)
    return count


async def copy_what_is_told(stores: Stores) -> None:
    async with stores.channel() as channel:
        queue = await channel.declare_queue(COPIES, durable=True)
        await queue.bind("parley.events", "session.*")


async def test_the_board_is_what_postgres_holds_whatever_happens_to_its_process(
    quick: Stack, board: Leaderboard
) -> None:
    await copy_what_is_told(quick.stores)
    board.start()
    await board.listens()
    async with crowd(quick.urls) as people:
        ana = await people.arrive("Ana", speaks("is", "fo"))
        rani = await people.arrive("Ráni", speaks("fo", "is"))
        await talk(people, ana, rani)
        await board.shows(users=2)

        # Handed over, not acknowledged, and the process dies: it is given to the next one.
        board.signal(signal.SIGSTOP)
        await talk(people, ana, rani)
        board.kill()
        # And told again from the beginning, while nobody listens.
        assert await repeat_everything(quick.stores) >= 4
        board.start()
        await board.listens()
        standings = await board.shows(users=2)
        assert {standing["talks"] for standing in standings} == {2}, standings
        assert "2 sessions, 0 of them on" in await board.call("show")

        answer = await rani.call("DELETE", "/users/me")
        assert answer.status_code == 204, answer.text
        await board.shows(users=1)
        assert await repeat_everything(quick.stores) >= 4
        await nothing_is_left(quick.stores)
        await board.shows(users=1)
    await board.shows(users=0)


async def nothing_is_left(stores: Stores) -> None:
    """Wait until the queue is empty, and nothing was put aside."""

    async def empty() -> None:
        async with stores.channel() as channel:
            for name in (INBOX, f"{INBOX}.dead"):
                queue = await channel.declare_queue(name, passive=True)
                assert queue.declaration_result.message_count == 0, name

    await eventually(empty, deadline_s=10)


async def test_a_board_begun_late_takes_what_was_before_from_an_export(
    quick: Stack, board: Leaderboard
) -> None:
    async with crowd(quick.urls) as people:
        ana = await people.arrive("Ana", speaks("is", "fo"))
        rani = await people.arrive("Ráni", speaks("fo", "is"))
        eve = await people.arrive("Eve", speaks("is", "fo"))
        await talk(people, ana, rani)
        await talk(people, rani, eve)
        board.start()
        await board.listens()
        await talk(people, ana, rani)
        assert (await eve.call("DELETE", "/users/me")).status_code == 204
        rows = await quick.stores.query((DIRECTORY / "history.sql").read_text())
        await board.call("load", said="\n".join(row[0] for row in rows))
        await board.shows(users=2)


async def test_what_is_not_as_agreed_is_put_aside_and_what_is_unknown_ignored(
    quick: Stack, board: Leaderboard
) -> None:
    board.start()
    await board.listens()
    async with quick.stores.channel() as channel:
        for body in (b"{", b'{"type": "session.ended"}', b"[]", b'{"type": "session.ended.v2"}'):
            await channel.default_exchange.publish(aio_pika.Message(body), INBOX)

        async def put_aside() -> None:
            dead = await channel.declare_queue(f"{INBOX}.dead", passive=True)
            assert dead.declaration_result.message_count == 3, board.log()

        await eventually(put_aside)
    assert "0 sessions" in await board.call("show")


def test_the_example_has_the_packages_this_project_is_tested_with() -> None:
    pinned = (DIRECTORY / "requirements.txt").read_text().splitlines()
    locked = (ROOT / "requirements/dev.txt").read_text().replace(" \\", "").splitlines()
    assert set(pinned) - set(locked) == set()
