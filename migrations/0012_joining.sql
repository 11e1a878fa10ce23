-- migrate:up

-- Who has come, on which connection, and whether they hear each other: once both have joined they
-- have until `connect_by` to be connected.
ALTER TABLE participants
    ADD COLUMN connection_id uuid,
    ADD COLUMN connected boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT participants_connected_have_joined
        CHECK (NOT connected OR connection_id IS NOT NULL);

ALTER TABLE chat_sessions
    ADD COLUMN connect_by timestamptz,
    ADD CONSTRAINT chat_sessions_connect_by_once_both_joined
        CHECK (status = 'ended' OR (status = 'waiting') = (connect_by IS NULL));

CREATE INDEX chat_sessions_connect_by ON chat_sessions (connect_by) WHERE status = 'connecting';

-- migrate:down
DO $$ BEGIN RAISE 'migrations go forward only: write a new one'; END $$;
