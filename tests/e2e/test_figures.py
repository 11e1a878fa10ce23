"""Every query of every dashboard and every alert, against a real Prometheus with load behind."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from shared.testing import eventually
from tests.e2e.client import Languages, Person, speaks
from tests.e2e.crowd import Crowd, crowd
from tests.e2e.prometheus import (
    DASHBOARDS,
    Prometheus,
    QueryFailed,
    broker_with_figures,
    prometheus,
)
from tests.e2e.stack import SERVICES, Shape, Stack, Stacks

ALONE = Shape(gateways=1, matchers=1, sessions=1)
"""One gateway, so that it hears of the match of whom it promised a time."""
ROUNDS = 4
RATE_WINDOW = "8s"
COMPARED = re.compile(r"(.+) [<>] [0-9.]+", re.DOTALL)


@pytest.fixture
def observed(stacks: Stacks, tmp_path: Path) -> Iterator[tuple[Stack, Prometheus]]:
    """A stack and a Prometheus that scrapes it."""
    with ExitStack() as stack:
        running = stacks.use(ALONE)
        for name in ("rabbitmq", "prometheus"):
            (tmp_path / name).mkdir()
        ports = {name: [one.ops_port for one in running.of(name)] for name in SERVICES}
        ports["rabbitmq"] = [stack.enter_context(broker_with_figures(tmp_path / "rabbitmq"))]
        yield running, stack.enter_context(prometheus(tmp_path / "prometheus", ports))


async def talk(people: Crowd, first: Languages, second: Languages, *, promised: bool) -> None:
    """Two meet, talk, lose a socket in between, and rate each other."""
    ana, ben = await people.arrive("Ana", first), await people.arrive("Ben", second)
    await ana.ask()
    if promised:
        await eventually(lambda: known(people, first), deadline_s=8)
    await ben.ask()
    session_id = (await ana.hear("match.found"))["session_id"]
    await say("session.join", session_id, ana, ben)
    for person in (ana, ben):
        await person.hear("session.connecting", where=lambda frame: frame["generation"] == 2)
    await ana.say(type="signal", session_id=session_id, generation=2, candidate={"candidate": "c"})
    await ben.hear("signal")
    await say("session.connected", session_id, ana, ben)
    await ben.hear("session.active")
    await ben.drop()
    await ana.say(type="chat", session_id=session_id, id="1", text="hola")
    await ben.hear("chat")
    await asyncio.sleep(1.1)  # Who talked for less than a second did not talk.
    await say("session.leave", session_id, ana)
    await ben.hear("session.ended")
    rated = await ben.call("POST", f"/sessions/{session_id}/feedback", {"rating": 5})
    assert rated.status_code == 204, rated.text


async def known(people: Crowd, languages: Languages) -> None:
    """The matcher has measured that somebody waits: now a time can be promised."""
    status = await people.people[-1].call("GET", "/queue/status")
    pairs = [(pair["native"], pair["waiting"]) for pair in status.json()["pairs"]]
    assert (languages.native[0], 1) in pairs


async def fail(people: Crowd) -> None:
    """Two who get no connection, and one who gives up waiting."""
    ana = await people.arrive("Ana", speaks("fi", "et"))
    ben = await people.arrive("Ben", speaks("et", "fi"))
    await ana.ask()
    await ben.ask()
    session_id = (await ana.hear("match.found"))["session_id"]
    await say("session.join", session_id, ana, ben)
    await ana.say(type="session.failed", session_id=session_id, reason="network")
    await ana.hear("session.ended")
    for person in (ana, ben):
        await person.cancel()


async def say(kind: str, session_id: str, *people: Person) -> None:
    for person in people:
        await person.say(type=kind, session_id=session_id)


async def load(people: Crowd) -> None:
    """Everything that is counted happens, again and again: a rate needs two counts."""
    for number in range(ROUNDS):
        await asyncio.gather(
            talk(people, speaks("es", "en"), speaks("en", "es"), promised=False),
            talk(people, speaks("fr", "de"), speaks("de", "fr"), promised=number > 0),
            fail(people),
        )


def drawn() -> list[tuple[str, str]]:
    """Dashboard and panel, and the query."""
    return [
        (f"{board['title']}: {panel['title']}", target["expr"])
        for path in sorted(DASHBOARDS.glob("*.json"))
        for board in [json.loads(path.read_text())]
        for panel in board["panels"]
        for target in panel.get("targets", ())
    ]


def shown(asked: Prometheus, expression: str, begin: float) -> str:
    """What is wrong with a query, if anything."""
    try:
        spelled = expression.replace("$__rate_interval", RATE_WINDOW)
        return "" if asked.finite(spelled, begin, time.time()) else "empty"
    except QueryFailed as error:
        return str(error)


async def test_every_dashboard_and_every_alert_has_something_to_show(
    observed: tuple[Stack, Prometheus],
) -> None:
    running, asked = observed
    begin = time.time()
    async with crowd(running.urls) as people:
        await load(people)
        await asyncio.sleep(2)  # The last counts are scraped.
        panels = [(where, shown(asked, each, begin), each) for where, each in drawn()]
    assert len(panels) > 80
    assert [panel for panel in panels if panel[1]] == []
    alerts = asked.alerts()
    assert len(alerts) > 30
    for alert in alerts:
        compared = COMPARED.fullmatch(alert.expression)
        assert compared is not None, f"{alert.name}: one comparison with one number"
        assert alert.error == "", alert
        assert asked.values(compared[1]), f"{alert.name}: nothing to compare"
