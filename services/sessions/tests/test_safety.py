import pytest
from msgspec.structs import replace

from services.sessions.tests.replica import ENGLISH, Replica, act, refusal
from shared.config import Seconds
from shared.domain import SessionEndReason
from shared.events import (
    ParticipantJoined,
    ParticipantLeft,
    SessionEnded,
    StateChanged,
    TicketOpened,
    UserBlocked,
)
from shared.identifiers import SessionId, UserId, new_id
from shared.requests import (
    BlockUser,
    EraseUser,
    GetSession,
    ListBlocks,
    ListSessions,
    SessionPage,
    UnblockUser,
)

WHOLE_SECONDS = "SELECT floor(extract(epoch FROM ended_at - active_at)) FROM chat_sessions"


async def call_under_way(sessions: Replica, status: str) -> tuple[UserId, UserId, SessionId]:
    """Two in a session of this status."""
    if status == "active":
        return await sessions.active_pair()
    ana, ben, session_id = await sessions.talking_pair()
    if status == "connecting":
        for user in (ana, ben):
            await sessions.hear(act(ParticipantJoined, user, session_id))
    return ana, ben, session_id


@pytest.mark.parametrize("status", ["waiting", "connecting", "active"])
@pytest.mark.parametrize("blocker", ["first", "second"])
async def test_a_block_ends_the_live_session_of_the_two_for_good(
    sessions: Replica, blocker: str, status: str
) -> None:
    ana, ben, session_id = await call_under_way(sessions, status)
    by, of = (ana, ben) if blocker == "first" else (ben, ana)
    before = await sessions.state(by)
    assert before.session is not None and before.session.status == status
    state = await sessions.ask(BlockUser(user_id=by, blocked_id=of))
    other = await sessions.state(of)
    for each in (state, other):
        assert (each.session, each.request) == (None, None)
        assert each.last_session is not None
        assert each.last_session.reason is SessionEndReason.BLOCKED
        assert each.last_session.requeued_as is None
        assert not each.last_session.by_you
    assert (await sessions.only(SessionEnded)).session_id == session_id
    assert set(sessions.told(StateChanged)[-1].states) == {state, other}
    assert (await sessions.only(UserBlocked)).blocked_id == of


async def test_a_block_of_somebody_else_leaves_the_session_alone(sessions: Replica) -> None:
    ana, _, _ = await sessions.talking_pair()
    eve = await sessions.register("Eve", ENGLISH)
    before = await sessions.state(ana)
    assert await sessions.ask(BlockUser(user_id=ana, blocked_id=eve)) == before


@pytest.mark.parametrize("blocker", ["first", "second"])
async def test_a_block_opens_the_next_attempts_of_both_that_avoid_each_other(
    sessions: Replica, blocker: str
) -> None:
    ana, ben, found = await sessions.waiting_pair()
    by, of = (ana, ben) if blocker == "first" else (ben, ana)
    await sessions.ask(BlockUser(user_id=by, blocked_id=of))
    await sessions.only(UserBlocked)
    tickets = [event.ticket for event in sessions.told(TicketOpened)][2:]
    assert {(each.user_id, each.attempt, each.avoid) for each in tickets} == {
        (ana, 2, (ben,)),
        (ben, 2, (ana,)),
    }
    for attempts in ((1, 1), (2, 2)):  # what a matcher claimed before, or from what it remembers
        sides = zip(found.sides, attempts, strict=True)
        first, second = (replace(side, attempt=attempt) for side, attempt in sides)
        await sessions.hear(replace(found, match_id=new_id(), sides=(first, second)))
    assert await sessions.value("SELECT count(*) FROM chat_sessions") == 0
    for user in (ana, ben):
        assert (await sessions.state(user)).request is not None


async def test_blocking_again_is_no_error_and_changes_nothing(sessions: Replica) -> None:
    ana, ben, _ = await sessions.waiting_pair()
    asked = BlockUser(user_id=ana, blocked_id=ben)
    assert await sessions.ask(asked) == await sessions.ask(asked)
    await sessions.only(UserBlocked)
    assert await sessions.value("SELECT max(attempt) FROM match_requests") == 2


async def test_blocks_are_listed_newest_first_until_taken_back(sessions: Replica) -> None:
    ana, ben = await sessions.pair()
    eve = await sessions.register("Eve")
    for blocked in (ben, eve):
        await sessions.ask(BlockUser(user_id=ana, blocked_id=blocked))
    assert (await sessions.ask(ListBlocks(user_id=ana))).user_ids == (eve, ben)
    await sessions.ask(UnblockUser(user_id=ana, blocked_id=eve))
    assert (await sessions.ask(ListBlocks(user_id=ana))).user_ids == (ben,)
    refused = await refusal(sessions.ask(UnblockUser(user_id=ana, blocked_id=eve)))
    assert refused.code == "not-blocked"


async def test_what_cannot_be_blocked_is_refused(sessions: Replica) -> None:
    ana, ben = await sessions.pair()
    await sessions.ask(EraseUser(user_id=ben))
    for blocked, code in (
        (ana, "block-self"),
        (ben, "unknown-user"),
        (UserId(new_id()), "unknown-user"),
        (UserId("nonsense"), "unknown-user"),
    ):
        asked = BlockUser(user_id=ana, blocked_id=blocked)
        assert (await refusal(sessions.ask(asked))).code == code
    asked = BlockUser(user_id=UserId(new_id()), blocked_id=ana)
    assert (await refusal(sessions.ask(asked))).code == "unknown-user"
    unblock = UnblockUser(user_id=ana, blocked_id=UserId("nonsense"))
    assert (await refusal(sessions.ask(unblock))).code == "not-blocked"


async def test_nobody_blocks_without_end(sessions: Replica) -> None:
    ana, ben = await sessions.pair()
    eve = await sessions.register("Eve")
    async with sessions.like(blocks_max=1) as strict:
        await strict.ask(BlockUser(user_id=ana, blocked_id=ben))
        refused = await refusal(strict.ask(BlockUser(user_id=ana, blocked_id=eve)))
        assert refused.code == "too-many-blocks"
        await strict.ask(BlockUser(user_id=ana, blocked_id=ben))


async def past(sessions: Replica, user: UserId, number: int) -> list[SessionId]:
    """So many sessions of the user, newest first; the last is live."""
    found: list[SessionId] = []
    for i in range(number):
        ben = await sessions.register(f"Ben {i}", ENGLISH)
        found.insert(0, await sessions.match(await sessions.open(user), await sessions.open(ben)))
        if i < number - 1:
            await sessions.ask(BlockUser(user_id=ben, blocked_id=user))
    return found


async def test_history_is_paged_newest_first(sessions: Replica) -> None:
    ana = await sessions.register()
    expected = await past(sessions, ana, 5)
    seen: list[SessionId] = []
    page = SessionPage(sessions=(), next_before=None)
    while True:
        asked = ListSessions(user_id=ana, limit=2, before=page.next_before)
        page = await sessions.ask(asked)
        seen += [record.session_id for record in page.sessions]
        if page.next_before is None:
            break
        assert len(page.sessions) == 2
    assert seen == expected
    newest, older = (await sessions.ask(ListSessions(user_id=ana, limit=2))).sessions
    assert (newest.duration_s, newest.reason, newest.partner.display_name) == (None, None, "Ben 4")
    assert (older.duration_s, older.reason) == (0, SessionEndReason.BLOCKED)


async def test_the_history_says_how_long_who_practised_and_whose_doing_the_end_was(
    sessions: Replica,
) -> None:
    ana, ben, session_id = await sessions.active_pair()
    await sessions.ago(90.5)
    await sessions.hear(act(ParticipantLeft, ben, session_id))
    one, other = [
        await sessions.ask(GetSession(user_id=user, session_id=session_id)) for user in (ana, ben)
    ]
    assert one.duration_s == other.duration_s == 90
    assert sorted((one.practised_s, one.partner_practised_s)) == [0, 90]
    assert (other.practised_s, other.partner_practised_s) == (
        one.partner_practised_s,
        one.practised_s,
    )
    assert (one.by_you, other.by_you) == (False, True)
    assert one.active_at == other.active_at is not None
    assert (one.reason, one.rating) == (SessionEndReason.LEFT, None)


async def test_a_session_is_shown_from_the_users_own_side(sessions: Replica) -> None:
    ana, ben, session_id = await sessions.talking_pair()
    record = await sessions.ask(GetSession(user_id=ben, session_id=session_id))
    assert (record.partner.id, record.you_practise, record.partner_practises) == (ana, "es", "en")


@pytest.mark.parametrize(("minimum_s", "completed"), [(60, True), (600, False)])
async def test_who_talked_for_the_minimum_completed_it(
    sessions: Replica, minimum_s: float, completed: bool
) -> None:
    async with sessions.like(session_minimum_s=Seconds(minimum_s)) as patient:
        ana, ben, session_id = await patient.active_pair()
        await patient.ago(90.5)
        await patient.ask(BlockUser(user_id=ben, blocked_id=ana))
        ended = await patient.only(SessionEnded)
        last = (await patient.state(ana)).last_session
        record = await patient.ask(GetSession(user_id=ana, session_id=session_id))
        assert last is not None
        shown = [(each.duration_s, each.completed_minimum) for each in (ended, last, record)]
        assert shown == [(await patient.value(WHOLE_SECONDS), completed)] * 3


@pytest.mark.parametrize("typed", ["", "x", new_id()])
async def test_nobody_sees_a_session_that_is_not_theirs(sessions: Replica, typed: str) -> None:
    _, _, session_id = await sessions.talking_pair()
    eve = await sessions.register("Eve")
    for asked in (SessionId(typed), session_id):
        refused = await refusal(sessions.ask(GetSession(user_id=eve, session_id=asked)))
        assert refused.code == "unknown-session"
        page = await sessions.ask(ListSessions(user_id=eve, limit=10, before=asked))
        assert page == SessionPage(sessions=())
