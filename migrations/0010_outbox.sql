-- migrate:up

-- Events caused by committed effects and not yet confirmed by the broker. Empty but for the last
-- moment: rows come and go with every transaction, hence the eager vacuum.
CREATE TABLE outbox (
    event_id uuid PRIMARY KEY,
    type text NOT NULL,
    correlation_id text NOT NULL,
    body json NOT NULL,
    created_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

CREATE INDEX outbox_created_at ON outbox (created_at);

-- migrate:down
DO $$ BEGIN RAISE 'migrations go forward only: write a new one'; END $$;
