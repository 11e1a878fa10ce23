"""Who is silent with something open is announced, and nobody is after a pause."""

import asyncio

import pytest

from services.gateway.realtime.presence import SWEPT_KEY, WATCH_KEY
from services.gateway.tests.realtime.lives import BEN, NOON, Life
from services.gateway.tests.realtime.world import Running, World
from shared.config import Seconds
from shared.errors import Unavailable
from shared.events import PulseReturned, PulseSent, Silent, UserOffline
from shared.identifiers import RequestId, SessionId, UserId
from shared.memory import command
from shared.requests import GetVersions
from shared.testing import eventually


def announced(world: World, life: Life) -> list[Silent]:
    events = world.publisher.of(UserOffline)
    return [one for event in events for one in event.users if one.user_id == life.user_id]


async def never(_: GetVersions) -> dict[UserId, int]:
    await asyncio.Event().wait()
    return {}


async def swept_before(running: Running) -> None:
    """As if the list had been swept just now: no pause to hold back for."""
    seconds, _ = (await running.memory.run([command("TIME")]))[0]
    await running.memory.run([command("SET", SWEPT_KEY, seconds * 1000)])


async def test_who_is_silent_is_announced_again_and_again_until_it_is_over(world: World) -> None:
    life = world.sessions.register()
    running = await world.gateway(tending=False)
    await swept_before(running)
    await running.hear(life.ask())

    async def thrice() -> None:
        await running.gateway.announce()
        assert len(announced(world, life)) >= 3

    await eventually(thrice)
    assert set(announced(world, life)) == {Silent(user_id=life.user_id, request_id=RequestId("r1"))}
    await running.hear(life.match())

    async def with_session() -> None:
        await running.gateway.announce()
        assert announced(world, life)[-1] == Silent(
            user_id=life.user_id, session_id=SessionId("s2")
        )

    await eventually(with_session)
    await running.hear(life.hang_up())

    async def off_the_list() -> None:
        await running.gateway.announce()
        assert await running.memory.run([command("ZCARD", WATCH_KEY)]) == [0]

    await eventually(off_the_list)


async def test_who_gives_signs_of_life_is_not_announced(world: World) -> None:
    alive, silent = world.sessions.register(), world.sessions.register()
    running = await world.gateway(tending=False)
    await swept_before(running)
    await running.hear(alive.ask(), silent.ask())

    async def the_silent_one_alone() -> None:
        await running.memory.run([running.gateway.presence.renewing([alive.user_id])])
        await running.gateway.announce()
        assert announced(world, silent)

    await eventually(the_silent_one_alone)
    assert not announced(world, alive)


async def test_an_open_socket_is_a_sign_of_life(world: World) -> None:
    connected, silent = world.sessions.register(), world.sessions.register()
    running = await world.gateway(refresh_interval_s=Seconds(60))
    async with world.person(running, connected):
        await running.hear(connected.ask(), silent.ask())

        async def the_silent_one_alone() -> None:
            assert len(announced(world, silent)) >= 2

        await eventually(the_silent_one_alone)
        assert not announced(world, connected)


async def test_connected_users_are_present_however_slow_sessions_is(world: World) -> None:
    connected, silent = world.sessions.register(), world.sessions.register()
    running = await world.gateway(refresh_interval_s=Seconds(60), refresh_batch=1)
    async with world.person(running, connected):
        await running.hear(connected.ask(), silent.ask())
        world.sessions.asker.script[GetVersions] = never

        async def the_silent_one_alone() -> None:
            assert len(announced(world, silent)) >= 4

        await eventually(the_silent_one_alone)
        assert not announced(world, connected)


# Three refreshes fit into a grace, and whoever was announced still counts as away.
UNHURRIED = {
    "presence_grace_s": Seconds(30),
    "refresh_interval_s": Seconds(5),
    "presence_again_s": Seconds(10),
}


async def in_a_session(running: Running, life: Life, **last_sign_s: float) -> None:
    """The user is due just now; the last signs of life of others are this many seconds ago."""
    life.ask()
    await swept_before(running)
    await running.hear(life.match())
    [(seconds, _)] = await running.memory.run([command("TIME")])
    due = {life.user_id: seconds - 1.0}
    due |= {UserId(user_id): seconds + 30 - ago_s for user_id, ago_s in last_sign_s.items()}
    words = [word for user_id, at_s in due.items() for word in (at_s * 1000, user_id)]
    await running.memory.run([command("ZADD", WATCH_KEY, *words)])


@pytest.mark.parametrize(("ago_s", "away"), [(0, False), (8, False), (12, True), (29, True)])
async def test_a_partner_without_two_signs_of_life_is_away_too(
    world: World, ago_s: float, away: bool
) -> None:
    life = world.sessions.register()
    running = await world.gateway(tending=False, **UNHURRIED)
    await in_a_session(running, life, **{BEN: ago_s})
    await running.gateway.announce()
    [silent] = announced(world, life)
    assert silent == Silent(user_id=life.user_id, session_id=SessionId("s2"), partner_away=away)


async def test_of_a_partner_who_is_not_watched_nothing_is_known(world: World) -> None:
    life = world.sessions.register()
    running = await world.gateway(tending=False, **UNHURRIED)
    await in_a_session(running, life)
    await running.gateway.announce()
    assert [one.partner_away for one in announced(world, life)] == [False]


async def test_a_partner_announced_a_moment_ago_is_away(world: World) -> None:
    """The two may come up in different batches, or at different gateways."""
    life, ben = world.sessions.register(), Life(BEN)
    running = await world.gateway(tending=False, presence_batch=1, **UNHURRIED)
    ben.ask()
    await running.hear(ben.match())
    await in_a_session(running, life, **{BEN: 40})
    await running.gateway.announce()
    assert [len(event.users) for event in world.publisher.of(UserOffline)] == [1, 1]
    assert [one.partner_away for one in announced(world, life)] == [True]


async def test_being_told_is_no_sign_of_life(world: World) -> None:
    life = world.sessions.register()
    running = await world.gateway(tending=False)
    await swept_before(running)
    life.ask()

    async def announced_though_told() -> None:
        await running.hear(life.state)
        await running.gateway.announce()
        assert announced(world, life)

    await eventually(announced_though_told)


@pytest.mark.parametrize("pause", ["the first sweep ever", "a sweep long ago"])
async def test_after_a_pause_nobody_is_announced_for_one_grace(world: World, pause: str) -> None:
    life = world.sessions.register()
    running = await world.gateway(tending=False)
    await running.hear(life.ask())
    key = [WATCH_KEY, "0", life.user_id]
    await running.memory.run([command("ZADD", *key)])
    if pause == "a sweep long ago":
        await swept_before(running)
        [(seconds, _)] = await running.memory.run([command("TIME")])
        await running.memory.run([command("SET", SWEPT_KEY, (seconds - 6) * 1000)])
    began = asyncio.get_running_loop().time()

    async def at_last() -> None:
        await running.gateway.announce()
        assert announced(world, life)

    await eventually(at_last)
    assert asyncio.get_running_loop().time() - began >= 0.4


async def test_many_gateways_announce_each_silent_user_once_in_a_while(world: World) -> None:
    lives = [world.sessions.register() for _ in range(30)]
    gateways = [await world.gateway(tending=False, presence_batch=7) for _ in range(3)]
    await swept_before(gateways[0])
    await gateways[0].hear(*(life.ask() for life in lives))
    for life in lives:
        await gateways[0].memory.run([command("ZADD", WATCH_KEY, 0, life.user_id)])
    await asyncio.gather(*(running.gateway.announce() for running in gateways))
    events = world.publisher.of(UserOffline)
    users = [one.user_id for event in events for one in event.users]
    assert sorted(users) == sorted(life.user_id for life in lives)
    assert max(len(event.users) for event in events) <= 7


async def test_what_could_not_be_published_is_announced_later(world: World) -> None:
    life = world.sessions.register()
    running = await world.gateway(tending=False)
    await swept_before(running)
    await running.hear(life.ask())
    world.publisher.failing = Unavailable("rabbitmq")

    async def failed() -> None:
        with pytest.raises(Unavailable):
            assert await running.gateway.announce() is None

    await eventually(failed)
    world.publisher.failing = None

    async def later() -> None:
        await running.gateway.announce()
        assert announced(world, life)

    await eventually(later)


async def test_a_pulse_goes_through_redis_and_back(world: World) -> None:
    running = await world.gateway(tending=False)
    await running.gateway.handlers[PulseSent](PulseSent(correlation_id="c", sent_at=NOON))
    [returned] = world.publisher.of(PulseReturned)
    assert returned.sent_at == NOON


async def test_a_pulse_does_not_come_back_without_redis(world: World) -> None:
    world.redis_url = "redis://127.0.0.1:9/0"
    with pytest.raises(Unavailable):
        await world.gateway(tending=False, redis_timeout_s=Seconds(0.2))
