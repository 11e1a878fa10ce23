-- migrate:up

-- Whose doing the end was: who left, declined, never came or went away.
ALTER TABLE participants
    ADD COLUMN ended_it boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT participants_ended_it_is_over CHECK (NOT ended_it OR NOT live),
    ADD CONSTRAINT participants_ended_it_key UNIQUE (session_id, user_id, ended_it);

-- Only who did nothing wrong is requeued.
ALTER TABLE match_requests
    ADD COLUMN requeued_ended_it boolean NOT NULL GENERATED ALWAYS AS (false) STORED,
    ADD CONSTRAINT match_requests_requeued_did_no_wrong
        FOREIGN KEY (requeued_from, user_id, requeued_ended_it)
        REFERENCES participants (session_id, user_id, ended_it);

-- migrate:down
DO $$ BEGIN RAISE 'migrations go forward only: write a new one'; END $$;
