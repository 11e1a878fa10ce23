"""What the gateway does with each event of its inbox. Idempotent and order-free."""

from collections.abc import Mapping
from functools import partial

from services.gateway.promises import Promises
from services.gateway.queue import QueueFigures
from services.gateway.realtime.card import Cards
from services.gateway.realtime.presence import Presence
from shared.events import AnyEvent, PoolMeasured, PulseReturned, PulseSent, StateChanged
from shared.messaging import Handler, Publisher


async def tell_cards(cards: Cards, promises: Promises, event: StateChanged) -> None:
    """Both users of a match in one round trip."""
    for state in event.states:
        if state.session is not None:
            promises.matched(state.session.request_id)
    await cards.tell(*event.states)


async def keep_figures(figures: QueueFigures, event: PoolMeasured) -> None:
    await figures.store(event)


async def return_pulse(presence: Presence, publisher: Publisher, event: PulseSent) -> None:
    """The way is open if the pulse gets through Redis and back onto the bus."""
    await presence.beat(event.sent_at)
    returned = PulseReturned(correlation_id=event.correlation_id, sent_at=event.sent_at)
    await publisher.publish(returned)


def handlers(
    cards: Cards,
    presence: Presence,
    figures: QueueFigures,
    promises: Promises,
    publisher: Publisher,
) -> Mapping[type[AnyEvent], Handler]:
    return {
        StateChanged: partial(tell_cards, cards, promises),
        PoolMeasured: partial(keep_figures, figures),
        PulseSent: partial(return_pulse, presence, publisher),
    }
