-- migrate:up

-- The two sides of a session. `live` follows the session's by the foreign key, so that ending the
-- session frees both users in the same statement; a user is live in one session at most.
CREATE TABLE participants (
    session_id uuid NOT NULL,
    user_id uuid NOT NULL REFERENCES users (id),
    request_id uuid NOT NULL UNIQUE REFERENCES match_requests (id),
    side smallint NOT NULL CHECK (side IN (0, 1)),
    practises text NOT NULL CHECK (practises <> ''),
    live boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (session_id, user_id),
    UNIQUE (session_id, side),
    CONSTRAINT participants_live_with_the_session
        FOREIGN KEY (session_id, live) REFERENCES chat_sessions (id, live) ON UPDATE CASCADE
);

CREATE UNIQUE INDEX participants_one_live ON participants (user_id) WHERE live;
CREATE INDEX participants_history ON participants (user_id, created_at DESC, session_id DESC);

-- Exactly two sides: at most two by the key on `side`, and at least these two by reference.
ALTER TABLE chat_sessions
    ADD COLUMN first_side smallint NOT NULL GENERATED ALWAYS AS (0) STORED,
    ADD COLUMN second_side smallint NOT NULL GENERATED ALWAYS AS (1) STORED,
    ADD CONSTRAINT chat_sessions_first_side FOREIGN KEY (id, first_side)
        REFERENCES participants (session_id, side) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT chat_sessions_second_side FOREIGN KEY (id, second_side)
        REFERENCES participants (session_id, side) DEFERRABLE INITIALLY DEFERRED;

-- Whoever was matched, or follows a session, took part in it.
ALTER TABLE match_requests
    ADD CONSTRAINT match_requests_matched_takes_part FOREIGN KEY (session_id, user_id)
        REFERENCES participants (session_id, user_id),
    ADD CONSTRAINT match_requests_requeued_took_part FOREIGN KEY (requeued_from, user_id)
        REFERENCES participants (session_id, user_id);

-- migrate:down
DO $$ BEGIN RAISE 'migrations go forward only: write a new one'; END $$;
