-- migrate:up

-- Refresh tokens by id. The token itself is a signed JWT that carries this id: whoever reads this
-- table cannot make one, so there is nothing here to hash. A family descends from one sign-in; a
-- token has one successor at most, and once that was used, using the token again ends the family.
CREATE TABLE refresh_tokens (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    family uuid NOT NULL,
    predecessor_id uuid REFERENCES refresh_tokens (id) ON DELETE SET NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
    used_at timestamptz
);

CREATE UNIQUE INDEX refresh_tokens_one_successor ON refresh_tokens (predecessor_id);
CREATE INDEX refresh_tokens_of_user ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_of_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_expires_at ON refresh_tokens (expires_at);

-- migrate:down
DO $$ BEGIN RAISE 'migrations go forward only: write a new one'; END $$;
