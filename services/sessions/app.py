"""Builds sessions from its parts and starts it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Protocol

from msgspec import Struct

from services.sessions import handlers
from services.sessions.config import Settings
from services.sessions.counting import count_open
from services.sessions.outbox import Outbox
from services.sessions.pulse import send_pulse
from services.sessions.repeats import Repeats
from services.sessions.requests import answerers
from services.sessions.requests.batching import Openings
from services.sessions.store.database import Database
from services.sessions.sweep import Sweep
from shared.bus import Bus
from shared.events import (
    AnyEvent,
    MatchFound,
    ParticipantConnected,
    ParticipantDeclined,
    ParticipantFailed,
    ParticipantJoined,
    ParticipantLeft,
    PoolLost,
    PulseReturned,
    UserOffline,
)
from shared.messaging import Answerer, EncodedPublisher, Handler, Publisher
from shared.runner import Runtime, every, ready_when


class Publishing(Publisher, EncodedPublisher, Protocol):
    """What sessions needs of the bus beside questions and events: the bus, or a fake."""


class Parts(Struct, frozen=True, kw_only=True):
    """What sessions answers, handles and does by the clock: pairs of interval (s) and step."""

    outbox: Outbox
    sweep: Sweep
    repeats: Repeats
    answerers: Mapping[type[Any], Answerer]
    handlers: Mapping[type[AnyEvent], Handler]
    steps: tuple[tuple[float, Callable[[], Awaitable[object]]], ...]


def assemble(
    database: Database, publishing: Publishing, tasks: asyncio.TaskGroup, settings: Settings
) -> Parts:
    outbox = Outbox(database, publishing, tasks, settings)
    acted = partial(handlers.participant_acted, outbox, settings)
    openings = Openings(outbox, settings, tasks)
    repeats = Repeats(database, publishing, settings)
    sweep = Sweep(database, outbox, settings)
    return Parts(
        outbox=outbox,
        sweep=sweep,
        repeats=repeats,
        answerers=answerers(database, outbox, openings, settings),
        handlers={
            MatchFound: partial(handlers.match_found, outbox, settings),
            PoolLost: partial(handlers.pool_lost, database, repeats, settings),
            ParticipantJoined: acted,
            ParticipantDeclined: acted,
            ParticipantConnected: acted,
            ParticipantFailed: acted,
            ParticipantLeft: acted,
            UserOffline: partial(handlers.user_offline, database, outbox, settings),
            PulseReturned: partial(handlers.pulse_returned, database),
        },
        steps=(
            (0.0, sweep.expire_next),  # these three wait by themselves
            (0.0, sweep.meet_next_deadline),
            (0.0, repeats.step),
            (settings.prune_interval_s, sweep.prune),
            (settings.figures_interval_s, partial(count_open, database)),
            (settings.pulse_interval_s, partial(send_pulse, database, publishing)),
            (settings.outbox_interval_s, outbox.relay),
            (settings.outbox_delete_interval_s, outbox.forget_confirmed),
        ),
    )


async def serve(settings: Settings, runtime: Runtime) -> None:
    """Connect, start to answer and to consume, and spawn what runs by the clock."""
    database = await ready_when("postgres", partial(Database.connect, settings))
    runtime.stack.push_async_callback(database.close)
    runtime.ops.check("postgres", database.ping)

    connect = partial(Bus.connect, settings.amqp_url, "sessions", settings)
    bus = await ready_when("rabbitmq", connect)
    runtime.stack.push_async_callback(bus.close)
    runtime.ops.check("rabbitmq", bus.check)

    parts = assemble(database, bus, runtime.tasks, settings)
    runtime.on_stop(parts.outbox.finish)
    runtime.on_stop(bus.stop_consuming)
    for interval_s, step in parts.steps:
        runtime.tasks.create_task(every(interval_s, step, pause_max_s=2.0))
    await bus.answer(parts.answerers, settings.requests_prefetch)
    await bus.consume(parts.handlers, settings.events_prefetch)
