"""Which documents there are, where they lie, and how they are written."""

from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from contracts import events, websocket
from contracts.asyncapi import ROOT
from services.gateway.api import contract, openapi, routing
from shared.schemas import Schema

DOCS: Final = ROOT / "docs"
SHOWN: Final = ROOT / "services/gateway/web/docs"
"""What `/docs` shows beside `/openapi.json`."""


def documents() -> dict[Path, bytes]:
    """Every document as it has to be, by its path."""
    on_socket, over_amqp = websocket.document(), events.document()
    return {
        DOCS / "openapi.json": contract.encoded(openapi.document(routing.documented())),
        DOCS / "asyncapi/websocket.yaml": _yaml(on_socket),
        DOCS / "asyncapi/events.yaml": _yaml(over_amqp),
        SHOWN / "websocket.json": msgspec.json.encode(on_socket) + b"\n",
        SHOWN / "events.json": msgspec.json.encode(over_amqp) + b"\n",
    }


class _Dumper(yaml.SafeDumper):
    """Spells everything out, and keeps the lines of longer texts."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)


def _yaml(document: Schema) -> bytes:
    # Once through JSON, so that only what JSON knows is written.
    plain = msgspec.json.decode(msgspec.json.encode(document))
    text = yaml.dump(plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return ("# Made by `make contracts`; do not edit.\n" + text).encode()
