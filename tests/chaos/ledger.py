"""The accounts after a pour: each person's record against each store's, and those together."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

from tests.chaos.copies import Copies, decoded
from tests.e2e.client import Person
from tests.e2e.stores import DEAD, INBOXES, Stores


class Ended(Struct, frozen=True):
    """How one request ended, by its row."""

    user_id: str
    status: str
    session_id: str | None


async def ended_requests(stores: Stores) -> dict[str, Ended]:
    """Every request by id; a pending one fails."""
    rows = await stores.query("SELECT id, user_id, status, session_id FROM match_requests")
    assert not [row["id"] for row in rows if row["status"] == "pending"]
    return {
        str(row["id"]): Ended(
            str(row["user_id"]),
            row["status"],
            None if row["session_id"] is None else str(row["session_id"]),
        )
        for row in rows
    }


async def check_rows(stores: Stores, requests: dict[str, Ended]) -> None:
    """A session is two matched requests of two users, and nobody is in two sessions."""
    found = await stores.query("SELECT id, status, reason FROM chat_sessions")
    unlike = Counter((row["status"], row["reason"]) for row in found if row["status"] != "waiting")
    assert not unlike, f"sessions that did not stay as they began: {unlike}"
    sessions = {str(row["id"]) for row in found}
    sides = Counter(request.session_id for request in requests.values() if request.session_id)
    assert set(sides) == sessions
    assert set(sides.values()) <= {2}
    rows = await stores.query("SELECT session_id, user_id, request_id FROM participants")
    assert len(rows) == 2 * len(sessions)
    assert len({row["user_id"] for row in rows}) == len(rows), "somebody is in two sessions"
    for row in rows:
        request = requests[str(row["request_id"])]
        assert request.session_id == str(row["session_id"])
        assert request.user_id == str(row["user_id"])
    assert await stores.value("SELECT count(*) FROM outbox") == 0


def check_events(copies: Copies, requests: dict[str, Ended]) -> None:
    """The domain's history tells each end once, and each session once, as the rows have it."""
    ends = [decoded(body) for body in copies.bodies("request.ended").values()]
    assert Counter(end["request_id"] for end in ends) == Counter(list(requests))
    assert all(end["status"] == requests[str(end["request_id"])].status for end in ends)
    created = [decoded(body)["session_id"] for body in copies.bodies("session.created").values()]
    sessions = {request.session_id for request in requests.values() if request.session_id}
    assert Counter(created) == Counter(list(sessions))
    matches = {str(decoded(body)["match_id"]) for body in copies.bodies("match.found").values()}
    assert sessions <= matches, "a session that no matcher proposed"


def check_told(people: Sequence[Person], requests: dict[str, Ended]) -> None:
    """Everybody was shown how their one request ended: by one frame, or by a later welcome."""
    by_user = {request.user_id: request for request in requests.values()}
    assert len(by_user) == len(requests) == len(people)
    for person in people:
        request = by_user[person.id]
        assert sessions_shown(person) == ({request.session_id} if request.session_id else set())
        ends = [frame for frame in person.frames if frame.type in ENDS]
        assert len(ends) <= 1, f"{person.name} was told twice: {ends}"
        assert ends or shown_in_welcome(person, request), f"{person.name} was not told"
        assert all(ENDS[frame.type] == request.status for frame in ends)
        check_order(person)


ENDS = {"match.found": "matched", "match.expired": "expired", "match.cancelled": "cancelled"}


def sessions_shown(person: Person) -> set[str]:
    shown = {str(frame["session_id"]) for frame in person.heard("match.found")}
    welcomes = [frame["session"] for frame in person.heard("welcome") if frame["session"]]
    return shown | {str(session["session_id"]) for session in welcomes}


def shown_in_welcome(person: Person, request: Ended) -> bool:
    last = [frame["last_request"] for frame in person.heard("welcome") if frame["last_request"]]
    return bool(last) and {ended["status"] for ended in last} == {request.status}


def check_order(person: Person) -> None:
    """Versions grow along a connection, and never shrink from one connection to the next."""
    told = [frame for frame in person.frames if "version" in frame.body]
    for before, after in pairwise(told):
        assert before["version"] <= after["version"], f"{person.name} was told backwards"
        if after.type != "welcome":
            assert before["version"] < after["version"], f"{person.name} was told twice"


async def check_redis(stores: Stores) -> None:
    """Nobody waits in the pool and no match stands unpublished."""
    keys = await stores.keys("{pool}:*")
    assert not [key for key in keys if key.startswith("{pool}:bucket:")]
    assert "{pool}:unpublished" not in keys


async def check_broker(stores: Stores) -> None:
    messages = await stores.messages()
    assert {queue: messages[queue] for queue in (*INBOXES, *DEAD)} == dict.fromkeys(
        (*INBOXES, *DEAD), 0
    )
