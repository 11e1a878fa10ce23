-- migrate:up

-- What an `Idempotency-Key` did, written in the transaction of its effect.
CREATE TABLE idempotency_keys (
    user_id uuid NOT NULL REFERENCES users (id),
    operation text NOT NULL,
    key text NOT NULL,
    body_sha256 text NOT NULL,
    effect_id uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, operation, key)
);

CREATE INDEX idempotency_keys_expires_at ON idempotency_keys (expires_at);

-- migrate:down
DO $$ BEGIN RAISE 'migrations go forward only: write a new one'; END $$;
