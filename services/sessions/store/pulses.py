"""The table `pulses`: whether the way round was open lately."""

from datetime import datetime

from services.sessions.config import Settings
from services.sessions.store.database import Connection

BEGIN = """
INSERT INTO pulses (sent_at) VALUES (date_trunc('second', clock_timestamp()))
ON CONFLICT DO NOTHING RETURNING sent_at
"""
RETURNED = """
UPDATE pulses SET returned_at = clock_timestamp() WHERE sent_at = $1 AND returned_at IS NULL
"""
OUTAGE = """
WITH clock AS (SELECT clock_timestamp() AS now),
pulse AS (
    SELECT sent_at, returned_at, lead(sent_at, 1, now) OVER (ORDER BY sent_at) AS next_at, now
    FROM pulses, clock
    WHERE sent_at > now - ($4::float + $1::float) * interval '1 s'
)
SELECT coalesce(min(sent_at) > min(now) - $1::float * interval '1 s', true)
    OR bool_or(next_at - sent_at > $2::float * interval '1 s'
               AND next_at > now - $1::float * interval '1 s')
    OR bool_or(returned_at IS NULL
               AND sent_at < now - $3::float * interval '1 s'
               AND sent_at > now - $4::float * interval '1 s')
    OR bool_or(returned_at - sent_at > $3::float * interval '1 s'
               AND returned_at > now - $1::float * interval '1 s')
FROM pulse
"""


async def begin(connection: Connection) -> datetime | None:
    """This second's pulse; None when another replica has begun it."""
    sent_at: datetime | None = await connection.fetchval(BEGIN)
    return sent_at


async def withdraw(connection: Connection, sent_at: datetime) -> None:
    """It could not be sent: a gap remains."""
    await connection.execute("DELETE FROM pulses WHERE sent_at = $1", sent_at)


async def returned(connection: Connection, sent_at: datetime) -> None:
    await connection.execute(RETURNED, sent_at)


async def outage(connection: Connection, settings: Settings) -> bool:
    """Whether there was an outage within the quiet time: a gap, a late return, or no pulse known
    from before it."""
    found = await connection.fetchval(
        OUTAGE,
        settings.outage_quiet_s,
        settings.pulse_gap_max_s,
        settings.pulse_late_max_s,
        settings.pulse_forgotten_s,
    )
    return found is not False
