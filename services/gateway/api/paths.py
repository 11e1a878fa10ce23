"""Identifiers in paths and cursors: UUIDs in their canonical spelling, or nothing we know."""

import re

from shared.errors import Refused

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def identifier(text: str, noun: str) -> str:
    """`text` as an identifier; what is none names nothing. Refused: `unknown-<noun>`."""
    if not UUID.fullmatch(text.lower()):
        raise Refused(f"unknown-{noun}", f"There is no {noun} of this id.")
    return text.lower()
