-- migrate:up

-- Everybody who registered. Every transaction locks the users it concerns first, in id order;
-- `version` numbers the states a user has been in. Erasing blanks the row and keeps it, so that
-- whoever met this user keeps a history whose other side is nobody.
CREATE TABLE users (
    id uuid PRIMARY KEY,
    version bigint NOT NULL DEFAULT 1 CHECK (version >= 1),
    display_name text NOT NULL,
    native_languages text[] NOT NULL,
    practice_languages jsonb NOT NULL,
    interests text[] NOT NULL,
    relay_only boolean NOT NULL,
    created_at timestamptz NOT NULL,
    erased_at timestamptz,
    CONSTRAINT users_practice_languages_are_a_list
        CHECK (jsonb_typeof(practice_languages) = 'array'),
    CONSTRAINT users_have_languages_or_are_erased
        CHECK (erased_at IS NOT NULL
               OR (cardinality(native_languages) > 0 AND practice_languages <> '[]')),
    CONSTRAINT users_erased_are_blank
        CHECK (erased_at IS NULL
               OR (display_name = '' AND native_languages = '{}' AND practice_languages = '[]'
                   AND interests = '{}' AND NOT relay_only))
) WITH (fillfactor = 80);  -- the version changes often: leave room for updates in the page

-- migrate:down
DO $$ BEGIN RAISE 'migrations go forward only: write a new one'; END $$;
