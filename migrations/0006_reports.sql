-- migrate:up

-- A user's complaint about another, kept for people to read.
CREATE TABLE reports (
    id uuid PRIMARY KEY,
    reporter_id uuid NOT NULL REFERENCES users (id),
    reported_id uuid NOT NULL REFERENCES users (id),
    session_id uuid REFERENCES chat_sessions (id),
    reason text NOT NULL CHECK (reason <> ''),
    details text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    CONSTRAINT reports_not_of_oneself CHECK (reporter_id <> reported_id)
);

CREATE INDEX reports_of_user ON reports (reported_id, created_at DESC);
CREATE INDEX reports_by_user ON reports (reporter_id, created_at DESC);

-- migrate:down
DO $$ BEGIN RAISE 'migrations go forward only: write a new one'; END $$;
