-- The history there was before your queue, as events: a JSON object a line, in no order.
--   psql "$DATABASE_URL" -At -f history.sql | python leaderboard.py load
SELECT json_build_object(
    'type', 'session.ended',
    'session_id', s.id,
    'participants', json_agg(json_build_object(
        'user_id', p.user_id, 'practises', p.practises, 'practised_s', p.practised_s)))
FROM chat_sessions AS s JOIN participants AS p ON p.session_id = s.id
WHERE s.status = 'ended'
GROUP BY s.id
UNION ALL
SELECT json_build_object('type', 'user.erased', 'user_id', id)
FROM users WHERE erased_at IS NOT NULL;
