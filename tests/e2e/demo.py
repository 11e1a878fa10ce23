"""`make demo`: a handful of people find partners in the running stack, and what stands of it.

Prints a transcript and the rows in Postgres; exits with 1 if something expected did not happen.
"""

import argparse
import asyncio
import os
import sys
import time
from contextlib import suppress
from datetime import datetime

import asyncpg
import httpx2
from msgspec import Struct

from tests.e2e.client import Frame, Languages, Person
from tests.e2e.crowd import Crowd, crowd

PATIENCE_S = 20.0


class Role(Struct, frozen=True):
    """Somebody of the cast: `partner` is whom they must meet, empty if nobody."""

    name: str
    native: tuple[str, ...]
    practice: tuple[tuple[str, str], ...]
    partner: str
    asks_at_s: float
    interests: tuple[str, ...] = ()
    timeout: str = "1m"

    @property
    def languages(self) -> Languages:
        return Languages(self.native, self.practice)

    def __str__(self) -> str:
        practised = ", ".join(f"{tag} {level}" for tag, level in self.practice)
        return f"{self.name:<7} {'+'.join(self.native)} → {practised}"


CAST = (
    Role("Ana", ("es",), (("en", "B1"),), "Ben", 0.0, ("film", "hiking")),
    Role("Chloé", ("fr",), (("de", "A2"),), "Jonas", 0.2, ("jazz",)),
    Role("Luíza", ("pt-BR",), (("it", "B2"), ("ja", "A1")), "Giulia", 0.4),
    Role("Ben", ("en-GB",), (("es", "A2"),), "Ana", 1.2, ("film",)),
    Role("Jonas", ("de",), (("fr", "B1"),), "Chloé", 1.6),
    Role("Giulia", ("it", "en"), (("pt", "A2"),), "Luíza", 2.0, ("cooking",)),
    Role("Carmen", ("es",), (("en", "B1"),), "", 2.6, timeout="3s"),
    Role("Diego", ("es-MX",), (("en", "C1"),), "", 2.8, timeout="3s"),
)


class Transcript:
    """Lines with the seconds since the beginning."""

    def __init__(self) -> None:
        self._begin = time.monotonic()

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self._begin:6.2f} s  {text}", flush=True)


async def play(role: Role, people: Crowd, transcript: Transcript) -> tuple[Person, str]:
    """One person's part; the partner's name, or what happened instead."""
    person = await people.arrive(role.name, role.languages, interests=list(role.interests))
    gateway = person.gateways[0].removeprefix("http://")
    transcript.say(f"{role}: registered, connected to {gateway}")
    await asyncio.sleep(role.asks_at_s)
    transcript.say(f"{role.name} asks for a partner (for {role.timeout})")
    await person.insist(timeout=role.timeout)
    begin = time.monotonic()
    if not role.partner:
        expired = await person.hear("match.expired", PATIENCE_S, has_expired, or_kind="welcome")
        waited_s = expired.received_at - begin
        transcript.say(f"{role.name} waited {waited_s:.2f} s: nobody, the time is up")
        return person, "match.expired" if not person.heard("match.found") else "match.found"
    heard = await person.hear("match.found", PATIENCE_S, has_found, or_kind="welcome")
    found = heard["session"] if heard.type == "welcome" else heard.body
    partner, waited_s = found["partner"], max(0.0, heard.received_at - begin)
    shared = ", ".join(partner["shared_interests"])
    transcript.say(
        f"{role.name} waited {waited_s:.2f} s and meets {partner['display_name']}: practises "
        f"{found['you_practise']}, gives {found['partner_practises']}"
        + (f"; both like {shared}" if shared else "")
    )
    return person, str(partner["display_name"])


def has_found(frame: Frame) -> bool:
    """Whose socket broke meanwhile reads in the welcome of the next what else a frame had told."""
    return frame.type != "welcome" or frame["session"] is not None


def has_expired(frame: Frame) -> bool:
    if frame.type != "welcome":
        return True
    last = frame["last_request"]
    return last is not None and last["status"] == "expired"


def answers(url: str) -> bool:
    """Whether somebody is there at all: the people below are patient with a replica that is not."""
    with suppress(httpx2.TransportError):
        httpx2.get(f"{url}/healthz")
        return True
    return False


async def demo(urls: list[str], database_url: str) -> list[str]:
    """What was expected and did not happen."""
    transcript = Transcript()
    async with crowd(urls) as people:
        played = await asyncio.gather(*(play(role, people, transcript) for role in CAST))
        wrong = [
            f"{role.name}: expected {role.partner or 'match.expired'}, got {outcome}"
            for role, (_, outcome) in zip(CAST, played, strict=True)
            if outcome != (role.partner or "match.expired")
        ]
        if not database_url:
            print("\nDATABASE_URL is not set: no rows to show")
            return wrong
        return wrong + await show_rows(database_url, [person.id for person, _ in played])


async def show_rows(database_url: str, ids: list[str]) -> list[str]:
    """Print the rows of these users; what is wrong with them."""
    connection = await asyncpg.connect(database_url)
    try:
        requests = await connection.fetch(
            """SELECT u.display_name AS name, r.native_languages AS natives, r.status, r.reason,
                      r.ended_at - r.since AS waited, r.session_id AS session
               FROM match_requests r JOIN users u ON u.id = r.user_id
               WHERE u.id = ANY($1::uuid[]) ORDER BY r.since""",
            ids,
        )
        sessions = await connection.fetch(
            """SELECT s.id AS session, s.status, s.score, s.created_at AS created,
                      string_agg(u.display_name || ' practises ' || p.practises, ', '
                                 ORDER BY p.side) AS participants
               FROM chat_sessions s JOIN participants p ON p.session_id = s.id
               JOIN users u ON u.id = p.user_id
               WHERE s.id IN (SELECT session_id FROM participants WHERE user_id = ANY($1::uuid[]))
               GROUP BY s.id ORDER BY s.created_at""",
            ids,
        )
    finally:
        await connection.close()
    table("match_requests", requests)
    table("chat_sessions with participants", sessions)
    pairs = sum(1 for role in CAST if role.partner) // 2
    statuses = sorted(row["status"] for row in requests)
    expected = sorted("matched" if role.partner else "expired" for role in CAST)
    wrong = [] if len(sessions) == pairs else [f"expected {pairs} sessions, found {len(sessions)}"]
    return wrong if statuses == expected else [*wrong, f"requests ended as {statuses}"]


def table(title: str, rows: list[asyncpg.Record]) -> None:
    print(f"\n{title}")
    cells = [list(rows[0].keys()) if rows else ["(none)"]]
    cells += [[cell(value) for value in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        print("  " + "  ".join(map(str.ljust, row, widths)).rstrip())


def cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.strftime("%H:%M:%S.%f")[:-3]
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.demo", description=__doc__)
    parser.add_argument(
        "--url",
        default=os.environ.get("PARLEY_URL", "http://127.0.0.1:8080"),
        help="the gateway; several, separated by commas, share the people",
    )
    urls = parser.parse_args().url.split(",")
    if not any(map(answers, urls)):
        print(f"demo: nobody answers at {', '.join(urls)}: make up starts the stack")
        return 1
    wrong = asyncio.run(demo(urls, os.environ.get("DATABASE_URL", "")))
    for line in wrong:
        print(f"NOT AS EXPECTED: {line}")
    print("\n" + ("Something is wrong." if wrong else "Everybody met whom they should."))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
