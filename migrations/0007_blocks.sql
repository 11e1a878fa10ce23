-- migrate:up

-- `user_id` does not want to meet `blocked_id`; it holds both ways round.
CREATE TABLE blocks (
    user_id uuid NOT NULL REFERENCES users (id),
    blocked_id uuid NOT NULL REFERENCES users (id),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, blocked_id),
    CONSTRAINT blocks_not_of_oneself CHECK (user_id <> blocked_id)
);

CREATE INDEX blocks_of_user ON blocks (blocked_id, user_id);

-- migrate:down
DO $$ BEGIN RAISE 'migrations go forward only: write a new one'; END $$;
