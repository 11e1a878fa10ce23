-- migrate:up

-- Postgres may take a partial index for any query that implies its predicate, and read it from end
-- to end. While little is pending that costs no more than the key would; the plan is kept, and then
-- reads everything pending at each look-up. So each of these says "pending" in words that only
-- the queries it is made for use; the constraints of the table make the words mean the same.
--   by the user: ended_at IS NULL    by expiry: reason IS NULL    by the next repeat: repeat_at
--   by the id: status, which no index of this table knows
DROP INDEX match_requests_one_pending, match_requests_expires_at, match_requests_repeat_at;
CREATE UNIQUE INDEX match_requests_one_pending ON match_requests (user_id)
    WHERE ended_at IS NULL;
CREATE INDEX match_requests_expires_at ON match_requests (expires_at) WHERE reason IS NULL;
CREATE INDEX match_requests_repeat_at ON match_requests (repeat_at) WHERE repeat_at IS NOT NULL;

-- migrate:down
DO $$ BEGIN RAISE 'migrations go forward only: write a new one'; END $$;
