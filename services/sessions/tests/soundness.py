"""What must hold of the store and of all that was told, whatever raced."""

from collections import Counter

from services.sessions.tests.replica import Replica
from shared.domain import UserState
from shared.events import RequestEnded, SessionCreated, SessionEnded, StateChanged
from shared.identifiers import UserId
from shared.testing import eventually

BOTH_OPEN = """
SELECT user_id FROM match_requests JOIN participants USING (user_id)
WHERE status = 'pending' AND live
"""
NOT_PAIRED = """
SELECT c.id FROM chat_sessions AS c LEFT JOIN match_requests AS r ON r.session_id = c.id
GROUP BY c.id HAVING count(r.id) <> 2
"""


async def assert_sound(*replicas: Replica) -> None:
    """One open thing a user, one end a request, one state a version, and the last one told.

    Only an open is not told: it is answered, one version later.
    """
    store = replicas[0]
    assert await store.rows(BOTH_OPEN) == []
    assert await store.rows(NOT_PAIRED) == []
    await eventually(lambda: _everything_told_once(replicas))
    told = _states_told(replicas)
    for row in await store.rows("SELECT id FROM users"):
        last = await store.state(row["id"])
        versions = told.get(last.user.id, {1: None})
        just_opened = last.request is not None and last.request.requeued_from is None
        assert max(versions) == last.version - just_opened
        assert just_opened or versions[last.version] in (last, None)


async def _everything_told_once(replicas: tuple[Replica, ...]) -> None:
    store = replicas[0]
    ended = Counter(event.request_id for each in replicas for event in each.told(RequestEnded))
    rows = await store.rows("SELECT id FROM match_requests WHERE status <> 'pending'")
    assert ended == Counter(row["id"] for row in rows)
    created = Counter(event.session_id for each in replicas for event in each.told(SessionCreated))
    assert created == Counter(row["id"] for row in await store.rows("SELECT id FROM chat_sessions"))
    over = Counter(event.session_id for each in replicas for event in each.told(SessionEnded))
    rows = await store.rows("SELECT id FROM chat_sessions WHERE status = 'ended'")
    assert over == Counter(row["id"] for row in rows)


def _states_told(replicas: tuple[Replica, ...]) -> dict[UserId, dict[int, UserState]]:
    told: dict[UserId, dict[int, UserState]] = {}
    for each in replicas:
        for event in each.told(StateChanged):
            for state in event.states:
                versions = told.setdefault(state.user.id, {})
                assert versions.setdefault(state.version, state) == state
    return told
