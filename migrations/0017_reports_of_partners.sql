-- migrate:up

-- A report is of the partner in a session: both took part in it. Nothing has written any so far.
ALTER TABLE reports
    ALTER COLUMN session_id SET NOT NULL,
    ADD CONSTRAINT reports_by_a_participant FOREIGN KEY (session_id, reporter_id)
        REFERENCES participants (session_id, user_id),
    ADD CONSTRAINT reports_of_a_participant FOREIGN KEY (session_id, reported_id)
        REFERENCES participants (session_id, user_id),
    ADD CONSTRAINT reports_reason_is_known
        CHECK (reason IN ('harassment', 'hate', 'sexual', 'minor', 'spam', 'scam', 'other'));

-- migrate:down
DO $$ BEGIN RAISE 'migrations go forward only: write a new one'; END $$;
