import json
import re

from contracts.asyncapi import ROOT
from contracts.checking import check_event
from contracts.events import EVENTS
from shared.events import Event, event_type, history

PAGE = (ROOT / "docs/events.md").read_text()


def test_the_page_of_events_lists_the_history_and_nothing_else() -> None:
    told = [kind for kind in EVENTS if kind.__module__ == history.__name__]
    assert told and all(issubclass(kind, Event) for kind in told)
    listed = re.findall(r"^\| `([a-z.]+)` \|", PAGE, re.MULTILINE)
    assert sorted(listed) == sorted(event_type(kind) for kind in told)


def test_the_sample_on_the_page_is_in_the_contract() -> None:
    [sample] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    check_event(json.loads(sample)["type"], sample.encode(), {})
