"""The table `feedback`: how participants rated their sessions."""

import msgspec
from msgspec import Struct

from services.sessions.store.database import Transaction, structs
from shared.domain import FeedbackTag
from shared.identifiers import SessionId, UserId

GIVEN = """
SELECT row_to_json(x) FROM (
    SELECT rating, tags, comment FROM feedback WHERE session_id = $1 AND user_id = $2
) AS x
"""
INSERT = """
INSERT INTO feedback (session_id, user_id, rating, tags, comment, created_at)
VALUES ($1, $2, $3, $4, $5, $6)
"""
FORGET_COMMENTS = "UPDATE feedback SET comment = '' WHERE user_id = $1 AND comment <> ''"


class Feedback(Struct, frozen=True, kw_only=True):
    """What a participant said of a session; `tags` sorted, each once."""

    rating: int
    tags: tuple[FeedbackTag, ...]
    comment: str


_feedback = msgspec.json.Decoder(Feedback)


async def given(
    transaction: Transaction, session_id: SessionId, user_id: UserId
) -> Feedback | None:
    """None as long as the user has not rated the session."""
    rows = await structs(transaction.connection, _feedback, GIVEN, session_id, user_id)
    return rows[0] if rows else None


async def insert(
    transaction: Transaction, session_id: SessionId, user_id: UserId, feedback: Feedback
) -> None:
    rating, tags, comment = feedback.rating, feedback.tags, feedback.comment
    await transaction.connection.execute(
        INSERT, session_id, user_id, rating, tags, comment, transaction.now
    )


async def forget_comments(transaction: Transaction, user_id: UserId) -> None:
    """Blank what the user wrote; ratings and tags stay, they are the sessions' history."""
    await transaction.connection.execute(FORGET_COMMENTS, user_id)
