"""What is open and what has been, as Postgres has it, for comparing with what others hold."""

import asyncpg
from msgspec import Struct

OPEN = """
SELECT u.id::text, u.version, r.id::text AS request_id, r.attempt, p.session_id::text
FROM users AS u
LEFT JOIN match_requests AS r ON r.user_id = u.id AND r.status = 'pending'
LEFT JOIN participants AS p ON p.user_id = u.id AND p.live
"""
MEETINGS = """
SELECT a.session_id::text, a.user_id::text, a.practises,
       (SELECT array_agg(each ->> 'language') FROM jsonb_array_elements(mine.practice_languages)
        AS each) AS practices,
       theirs.native_languages AS natives
FROM participants AS a
JOIN participants AS z ON z.session_id = a.session_id AND z.user_id <> a.user_id
JOIN match_requests AS mine ON mine.id = a.request_id
JOIN match_requests AS theirs ON theirs.id = z.request_id
"""


class Person(Struct, frozen=True):
    """A user's version, the pending request with its attempt, and the live session."""

    version: int
    request_id: str | None
    attempt: int | None
    session_id: str | None


class Meeting(Struct, frozen=True):
    """One side of a session: what it practises there, of what it asked for, with whom."""

    session_id: str
    user_id: str
    practises: str
    practices: tuple[str, ...]
    natives: tuple[str, ...]


class Truth(Struct, frozen=True):
    """All in one snapshot."""

    people: dict[str, Person]
    meetings: list[Meeting]

    @property
    def pending(self) -> dict[str, int]:
        """The attempts of the pending requests, by id."""
        return {
            one.request_id: one.attempt or 0
            for one in self.people.values()
            if one.request_id is not None
        }


async def read(postgres: "asyncpg.Connection[asyncpg.Record]") -> Truth:
    """To be called in a transaction that reads one snapshot."""
    people = {
        row["id"]: Person(row["version"], row["request_id"], row["attempt"], row["session_id"])
        for row in await postgres.fetch(OPEN)
    }
    meetings = [
        Meeting(row["session_id"], row["user_id"], row["practises"], tuple(row["practices"]),
                tuple(row["natives"]))
        for row in await postgres.fetch(MEETINGS)
    ]  # fmt: skip
    return Truth(people, meetings)
