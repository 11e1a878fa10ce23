"""What partners say to each other, across two gateways: relayed in order, or refused."""

import asyncio
from typing import Any

import pytest

from services.gateway.tests.realtime.pairs import kept, met, pair, relayed, talking
from services.gateway.tests.realtime.world import World
from shared.config import Seconds
from shared.errors import Unavailable
from shared.memory import command
from shared.testing import eventually

OFFER = {"type": "offer", "sdp": "v=0"}


async def test_signals_pass_both_ways_between_gateways_in_order(world: World) -> None:
    here, there = await world.gateway(tending=False), await world.gateway(tending=False)
    two = await met(world, here)
    async with talking(world, two, here, there) as (ana, ben):
        await ana.say(**two.signal(description=OFFER))
        assert (await ben.hear("signal"))["description"] == OFFER
        for n in range(30):
            await ana.say(**two.signal(candidate={"candidate": f"a{n}", "sdpMLineIndex": n}))
            await ben.say(**two.signal(candidate={"candidate": f"b{n}"}))
        await ana.say(**two.signal(candidate=None))
        heard = await relayed(ben, 31)
        assert [one["candidate"] for one in heard] == [
            *({"candidate": f"a{n}", "sdpMLineIndex": n} for n in range(30)),
            None,
        ]
        assert {one["generation"] for one in heard} == {2}
        offsets = [tuple(map(int, one["offset"].split("-"))) for one in heard]
        assert offsets == sorted(set(offsets))
        said = [one["candidate"]["candidate"] for one in await relayed(ana, 30)]
        assert said == [f"b{n}" for n in range(30)]
        await ana.silent()
        await ben.silent()


async def test_a_pair_on_one_gateway_is_relayed_to_as_well(world: World) -> None:
    running = await world.gateway(tending=False)
    two = await met(world, running)
    async with talking(world, two, running, running) as (ana, ben):
        await ana.say(**two.signal())
        await ben.hear("signal")
        await ben.say(**two.chat("1"))
        assert (await ana.hear("chat"))["text"] == (await ben.hear("chat"))["text"] == "hola"


async def test_chat_is_told_to_both_in_one_order(world: World) -> None:
    limits = {"chats_burst_max": 100}
    here = await world.gateway(tending=False, **limits)
    there = await world.gateway(tending=False, **limits)
    two = await met(world, here)
    async with talking(world, two, here, there) as (ana, ben):
        for n in range(20):
            await asyncio.gather(
                ana.say(**two.chat(f"{n}", f"a{n}")), ben.say(**two.chat(f"{n}", f"b{n}"))
            )
        to_ana, to_ben = await asyncio.gather(relayed(ana, 40), relayed(ben, 40))
        shown = [
            [(one["sender"], one["id"], one["text"], one["sent_at"]) for one in heard]
            for heard in (to_ana, to_ben)
        ]
        assert shown[0] == shown[1] and len(set(shown[0])) == 40
        for life, letter in ((two.ana, "a"), (two.ben, "b")):
            texts = [text for sender, _, text, _ in shown[0] if sender == life.user_id]
            assert texts == [f"{letter}{n}" for n in range(20)]


async def test_a_message_said_again_is_not_told_again(world: World) -> None:
    here, there = await world.gateway(tending=False), await world.gateway(tending=False)
    two = await met(world, here)
    async with world.person(there, two.ben) as ben:
        async with world.person(here, two.ana) as ana:
            for _ in range(3):
                await ana.say(**two.chat("1", "one"))
            await ana.hear("chat")
        async with world.person(there, two.ana) as ana:
            await ana.say(**two.chat("1", "one"))
            await ana.say(**two.chat("2", "two"))
            assert (await ana.hear("chat"))["id"] == "2"
        await ben.say(**two.chat("1", "mine"))
        assert [one["text"] for one in await relayed(ben, 3)] == ["one", "two", "mine"]


async def test_what_may_not_be_relayed_is_refused_and_leaves_nothing(world: World) -> None:
    here, there = await world.gateway(tending=False), await world.gateway(tending=False)
    two, others, over = pair(world), await met(world, here), await met(world, here)
    await there.hear(*two.match())
    await here.hear(*over.hang_up())
    eve = world.sessions.register()
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (two.ana, two.signal(0), "not-connecting"),
        (two.ana, two.chat("1"), "not-connecting"),
        (others.ana, others.signal(1), "wrong-generation"),
        (others.ana, others.signal(3), "wrong-generation"),
        (others.ana, others.signal(candidate=None, description=OFFER), "invalid-frame"),
        (others.ana, {**others.signal(), "candidate": {}}, "invalid-frame"),
        (others.ana, others.signal() | {"generation": -1}, "invalid-frame"),
        (others.ana, others.chat("1", ""), "invalid-frame"),
        (others.ana, others.chat("1", "x" * 2001), "invalid-frame"),
        (over.ana, over.signal(), "unknown-session"),
        (over.ben, over.chat("1"), "unknown-session"),
        # Somebody else, with the right ids and with guessed ones.
        (eve, others.signal(), "unknown-session"),
        (eve, others.chat("1"), "unknown-session"),
        (two.ana, others.chat("1"), "unknown-session"),
        (eve, others.chat("1") | {"session_id": "0"}, "unknown-session"),
        (eve, others.chat("1") | {"session_id": f"{others.session_id}}}:x"}, "unknown-session"),
    ]
    async with talking(world, others, here, there) as (anas, bens):
        for life, frame, code in cases:
            if life is others.ana:
                await anas.say(**frame, **{"id": "x"} if frame["type"] == "signal" else {})
                error = await anas.hear("error")
            else:
                async with world.person(there, life) as socket:
                    await socket.say(**frame)
                    error = await socket.hear("error")
            assert error["code"] == code, (frame, error)
            if code == "wrong-generation":
                assert error["about"] == {"session_id": others.session_id, "generation": "2"}
        await anas.silent()
        await bens.silent()
    for session_id in (two.session_id, others.session_id):
        assert await kept(here.memory, session_id) == {}
    left = await kept(here.memory, over.session_id)
    assert list(left) == [f"gateway:{{{over.session_id}}}:over"]


async def test_the_card_decides_when_a_socket_was_not_told_yet(world: World) -> None:
    here, there = await world.gateway(tending=False), await world.gateway(tending=False)
    two = await met(world, here)
    async with talking(world, two, here, there) as (ana, ben):
        await here.memory.run([command("DEL", "gateway:doorbell:gateway-1")])
        await there.hear(*two.hang_up())
        await ben.hear("session.ended")
        await ana.say(**two.signal())
        # What it finds on the card is told as well.
        assert {(await ana.next())["type"] for _ in range(2)} == {"error", "session.ended"}
        assert not any(":relay:" in key for key in await kept(here.memory, two.session_id))


async def test_streams_go_with_the_session_and_do_not_come_back(world: World) -> None:
    here, there = await world.gateway(tending=False), await world.gateway(tending=False)
    two = await met(world, here)
    async with talking(world, two, here, there) as (ana, ben):
        await ana.say(**two.signal())
        await ana.say(**two.chat("1"))
        await relayed(ben, 2)
        streams = {key: n for key, n in (await kept(here.memory, two.session_id)).items() if n}
        assert sorted(streams.values()) == [1, 2]
        # The end is told, but the one who says more has not heard of it, nor has the card.
        connected = here.gateway.connections.get(two.ana.user_id)
        assert connected is not None
        before = two.ana.state
        await there.hear(*two.hang_up())
        assert list(await kept(here.memory, two.session_id)) == [
            f"gateway:{{{two.session_id}}}:over"
        ]
        key = f"gateway:{{{two.ana.user_id}}}:card"
        await here.memory.run([command("DEL", key)])
        await ana.hear("chat")
        await ana.hear("session.ended")
        connected.latest = before
        await ana.say(**two.chat("2"))
        assert (await ana.hear("error"))["code"] == "unknown-session"
        assert len(await kept(here.memory, two.session_id)) == 1


async def test_a_signal_waits_until_its_generation_was_told(world: World) -> None:
    here, there = await world.gateway(tending=False), await world.gateway(tending=False)
    two = await met(world, here)
    async with talking(world, two, here, there) as (ana, ben):
        anas, bens = two.join_again()
        await here.hear(anas)
        await ana.hear("session.connecting")
        await ana.say(**two.signal(3))

        async def relayed_already() -> None:
            assert 1 in (await kept(here.memory, two.session_id)).values()

        await eventually(relayed_already)
        there.gateway.relay.wake([two.ben.user_id])
        await ben.silent()
        await here.hear(bens)
        assert (await ben.hear("session.connecting"))["generation"] == 3
        assert (await ben.hear("signal"))["generation"] == 3


async def test_too_much_is_refused_without_closing_and_each_kind_has_its_own_limit(
    world: World,
) -> None:
    limits = {"signals_burst_max": 5, "chats_burst_max": 3}
    running = await world.gateway(tending=False, **limits)
    two = await met(world, running)
    async with talking(world, two, running, running) as (ana, ben):
        for n in range(10):
            await ana.say(**two.signal(candidate={"candidate": f"{n}"}))
        for n in range(6):
            await ana.say(**two.chat(f"{n}"))
        heard = await relayed(ben, 8)
        assert [one["type"] for one in heard] == ["signal"] * 5 + ["chat"] * 3
        errors: list[str] = []
        while len(errors) < 8:
            frame = await ana.next()
            errors += [frame["code"]] if frame["type"] == "error" else []
        assert sorted(errors) == ["too-many-messages"] * 3 + ["too-many-signals"] * 5


async def test_without_redis_it_is_said_that_nothing_was_relayed(world: World) -> None:
    running = await world.gateway(tending=False)
    two = await met(world, running)
    async with world.person(running, two.ana) as ana:
        memory = running.memory
        run, failing = memory.run, _Failing()
        # mypy: a method is replaced on purpose, and put back: Redis fails for this one call.
        memory.run = failing.run  # type: ignore[method-assign]
        await ana.say(**two.signal() | {"id": "s"})
        error = await ana.hear("error")
        memory.run = run  # type: ignore[method-assign]
        assert (error["code"], error["id"]) == ("unavailable", "s")
        assert error["about"] == {"type": "signal", "retry_after_s": "2"}


async def test_streams_are_capped_and_expire(world: World) -> None:
    running = await world.gateway(
        tending=False, relay_length_max=5, relay_lifetime_s=Seconds(0.3), chats_burst_max=50
    )
    two = await met(world, running)
    async with world.person(running, two.ana) as ana:
        for n in range(12):
            await ana.say(**two.chat(f"{n}"))
            await ana.hear("chat")
        streams = [n for n in (await kept(running.memory, two.session_id)).values() if n]
        assert streams == [5, 5]

        async def gone() -> None:
            assert await kept(running.memory, two.session_id) == {}

        await eventually(gone)


async def test_no_log_holds_what_people_write(
    world: World, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    secret = "nobodyelsesbusiness"
    running = await world.gateway(chats_burst_max=2)
    two = await met(world, running)
    async with world.person(running, two.ana) as ana:
        await ana.say(**two.chat("1", secret))
        await ana.hear("chat")
        memory = running.memory
        run, failing = memory.run, _Failing()
        # mypy: a method is replaced on purpose, and put back: Redis fails for this one call.
        memory.run = failing.run  # type: ignore[method-assign]
        await ana.say(**two.chat("2", secret))
        assert (await ana.hear("error"))["code"] == "unavailable"
        memory.run = run  # type: ignore[method-assign]
        await ana.say(**two.chat("3", secret))
        await ana.say(**two.chat("4", secret) | {"session_id": "0"})
        await ana.say(**two.chat("5", secret) | {"text": [secret]})
        await ana.hear("error")
        await ana.connection.send('{"type": "chat", "text": "' + secret)
        code, said = await ana.closed()
        assert code == 4500 and secret not in str(said)
    printed = capsys.readouterr()
    assert "relay.unavailable" in printed.out + printed.err + caplog.text
    assert secret not in printed.out + printed.err + caplog.text


class _Failing:
    async def run(self, commands: object) -> list[Any]:
        raise Unavailable("redis")
