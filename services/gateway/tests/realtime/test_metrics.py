"""What the gateway counts of sockets: how they close, resume, and what passes through them."""

import pytest
from websockets.exceptions import InvalidStatus

from services.gateway.tests.realtime.pairs import met, pair, relayed, talking
from services.gateway.tests.realtime.world import World
from shared.errors import Unavailable
from shared.metrics import value
from shared.testing import Rise, eventually


def closed(code: str) -> Rise:
    return Rise("parley_sockets_closed_total", code=code)


async def test_open_sockets_show_and_count_by_how_they_closed(world: World) -> None:
    running, before = await world.gateway(), value("parley_sockets_open")
    went, refused = closed("1000"), closed("4501")
    async with world.person(running, world.sessions.register()):
        assert value("parley_sockets_open") == before + 1
    await eventually(lambda: went.reaches(1))
    async with world.socket(running) as socket:
        await socket.say(type="hello", token="no.such.token")
        await socket.closed()
    await eventually(lambda: refused.reaches(1))
    assert value("parley_sockets_open") == before


async def test_a_socket_that_breaks_off_or_is_replaced_counts_as_such(world: World) -> None:
    running, life = await world.gateway(), world.sessions.register()
    replaced, lost = closed("4509"), Rise("parley_sockets_closed_total", code="1006")
    gone, nothing = closed("gone"), closed("1005")
    async with world.person(running, life) as first, world.person(running, life) as second:
        await first.closed()
        await eventually(lambda: replaced.reaches(1))
        second.connection.transport.abort()

        def one_more() -> None:  # Which of these says so is uvicorn's business.
            assert lost.by + gone.by + nothing.by == 1

        await eventually(one_more)


async def test_a_frame_too_large_and_a_silent_client_count_by_their_codes(world: World) -> None:
    running = await world.gateway(hello_timeout_s=0.1)
    large, silent = closed("4513"), closed("4009")
    async with world.socket(running) as socket:
        await socket.connection.send("x" * 20_000)
        await socket.closed()
        await eventually(lambda: large.reaches(1))
    async with world.socket(running) as socket:
        await socket.closed()
        await eventually(lambda: silent.reaches(1))


async def test_a_code_that_a_client_makes_up_is_none_of_ours(world: World) -> None:
    made_up = closed("other")
    async with world.person(await world.gateway(), world.sessions.register()) as socket:
        await socket.connection.close(3123)
    await eventually(lambda: made_up.reaches(1))


async def test_a_refused_handshake_counts(world: World) -> None:
    refused = Rise("parley_sockets_refused_total", status="403")
    with pytest.raises(InvalidStatus):
        async with world.socket(await world.gateway(), origin="https://elsewhere.example"):
            pass
    assert refused.by == 1


async def test_frames_count_by_type_and_a_made_up_one_as_unknown(world: World) -> None:
    heard = {
        kind: Rise("parley_frames_received_total", type=kind)
        for kind in ("hello", "ping", "unknown", "invalid")
    }
    welcomes, pongs = (Rise("parley_frames_sent_total", type=kind) for kind in ("welcome", "pong"))
    async with world.person(await world.gateway(), world.sessions.register()) as socket:
        await socket.silent()
        await socket.say(type="dance")
        await socket.hear("error")
        await socket.say(type="hello", token=5)
        await socket.hear("error")
    assert {kind: rise.by for kind, rise in heard.items()} == dict.fromkeys(heard, 1)
    assert (welcomes.by, pongs.by) == (1, 1)


async def test_what_partners_relay_counts_by_what_came_of_it(world: World) -> None:
    running = await world.gateway()
    two = await met(world, running)

    def passed(kind: str, outcome: str) -> Rise:
        return Rise("parley_frames_relayed_total", type=kind, outcome=outcome)

    signals, chats = passed("signal", "appended"), passed("chat", "appended")
    again, refused = passed("chat", "repeated"), passed("signal", "refused")
    async with talking(world, two, running, running) as (ana, ben):
        await ana.say(**two.signal())
        await ana.say(**two.chat("1"))
        await relayed(ben, 2)
        await ana.say(**two.chat("1"))
        await ana.say(**two.signal(generation=1))
        await eventually(lambda: refused.reaches(1))
    assert (signals.by, chats.by, again.by) == (1, 1, 1)


async def test_signals_beyond_the_limit_count(world: World) -> None:
    running = await world.gateway(signals_burst_max=2, signals_per_s_max=0.1)
    two = await met(world, running)
    limited = Rise("parley_limited_total", limit="signals")
    async with talking(world, two, running, running) as (ana, _):
        for _ in range(5):
            await ana.say(**two.signal())
        await eventually(lambda: limited.reaches(3))


async def test_a_resume_counts_as_recovered_lost_or_fresh(world: World) -> None:
    running = await world.gateway()
    two = await met(world, running)
    outcomes = {
        outcome: Rise("parley_resumes_total", outcome=outcome)
        for outcome in ("fresh", "recovered", "lost")
    }
    async with talking(world, two, running, running) as (ana, ben):
        assert outcomes["fresh"].by == 2
        await ana.say(**two.signal())
        [signal] = await relayed(ben, 1)
    token = world.token(two.ben.user_id)
    for offset, recovered in ((signal["offset"], True), ("1-1", False)):
        async with world.socket(running) as socket:
            await socket.say(type="hello", token=token, last_offset=offset)
            assert (await socket.hear("welcome"))["recovered"] is recovered
    assert {outcome: rise.by for outcome, rise in outcomes.items()} == {
        "fresh": 2,
        "recovered": 1,
        "lost": 1,
    }


async def test_a_match_compares_the_promised_wait(world: World) -> None:
    running, two = await world.gateway(), pair(world)
    compared = Rise("parley_wait_real_seconds_count")
    states = two.match()
    session = states[0].session
    assert session is not None
    running.gateway._parts.promises.give(session.request_id, 4.0)
    await running.hear(*states)
    await running.hear(*states)
    assert compared.by == 1


async def test_presence_that_holds_off_shows_and_so_do_the_silent(world: World) -> None:
    held, silent = Rise("parley_presence_holds_total"), Rise("parley_users_silent_total")
    running = await world.gateway()
    life = world.sessions.register()
    life.ask()
    await running.hear(life.state)

    def holding() -> None:
        assert held.by >= 1

    await eventually(holding)

    def announced() -> None:
        assert silent.by >= 1
        assert value("parley_presence_held") == 0

    await eventually(announced)


async def test_what_cannot_be_relayed_for_want_of_redis_counts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = await world.gateway()
    two = await met(world, running)
    failed = Rise("parley_frames_relayed_total", type="chat", outcome="unavailable")

    async def away(*_: object) -> None:
        raise Unavailable("redis")

    async with talking(world, two, running, running) as (ana, _):
        monkeypatch.setattr(running.gateway.relay, "pass_on", away)
        await ana.say(**two.chat("1"))
        await eventually(lambda: failed.reaches(1))
