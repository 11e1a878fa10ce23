-- migrate:up

-- What a participant says of a talk besides the rating: words of a closed list, each once at most.
ALTER TABLE feedback
    ADD COLUMN tags text[] NOT NULL DEFAULT '{}',
    ADD CONSTRAINT feedback_tags_are_known
        CHECK (tags <@ ARRAY['friendly', 'patient', 'helpful', 'fun', 'good-audio', 'bad-audio',
                             'wrong-level', 'one-language-only', 'rude']);

-- migrate:down
DO $$ BEGIN RAISE 'migrations go forward only: write a new one'; END $$;
