"""Whatever path of states is told in whatever chunks, the client ends with the same view."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.realtime.frames import frames, welcome
from services.gateway.realtime.protocol import (
    IceConfiguration,
    IceServer,
    IceTransportPolicy,
    Limits,
    MatchCancelled,
    MatchExpired,
    MatchFound,
    MatchRequeued,
    SessionActive,
    SessionConnecting,
    SessionEnded,
    SessionTurn,
    StateFrame,
    Welcome,
)
from services.gateway.tests.realtime.lives import Life
from shared.domain import LiveSession, RequestStatus, SessionStatus, UserState

LIMITS = Limits(frame_bytes_max=16384, frames_per_s_max=20)
ICE = IceConfiguration(
    ice_servers=(IceServer(("stun:stun.example:3478",)),),
    ice_transport_policy=IceTransportPolicy.ALL,
)


@dataclass(frozen=True)
class Talk:
    """What a client does about the live session: negotiate at this generation, show this turn."""

    status: str
    generation: int
    turn: int | None = None


@dataclass(frozen=True)
class View:
    """What a client shows, learnt from frames alone. `request` may also be known from a 202."""

    version: int
    request: str | None = None
    session: str | None = None
    talk: Talk | None = None
    last_request: tuple[str, str] | None = None
    last_session: str | None = None


def view_of(state: UserState) -> View:
    ended = state.last_request
    return View(
        version=state.version,
        request=state.request.request_id if state.request else None,
        session=state.session.session_id if state.session else None,
        talk=talk_of(state.session) if state.session else None,
        last_request=(ended.request_id, ended.status.value) if ended else None,
        last_session=state.last_session.session_id if state.last_session else None,
    )


def talk_of(session: LiveSession) -> Talk:
    """While one waits for the other there is nothing to negotiate, so no generation to know."""
    waiting = session.status is SessionStatus.WAITING
    generation = 0 if waiting else session.generation
    return Talk(session.status.value, generation, session.turn.number if session.turn else None)


def talk_after(talk: Talk | None, frame: SessionConnecting | SessionActive | SessionTurn) -> Talk:
    match frame:
        case SessionConnecting():
            return Talk("connecting", frame.generation)
        case SessionActive():
            return Talk("active", frame.generation, frame.turn.number)
        case SessionTurn():
            assert talk is not None and talk.status == "active"
            return replace(talk, turn=frame.turn.number)


def reduce(view: View, frame: StateFrame) -> View:
    """What a client does with each frame: it never has to look at what it held before."""
    view = replace(view, version=frame.version)
    match frame:
        case MatchFound():
            found = (frame.request_id, RequestStatus.MATCHED.value)
            return replace(
                view,
                request=None,
                session=frame.session_id,
                talk=Talk("waiting", 0),
                last_request=found,
            )
        case SessionConnecting() | SessionActive() | SessionTurn():
            assert view.session == frame.session_id
            return replace(view, talk=talk_after(view.talk, frame))
        case MatchExpired():
            return replace(view, request=None, last_request=(frame.request_id, "expired"))
        case MatchCancelled():
            return replace(view, request=None, last_request=(frame.request_id, "cancelled"))
        case MatchRequeued():
            return replace(view, request=frame.request_id, session=None, talk=None)
        case SessionEnded():
            return replace(
                view,
                request=None,
                session=None,
                talk=None,
                last_request=(frame.request_id, RequestStatus.MATCHED.value),
                last_session=frame.session_id,
            )


class Client:
    """The writer's rule on one side, the reducer on the other."""

    def __init__(self) -> None:
        self.told: UserState | None = None
        self.view = View(0)
        self.heard: list[StateFrame | Welcome] = []

    def tell(self, state: UserState) -> None:
        difference = frames(self.told, state, ICE)
        if difference is None:
            self.heard.append(welcome(state, ICE, 10.0, LIMITS))
            self.view = view_of(state)
        for frame in difference or ():
            self.heard.append(frame)
            self.view = reduce(self.view, frame)
        if self.told is None or state.version > self.told.version:
            self.told = state


POSSIBLE = {
    SessionStatus.WAITING: ("join",),
    SessionStatus.CONNECTING: ("connect", "join_again"),
    SessionStatus.ACTIVE: ("turn", "join_again"),
}


def possible(state: UserState) -> Sequence[str]:
    if state.request is not None:
        return ("match", "cancel", "expire", "rename")
    if state.session is not None:
        live = POSSIBLE[state.session.status]
        return (*live, "hang_up", "requeue", "rename")
    return ("ask", "rename")


@st.composite
def lives(draw: st.DrawFn) -> list[UserState]:
    life = Life()
    for _ in range(draw(st.integers(0, 16))):
        step = draw(st.sampled_from(possible(life.state)))
        if step == "requeue":
            life.hang_up(requeued=True)
        else:
            getattr(life, step)()
    return life.states


def check(client: Client, final: UserState) -> None:
    expected = view_of(final)
    shown = client.view
    assert shown.version <= final.version
    assert replace(shown, version=0, request=None) == replace(expected, version=0, request=None)
    asked_for = final.request is not None and final.request.requeued_from is None
    assert shown.request == expected.request or (asked_for and shown.request is None)


@given(lives(), st.data())
def test_any_chunks_of_a_life_lead_to_the_same_view(
    states: list[UserState], data: st.DataObject
) -> None:
    kept = [state for state in states[:-1] if data.draw(st.booleans())] + [states[-1]]
    client = Client()
    for state in kept:
        client.tell(state)
    check(client, states[-1])


@given(lives(), st.data())
def test_states_told_again_or_late_change_nothing(
    states: list[UserState], data: st.DataObject
) -> None:
    client = Client()
    for index, state in enumerate(states):
        client.tell(state)
        before = list(client.heard)
        client.tell(states[data.draw(st.integers(0, index))])
        assert client.heard == before
    check(client, states[-1])


def identity(frame: StateFrame) -> tuple[object, ...]:
    """What a frame is about: told a second time it would be about the same."""
    match frame:
        case SessionConnecting():
            return type(frame), frame.session_id, frame.generation
        case SessionActive():
            return type(frame), frame.session_id, frame.generation
        case SessionTurn():
            return type(frame), frame.session_id, frame.turn.number
        case SessionEnded():
            return type(frame), frame.session_id
        case _:
            return type(frame), frame.request_id


@given(lives(), st.data())
def test_nothing_is_told_twice_or_backwards(states: list[UserState], data: st.DataObject) -> None:
    client = Client()
    for state in states:
        if state is states[-1] or data.draw(st.booleans()):
            client.tell(state)
    said = [identity(frame) for frame in client.heard if not isinstance(frame, Welcome)]
    assert len(said) == len(set(said))
    versions = [frame.version for frame in client.heard]
    assert versions == sorted(versions)


@given(lives())
def test_step_by_step_only_the_first_words_are_a_welcome(states: list[UserState]) -> None:
    client = Client()
    for state in states:
        client.tell(state)
    assert [isinstance(frame, Welcome) for frame in client.heard].count(True) == 1


def kinds(before: UserState, after: UserState) -> list[str]:
    told = frames(before, after, ICE)
    return ["welcome"] if told is None else [type(frame).__name__ for frame in told]


def test_a_match_is_told_with_the_request_it_came_from() -> None:
    life = Life()
    asked, matched = life.ask(), life.match()
    [frame] = frames(asked, matched, ICE) or ()
    assert isinstance(frame, MatchFound) and frame.request_id == "r1" and frame.version == 3


def test_a_session_that_ended_unseen_is_told_as_ended_and_not_as_found() -> None:
    life = Life()
    asked = life.ask()
    life.match()
    assert kinds(asked, life.hang_up()) == ["SessionEnded"]


def test_a_requeue_is_told_after_the_session_it_follows() -> None:
    life = Life()
    life.ask()
    live = life.match()
    requeued = life.hang_up(requeued=True)
    assert kinds(live, requeued) == ["SessionEnded", "MatchRequeued"]
    assert kinds(live, life.match()) == ["SessionEnded", "MatchFound"]
    assert kinds(requeued, life.state) == ["MatchFound"]


def test_a_requeue_that_expired_unseen_is_told_as_expired() -> None:
    life = Life()
    life.ask()
    live = life.match()
    life.hang_up(requeued=True)
    assert kinds(live, life.expire()) == ["SessionEnded", "MatchExpired"]


def test_a_new_match_is_told_after_the_end_of_the_last() -> None:
    life = Life()
    idle = life.state
    life.ask()
    life.match()
    life.hang_up()
    life.ask()
    assert kinds(idle, life.match()) == ["SessionEnded", "MatchFound"]


def test_when_the_fate_of_what_was_shown_is_unknown_a_welcome_tells_all() -> None:
    life = Life()
    asked = life.ask()
    live = life.match()
    for _ in range(2):
        life.hang_up(requeued=True)
        life.match()
    assert kinds(live, life.state) == ["welcome"]
    assert kinds(asked, life.state) == ["welcome"]


def test_a_talk_is_told_from_joining_to_the_turn_of_the_other_language() -> None:
    life = Life()
    life.ask()
    found = life.match()
    one, both = life.join(), life.join()
    active, turned = life.connect(), life.turn()
    assert kinds(found, one) == []
    assert kinds(one, both) == ["SessionConnecting"]
    assert kinds(both, active) == ["SessionActive"]
    assert kinds(active, turned) == ["SessionTurn"]
    assert kinds(found, turned) == ["SessionActive"]
    assert kinds(life.states[1], both) == ["MatchFound", "SessionConnecting"]
    assert kinds(life.states[1], turned) == ["MatchFound", "SessionActive"]


def test_a_newer_connection_is_told_to_both_as_a_new_generation() -> None:
    life = Life()
    life.ask()
    life.match()
    life.join()
    connecting = life.join()
    again = life.join_again()
    [frame] = frames(connecting, again, ICE) or ()
    assert isinstance(frame, SessionConnecting) and frame.generation == 3
    active = life.connect()
    [frame] = frames(active, life.join_again(), ICE) or ()
    assert isinstance(frame, SessionActive) and frame.generation == 4


def test_a_turn_and_a_generation_missed_together_are_one_frame() -> None:
    life = Life()
    for step in (life.ask, life.match, life.join, life.join, life.connect):
        step()
    active = life.state
    life.turn()
    [frame] = frames(active, life.join_again(), ICE) or ()
    assert isinstance(frame, SessionActive) and (frame.turn.number, frame.generation) == (1, 3)


def test_a_change_no_frame_shows_is_told_by_silence() -> None:
    life = Life()
    asked = life.ask()
    assert kinds(asked, life.rename()) == []
