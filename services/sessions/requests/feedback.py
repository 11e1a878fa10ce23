"""How a participant found a talk."""

from services.sessions.config import Settings
from services.sessions.outbox import Outbox
from services.sessions.requests import idempotency
from services.sessions.requests.refusals import unknown_session
from services.sessions.store import feedback, history
from services.sessions.store.database import Transaction
from services.sessions.store.feedback import Feedback
from services.sessions.store.history import Encounter
from shared.errors import Refused
from shared.events import FeedbackGiven
from shared.identifiers import is_id
from shared.requests import Done, GiveFeedback


async def give_feedback(outbox: Outbox, settings: Settings, asked: GiveFeedback) -> Done:
    """Once a session; the same words again change nothing and tell nobody."""
    said = Feedback(rating=asked.rating, tags=tuple(sorted(set(asked.tags))), comment=asked.comment)

    async def body(transaction: Transaction) -> Done:
        if await idempotency.done_before(transaction, asked.user_id, asked.idempotency):
            return Done()
        met = await history.encounter(transaction.connection, asked.user_id, asked.session_id)
        if met is None:
            raise unknown_session()
        await _give(transaction, asked, met, said)
        await idempotency.keep(
            transaction, asked.user_id, asked.idempotency, asked.session_id, settings
        )
        return Done()

    if not is_id(asked.session_id):
        raise unknown_session()
    return await outbox.transact([asked.user_id], body)


async def _give(
    transaction: Transaction, asked: GiveFeedback, met: Encounter, said: Feedback
) -> None:
    if met.live:
        about = {"session_id": asked.session_id}
        raise Refused("session-live", "a session can be rated once it is over", about)
    if not met.talked:
        raise Refused("never-talked", "the two never talked in this session")
    before = await feedback.given(transaction, asked.session_id, asked.user_id)
    if before is None:
        await feedback.insert(transaction, asked.session_id, asked.user_id, said)
        transaction.events.append(_given(transaction, asked, met, said))
    elif before != said:
        raise Refused("feedback-given", "this session has been rated already")


def _given(
    transaction: Transaction, asked: GiveFeedback, met: Encounter, said: Feedback
) -> FeedbackGiven:
    return FeedbackGiven(
        correlation_id=met.request_id,
        session_id=asked.session_id,
        user_id=asked.user_id,
        partner_id=met.partner_id,
        rating=said.rating,
        tags=said.tags,
        at=transaction.now,
    )
