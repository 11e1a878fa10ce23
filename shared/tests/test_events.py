from pathlib import Path
from typing import get_args

import msgspec
import pytest

from shared import events
from shared.events import AnyEvent, Event

GOLDEN = Path(__file__).parent / "golden"
SAMPLES = sorted(GOLDEN.glob("*.json"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_golden_sample_is_read_for_ever(path: Path) -> None:
    """A sample is never edited: what it lacks is a field that came later, with its default."""
    event = events.decode(path.read_bytes())
    assert events.event_type(event) == path.stem.partition("@")[0]
    written = msgspec.json.decode(events.encode(event))
    assert contains(written, msgspec.json.decode(path.read_bytes()))
    assert events.decode(events.encode(event)) == event


def test_every_event_has_a_golden_sample() -> None:
    assert {path.stem for path in SAMPLES} >= {events.event_type(kind) for kind in kinds()}


def test_the_tag_comes_first_and_is_past_tense_dotted() -> None:
    for path in SAMPLES:
        event = events.decode(path.read_bytes())
        tag = events.event_type(event)
        assert events.encode(event).startswith(b'{"type":"%s",' % tag.encode())
        assert tag.count(".") >= 1


def test_every_field_of_every_sample_is_set_once_at_least() -> None:
    """So that renaming any field shows: a default would hide it."""
    for kind in kinds():
        own = GOLDEN.glob(f"{events.event_type(kind)}*.json")
        samples = [msgspec.json.decode(path.read_bytes()) for path in own]
        names = {field.encode_name for field in msgspec.structs.fields(kind)}
        assert names <= {name for sample in samples for name in sample}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"{}", b'{"type":"ticket.eaten"}', b'{"type":"pool.lost"}', b"\xff"],
)
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        events.decode(body)


def test_events_are_frozen_and_have_ids_of_their_own() -> None:
    first = events.PoolLost(correlation_id="c", epoch="e")
    assert first.event_id != events.PoolLost(correlation_id="c", epoch="e").event_id
    with pytest.raises(AttributeError):
        first.epoch = "f"  # type: ignore[misc]


def kinds() -> tuple[type[AnyEvent], ...]:
    union: tuple[type[AnyEvent], ...] = get_args(AnyEvent)
    assert all(issubclass(kind, Event) for kind in union)
    return union


def contains(whole: object, part: object) -> bool:
    """All of `part` is in `whole` with the same values; `whole` may have more keys."""
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(key in whole and contains(whole[key], part[key]) for key in part)
    if isinstance(whole, list) and isinstance(part, list):
        return len(whole) == len(part) and all(map(contains, whole, part))
    return whole == part
