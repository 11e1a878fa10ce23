"""The AsyncAPI document of the WebSocket, made of the frames' structs and their golden samples."""

from typing import Any, Final, get_args

from contracts.asyncapi import ROOT, SCHEMAS, in_channel, listed, message, reference, samples, tag
from services.gateway.api.routing import PREFIX
from services.gateway.realtime import protocol
from services.gateway.realtime.protocol import SUBPROTOCOL, CloseCode
from shared.schemas import Schema, components

GOLDEN: Final = ROOT / "services/gateway/tests/realtime/golden"
CLIENT: Final = get_args(protocol.ClientFrame)
SERVER: Final = get_args(protocol.ServerFrame)
# What is answered by a frame of its own, which echoes the `id`.
ANSWERED: Final = {"Hello": "Welcome", "Ping": "Pong", "IceRefresh": "Ice"}
CHANNEL: Final = "socket"
DESCRIPTION: Final = f"""\
JSON text frames with a `type`, in the subprotocol `{SUBPROTOCOL}`. Say `hello` with an access token
within 5 s; `welcome` shows the whole present state, and every frame after it what has changed. A
frame may carry an `id`, which what answers it echoes; what cannot be done is answered by `error`.

What is sent by either side is one of these frames, with these fields and no others. Whoever reads
ignores fields and frames it does not know: they are a newer version's."""


def document() -> Schema:
    client, server = _names(CLIENT), _names(SERVER)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Parley, the WebSocket", "version": "1.0.0", "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": {"development": {"host": "localhost:8080", "protocol": "ws"}},
        "channels": {
            CHANNEL: {
                "address": f"{PREFIX}/ws",
                "description": f"Closed with one of these codes:\n\n{_close_codes()}",
                "messages": listed([*client, *server]),
                "bindings": {"ws": {"method": "GET", "headers": _headers()}},
            }
        },
        "operations": _operations(client, server),
        "components": {
            "messages": _messages(),
            "schemas": components(CLIENT, SCHEMAS, written=False)
            | components(SERVER, SCHEMAS, written=True),
        },
    }


def _names(kinds: tuple[Any, ...]) -> list[str]:
    return [kind.__name__ for kind in kinds]


def _operations(client: list[str], server: list[str]) -> Schema:
    channel = reference("channels", CHANNEL)
    others = [name for name in client if name not in ANSWERED]
    operations: Schema = {
        f"hear{name}": {
            "action": "receive",
            "channel": channel,
            "messages": in_channel(CHANNEL, [name]),
            "reply": {"channel": channel, "messages": in_channel(CHANNEL, [answer, "Error"])},
        }
        for name, answer in ANSWERED.items()
    }
    operations["hear"] = {
        "action": "receive",
        "channel": channel,
        "summary": "What a client says besides; answered by an `error` or by what comes of it.",
        "messages": in_channel(CHANNEL, others),
    }
    operations["tell"] = {
        "action": "send",
        "channel": channel,
        "summary": "What the server says.",
        "messages": in_channel(CHANNEL, server),
    }
    return operations


def _messages() -> Schema:
    """Client frames and server frames may share a type: `chat` is said and relayed."""
    golden = samples(GOLDEN, "*.json")
    messages: Schema = {}
    for kinds, relayed in ((CLIENT, False), (SERVER, True)):
        spoken = {tag(kind) for kind in CLIENT} if relayed else set()
        for kind in kinds:
            examples = {
                name: sample
                for name, sample in golden.items()
                if sample["type"] == tag(kind)
                and (tag(kind) not in spoken if not _is_relayed(name) else relayed)
            }
            payload = {"$ref": SCHEMAS.format(name=kind.__name__)}
            messages[kind.__name__] = message(kind, payload, examples)
            messages[kind.__name__]["correlationId"] = {"location": "$message.payload#/id"}
    return messages


def _is_relayed(name: str) -> bool:
    return "@relayed" in name


def _close_codes() -> str:
    return "\n".join(
        f"- {code.value}: {code.name.lower().replace('_', ' ')}, "
        f"{'come back' if code < 4500 else 'do not come back like this'}"
        for code in CloseCode
    )


def _headers() -> Schema:
    return {
        "type": "object",
        "properties": {
            "Sec-WebSocket-Protocol": {"type": "string", "enum": [SUBPROTOCOL]},
            "Authorization": {
                "type": "string",
                "description": "`Bearer …`, for clients that can set it; others say it in `hello`.",
            },
        },
        "required": ["Sec-WebSocket-Protocol"],
    }
