"""The pulse: once a second round through the broker, the gateway and Redis, and back."""

from services.sessions.store import pulses
from services.sessions.store.database import Database
from shared.errors import Unavailable
from shared.events import PulseSent
from shared.messaging import Publisher


async def send_pulse(database: Database, publisher: Publisher) -> None:
    """Send this second's pulse unless another replica does. Unsent, it leaves a gap: an outage."""
    async with database.connection() as connection:
        sent_at = await pulses.begin(connection)
    if sent_at is None:
        return
    try:
        await publisher.publish(PulseSent(correlation_id=sent_at.isoformat(), sent_at=sent_at))
    except Unavailable:
        async with database.connection() as connection:
            await pulses.withdraw(connection, sent_at)
        raise
