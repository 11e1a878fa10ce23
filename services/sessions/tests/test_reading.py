"""No statement reads a table, or all that is pending, from end to end: not even by a plan that was
made when there was nothing yet, and kept."""

from services.sessions.tests.replica import Replica, act
from shared.domain import Idempotency
from shared.events import ParticipantConnected, ParticipantLeft, Silent, UserOffline
from shared.identifiers import UserId
from shared.requests import CancelRequest, OpenRequest, RequestOpened

PENDING, TALKING = 2_000, 2_000
CROWD = """
WITH people AS (
    SELECT gen_random_uuid() AS id, gen_random_uuid() AS session_id, n
    FROM generate_series(1, $1::integer + $2::integer) AS n
), pairs AS (
    SELECT one.session_id, x.id, x.side, x.n FROM people AS one
    JOIN people AS other ON other.n = one.n + 1,
        LATERAL (VALUES (one.id, 0, one.n), (other.id, 1, other.n)) AS x (id, side, n)
    WHERE one.n > $1 AND (one.n - $1) % 2 = 1
), users AS (
    INSERT INTO users (id, display_name, native_languages, practice_languages, interests,
                       relay_only, created_at)
    SELECT id, 'Eva', '{es}', '[{"language": "en", "level": "B1"}]', '{}', false, now() FROM people
), keys AS (
    INSERT INTO idempotency_keys (user_id, operation, key, body_sha256, effect_id, expires_at)
    SELECT id, 'x', 'x', '', id, now() + interval '1 day' FROM people
), requests AS (
    INSERT INTO match_requests (id, user_id, line, native_languages, practice_languages,
                                since, created_at, expires_at,
                                status, reason, ended_at, session_id, repeat_at)
    SELECT id, id, id, '{es}', '[{"language": "en", "level": "B1"}]',
           now(), now(), now() + interval '1 h',
           CASE WHEN side IS NULL THEN 'pending' ELSE 'matched' END,
           CASE WHEN side IS NOT NULL THEN 'matched' END,
           CASE WHEN side IS NOT NULL THEN now() END,
           pairs.session_id,
           CASE WHEN side IS NULL THEN now() + interval '1 h' END
    FROM people LEFT JOIN pairs USING (id)
), sessions AS (
    INSERT INTO chat_sessions (id, status, score, created_at, join_by, repeat_at)
    SELECT session_id, 'waiting', 0, now(), now() + interval '1 h', now() + interval '1 h'
    FROM pairs WHERE side = 0
)
INSERT INTO participants (session_id, user_id, request_id, side, practises, created_at)
SELECT session_id, id, id, side, 'en', now() FROM pairs
"""
DUE = "UPDATE {} SET repeat_at = now() WHERE id = $1"
OVER = """
UPDATE match_requests SET since = since - interval '2 min', expires_at = since - interval '1 min'
WHERE id = $1
"""
LATE = "UPDATE chat_sessions SET join_by = now() WHERE id = $1"
READ = """
SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes)
     + (SELECT sum(seq_tup_read) FROM pg_stat_user_tables)
"""


async def test_what_is_done_for_two_reads_nobody_else(sessions: Replica) -> None:
    alone = {"database_connections_first": 1, "database_connections_max": 1}
    async with sessions.like(**alone) as one:  # one connection, which keeps its plans
        await one.calm(ahead_s=60)
        await meet_and_part(one)
        await one.rows(CROWD, PENDING, TALKING)
        before = await read_so_far(one)
        await meet_and_part(one)
        read = await read_so_far(one) - before
    assert 0 < read < min(PENDING, TALKING // 2)


async def meet_and_part(replica: Replica) -> None:
    ana, ben = await replica.pair()
    opened = await ask(replica, ana), await ask(replica, ben)
    session_id = await replica.match(*opened)
    for user in (ana, ben):
        await replica.hear(act(ParticipantConnected, user, session_id))
    await replica.repeat()
    await replica.hear(act(ParticipantLeft, ana, session_id))
    await ask(replica, ana, key="again")
    await replica.ask(CancelRequest(user_id=ana))
    await replica.state(ben)
    await run_by_the_clock(replica)
    await replica.parts.outbox.finish()


async def run_by_the_clock(replica: Replica) -> None:
    """Told again, late, over its time, somebody silent, left behind, out of date."""
    ana, ben = await replica.pair()
    requests = await replica.open(ana), await replica.open(ben)
    for opened in requests:
        await replica.rows(DUE.format("match_requests"), opened.request.request_id)
    await replica.repeat()
    session_id = await replica.match(*requests)
    await replica.rows(DUE.format("chat_sessions"), session_id)
    await replica.repeat()
    await replica.rows(LATE, session_id)
    await replica.parts.sweep.meet_deadlines()
    assert (await replica.state(ana)).session is None
    opened = await replica.open(ana)
    await replica.rows(OVER, opened.request.request_id)
    await replica.parts.sweep.expire()
    assert (await replica.state(ana)).request is None
    request_id = (await replica.open(ana)).request.request_id
    silent = Silent(user_id=ana, request_id=request_id, session_id=None)
    now = await replica.value("SELECT clock_timestamp()")
    await replica.hear(UserOffline(correlation_id=ana, users=(silent,), read_at=now))
    assert (await replica.state(ana)).request is None
    await replica.parts.outbox.relay()
    await replica.parts.sweep.prune()


async def ask(replica: Replica, user: UserId, key: str = "once") -> RequestOpened:
    idempotency = Idempotency(key=key, operation="POST /match/request", body_sha256="")
    return await replica.ask(OpenRequest(user_id=user, timeout_s=60, idempotency=idempotency))


async def read_so_far(replica: Replica) -> int:
    """Entries of indexes and rows of tables that any statement was given to look at."""
    await replica.rows("SELECT pg_stat_force_next_flush()")
    await replica.rows("SELECT 1")  # as this ends
    return int(await replica.value(READ))
