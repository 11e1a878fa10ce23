"""All of Postgres, a module by table: nothing else in Parley speaks SQL."""

from services.sessions.store import (
    blocks,
    chat_sessions,
    history,
    idempotency_keys,
    match_requests,
    matches,
    outbox,
    pruning,
    pulses,
    refresh_tokens,
    repeats,
    states,
    users,
)

__all__ = [
    "blocks",
    "chat_sessions",
    "history",
    "idempotency_keys",
    "match_requests",
    "matches",
    "outbox",
    "pruning",
    "pulses",
    "refresh_tokens",
    "repeats",
    "states",
    "users",
]
