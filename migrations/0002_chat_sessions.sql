-- migrate:up

-- A pair that was accepted; the id is the match's. Deadlines are columns, swept once a second.
-- `repeat_at` is when the states of both are told again while the session lives.
CREATE TABLE chat_sessions (
    id uuid PRIMARY KEY,
    status text NOT NULL CHECK (status IN ('waiting', 'connecting', 'active', 'ended')),
    live boolean NOT NULL GENERATED ALWAYS AS (status <> 'ended') STORED,
    score integer NOT NULL,
    created_at timestamptz NOT NULL,
    join_by timestamptz NOT NULL,
    active_at timestamptz,
    ended_at timestamptz,
    reason text CHECK (reason IN ('abandoned', 'declined', 'left', 'offline',
                                  'failed', 'maximum', 'blocked', 'erased')),
    completed_minimum boolean NOT NULL DEFAULT false,
    generation integer NOT NULL DEFAULT 0 CHECK (generation >= 0),
    repeats smallint NOT NULL DEFAULT 0 CHECK (repeats >= 0),
    repeat_at timestamptz,
    CONSTRAINT chat_sessions_end_once
        CHECK ((status = 'ended') = (ended_at IS NOT NULL)),
    CONSTRAINT chat_sessions_end_for_a_reason
        CHECK ((status = 'ended') = (reason IS NOT NULL)),
    CONSTRAINT chat_sessions_repeat_while_live
        CHECK ((status <> 'ended') = (repeat_at IS NOT NULL)),
    CONSTRAINT chat_sessions_active_since
        CHECK (status = 'ended' OR (status = 'active') = (active_at IS NOT NULL)),
    CONSTRAINT chat_sessions_complete_only_if_active
        CHECK (NOT completed_minimum OR active_at IS NOT NULL),
    UNIQUE (id, live)
);

CREATE INDEX chat_sessions_join_by ON chat_sessions (join_by) WHERE status = 'waiting';
CREATE INDEX chat_sessions_repeat_at ON chat_sessions (repeat_at) WHERE status <> 'ended';

-- migrate:down
DO $$ BEGIN RAISE 'migrations go forward only: write a new one'; END $$;
