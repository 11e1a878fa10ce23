-- migrate:up

-- The talk and its turns. Turn 0 is in the language that side `starts` practises (drawn here, for
-- every session), the next in the other's. No turn lasts longer than the talk may, so that one
-- index serves both deadlines. A session that ended keeps the turn it ended in.
ALTER TABLE chat_sessions
    ADD COLUMN starts smallint NOT NULL DEFAULT 0 CHECK (starts IN (0, 1)),
    ADD COLUMN ends_at timestamptz,
    ADD COLUMN turn_number integer CHECK (turn_number >= 0),
    ADD COLUMN turn_since timestamptz,
    ADD COLUMN turn_until timestamptz,
    ADD CONSTRAINT chat_sessions_turns_while_talking
        CHECK (num_nulls(active_at, ends_at, turn_number, turn_since, turn_until) IN (0, 5)),
    ADD CONSTRAINT chat_sessions_times_in_order
        CHECK (created_at <= active_at AND active_at <= turn_since AND turn_since < turn_until
               AND turn_until <= ends_at AND turn_since <= ended_at);

ALTER TABLE chat_sessions ALTER COLUMN starts SET DEFAULT floor(random() * 2);

-- Seconds of finished turns in the language that this side practises.
ALTER TABLE participants
    ADD COLUMN practised_s integer NOT NULL DEFAULT 0 CHECK (practised_s >= 0);

CREATE INDEX chat_sessions_turn_until ON chat_sessions (turn_until) WHERE status = 'active';

-- migrate:down
DO $$ BEGIN RAISE 'migrations go forward only: write a new one'; END $$;
