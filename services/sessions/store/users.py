"""The table `users`: who registered, what they speak and practise."""

import msgspec

from services.sessions.store.database import Connection, Transaction, structs
from services.sessions.store.states import PROFILE
from shared.domain import Profile
from shared.identifiers import UserId
from shared.requests import RegisterUser

REGISTER = """
INSERT INTO users (id, display_name, native_languages, practice_languages, interests,
                   relay_only, created_at)
VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7) ON CONFLICT (id) DO NOTHING
RETURNING true
"""
READ = f"""
SELECT row_to_json(x) FROM ({PROFILE} FROM users AS u WHERE u.id = $1 AND u.erased_at IS NULL) AS x
"""
CHANGE = """
UPDATE users SET display_name = $2, native_languages = $3, practice_languages = $4::jsonb,
                 interests = $5, relay_only = $6
WHERE id = $1
"""
ERASE = """
WITH tokens AS (DELETE FROM refresh_tokens WHERE user_id = $1),
     keys AS (DELETE FROM idempotency_keys WHERE user_id = $1),
     own_blocks AS (DELETE FROM blocks WHERE user_id = $1)
UPDATE users SET display_name = '', native_languages = '{}', practice_languages = '[]',
                 interests = '{}', relay_only = false, erased_at = $2
WHERE id = $1
"""

_profiles = msgspec.json.Decoder(Profile)


async def register(transaction: Transaction, asked: RegisterUser) -> bool:
    """Whether the user is new; the same id again changes nothing."""
    new = await transaction.connection.fetchval(
        REGISTER,
        asked.user_id,
        asked.display_name,
        asked.native_languages,
        msgspec.json.encode(asked.practice_languages).decode(),
        asked.interests,
        asked.relay_only,
        transaction.now,
    )
    return new is True


async def profile(connection: Connection, user_id: UserId) -> Profile | None:
    """None if never registered, or erased."""
    rows = await structs(connection, _profiles, READ, user_id)
    return rows[0] if rows else None


async def change(transaction: Transaction, profile: Profile) -> None:
    """Write what a user may change."""
    await transaction.connection.execute(
        CHANGE,
        profile.id,
        profile.display_name,
        profile.native_languages,
        msgspec.json.encode(profile.practice_languages).decode(),
        profile.interests,
        profile.relay_only,
    )


async def erase(transaction: Transaction, user_id: UserId) -> None:
    """Blank the row and forget the user's tokens, keys and own blocks. The row stays."""
    await transaction.connection.execute(ERASE, user_id, transaction.now)
