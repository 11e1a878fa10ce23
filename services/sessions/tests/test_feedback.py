import asyncio
from typing import Any

import pytest

from services.sessions.tests.replica import ENGLISH, Replica, act, refusal
from shared.domain import FeedbackTag, Idempotency
from shared.events import FeedbackGiven, ParticipantLeft
from shared.identifiers import SessionId, UserId, new_id
from shared.requests import BlockUser, Done, EraseUser, GetSession, GiveFeedback

FRIENDLY, HELPFUL = FeedbackTag.FRIENDLY, FeedbackTag.HELPFUL


async def talked(sessions: Replica) -> tuple[UserId, UserId, SessionId]:
    """Ana and Ben, who talked for a minute and a half until Ben hung up."""
    ana, ben, session_id = await sessions.active_pair()
    await sessions.ago(90.5)
    await sessions.hear(act(ParticipantLeft, ben, session_id))
    return ana, ben, session_id


def keyed(asked: GiveFeedback, key: str, body: str) -> Any:
    operation = f"POST /sessions/{asked.session_id}/feedback"
    idempotency = Idempotency(key=key, operation=operation, body_sha256=body)
    return GiveFeedback(
        user_id=asked.user_id,
        session_id=asked.session_id,
        rating=asked.rating,
        idempotency=idempotency,
    )


async def given(sessions: Replica) -> list[tuple[Any, ...]]:
    query = "SELECT user_id, rating, tags, comment FROM feedback ORDER BY created_at"
    return [tuple(row) for row in await sessions.rows(query)]


async def test_each_of_the_two_rates_the_talk_and_sees_the_own_rating(sessions: Replica) -> None:
    ana, ben, session_id = await talked(sessions)
    for user, rating in ((ana, 5), (ben, 2)):
        asked = GiveFeedback(
            user_id=user,
            session_id=session_id,
            rating=rating,
            tags=(HELPFUL, FRIENDLY, HELPFUL),
            comment="¡Qué bien!",
        )
        assert await sessions.ask(asked) == Done()
        shown = await sessions.ask(GetSession(user_id=user, session_id=session_id))
        assert shown.rating == rating
        assert shown.active_at is not None
    tags = ["friendly", "helpful"]
    assert await given(sessions) == [(ana, 5, tags, "¡Qué bien!"), (ben, 2, tags, "¡Qué bien!")]


async def test_the_history_of_the_domain_hears_of_it_without_the_words(sessions: Replica) -> None:
    ana, ben, session_id = await talked(sessions)
    request_id = await sessions.value(
        "SELECT request_id FROM participants WHERE session_id = $1 AND user_id = $2",
        session_id,
        ana,
    )
    await sessions.ask(
        GiveFeedback(
            user_id=ana, session_id=session_id, rating=4, tags=(FRIENDLY,), comment="private"
        )
    )
    event = await sessions.only(FeedbackGiven)
    assert (event.user_id, event.partner_id, event.session_id) == (ana, ben, session_id)
    assert (event.rating, event.tags, event.correlation_id) == (4, (FRIENDLY,), request_id)
    assert "private" not in repr(event)


async def test_the_same_words_again_are_no_error_and_others_are_refused(
    sessions: Replica,
) -> None:
    ana, _, session_id = await talked(sessions)
    asked = GiveFeedback(
        user_id=ana, session_id=session_id, rating=4, tags=(FRIENDLY, HELPFUL), comment="Fine."
    )
    await sessions.ask(asked)
    turned = GiveFeedback(
        user_id=ana, session_id=session_id, rating=4, tags=(HELPFUL, FRIENDLY), comment="Fine."
    )
    assert await sessions.ask(turned) == Done()
    before = await given(sessions)
    for changed in ({"rating": 5}, {"tags": (FRIENDLY,)}, {"comment": "Bad."}):
        words: Any = {"rating": 4, "tags": asked.tags, "comment": "Fine.", **changed}
        other = GiveFeedback(user_id=ana, session_id=session_id, **words)
        assert (await refusal(sessions.ask(other))).code == "feedback-given"
    assert await given(sessions) == before
    await sessions.only(FeedbackGiven)


async def test_a_live_session_cannot_be_rated(sessions: Replica) -> None:
    ana, _, session_id = await sessions.active_pair()
    asked = GiveFeedback(user_id=ana, session_id=session_id, rating=4)
    refused = await refusal(sessions.ask(asked))
    assert (refused.code, refused.about) == ("session-live", {"session_id": session_id})
    assert await given(sessions) == []


async def test_who_never_talked_has_nothing_to_rate(sessions: Replica) -> None:
    ana, ben, session_id = await sessions.talking_pair()
    await sessions.ask(BlockUser(user_id=ben, blocked_id=ana))
    asked = GiveFeedback(user_id=ana, session_id=session_id, rating=4)
    assert (await refusal(sessions.ask(asked))).code == "never-talked"
    assert await given(sessions) == []


@pytest.mark.parametrize("guess", ["", "x", new_id(), None])
async def test_nobody_rates_a_session_that_is_not_theirs(
    sessions: Replica, guess: str | None
) -> None:
    _, _, session_id = await talked(sessions)
    eve = await sessions.register("Eve", ENGLISH)
    for user in (eve, UserId(new_id())):
        session = session_id if guess is None else SessionId(guess)
        asked = GiveFeedback(user_id=user, session_id=session, rating=1)
        assert (await refusal(sessions.ask(asked))).code == "unknown-session"
    assert await given(sessions) == []
    assert sessions.told(FeedbackGiven) == []


async def test_a_key_stands_for_one_body(sessions: Replica) -> None:
    ana, _, session_id = await talked(sessions)
    asked = GiveFeedback(user_id=ana, session_id=session_id, rating=4)
    await sessions.ask(keyed(asked, "k", "a"))
    assert await sessions.ask(keyed(asked, "k", "a")) == Done()
    refused = await refusal(sessions.ask(keyed(asked, "k", "b")))
    assert refused.code == "idempotency-mismatch"
    assert await sessions.ask(keyed(asked, "l", "b")) == Done()
    assert await sessions.value("SELECT count(*) FROM idempotency_keys") == 2
    await sessions.only(FeedbackGiven)


async def test_a_refusal_is_not_kept_under_the_key(sessions: Replica) -> None:
    ana, ben, session_id = await sessions.active_pair()
    asked = keyed(GiveFeedback(user_id=ana, session_id=session_id, rating=4), "k", "a")
    assert (await refusal(sessions.ask(asked))).code == "session-live"
    await sessions.hear(act(ParticipantLeft, ben, session_id))
    assert await sessions.ask(asked) == Done()


async def test_of_many_ratings_at_once_one_is_kept(replicas: tuple[Replica, Replica]) -> None:
    ana, _, session_id = await talked(replicas[0])
    asked = [GiveFeedback(user_id=ana, session_id=session_id, rating=1 + i % 5) for i in range(20)]
    asking = (replicas[i % 2].ask(each) for i, each in enumerate(asked))
    outcomes = await asyncio.gather(*asking, return_exceptions=True)
    [(_, rating, _, _)] = await given(replicas[0])
    fitting = [each == Done() for each in outcomes]
    assert fitting == [each.rating == rating for each in asked]


async def test_what_an_erased_user_wrote_is_gone_and_the_rating_stays(sessions: Replica) -> None:
    ana, ben, session_id = await talked(sessions)
    for user in (ana, ben):
        await sessions.ask(
            GiveFeedback(
                user_id=user, session_id=session_id, rating=5, tags=(FRIENDLY,), comment="Hi."
            )
        )
    await sessions.ask(EraseUser(user_id=ana))
    tags = ["friendly"]
    assert await given(sessions) == [(ana, 5, tags, ""), (ben, 5, tags, "Hi.")]
    asked = GiveFeedback(user_id=ana, session_id=session_id, rating=5)
    assert (await refusal(sessions.ask(asked))).code == "unknown-session"
