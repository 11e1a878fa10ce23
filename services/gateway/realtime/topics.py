"""Things to talk about in a turn, from the catalogues in `topics/`. Pure."""

from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from services.gateway.realtime.protocol import Topics
from shared.domain import Level, Turn
from shared.identifiers import SessionId

PROMPTS_PER_TURN: Final = 3
FALLBACK: Final = "en"


class Catalogue(Struct, frozen=True, rename="upper", forbid_unknown_fields=True):
    """Prompts of one language by the first letter of the level they suit."""

    a: tuple[str, ...]
    b: tuple[str, ...]
    c: tuple[str, ...]

    def of(self, level: Level | None) -> tuple[str, ...]:
        """Who has no level, as a native has none, is spoken to as the middle one."""
        match level:
            case Level.A1 | Level.A2:
                return self.a
            case Level.C1 | Level.C2:
                return self.c
            case _:
                return self.b


CATALOGUES: Final = {
    path.stem: msgspec.json.decode(path.read_bytes(), type=Catalogue)
    for path in Path(__file__).with_name("topics").glob("*.json")
}


def pick(turn: Turn, session_id: SessionId) -> Topics:
    """The prompts of this turn: in its language or else in English, the same for both sides.

    Every session has an order of its own, and each turn goes on in it where the last one stopped,
    round and round. Two languages without a catalogue share the English one, so turns of both
    count; nine prompts are three turns of either language without a repeat.
    """
    spoken = turn.language.partition("-")[0]
    language = spoken if spoken in CATALOGUES else FALLBACK
    prompts = CATALOGUES[language].of(turn.level)
    order = sorted(prompts, key=lambda prompt: sha256(f"{session_id} {prompt}".encode()).digest())
    begin = turn.number * PROMPTS_PER_TURN
    picked = (order[index % len(order)] for index in range(begin, begin + PROMPTS_PER_TURN))
    return Topics(
        language=language,
        prompts=tuple(picked),
        level=turn.level,
        fallback=language != spoken,
    )
