"""Builds the matcher from its parts and starts it."""

from functools import partial

from services.matcher import handlers
from services.matcher.config import Settings
from services.matcher.pairing import Matchmaker
from services.matcher.pool.tickets import Pool
from services.matcher.pool.upkeep import Upkeep
from services.matcher.sweep import Sweep
from shared.bus import Bus
from shared.events import TicketClosed, TicketOpened
from shared.memory import Memory
from shared.runner import Runtime, every, ready_when


async def serve(settings: Settings, runtime: Runtime) -> None:
    memory = Memory.open(
        settings.redis_url, settings.redis_timeout_s, settings.redis_connections_max
    )
    runtime.stack.push_async_callback(memory.close)
    await ready_when("redis", memory.ping)
    runtime.ops.check("redis", memory.ping)

    bus = await ready_when("rabbitmq", partial(Bus.connect, settings.amqp_url, "matcher", settings))
    runtime.stack.push_async_callback(bus.close)
    runtime.on_stop(bus.stop_consuming)
    runtime.ops.check("rabbitmq", bus.check)

    pool = Pool(memory, settings)
    matchmaker = Matchmaker(pool, bus, settings)
    sweep = Sweep(pool, Upkeep(memory), matchmaker, bus, settings, runtime.instance)
    runtime.tasks.create_task(
        every(
            settings.matching_interval_s,
            sweep.step,
            name="sweep",
            pause_max_s=settings.matching_interval_s,
        )
    )
    await bus.consume(
        {
            TicketOpened: partial(handlers.open_ticket, matchmaker),
            TicketClosed: partial(handlers.close_ticket, pool),
        },
        settings.matcher_prefetch,
    )
