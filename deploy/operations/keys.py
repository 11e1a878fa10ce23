"""What Redis holds of one user: the card, presence, the pool, what partners relayed."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

# Of redis-py, made so that it answers in text; its types allow for bytes everywhere.
Client = Any


async def shown(client: Client, user_id: str, requests: Iterable[str], sessions: Iterable[str]) -> (
    list[str]
):  # fmt: skip
    now_s, _ = await client.time()
    lines = [
        *await _card(client, user_id, now_s),
        *await _presence(client, user_id, now_s),
        *await _met(client, user_id),
    ]
    for request_id in requests:
        lines += await _ticket(client, request_id)
    for session_id in sessions:
        lines += await _relay(client, session_id)
    return lines


async def _card(client: Client, user_id: str, now_s: int) -> list[str]:
    key = f"gateway:{{{user_id}}}:card"
    card = await client.hgetall(key)
    if not card:
        return ["card      none"]
    state = json.loads(card["state"]) if card.get("state") else {}
    opened = [
        f"{what} {state[what][f'{what}_id']}" for what in ("request", "session") if state.get(what)
    ]
    alive_s = int(card.get("alive_until", 0)) / 1000 - now_s
    socket = "no socket"
    if card.get("connection"):
        alive = f"alive for {alive_s:.0f} s more" if alive_s > 0 else f"silent for {-alive_s:.0f} s"
        socket = f"socket {card['connection']} at {card['gateway']}, {alive}"
    return [
        f"card      version {card.get('version', 'unknown')}{', erased' * ('erased' in card)},"
        f" shows {' and '.join(opened) or 'nothing open'}; {socket};"
        f" expires in {await client.ttl(key)} s"
    ]


async def _presence(client: Client, user_id: str, now_s: int) -> list[str]:
    due_ms = await client.zscore("gateway:{presence}:watch", user_id)
    if due_ms is None:
        return ["presence  not watched: nothing open"]
    return [f"presence  counts as silent in {due_ms / 1000 - now_s:.0f} s"]


async def _met(client: Client, user_id: str) -> list[str]:
    met = await client.zrevrange(f"{{pool}}:met:{user_id}", 0, -1)
    return [f"met       lately: {', '.join(met)}"] if met else []


async def _ticket(client: Client, request_id: str) -> list[str]:
    lines = []
    if body := await client.hget("{pool}:tickets", request_id):
        ticket = json.loads(body)
        indexed = [
            name
            for name in ("waiting", "expiries")
            if await client.zscore(f"{{pool}}:{name}", request_id) is not None
        ]
        attempt = await client.hget("{pool}:attempts", request_id)
        lines.append(
            f"ticket    {request_id} waits at attempt {ticket['attempt']}"
            f" (index: {attempt}), in {' and '.join(indexed) or 'no index'}, until"
            f" {ticket['expires_at']}"
        )
    if tombstone := await client.hgetall(f"{{pool}}:tombstone:{request_id}"):
        match = json.loads(tombstone["match"])["match_id"] if "match" in tombstone else ""
        lines.append(
            f"tombstone {request_id} {tombstone['outcome']}"
            f"{' as ' + match if match else ''}{await _untold(client, match)}"
        )
    return lines


async def _untold(client: Client, match_id: str) -> str:
    claimed_ms = await client.zscore("{pool}:claimed", match_id) if match_id else None
    if claimed_ms is None:
        return ""
    return f", not told yet, claimed {datetime.fromtimestamp(claimed_ms / 1000, UTC):%H:%M:%S}"


async def _relay(client: Client, session_id: str) -> list[str]:
    lines = []
    if await client.exists(f"gateway:{{{session_id}}}:over"):
        lines.append(f"relay     {session_id} is over")
    async for key in client.scan_iter(f"gateway:{{{session_id}}}:relay:*", count=500):
        receiver = key.rpartition(":")[2]
        lines.append(f"relay     {session_id} to {receiver}: {await client.xlen(key)} frames")
    return lines
