"""One golden sample per frame stays for ever: what is on the wire may grow, never change."""

from pathlib import Path

import msgspec
import pytest

from services.gateway.realtime import protocol
from services.gateway.realtime.frames import frames, welcome
from services.gateway.realtime.protocol import (
    BadFrame,
    ClientFrame,
    Error,
    Goodbye,
    GoodbyeAction,
    Hello,
    Limits,
    MalformedFrame,
    MatchWaiting,
    Ping,
    Pong,
    ServerFrame,
    UnknownFrame,
)
from services.gateway.tests.realtime.lives import Life
from shared.identifiers import RequestId, UserId

GOLDEN = Path(__file__).parent / "golden"
ANA = UserId("01935000-0000-7000-8000-00000000000a")
LIMITS = Limits(frame_bytes_max=16384, frames_per_s_max=20)

CLIENT: tuple[ClientFrame, ...] = (Hello(token="a.b.c", id="1"), Ping(id="2"))


def told() -> dict[str, ServerFrame]:
    """Every state frame there is, out of one life."""
    life = Life(ANA)
    for step in (life.ask, life.match):
        step()
    live = welcome(life.state, 10.0, LIMITS, "1")
    life.hang_up(requeued=True)
    life.cancel()
    life.ask()
    life.expire()
    pairs = zip(life.states, life.states[1:], strict=False)
    said = [frame for before, after in pairs for frame in frames(before, after) or ()]
    return {tag(frame): frame for frame in (live, *said)}


def tag(frame: ServerFrame | ClientFrame) -> str:
    return str(frame.__struct_config__.tag)


def server_frames() -> dict[str, ServerFrame]:
    waiting = MatchWaiting(request_id=RequestId("r1"), waited_s=10.0, estimated_wait_s=None)
    error = Error(code="unknown-frame", message="…", about={"type": "dance"}, id="3")
    goodbye = Goodbye(action=GoodbyeAction.RESUME, after_ms=1200)
    more: tuple[ServerFrame, ...] = (Pong(id="2"), waiting, error, goodbye)
    return told() | {tag(frame): frame for frame in more}


def test_every_server_frame_has_a_sample() -> None:
    assert set(server_frames()) == {
        "welcome",
        "pong",
        "match.waiting",
        "match.found",
        "match.expired",
        "match.cancelled",
        "match.requeued",
        "session.ended",
        "error",
        "goodbye",
    }


@pytest.mark.parametrize(("name", "frame"), server_frames().items(), ids=str)
def test_server_frames_look_as_they_always_did(name: str, frame: ServerFrame) -> None:
    golden = (GOLDEN / f"{name}.json").read_text()
    assert msgspec.json.format(protocol.encode(frame)) + "\n" == golden


@pytest.mark.parametrize("frame", CLIENT, ids=tag)
def test_client_frames_are_read_as_they_always_were(frame: ClientFrame) -> None:
    assert protocol.decode((GOLDEN / f"{tag(frame)}.json").read_bytes()) == frame


def test_the_newer_may_say_more() -> None:
    assert protocol.decode('{"type": "hello", "token": "t", "last_offset": "1-0"}') == Hello(
        token="t"
    )


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
