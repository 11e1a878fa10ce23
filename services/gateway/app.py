"""Builds the gateway out of its parts and runs it; at a stop, says goodbye before it closes."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import structlog
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp, Scope

from services.gateway.api.addresses import Addresses
from services.gateway.api.dependencies import Dependencies
from services.gateway.api.limits import Limits
from services.gateway.api.queue import estimate
from services.gateway.api.routing import PREFIX, application
from services.gateway.api.tokens import Tokens
from services.gateway.config import Settings
from services.gateway.handlers import handlers
from services.gateway.queue import QueueFigures
from services.gateway.realtime.card import Cards
from services.gateway.realtime.connections import Connections
from services.gateway.realtime.doorbell import Doorbell
from services.gateway.realtime.hello import Introductions
from services.gateway.realtime.peers import Peers
from services.gateway.realtime.presence import Presence
from services.gateway.realtime.refresh import Refresh
from services.gateway.realtime.relay import Relay
from services.gateway.realtime.silence import announce_silent
from services.gateway.realtime.websocket import Sockets, Ways
from services.gateway.server import Server, listen, server
from shared.bus import Bus
from shared.config import Seconds
from shared.domain import PendingRequest
from shared.errors import Unavailable
from shared.memory import Memory
from shared.messaging import Asker, Publisher
from shared.ops import Ops
from shared.runner import Runtime, every, ready_when

# What a blocking read may take beyond the time it was told to block.
_BLOCKING_MARGIN_S = 2.0

_log = structlog.get_logger()


class Gateway:
    """The parts, wired. Needs a Redis and the two ends of the bus; fakes of those will do."""

    def __init__(
        self,
        settings: Settings,
        instance: str,
        memory: Memory,
        asker: Asker,
        publisher: Publisher,
        ops: Ops,
    ) -> None:
        self.connections = Connections()
        self.presence = Presence(memory, settings)
        self.cards = Cards(memory, instance, self.connections, self.presence, settings)
        self.figures = QueueFigures(memory, settings)
        self.relay = Relay(memory, self.cards, self.connections, settings)
        peers = Peers(memory, self.cards, self.connections)
        self.refresh = Refresh(self.connections, self.cards, peers, asker, settings)
        self._addresses = Addresses(settings.trusted_proxies)
        tokens = Tokens(settings)
        self._parts = Dependencies(
            settings=settings,
            asker=asker,
            tokens=tokens,
            cards=self.cards,
            presence=self.presence,
            figures=self.figures,
            limits=Limits(memory, settings),
            ops=ops,
        )
        introductions = Introductions(tokens, self.cards, asker, settings)
        callers = self._admit, self._estimate
        ways = Ways(publisher, self.relay, peers)
        self.sockets = Sockets(
            self.connections, self.cards, introductions, *callers, ways, settings
        )
        self.handlers = handlers(
            self.cards, self.presence, self.figures, self._parts.promises, publisher
        )
        self.announce = partial(announce_silent, self.presence, self.cards, publisher)

    def application(self) -> ASGIApp:
        return application(self._parts, [WebSocketRoute(f"{PREFIX}/ws", self.sockets.serve)])

    async def _admit(self, scope: Scope) -> None:
        limits = self._parts.limits
        await limits.admit(limits.of_address(self._addresses.of(scope)))

    async def _estimate(self, request: PendingRequest, waited_s: float) -> float | None:
        languages = request.native_languages, request.practice_languages
        return await estimate(self._parts, *languages, waited_s)


async def serve(settings: Settings, runtime: Runtime) -> None:
    serving: list[Server] = []
    runtime.ops.check("http", partial(_check_serving, serving))
    listening = listen(settings)
    runtime.stack.callback(listening.close)
    memory = await _memory(settings, runtime, settings.redis_timeout_s, "redis")
    bus = await ready_when("rabbitmq", lambda: Bus.connect(settings.amqp_url, "gateway", settings))
    runtime.stack.push_async_callback(bus.close)
    runtime.ops.check("rabbitmq", bus.check)
    gateway = Gateway(settings, runtime.instance, memory, bus, bus, runtime.ops)
    http = server(gateway.application(), settings)
    await _start_loops(settings, runtime, gateway, memory)
    served = runtime.tasks.create_task(http.serve([listening]), name="uvicorn")
    serving.append(http)
    # At a stop, newest first: sockets hear goodbye, the inbox drains, the last calls are answered.
    runtime.on_stop(partial(_stop_serving, http, served))
    runtime.on_stop(bus.stop_consuming)
    runtime.on_stop(gateway.sockets.leave)
    await bus.consume(gateway.handlers)
    _log.info("gateway.listening", host=settings.listen_host, port=settings.port)


async def _check_serving(serving: list[Server]) -> None:
    """Not ready before the first call can be answered."""
    if not any(one.started for one in serving):
        raise Unavailable("http")


async def _memory(settings: Settings, runtime: Runtime, timeout_s: Seconds, name: str) -> Memory:
    memory = Memory.open(settings.redis_url, timeout_s, settings.redis_connections_max, name)
    runtime.stack.push_async_callback(memory.close)
    await ready_when("redis", memory.ping)
    runtime.ops.check(name, memory.ping)
    return memory


async def _start_loops(
    settings: Settings, runtime: Runtime, gateway: Gateway, memory: Memory
) -> None:
    timeout_s = Seconds(settings.doorbell_block_s + _BLOCKING_MARGIN_S)
    doorbell = Doorbell(
        await _memory(settings, runtime, timeout_s, "doorbell"), runtime.instance, settings
    )
    loops: dict[str, tuple[float, Callable[[], Awaitable[object]]]] = {
        "doorbell.keep": (settings.refresh_every_s, partial(doorbell.keep, memory)),
        "cards.keep": (settings.refresh_every_s, gateway.refresh.keep_cards),
        "states.load": (settings.refresh_every_s, gateway.refresh.load_what_lags),
        "presence.sweep": (settings.presence_sweep_interval_s, gateway.announce),
    }
    for name, (interval_s, step) in loops.items():
        # Growing pauses would look like a pause of the gateways to the next presence sweep.
        loop = every(interval_s, step, name=name, pause_max_s=interval_s)
        runtime.tasks.create_task(loop, name=name)
    listening = doorbell.listen(gateway.refresh.rung, gateway.relay.wake)
    runtime.tasks.create_task(listening, name="doorbell")


async def _stop_serving(http: Server, served: asyncio.Task[None]) -> None:
    http.should_exit = True
    await asyncio.wait([served])
