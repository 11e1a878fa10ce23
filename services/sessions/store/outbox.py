"""The table `outbox`: events of committed effects until the broker has confirmed them."""

from collections.abc import Collection, Sequence

from services.sessions.store.database import Connection, Transaction
from shared.messaging import Encoded

WRITE = """
INSERT INTO outbox (event_id, type, correlation_id, body, traceparent, created_at)
SELECT *, $6 FROM unnest($1::uuid[], $2::text[], $3::text[], $4::json[], $5::text[])
"""
TAKE = """
SELECT event_id, type, correlation_id, body, traceparent FROM outbox
WHERE created_at < statement_timestamp() - $1::float * interval '1 s'
ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
"""


async def write(transaction: Transaction, messages: Sequence[Encoded]) -> None:
    await transaction.connection.execute(
        WRITE,
        [message.event_id for message in messages],
        [message.type for message in messages],
        [message.correlation_id for message in messages],
        [message.body.decode() for message in messages],
        [message.trace for message in messages],
        transaction.now,
    )


async def take(transaction: Transaction, older_than_s: float, limit: int) -> list[Encoded]:
    """The oldest rows nobody else is publishing; they stay locked until the transaction ends."""
    rows = await transaction.connection.fetch(TAKE, older_than_s, limit)
    return [
        Encoded(
            event_id=row["event_id"],
            type=row["type"],
            correlation_id=row["correlation_id"],
            body=row["body"].encode(),
            trace=row["traceparent"],
        )
        for row in rows
    ]


async def delete(connection: Connection, event_ids: Collection[str]) -> None:
    """Forget what is confirmed, except what a relay holds: that deletes it itself."""
    await connection.execute(
        """DELETE FROM outbox WHERE event_id IN (
               SELECT event_id FROM outbox WHERE event_id = ANY($1::uuid[])
               FOR UPDATE SKIP LOCKED)""",
        event_ids,
    )
