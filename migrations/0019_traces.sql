-- migrate:up

-- The W3C traceparent of what caused the event, '' if nobody traces: a relay publishes it with that.
ALTER TABLE outbox
    ADD COLUMN traceparent text NOT NULL DEFAULT '';

-- migrate:down
DO $$ BEGIN RAISE 'migrations go forward only: write a new one'; END $$;
