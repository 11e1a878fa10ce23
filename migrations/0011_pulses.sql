-- migrate:up

-- One row a second, written by whichever replica comes first and sent round through the broker,
-- the gateway and Redis. A gap in the rows or a late return is an outage: deadlines wait.
CREATE TABLE pulses (
    sent_at timestamptz PRIMARY KEY,
    returned_at timestamptz
);

-- migrate:down
DO $$ BEGIN RAISE 'migrations go forward only: write a new one'; END $$;
