"""The part of the AMQP document that tells requests and their answers."""

import typing
from typing import Any, Final, get_args

from msgspec import Struct

from contracts.asyncapi import ROOT, SCHEMAS, in_channel, listed, message, reference, samples, tag
from shared.bus import messages, topology
from shared.bus.answering import Outcome, Refusal
from shared.requests import AnyRequest
from shared.schemas import Schema, components, schema_of

GOLDEN: Final = ROOT / "shared/tests/golden/requests"
REQUESTS: Final[tuple[Any, ...]] = get_args(AnyRequest)
VERSION: Final = "0.3.0"
REPLIES: Final = "replies"
FAILURES: Final = {
    Outcome.REFUSED: "It cannot be done: `code` says why, `about` names what it is about.",
    Outcome.UNAVAILABLE: "A store is away; nothing is known to have happened.",
    Outcome.FAILED: "Something went wrong that should not; it has been logged.",
}


class Parts(Struct, frozen=True):
    """What requests add to the document."""

    channels: Schema
    operations: Schema
    messages: Schema
    schemas: Schema


def document_parts() -> Parts:
    answers = [answer_of(kind) for kind in REQUESTS]
    return Parts(
        channels=_channels(),
        operations={f"ask.{tag(kind)}": _asking(kind) for kind in REQUESTS},
        messages=_messages(),
        schemas=components([*REQUESTS, *answers, Refusal], SCHEMAS, written=False),
    )


def answer_of(kind: Any) -> Any:
    """The type that answers requests of this kind."""
    [base] = kind.__orig_bases__
    [answer] = typing.get_args(base)
    return answer


def _channels() -> Schema:
    queue = {"durable": True, "exclusive": False, "autoDelete": False, "vhost": "/"}
    own = {"durable": False, "exclusive": True, "autoDelete": False, "vhost": "/"}
    answers = [_answered(kind) for kind in REQUESTS]
    return {
        topology.REQUESTS: {
            "address": topology.REQUESTS,
            "description": "By the default exchange, for the gateway alone; dropped when nobody "
            "waits any more.",
            "messages": listed([kind.__name__ for kind in REQUESTS]),
            "bindings": {
                "amqp": {
                    "is": "queue",
                    "queue": {"name": topology.REQUESTS, **queue},
                    "bindingVersion": VERSION,
                }
            },
            "x-arguments": {"x-queue-type": "classic"},
        },
        REPLIES: {
            "address": None,
            "description": "The asker's own queue, named by `reply_to`; `correlation_id` is the "
            "request's `message_id`, `type` the outcome.",
            "messages": listed([*answers, *map(str.capitalize, FAILURES)]),
            "bindings": {
                "amqp": {
                    "is": "queue",
                    "queue": {"name": "<service>.replies.<id>", **own},
                    "bindingVersion": VERSION,
                }
            },
        },
    }


def _asking(kind: Any) -> Schema:
    answers = [_answered(kind), *map(str.capitalize, FAILURES)]
    return {
        "action": "send",
        "channel": reference("channels", topology.REQUESTS),
        "messages": in_channel(topology.REQUESTS, [kind.__name__]),
        "bindings": {
            "amqp": {
                "deliveryMode": 1,
                "mandatory": True,
                "timestamp": True,
                "bindingVersion": VERSION,
            }
        },
        "reply": {
            "channel": reference("channels", REPLIES),
            "messages": in_channel(REPLIES, answers),
        },
    }


def _messages() -> Schema:
    golden = samples(GOLDEN, "*.json")
    described: Schema = {}
    for kind in REQUESTS:
        payload = {"$ref": SCHEMAS.format(name=kind.__name__)}
        asked = message(kind, payload, {tag(kind): golden[tag(kind)]})
        amqp = {"messageType": tag(kind), "bindingVersion": VERSION}
        described[kind.__name__] = {**asked, "headers": _headers(), "bindings": {"amqp": amqp}}
        name = f"{tag(kind)}@answer"
        described[_answered(kind)] = {
            "name": Outcome.ANSWERED.value,
            "title": f"Answer to {tag(kind)}",
            "payload": schema_of(answer_of(kind), SCHEMAS),
            "examples": [{"name": name, "payload": golden[name]}],
        }
    for outcome, summary in FAILURES.items():
        nothing = {"type": "object", "additionalProperties": False}
        refusal = {"$ref": SCHEMAS.format(name=Refusal.__name__)}
        failed: Schema = refusal if outcome is Outcome.REFUSED else nothing
        described[outcome.capitalize()] = {
            "name": outcome.value,
            "summary": summary,
            "payload": failed,
        }
    return described


def _answered(kind: Any) -> str:
    return f"{kind.__name__}Answered"


def _headers() -> Schema:
    return {
        "type": "object",
        "properties": {
            messages.TIMEOUT_MS: {"type": "integer", "minimum": 0},
            messages.TRACEPARENT: {"type": "string"},
        },
        "required": [messages.TIMEOUT_MS],
        "additionalProperties": False,
    }
