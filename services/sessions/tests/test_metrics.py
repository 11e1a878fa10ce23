"""What sessions counts, on the way that requests, matches and talks really take."""

from datetime import UTC, datetime, timedelta

import pytest

from services.sessions.config import Settings
from services.sessions.counting import count_open
from services.sessions.store.database import Database
from services.sessions.tests.replica import Replica, act, match
from shared.errors import Unavailable
from shared.events import ParticipantLeft, Silent, UserOffline
from shared.metrics import value
from shared.proxy import Proxy
from shared.requests import BlockUser, CancelRequest, GiveFeedback
from shared.testing import Rise

AGED = "UPDATE match_requests SET since = since - interval '20 s'"
LATE = "UPDATE chat_sessions SET join_by = now() - interval '1 s'"
DUE = "UPDATE match_requests SET repeat_at = now() WHERE repeat_at IS NOT NULL"


def judged(verdict: str) -> Rise:
    return Rise("parley_matches_judged_total", verdict=verdict)


async def test_an_accepted_match_counts_with_how_long_both_waited(sessions: Replica) -> None:
    accepted, again = judged("accepted"), judged("known")
    created, ended = (
        Rise("parley_sessions_created_total"),
        Rise("parley_requests_ended_total", reason="matched"),
    )
    waits = Rise("parley_time_to_match_seconds_count")
    waited_s = Rise("parley_time_to_match_seconds_sum")
    offered = Rise("parley_tickets_offered_total", attempt="first")
    _, _, found = await sessions.waiting_pair()
    await sessions.rows(AGED)
    await sessions.hear(found)
    await sessions.hear(found)
    assert (accepted.by, again.by, created.by, ended.by, waits.by) == (1, 1, 1, 2, 2)
    assert 40 <= waited_s.by < 45
    assert offered.by == 2


async def test_a_voided_match_counts_by_its_cause(sessions: Replica) -> None:
    gone, further = judged("gone"), Rise("parley_tickets_offered_total", attempt="further")
    ana, ben, found = await sessions.waiting_pair()
    await sessions.ask(CancelRequest(user_id=ana))
    await sessions.hear(found)
    assert (gone.by, further.by) == (1, 1)

    outdated = judged("outdated")
    again = await sessions.open(ana)
    waiting = await sessions.waiting(ben)
    await sessions.hear(match(waiting, again, (1, 1)))
    assert outdated.by == 1

    unwelcome = judged("unwelcome")
    await sessions.ask(BlockUser(user_id=ana, blocked_id=ben))
    query = "SELECT attempt FROM match_requests WHERE user_id = $1 AND status = 'pending'"
    attempts = await sessions.value(query, ben), await sessions.value(query, ana)
    await sessions.hear(match(waiting, again, attempts))
    assert unwelcome.by == 1


async def test_a_match_with_somebody_in_a_talk_counts_as_engaged(sessions: Replica) -> None:
    engaged = judged("engaged")
    ana, ben, first = await sessions.waiting_pair()
    eve = await sessions.open(await sessions.register("Eve"))
    ben_waits = await sessions.waiting(ben)
    await sessions.hear(first)
    await sessions.hear(match(eve, ben_waits))
    assert engaged.by == 1
    assert (await sessions.state(ana)).session is not None


async def test_a_talk_counts_by_how_it_ended_and_how_long_it_was(sessions: Replica) -> None:
    left, done = (
        Rise("parley_sessions_ended_total", reason="left"),
        Rise("parley_sessions_completed_total"),
    )
    talks, seconds = Rise("parley_talk_seconds_count"), Rise("parley_talk_seconds_sum")
    rated = Rise("parley_ratings_total", rating="5")
    ana, _, session_id = await sessions.active_pair()
    await sessions.ago(400)
    await sessions.hear(act(ParticipantLeft, ana, session_id))
    await sessions.ask(GiveFeedback(user_id=ana, session_id=session_id, rating=5))
    assert (left.by, done.by, talks.by, rated.by) == (1, 1, 1, 1)
    assert 399 <= seconds.by <= 402


async def test_what_is_open_and_what_the_outbox_holds_is_shown(sessions: Replica) -> None:
    await sessions.talking_pair()
    await sessions.parts.outbox.forget_confirmed()
    sessions.publisher.failing = Unavailable("rabbitmq")
    await sessions.open(await sessions.register())
    await sessions.parts.outbox.finish()
    await sessions.rows("UPDATE outbox SET created_at = created_at - interval '1 min'")
    await count_open(sessions.database)
    assert value("parley_outbox_rows") == 2
    assert 59 < value("parley_outbox_age_seconds") < 70
    assert value("parley_requests_pending") == 1
    assert value("parley_sessions_live", status="waiting") == 1
    assert value("parley_sessions_live", status="active") == 0
    relayed = Rise("parley_outbox_relayed_total")
    sessions.publisher.failing = None
    await sessions.parts.outbox.relay()
    await count_open(sessions.database)
    assert relayed.by == 2
    assert value("parley_outbox_rows") == value("parley_outbox_age_seconds") == 0


async def test_deadlines_held_show_while_an_outage_lasts(sessions: Replica) -> None:
    holds = Rise("parley_deadline_holds_total")
    await sessions.talking_pair()
    await sessions.rows(LATE)
    await sessions.parts.sweep.meet_deadlines()
    assert (holds.by, value("parley_deadlines_held")) == (1, 1)
    await sessions.calm()
    await sessions.parts.sweep.meet_deadlines()
    assert (holds.by, value("parley_deadlines_held")) == (1, 0)


async def test_repeats_and_old_news_count(sessions: Replica) -> None:
    repeated = Rise("parley_repeats_total", of="request")
    dropped = Rise("parley_offline_dropped_total")
    ana = await sessions.register()
    opened = await sessions.open(ana)
    await sessions.rows(DUE)
    await sessions.repeat()
    assert repeated.by == 1
    silent = Silent(user_id=ana, request_id=opened.request.request_id)
    read_at = datetime.now(UTC) - timedelta(minutes=1)
    await sessions.hear(UserOffline(correlation_id="x", users=(silent,), read_at=read_at))
    assert dropped.by == 1


async def test_uses_of_postgres_count_and_failures_by_their_cause(settings: Settings) -> None:
    trips = Rise("parley_postgres_transaction_seconds_count")
    waits = Rise("parley_postgres_acquire_seconds_count")
    failures = Rise("parley_postgres_failures_total", cause="unavailable")
    async with Proxy(settings.database_url) as proxy:
        lost = Settings(database_url=proxy.url, database_connections_max=2)
        database = await Database.connect(lost)

        async def nothing(_transaction: object) -> None:
            assert value("parley_postgres_connections_used") == used + 1

        used = value("parley_postgres_connections_used")
        await database.transact((), nothing)
        assert (trips.by, waits.by, failures.by) == (1, 1, 0)
        assert value("parley_postgres_connections_used") == used
        await proxy.refuse()
        proxy.cut()
        with pytest.raises(Unavailable):
            await database.ping()
        assert failures.by == 1
        await database.close()
