"""What the matcher does on each event it hears."""

from services.matcher.config import Settings
from services.matcher.pairing import announce, pair
from services.matcher.pool.tickets import Pool
from shared.events import TicketClosed, TicketOpened
from shared.messaging import Publisher


async def open_ticket(
    pool: Pool, publisher: Publisher, settings: Settings, event: TicketOpened
) -> None:
    """Put the ticket in, pair it if anybody suits, and tell; a ticket claimed before is told again.

    Raises `Unavailable`: the event is then handled again and finds what was claimed.
    """
    opened = await pool.open(event.ticket)
    match = opened.match
    if opened.page is not None:
        match = await pair(pool, event.ticket, opened.page, settings)
    if match is not None:
        await announce(pool, publisher, match)


async def close_ticket(pool: Pool, event: TicketClosed) -> None:
    """Take the request out of the pool for good. Raises `Unavailable`."""
    await pool.close(event.request_id, event.expires_at)
