"""What a match is judged by: both tickets, and the sessions in its way."""

from collections.abc import Collection

import msgspec
from msgspec import Struct

from services.sessions.store.database import Transaction, structs
from services.sessions.store.match_requests import PENDING_R, TICKETS_OF_R
from shared.domain import Ticket
from shared.identifiers import RequestId, SessionId, UserId

STANDING = f"""
WITH {PENDING_R}
SELECT row_to_json(standing) FROM (
    SELECT EXISTS (SELECT FROM chat_sessions WHERE id = $3) AS known,
           ARRAY(SELECT user_id FROM participants WHERE live AND user_id = ANY($4::uuid[]))
               AS engaged,
           (SELECT coalesce(json_agg(ticket), '[]') FROM ({TICKETS_OF_R}) AS x (ticket)) AS tickets
) AS standing
"""  # one statement, not two: two people wait for each round trip


class Standing(Struct, frozen=True, kw_only=True):
    """Whether the match is a session already, who of its users is in a live one, and the tickets
    of those of its requests that are pending, with all they avoid."""

    known: bool
    engaged: frozenset[UserId]
    tickets: tuple[Ticket, ...]


_standing = msgspec.json.Decoder(Standing)


async def standing(
    transaction: Transaction,
    match_id: SessionId,
    request_ids: Collection[RequestId],
    user_ids: Collection[UserId],
) -> Standing:
    [standing] = await structs(
        transaction.connection, _standing, STANDING, request_ids, None, match_id, user_ids
    )
    return standing
