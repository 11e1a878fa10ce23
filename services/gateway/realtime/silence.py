"""Announces users who went silent with something open, again and again until it is over."""

from collections.abc import Collection

from services.gateway import metrics
from services.gateway.realtime.card import Card, Cards, something_open
from services.gateway.realtime.presence import Presence
from shared.domain import UserState
from shared.events import Silent, UserOffline
from shared.identifiers import UserId, new_id
from shared.messaging import Publisher

# Batches in one sweep: many may be due at once, and the next sweep is a second off.
ROUNDS_MAX = 20


async def announce_silent(presence: Presence, cards: Cards, publisher: Publisher) -> int:
    """How many were announced. Raises `Unavailable`: whoever was due comes up again."""
    announced = 0
    for _ in range(ROUNDS_MAX):
        swept = await presence.sweep()
        metrics.HELD.set(swept.held_back)
        metrics.HOLDS.inc(swept.held_back)
        if not swept.user_ids:
            break
        found = await cards.read_many(swept.user_ids)
        states = {user_id: _open(card) for user_id, card in zip(swept.user_ids, found, strict=True)}
        await presence.forget([user_id for user_id, state in states.items() if state is None])
        still_open = [state for state in states.values() if state is not None]
        partners = [state.session.partner.id for state in still_open if state.session]
        away = await presence.away(partners, swept.read_at)
        silent = tuple(_silent(state, away) for state in still_open)
        if silent:
            event = UserOffline(correlation_id=new_id(), users=silent, read_at=swept.read_at)
            await publisher.publish(event)
        announced += len(silent)
        metrics.SILENT.inc(len(silent))
    return announced


def _open(card: Card | None) -> UserState | None:
    """The state if something is open. A card that is gone will be told again by sessions."""
    if card is None or card.state is None or not something_open(card.state):
        return None
    return card.state


def _silent(state: UserState, away: Collection[UserId]) -> Silent:
    return Silent(
        user_id=state.user.id,
        request_id=state.request.request_id if state.request else None,
        session_id=state.session.session_id if state.session else None,
        partner_away=state.session is not None and state.session.partner.id in away,
    )
