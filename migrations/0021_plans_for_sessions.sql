-- migrate:up

-- As for requests: a look-up of a live session by its id must not read all that live.
DROP INDEX chat_sessions_repeat_at;
CREATE INDEX chat_sessions_repeat_at ON chat_sessions (repeat_at) WHERE repeat_at IS NOT NULL;

-- migrate:down
DO $$ BEGIN RAISE 'migrations go forward only: write a new one'; END $$;
