"""Registering, profiles, states, erasing."""

import msgspec
from msgspec import UNSET

from services.sessions import transitions
from services.sessions.config import Settings
from services.sessions.outbox import Outbox
from services.sessions.requests.refusals import unknown_user
from services.sessions.session import Erased
from services.sessions.store import (
    chat_sessions,
    feedback,
    match_requests,
    refresh_tokens,
    states,
    users,
)
from services.sessions.store.database import Database, Transaction
from shared import languages
from shared.domain import Profile, RequestEndReason, UserState
from shared.events import UserErased, UserRegistered
from shared.identifiers import UserId
from shared.requests import (
    ChangeProfile,
    EraseUser,
    GetProfile,
    GetState,
    GetVersions,
    RegisterUser,
)


async def register_user(outbox: Outbox, asked: RegisterUser) -> Profile:
    """The same user id again answers what stands: the first answer may have been lost."""

    async def body(transaction: Transaction) -> Profile:
        if await users.register(transaction, asked):
            await refresh_tokens.begin_family(
                transaction, asked.user_id, asked.token_id, asked.token_expires_in_s
            )
            transaction.events.append(_registered(transaction, asked))
        profile = await users.profile(transaction.connection, asked.user_id)
        if profile is None:
            raise unknown_user()
        return profile

    return await outbox.transact([asked.user_id], body)


def _registered(transaction: Transaction, asked: RegisterUser) -> UserRegistered:
    return UserRegistered(
        correlation_id=asked.user_id,
        user_id=asked.user_id,
        native_languages=asked.native_languages,
        practice_languages=tuple(practice.language for practice in asked.practice_languages),
        at=transaction.now,
    )


async def get_profile(database: Database, asked: GetProfile) -> Profile:
    async with database.connection() as connection:
        profile = await users.profile(connection, asked.user_id)
    if profile is None:
        raise unknown_user()
    return profile


async def change_profile(outbox: Outbox, asked: ChangeProfile) -> UserState:
    """A partner in a live session sees the profile, so that state is one version on as well."""
    user_id = asked.user_id

    async def body(transaction: Transaction) -> UserState:
        profile = await users.profile(transaction.connection, user_id)
        if profile is None:
            raise unknown_user()
        changed = _changed(profile, asked)
        await users.change(transaction, changed)
        live = await chat_sessions.live_of(transaction, [user_id])
        pairs = [record.user_ids for record in live]
        return (await transitions.tell(transaction, pairs or [[user_id]]))[user_id]

    return await outbox.transact([user_id], body, with_partners=True)


def _changed(profile: Profile, asked: ChangeProfile) -> Profile:
    """Raises `Refused("languages-overlap")`."""
    fields = {
        name: value
        for name in asked.__struct_fields__
        if (value := getattr(asked, name)) is not UNSET and name != "user_id"
    }
    changed = msgspec.structs.replace(profile, **fields)
    if "native_languages" in fields or "practice_languages" in fields:
        languages.check(changed.native_languages, changed.practice_languages)
    return changed


async def erase_user(outbox: Outbox, settings: Settings, asked: EraseUser) -> UserState:
    """Once more is no error: the first answer may have been lost.

    What the user wrote in feedback goes; ratings and tags stay, as the partners' history does.
    Reports stay whole, those by the user and those about the user: nobody escapes moderation by
    leaving, and what somebody complained of is not undone because that person left.
    """
    user_id = asked.user_id

    async def body(transaction: Transaction) -> UserState:
        state = (await states.read(transaction.connection, [user_id])).get(user_id)
        if state is None:
            raise unknown_user()
        if state.erased:
            return state
        return await _erase(transaction, user_id, settings)

    return await outbox.transact([user_id], body, with_partners=True)


async def _erase(transaction: Transaction, user_id: UserId, settings: Settings) -> UserState:
    pending = await match_requests.pending_of(transaction, [user_id])
    await transitions.end_requests(transaction, pending, RequestEndReason.ERASED)
    live = await chat_sessions.live_of(transaction, [user_id])
    pairs = await transitions.happen(transaction, live, Erased(user_id), settings)
    await users.erase(transaction, user_id)
    await feedback.forget_comments(transaction, user_id)
    transaction.events.append(
        UserErased(correlation_id=user_id, user_id=user_id, at=transaction.now)
    )
    return (await transitions.tell(transaction, pairs or [[user_id]]))[user_id]


async def get_state(database: Database, asked: GetState) -> UserState:
    async with database.connection() as connection:
        found = await states.read(connection, [asked.user_id])
    if asked.user_id not in found:
        raise unknown_user()
    return found[asked.user_id]


VERSIONS_MAX = 500


async def get_versions(database: Database, asked: GetVersions) -> dict[UserId, int]:
    assert len(asked.user_ids) <= VERSIONS_MAX, "the asker keeps to the limit"
    async with database.connection() as connection:
        return await states.versions(connection, asked.user_ids)
