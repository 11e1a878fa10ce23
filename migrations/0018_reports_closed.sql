-- migrate:up

-- A report is open until somebody has looked into it and noted what came of it.
ALTER TABLE reports
    ADD COLUMN status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closed')),
    ADD COLUMN closed_at timestamptz,
    ADD COLUMN note text NOT NULL DEFAULT '',
    ADD CONSTRAINT reports_close_once CHECK ((status = 'closed') = (closed_at IS NOT NULL)),
    ADD CONSTRAINT reports_close_with_a_note CHECK ((status = 'closed') = (note <> ''));

CREATE INDEX reports_open ON reports (created_at, id) WHERE status = 'open';
CREATE INDEX reports_newest ON reports (created_at, id);

-- migrate:down
DO $$ BEGIN RAISE 'migrations go forward only: write a new one'; END $$;
