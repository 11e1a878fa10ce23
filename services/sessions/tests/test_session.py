from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.sessions import session
from services.sessions.session import Blocked, End, Erased, Record, Side, TimePassed, WentOffline
from shared.domain import SessionEndReason, SessionStatus
from shared.identifiers import RequestId, SessionId, UserId

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ANA, BEN, EVE = UserId("ana"), UserId("ben"), UserId("eve")
OVER = (SessionStatus.ENDED,)
TALKED = (SessionStatus.ACTIVE,)


def sides(ana_joined: bool = False, ben_joined: bool = False) -> tuple[Side, Side]:
    return (
        Side(user_id=ANA, request_id=RequestId("a"), practises="en", left_s=100, joined=ana_joined),
        Side(user_id=BEN, request_id=RequestId("b"), practises="es", left_s=200, joined=ben_joined),
    )


def record(
    status: SessionStatus = SessionStatus.WAITING,
    join_in_s: float = 30,
    ana_joined: bool = False,
    ben_joined: bool = False,
) -> Record:
    return Record(
        session_id=SessionId("s"),
        status=status,
        created_at=NOW,
        join_by=NOW + timedelta(seconds=join_in_s),
        sides=sides(ana_joined, ben_joined),
        active_at=NOW if status in TALKED else None,
    )


records = st.builds(
    record, st.sampled_from(SessionStatus), st.floats(-60, 60), st.booleans(), st.booleans()
)
happenings = st.one_of(
    st.builds(TimePassed, st.floats(-90, 90).map(lambda s: NOW + timedelta(seconds=s))),
    st.builds(Blocked),
    st.builds(Erased, st.sampled_from([ANA, BEN, EVE])),
    st.builds(WentOffline, st.frozensets(st.sampled_from([ANA, BEN, EVE])), st.booleans()),
)


@given(records, happenings)
def test_what_has_ended_stays_as_it_is(before: Record, happening: session.Happening) -> None:
    if before.status in OVER:
        assert session.transition(before, happening) is None


@given(records, happenings)
def test_only_one_who_did_nothing_wrong_is_requeued(
    before: Record, happening: session.Happening
) -> None:
    end = session.transition(before, happening)
    for side in end.requeued if end else ():
        assert side in before.sides
        match happening:
            case TimePassed():
                assert side.joined
            case Erased(user_id):
                assert side.user_id != user_id
            case WentOffline(user_ids, partner_away):
                assert side.user_id not in user_ids
                assert not partner_away
            case Blocked():
                raise AssertionError("a block requeues nobody")


@given(records, st.frozensets(st.sampled_from([EVE])))
def test_a_stranger_ends_nobodys_session(before: Record, users: frozenset[UserId]) -> None:
    assert session.transition(before, WentOffline(users)) is None
    assert session.transition(before, Erased(EVE)) is None


@given(st.floats(-90, 90), st.floats(-60, 60))
def test_nobody_is_late_before_the_deadline(now_s: float, join_in_s: float) -> None:
    before = record(join_in_s=join_in_s)
    now = NOW + timedelta(seconds=now_s)
    end = session.transition(before, TimePassed(now))
    assert end == (End(SessionEndReason.ABANDONED) if now >= before.join_by else None)


def test_who_joined_in_time_is_requeued_when_the_other_did_not() -> None:
    before = record(join_in_s=0, ben_joined=True)
    end = session.transition(before, TimePassed(NOW))
    assert end == End(SessionEndReason.ABANDONED, (before.sides[1],))


def test_one_goes_offline_and_the_other_is_requeued() -> None:
    before = record()
    end = session.transition(before, WentOffline(frozenset({ANA})))
    assert end == End(SessionEndReason.OFFLINE, (before.sides[1],))


def test_both_go_offline_and_nobody_is_requeued() -> None:
    end = session.transition(record(), WentOffline(frozenset({ANA, BEN})))
    assert end == End(SessionEndReason.OFFLINE)


def test_a_partner_who_is_away_as_well_is_not_requeued() -> None:
    end = session.transition(record(), WentOffline(frozenset({ANA}), partner_away=True))
    assert end == End(SessionEndReason.OFFLINE)


def test_whoever_has_talked_is_not_requeued() -> None:
    end = session.transition(record(SessionStatus.ACTIVE), Erased(ANA))
    assert end == End(SessionEndReason.ERASED)


@given(st.floats(-1000, 1000))
def test_a_requeue_has_what_was_left_and_at_least_a_minute(left_s: float) -> None:
    seconds = (session.requeue_until(NOW, left_s) - NOW).total_seconds()
    assert seconds >= 60
    assert abs(seconds - max(left_s, 60)) < 0.001


def test_who_never_talked_completed_nothing() -> None:
    later = NOW + timedelta(seconds=90)
    assert not session.completed_minimum(record(), later, 0)
    assert session.completed_minimum(record(SessionStatus.ACTIVE), later, 90)
    assert not session.completed_minimum(record(SessionStatus.ACTIVE), later, 91)


def test_a_session_lasts_from_its_becoming_active() -> None:
    assert session.duration_s(record(), NOW + timedelta(seconds=90)) == 0
    assert session.duration_s(record(SessionStatus.ACTIVE), NOW + timedelta(seconds=90)) == 90
