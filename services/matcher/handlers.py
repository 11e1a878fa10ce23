"""What the matcher does on each event it hears."""

from services.matcher.pairing import Matchmaker
from services.matcher.pool.tickets import Pool
from shared.events import TicketClosed, TicketOpened


async def open_ticket(matchmaker: Matchmaker, event: TicketOpened) -> None:
    """Put the ticket in, pair it if anybody suits, and tell; a ticket claimed before is told again.

    Raises `Unavailable`: the event is then handled again and finds what was claimed.
    """
    match = await matchmaker.enter(event.ticket, repeated=event.repeated)
    if match is not None:
        await matchmaker.announce(match)


async def close_ticket(pool: Pool, event: TicketClosed) -> None:
    """Take the request out of the pool for good. Raises `Unavailable`."""
    await pool.close(event.request_id, event.expires_at)
