"""The AsyncAPI document of what goes over AMQP: events for everybody, requests of the gateway."""

from typing import Any, Final, get_args

from contracts import requests
from contracts.asyncapi import ROOT, SCHEMAS, in_channel, listed, message, reference, samples, tag
from shared.bus import messages, topology
from shared.events import AnyEvent
from shared.schemas import Schema, components

GOLDEN: Final = ROOT / "shared/tests/golden"
EVENTS: Final[tuple[Any, ...]] = get_args(AnyEvent)
VERSION: Final = "0.3.0"
DESCRIPTION: Final = f"""\
Events go to the topic exchange `{topology.EVENTS}`, each with its type as routing key. A service of
yours declares a queue of its own and binds it to the keys it wants; the queues named here are those
of Parley's services and are never shared. Events come at least once and in no order: `event_id`
tells a repetition.

AMQP properties: `message_id` is the `event_id`, `correlation_id` the request that began it, `type`
the event's, `app_id` the service that published it, `timestamp`, `content_type`; persistent.

Published are these fields and no others. A field that an old event may lack has a default and is
not required. Whoever reads ignores fields it does not know: they are a newer version's."""
TRACEPARENT: Final = {
    "type": "string",
    "description": "W3C Trace Context, if traces are made.",
    "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
}
COUNT: Final = {"type": "integer", "minimum": 0}


def document() -> Schema:
    asked = requests.document_parts()
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Parley, events", "version": "1.0.0", "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": {
            "development": {
                "host": "localhost:5672",
                "protocol": "amqp",
                "protocolVersion": "0.9.1",
            }
        },
        "channels": {**_keys(), **_queues(), **asked.channels},
        "operations": {**_publishing(), **_consuming(), **asked.operations},
        "components": {
            "messages": {**_messages(), **asked.messages},
            "schemas": components(EVENTS, SCHEMAS, written=False) | asked.schemas,
        },
    }


def _keys() -> Schema:
    """A channel for each routing key."""
    exchange = {"name": topology.EVENTS, "type": "topic", "durable": True, "autoDelete": False}
    return {
        tag(kind): {
            "address": tag(kind),
            "messages": listed([kind.__name__]),
            "bindings": {
                "amqp": {
                    "is": "routingKey",
                    "exchange": {**exchange, "vhost": "/"},
                    "bindingVersion": VERSION,
                }
            },
        }
        for kind in EVENTS
    }


def _queues() -> Schema:
    channels: Schema = {}
    for inbox, kinds in topology.BINDINGS.items():
        names = [kind.__name__ for kind in kinds]
        channels[inbox] = _queue(inbox, names, topology.inbox_arguments(inbox))
        dead = topology.dead_of(inbox)
        channels[dead] = _queue(dead, names, topology.dead_arguments())
        channels[dead]["description"] = (
            f"What could not be handled, bound to the direct exchange `{topology.DEAD}` by "
            f"`{inbox}`; the header `{messages.CAUSE}` says why. `make dead-letters` lists them."
        )
    return channels


def _queue(name: str, names: list[str], arguments: Any) -> Schema:
    queue = {"name": name, "durable": True, "exclusive": False, "autoDelete": False, "vhost": "/"}
    return {
        "address": name,
        "messages": listed(names),
        "bindings": {"amqp": {"is": "queue", "queue": queue, "bindingVersion": VERSION}},
        "x-arguments": dict(arguments),
    }


def _publishing() -> Schema:
    return {
        f"publish.{tag(kind)}": {
            "action": "send",
            "channel": reference("channels", tag(kind)),
            "messages": in_channel(tag(kind), [kind.__name__]),
            "bindings": {
                "amqp": {
                    "deliveryMode": 2,
                    "mandatory": tag(kind) in topology.MANDATORY,
                    "timestamp": True,
                    "bindingVersion": VERSION,
                }
            },
        }
        for kind in EVENTS
    }


def _consuming() -> Schema:
    return {
        f"consume.{inbox}": {
            "action": "receive",
            "channel": reference("channels", inbox),
            "messages": in_channel(inbox, [kind.__name__ for kind in kinds]),
            "bindings": {"amqp": {"ack": True, "bindingVersion": VERSION}},
        }
        for inbox, kinds in topology.BINDINGS.items()
    }


def _messages() -> Schema:
    golden = samples(GOLDEN, "*.json")
    described: Schema = {}
    for kind in EVENTS:
        examples = {name: one for name, one in golden.items() if one["type"] == tag(kind)}
        payload = {"$ref": SCHEMAS.format(name=kind.__name__)}
        described[kind.__name__] = {
            **message(kind, payload, examples),
            "headers": _headers(),
            "correlationId": {"location": "$message.payload#/correlation_id"},
            "bindings": {"amqp": {"messageType": tag(kind), "bindingVersion": VERSION}},
        }
    return described


def _headers() -> Schema:
    """What we set, and what the broker adds to a message that it delivers again."""
    return {
        "type": "object",
        "properties": {
            messages.TRACEPARENT: TRACEPARENT,
            messages.FAILURES: COUNT,
            "x-delivery-count": COUNT,
            "x-acquired-count": COUNT,
        },
        "additionalProperties": False,
    }
