"""The life of a session, each transition and what holds of all of them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.sessions import session
from services.sessions.record import Record, Side, requeue_until
from services.sessions.session import (
    Act,
    Blocked,
    Erased,
    Happening,
    Limits,
    TimePassed,
    WentOffline,
)
from services.sessions.tests.replica import act
from shared.domain import FailReason, SessionEndReason, SessionStatus
from shared.events import (
    ParticipantConnected,
    ParticipantDeclined,
    ParticipantFailed,
    ParticipantJoined,
    ParticipantLeft,
)
from shared.identifiers import ConnectionId, RequestId, SessionId, UserId

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ANA, BEN, EVE = UserId("ana"), UserId("ben"), UserId("eve")
LIMITS = Limits(connect_timeout_s=30, turn_s=600, maximum_s=3600)
ACTS: tuple[type[Act], ...] = (
    ParticipantJoined,
    ParticipantConnected,
    ParticipantDeclined,
    ParticipantFailed,
    ParticipantLeft,
)


def after_s(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def does(
    kind: type[Act], user: UserId, connection: int = 1, reason: FailReason = FailReason.NETWORK
) -> Act:
    """An act on the user's n-th connection."""
    return act(kind, user, SessionId("s"), ConnectionId(f"c{connection}"), reason)


def joins(user: UserId, connection: int = 1) -> Act:
    return does(ParticipantJoined, user, connection)


def connects(user: UserId, connection: int = 1) -> Act:
    return does(ParticipantConnected, user, connection)


def fresh(starts: int = 0) -> Record:
    """Just accepted: to be joined within 30 s."""
    return Record(
        session_id=SessionId("s"),
        status=SessionStatus.WAITING,
        created_at=NOW,
        join_by=after_s(30),
        starts=starts,
        sides=(
            Side(user_id=ANA, request_id=RequestId("a"), practises="en", left_s=100),
            Side(user_id=BEN, request_id=RequestId("b"), practises="es", left_s=200),
        ),
    )


def so_far(*happenings: Happening, at_s: float = 0, record: Record | None = None) -> Record:
    """What all this made of a session, from fresh, at one moment."""
    record = record or fresh()
    for happening in happenings:
        record = session.transition(record, happening, after_s(at_s), LIMITS)
    return record


WAITING = fresh()
CONNECTING = so_far(joins(ANA), joins(BEN))
ACTIVE = so_far(connects(ANA), connects(BEN))
LIVE = (WAITING, CONNECTING, ACTIVE)

users = st.sampled_from([ANA, BEN, EVE])
happenings = st.one_of(
    st.builds(TimePassed),
    st.builds(Blocked),
    st.builds(Erased, users),
    st.builds(WentOffline, st.frozensets(users), st.booleans()),
    st.builds(
        does, st.sampled_from(ACTS), users, st.integers(0, 3), st.sampled_from(list(FailReason))
    ),
)
histories = st.lists(st.tuples(happenings, st.floats(0, 700)), max_size=12)


def outcome(record: Record) -> tuple[str, set[UserId], set[UserId]]:
    """Why it ended, by whose doing, and who is requeued."""
    assert record.ending is not None
    requeued = {side.user_id for side in record.ending.requeued}
    return record.ending.reason, set(record.ending.by), requeued


def legal(record: Record) -> bool:
    """Whether the parts of a record agree with its status."""
    joined = [side.joined for side in record.sides]
    connected = [side.connected for side in record.sides]
    match record.status:
        case SessionStatus.WAITING:
            agrees = (not all(joined), record.connect_by is None, record.talk is None)
        case SessionStatus.CONNECTING:
            agrees = (all(joined), record.connect_by is not None, record.talk is None)
        case SessionStatus.ACTIVE:
            agrees = (all(connected), record.connect_by is not None, record.talk is not None)
        case SessionStatus.ENDED:
            return record.ending is not None
    return all(agrees) and record.ending is None


def test_the_first_join_waits_for_the_second() -> None:
    record = so_far(joins(ANA))
    assert (record.status, record.generation, record.connect_by) == ("waiting", 1, None)
    record = so_far(joins(BEN), at_s=5, record=record)
    assert (record.status, record.generation) == (SessionStatus.CONNECTING, 2)
    assert record.connect_by == after_s(35)


def test_both_connected_talk_in_the_language_of_the_side_that_starts() -> None:
    record = so_far(connects(ANA), at_s=5, record=CONNECTING)
    assert record.status is SessionStatus.CONNECTING
    record = so_far(connects(BEN), at_s=6, record=record)
    assert record.status is SessionStatus.ACTIVE
    assert record.talk is not None
    assert (record.talk.active_at, record.talk.ends_at) == (after_s(6), after_s(3606))
    assert (record.talk.turn, record.talk.turn_since) == (0, after_s(6))
    assert record.talk.turn_until == after_s(606)


def test_who_is_connected_has_joined() -> None:
    record = so_far(connects(ANA))
    assert (record.status, record.generation) == (SessionStatus.WAITING, 1)
    record = so_far(joins(BEN), record=record)
    assert record.status is SessionStatus.CONNECTING
    assert so_far(connects(BEN), record=record).status is SessionStatus.ACTIVE


@pytest.mark.parametrize("live", LIVE)
def test_a_newer_connection_raises_the_generation_and_joins_for_the_user(live: Record) -> None:
    record = so_far(joins(ANA, 2), record=live)
    assert record.generation == live.generation + 1
    assert record.sides[0].connection_id == "c2"
    assert record.status is live.status
    assert so_far(joins(ANA, 2), joins(ANA, 1), record=record) is record


def test_a_reload_while_connecting_has_to_connect_again() -> None:
    record = so_far(connects(ANA), joins(ANA, 2), connects(BEN), record=CONNECTING)
    assert record.status is SessionStatus.CONNECTING
    assert so_far(connects(ANA, 2), record=record).status is SessionStatus.ACTIVE


@pytest.mark.parametrize("live", [CONNECTING, ACTIVE])
def test_a_lost_socket_negotiates_nothing_anew(live: Record) -> None:
    record = so_far(connects(ANA, 2), record=live)
    assert record.generation == live.generation
    assert so_far(does(ParticipantLeft, ANA, 1), record=record) is record
    assert so_far(connects(BEN), record=record).status is SessionStatus.ACTIVE


def test_a_reload_while_talking_goes_on_talking() -> None:
    record = so_far(joins(ANA, 2), connects(ANA, 2), at_s=60, record=ACTIVE)
    assert record.status is SessionStatus.ACTIVE
    assert record.talk == ACTIVE.talk


@pytest.mark.parametrize("kind", ACTS)
@pytest.mark.parametrize("live", [so_far(joins(ANA, 2), record=record) for record in LIVE])
def test_what_a_replaced_page_does_changes_nothing(live: Record, kind: type[Act]) -> None:
    assert so_far(does(kind, ANA, 1), record=live) is live


@pytest.mark.parametrize("kind", ACTS)
@pytest.mark.parametrize("live", LIVE)
def test_a_stranger_changes_nothing(live: Record, kind: type[Act]) -> None:
    strange = (does(kind, EVE), Erased(EVE), WentOffline(frozenset({EVE})))
    assert so_far(*strange, record=live) is live


def test_a_decline_is_the_doing_of_who_declines() -> None:
    declines = does(ParticipantDeclined, ANA)
    assert outcome(so_far(declines)) == ("declined", {ANA}, {BEN})
    assert outcome(so_far(declines, record=CONNECTING)) == ("left", {ANA}, {BEN})
    assert outcome(so_far(declines, record=ACTIVE)) == ("left", {ANA}, set())


def test_leaving_before_the_talk_requeues_the_other() -> None:
    leaves = does(ParticipantLeft, BEN)
    assert outcome(so_far(leaves)) == ("left", {BEN}, {ANA})
    assert outcome(so_far(leaves, record=CONNECTING)) == ("left", {BEN}, {ANA})
    assert outcome(so_far(leaves, record=ACTIVE)) == ("left", {BEN}, set())


@pytest.mark.parametrize("reason", [FailReason.NETWORK, FailReason.OTHER])
def test_a_network_that_fails_is_nobodys_doing(reason: FailReason) -> None:
    fails = does(ParticipantFailed, ANA, reason=reason)
    assert outcome(so_far(fails)) == ("failed", set(), {ANA, BEN})
    assert outcome(so_far(fails, record=CONNECTING)) == ("failed", set(), {ANA, BEN})
    assert outcome(so_far(fails, record=ACTIVE)) == ("failed", set(), set())


def test_who_has_no_microphone_is_not_requeued() -> None:
    fails = does(ParticipantFailed, ANA, reason=FailReason.MICROPHONE)
    assert outcome(so_far(fails, record=CONNECTING)) == ("failed", {ANA}, {BEN})
    assert outcome(so_far(fails, record=ACTIVE)) == ("failed", {ANA}, set())


def test_who_joined_in_time_is_requeued_when_the_other_did_not() -> None:
    record = so_far(joins(BEN))
    assert so_far(TimePassed(), at_s=29.9, record=record) is record
    late = so_far(TimePassed(), at_s=30, record=record)
    assert outcome(late) == ("abandoned", {ANA}, {BEN})
    assert outcome(so_far(TimePassed(), at_s=30)) == ("abandoned", {ANA, BEN}, set())


def test_two_who_do_not_connect_in_time_are_both_requeued() -> None:
    record = so_far(connects(ANA), record=CONNECTING)
    assert so_far(TimePassed(), at_s=29.9, record=record) is record
    assert outcome(so_far(TimePassed(), at_s=30, record=record)) == ("failed", set(), {ANA, BEN})


@pytest.mark.parametrize("starts", [0, 1])
def test_the_language_alternates_until_the_talk_is_over(starts: int) -> None:
    record = so_far(connects(ANA), connects(BEN), record=fresh(starts))
    record = so_far(TimePassed(), at_s=601.5, record=record)
    assert record.talk is not None
    assert (record.talk.turn, record.talk.turn_since) == (1, after_s(601.5))
    assert record.talk.turn_until == after_s(1201.5)
    practised = [side.practised_s for side in record.sides]
    assert practised == ([601, 0] if starts == 0 else [0, 601])
    record = so_far(TimePassed(), at_s=3500, record=record)
    assert record.talk is not None
    assert (record.talk.turn, record.talk.turn_until) == (2, after_s(3600))
    record = so_far(TimePassed(), at_s=3600.2, record=record)
    assert outcome(record) == ("maximum", set(), set())
    practised = [side.practised_s for side in record.sides]
    assert practised == ([701, 2899] if starts == 0 else [2899, 701])


def test_a_block_requeues_nobody_and_names_nobody() -> None:
    for live in LIVE:
        assert outcome(so_far(Blocked(), record=live)) == ("blocked", set(), set())


def test_one_goes_offline_or_is_erased_and_the_other_is_requeued() -> None:
    for live, requeued in ((WAITING, {BEN}), (CONNECTING, {BEN}), (ACTIVE, set[UserId]())):
        offline, erased = WentOffline(frozenset({ANA, EVE})), Erased(ANA)
        assert outcome(so_far(offline, record=live)) == ("offline", {ANA}, requeued)
        assert outcome(so_far(erased, record=live)) == ("erased", {ANA}, requeued)


def test_both_go_offline_and_nobody_is_requeued() -> None:
    both = WentOffline(frozenset({ANA, BEN}))
    assert outcome(so_far(both)) == ("offline", {ANA, BEN}, set())


def test_a_partner_who_is_away_as_well_is_not_requeued() -> None:
    assert outcome(so_far(WentOffline(frozenset({ANA}), partner_away=True))) == (
        "offline",
        {ANA},
        set(),
    )


@given(histories, st.sampled_from([0, 1]))
def test_whatever_happens_the_record_is_legal_and_ends_once(
    history: Sequence[tuple[Happening, float]], starts: int
) -> None:
    record, at_s = fresh(starts), 0.0
    for happening, pause_s in history:
        at_s += pause_s
        before, record = record, so_far(happening, at_s=at_s, record=record)
        assert legal(record)
        assert record.generation >= before.generation
        assert so_far(happening, at_s=at_s, record=record) is record, "twice is once"
        if before.status is SessionStatus.ENDED:
            assert record is before
        elif record.ending is not None:
            requeued = {side.user_id for side in record.ending.requeued}
            assert requeued.isdisjoint(record.ending.by)
            assert not requeued or (before.talk is None and not isinstance(happening, Blocked))


@given(st.lists(st.floats(0, 900), max_size=12), st.sampled_from([0, 1]), st.floats(0, 5000))
def test_the_seconds_of_both_languages_add_up_to_the_talk(
    looks_s: list[float], starts: int, end_s: float
) -> None:
    record, at_s = so_far(connects(ANA), connects(BEN), record=fresh(starts)), 0.0
    for pause_s in looks_s:
        at_s += pause_s
        record = so_far(TimePassed(), at_s=at_s, record=record)
    record = so_far(does(ParticipantLeft, ANA), at_s=at_s + end_s, record=record)
    assert sum(side.practised_s for side in record.sides) == record.duration_s
    assert all(side.practised_s >= 0 for side in record.sides)


def test_a_clock_set_back_does_not_set_back_a_talk() -> None:
    record = so_far(does(ParticipantLeft, ANA), at_s=-5, record=ACTIVE)
    assert record.ending is not None
    assert (record.ending.at, record.duration_s) == (NOW, 0)


def test_who_never_talked_completed_nothing() -> None:
    declined = so_far(does(ParticipantDeclined, ANA), at_s=90)
    assert (declined.duration_s, declined.completed(0)) == (0, False)
    left = so_far(does(ParticipantLeft, ANA), at_s=90, record=ACTIVE)
    assert (left.duration_s, left.completed(90), left.completed(91)) == (90, True, False)


@given(st.floats(-1000, 1000))
def test_a_requeue_has_what_was_left_and_at_least_a_minute(left_s: float) -> None:
    seconds = (requeue_until(NOW, left_s) - NOW).total_seconds()
    assert seconds >= 60
    assert abs(seconds - max(left_s, 60)) < 0.001


ENDINGS: tuple[Happening, ...] = (
    *(does(kind, user) for user in (ANA, BEN) for kind in ACTS[2:]),
    *(Erased(user) for user in (ANA, BEN)),
    *(WentOffline(frozenset({user})) for user in (ANA, BEN)),
    Blocked(),
)


@settings(max_examples=1000)
@given(st.data())
def test_a_thousand_interleavings_end_once_in_one_legal_state(data: st.DataObject) -> None:
    beginning = [*(kind(user, n) for kind in (joins, connects) for user in (ANA, BEN)
                   for n in (1, 2))]  # fmt: skip
    ending = data.draw(st.lists(st.sampled_from(ENDINGS), min_size=1, max_size=6))
    order = data.draw(st.permutations([*beginning, *ending] * 2))
    record, ends = fresh(data.draw(st.integers(0, 1))), 0
    for at_s, happening in enumerate(order):
        before, record = record, so_far(happening, at_s=at_s, record=record)
        assert legal(record)
        ends += record.ending is not None and before.ending is None
    if ends == 0:  # all that could end it came from replaced pages
        assert all(isinstance(each, Act) and each.connection_id == "c1" for each in ending)
        record = so_far(TimePassed(), at_s=9999, record=record)
        ends += record.ending is not None
    assert (record.status, ends) == (SessionStatus.ENDED, 1)
    assert sum(side.practised_s for side in record.sides) == record.duration_s
    assert so_far(*order, at_s=10_000, record=record) is record


def test_of_interleavings_each_kind_of_end_is_seen() -> None:
    """The machine is not tried in vain: single ends from each status give every reason."""
    seen = {outcome(so_far(happening, record=live))[0] for live in LIVE for happening in ENDINGS}
    timed = {outcome(so_far(TimePassed(), at_s=9999, record=live))[0] for live in LIVE}
    assert seen | timed == set(SessionEndReason)
