-- migrate:up

-- A user's wish to be matched. It leaves 'pending' exactly once. `line` is the first request of a
-- chain of requeues; `avoid` holds the earlier partners of the line (blocks are looked up);
-- (id, attempt) is the ticket in the pool; `repeat_at` is when the ticket is told again.
CREATE TABLE match_requests (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    line uuid NOT NULL REFERENCES match_requests (id),
    attempt integer NOT NULL DEFAULT 1 CHECK (attempt >= 1),
    status text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'matched', 'cancelled', 'expired')),
    reason text,
    native_languages text[] NOT NULL CHECK (cardinality(native_languages) > 0),
    practice_languages jsonb NOT NULL
        CHECK (jsonb_typeof(practice_languages) = 'array' AND practice_languages <> '[]'),
    avoid uuid[] NOT NULL DEFAULT '{}',
    since timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > since),
    ended_at timestamptz,
    session_id uuid,
    requeued_from uuid,
    repeats smallint NOT NULL DEFAULT 0 CHECK (repeats >= 0),
    repeat_at timestamptz,
    CONSTRAINT match_requests_end_once
        CHECK ((status = 'pending') = (ended_at IS NULL)),
    CONSTRAINT match_requests_end_for_a_reason
        CHECK ((status = 'pending') = (reason IS NULL)),
    CONSTRAINT match_requests_reason_fits_status
        CHECK (reason IS NULL
               OR (status, reason) IN (('matched', 'matched'), ('cancelled', 'user'),
                                       ('cancelled', 'offline'), ('cancelled', 'erased'),
                                       ('expired', 'timeout'))),
    CONSTRAINT match_requests_matched_in_a_session
        CHECK ((status = 'matched') = (session_id IS NOT NULL)),
    CONSTRAINT match_requests_repeat_while_pending
        CHECK ((status = 'pending') = (repeat_at IS NOT NULL)),
    CONSTRAINT match_requests_line_begins_or_follows
        CHECK ((line = id) = (requeued_from IS NULL)),
    CONSTRAINT match_requests_avoid_not_self
        CHECK (NOT user_id = ANY (avoid))
);

CREATE UNIQUE INDEX match_requests_one_pending ON match_requests (user_id)
    WHERE status = 'pending';
CREATE UNIQUE INDEX match_requests_one_requeue ON match_requests (requeued_from, user_id)
    WHERE requeued_from IS NOT NULL;
CREATE INDEX match_requests_history ON match_requests (user_id, created_at DESC);
CREATE INDEX match_requests_expires_at ON match_requests (expires_at) WHERE status = 'pending';
CREATE INDEX match_requests_repeat_at ON match_requests (repeat_at) WHERE status = 'pending';

-- migrate:down
DO $$ BEGIN RAISE 'migrations go forward only: write a new one'; END $$;
