"""One golden sample per frame stays for ever: what is on the wire may grow, never change."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from msgspec.structs import replace

from services.gateway.realtime import protocol
from services.gateway.realtime.frames import frames, welcome
from services.gateway.realtime.protocol import (
    BadFrame,
    Candidate,
    Chat,
    ClientFrame,
    Description,
    DescriptionType,
    Error,
    Goodbye,
    GoodbyeAction,
    Hello,
    Ice,
    IceConfiguration,
    IceRefresh,
    IceServer,
    IceTransportPolicy,
    Limits,
    MalformedFrame,
    MatchWaiting,
    PeerAway,
    PeerBack,
    Ping,
    Pong,
    RelayedChat,
    RelayedSignal,
    ServerFrame,
    SessionActive,
    SessionConnected,
    SessionDecline,
    SessionFailed,
    SessionJoin,
    SessionLeave,
    SessionTurn,
    Signal,
    StateFrame,
    Topics,
    UnknownFrame,
)
from services.gateway.tests.realtime.lives import BEN, NOON, Life
from shared.domain import FailReason, Level
from shared.identifiers import RequestId, SessionId, UserId

GOLDEN = Path(__file__).parent / "golden"
ANA = UserId("01935000-0000-7000-8000-00000000000a")
SESSION = SessionId("s2")
LIMITS = Limits(frame_bytes_max=16384, frames_per_s_max=20)
ICE = IceConfiguration(
    ice_servers=(
        IceServer(urls=("stun:stun.example:3478",)),
        IceServer(
            urls=("turn:turn.example:3478", "turns:turn.example:5349?transport=tcp"),
            username=f"1795352400:{ANA}",
            credential="c2VjcmV0",
        ),
    ),
    ice_transport_policy=IceTransportPolicy.ALL,
    expires_at=NOON + timedelta(hours=1),
)
TOPICS = Topics(language="es", prompts=("¿Qué tal el viaje?",), level=Level.B1)
OFFER = Description(DescriptionType.OFFER, "v=0\r\n")
CANDIDATE = Candidate(
    candidate="candidate:1 1 udp 2122260223 192.0.2.1 54400 typ host",
    sdp_mid="0",
    sdp_m_line_index=0,
    username_fragment="8hhY",
)

CLIENT: dict[str, ClientFrame] = {
    "hello": Hello(token="a.b.c", id="1"),
    "hello@resuming": Hello(token="a.b.c", last_offset="1795352400000-0", id="1"),
    "hello@knowing": Hello(token="a.b.c", last_version=12, id="1"),
    "ping": Ping(id="2"),
    "session.join": SessionJoin(session_id=SESSION, id="3"),
    "session.decline": SessionDecline(session_id=SESSION, id="4"),
    "session.connected": SessionConnected(session_id=SESSION, id="5"),
    "session.failed": SessionFailed(session_id=SESSION, reason=FailReason.MICROPHONE, id="6"),
    "session.leave": SessionLeave(session_id=SESSION, id="7"),
    "signal": Signal(session_id=SESSION, generation=2, description=OFFER, id="8"),
    "signal@candidate": Signal(session_id=SESSION, generation=2, candidate=CANDIDATE),
    "signal@no_more": Signal(session_id=SESSION, generation=2, candidate=None),
    "chat": Chat(session_id=SESSION, id="9", text="¿Qué tal?"),
    "ice.refresh": IceRefresh(session_id=SESSION, id="10"),
}


def told() -> dict[str, ServerFrame]:
    """Every state frame there is, out of two lives: nobody came, and a talk."""
    life = Life(ANA)
    for step in (life.ask, life.match):
        step()
    live = welcome(life.state, ICE, 10.0, LIMITS, "1")
    life.hang_up(requeued=True)
    life.cancel()
    life.ask()
    life.expire()
    talk = Life(ANA)
    for step in (talk.ask, talk.match, talk.join, talk.join, talk.connect, talk.turn):
        step()
    talking = welcome(
        talk.state, ICE, 10.0, LIMITS, peer_away=True, offset="1795352400000-0", recovered=False
    )
    assert talking.session is not None
    talking = replace(talking, session=replace(talking.session, topics=TOPICS))
    said: dict[str, ServerFrame] = {"welcome@talking": talking}
    return said | {tag(frame): frame for frame in (*steps(talk), live, *steps(life))}


def steps(life: Life) -> Iterator[StateFrame]:
    for before, after in pairwise(life.states):
        for frame in frames(before, after, ICE) or ():
            yield plain(frame)


def plain(frame: StateFrame) -> StateFrame:
    """Samples stay when the catalogues grow."""
    if isinstance(frame, SessionActive | SessionTurn):
        return replace(frame, topics=TOPICS)
    return frame


def relayed() -> dict[str, ServerFrame]:
    signal = RelayedSignal(
        session_id=SESSION, generation=2, offset="1795352400000-0", description=OFFER
    )
    return {
        "signal@relayed": signal,
        "signal@relayed_candidate": RelayedSignal(
            session_id=SESSION, generation=2, offset="1795352400000-1", candidate=CANDIDATE
        ),
        "chat@relayed": RelayedChat(
            session_id=SESSION,
            id="9",
            sender=BEN,
            text="¿Qué tal?",
            sent_at=NOON,
            offset="1795352400000-2",
        ),
    }


def tag(frame: ServerFrame | ClientFrame) -> str:
    return str(frame.__struct_config__.tag)


def server_frames() -> dict[str, ServerFrame]:
    waiting = MatchWaiting(request_id=RequestId("r1"), waited_s=10.0, estimated_wait_s=None)
    error = Error(code="unknown-frame", message="…", about={"type": "dance"}, id="3")
    goodbye = Goodbye(action=GoodbyeAction.RESUME, after_ms=1200)
    peer = (PeerAway(session_id=SESSION), PeerBack(session_id=SESSION))
    ice = Ice(session_id=SESSION, ice=ICE, id="10")
    more: tuple[ServerFrame, ...] = (Pong(id="2"), waiting, *peer, ice, error, goodbye)
    logged = replace(error, correlation_id="01935000-0000-7000-8000-0000000000f1")
    by_tag = {tag(frame): frame for frame in more}
    return told() | relayed() | by_tag | {"error@logged": logged}


def test_every_frame_has_a_sample() -> None:
    for union, samples in (
        (protocol.ServerFrame, server_frames().values()),
        (protocol.ClientFrame, CLIENT.values()),
    ):
        assert {type(frame) for frame in samples} == set(get_args(union))


@pytest.mark.parametrize(("name", "frame"), server_frames().items(), ids=str)
def test_server_frames_look_as_they_always_did(name: str, frame: ServerFrame) -> None:
    golden = (GOLDEN / f"{name}.json").read_text()
    assert msgspec.json.format(protocol.encode(frame)) + "\n" == golden


@pytest.mark.parametrize(("name", "frame"), CLIENT.items(), ids=str)
def test_client_frames_are_read_as_they_always_were(name: str, frame: ClientFrame) -> None:
    assert protocol.decode((GOLDEN / f"{name}.json").read_bytes()) == frame


def test_the_newer_may_say_more() -> None:
    assert protocol.decode('{"type": "ping", "id": "2", "mood": "good"}') == Ping(id="2")


@pytest.mark.parametrize(
    "text",
    [
        *("", "hello", "[]", "7", "null", '{"id": "1"}', '{"type": 1}', b"\xff"),
        '{"type": "ping", "more": ' + 8000 * "[" + 8000 * "]" + "}",
    ],
)
def test_what_is_no_object_with_a_type_is_no_frame(text: str | bytes) -> None:
    with pytest.raises(BadFrame):
        protocol.decode(text)


def test_an_unknown_type_is_told_from_a_known_one_with_wrong_fields() -> None:
    with pytest.raises(UnknownFrame) as unknown:
        protocol.decode('{"type": "dance", "id": "7"}')
    assert (unknown.value.type, unknown.value.id) == ("dance", "7")
    with pytest.raises(MalformedFrame) as malformed:
        protocol.decode('{"type": "hello", "token": 5}')
    assert malformed.value.type == "hello" and "token" in str(malformed.value)
