"""Dashboards, alerts, metrics and what docs/operations.md says of them are of one mind."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

import services.gateway.app
import services.matcher.app
import services.sessions.app
import shared.runner
from deploy.grafana import build
from deploy.grafana.boards import BOARDS
from deploy.grafana.panels import Board
from deploy.local.supervision import ROOT
from shared.metrics import REGISTRY

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
PAGES = (ROOT / "docs" / "operations.md").read_text()
NAME = re.compile(r"\bparley_[a-z_]+")
SEVERITIES = {"page", "ticket"}
# Whatever the processes count is made when their modules are imported.
assert all((services.gateway.app, services.matcher.app, services.sessions.app, shared.runner))


def rules() -> list[dict[str, dict[str, str]]]:
    return [
        rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]
    ]


def counted() -> set[str]:
    """What the processes show, as it is called in queries but for a histogram's endings."""
    return {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in REGISTRY.collect()
        if family.name.startswith("parley_") and not family.name.startswith("parley_test_")
    }


def named(expression: str) -> set[str]:
    """The metrics that a query names."""
    return {re.sub("_(bucket|sum|count)$", "", name) for name in NAME.findall(expression)}


def drawn() -> set[str]:
    return {
        name
        for board in BOARDS
        for row in board.rows
        for panel in row.panels
        for query in panel.queries
        for name in named(query.expression)
    }


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: str(board.name))
def test_a_dashboard_is_as_its_board_says(board: Board) -> None:
    assert build.path(board).read_text() == build.written(board), "make dashboards"


def test_there_are_no_other_dashboards() -> None:
    assert set(build.DIRECTORY.glob("*")) == {build.path(board) for board in BOARDS}


def test_no_two_panels_share_a_place() -> None:
    for board in BOARDS:
        taken: set[tuple[int, int]] = set()
        for panel in build.dashboard(board)["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & taken, (board.name, panel["title"])
            assert max(x for x, _ in cells) < build.COLUMNS
            taken |= cells


def test_dashboards_and_alerts_name_only_what_is_counted() -> None:
    alerted = {name for rule in rules() for name in named(str(rule["expr"]))}
    assert drawn() | alerted <= counted()


def test_everything_counted_is_drawn_somewhere() -> None:
    assert counted() - drawn() == {"parley_process_info"}


def test_everything_counted_stands_in_the_docs_and_nothing_else() -> None:
    said = {re.sub("_(bucket|sum|count)$", "", name) for name in NAME.findall(PAGES)}
    assert said == counted()


def test_every_alert_has_its_page_and_every_page_its_alert() -> None:
    alerts = [str(rule["alert"]) for rule in rules()]
    pages = re.findall(r"^### (\w+)$", PAGES.partition("\n## Alerts\n")[2], re.MULTILINE)
    assert pages == alerts
    for rule in rules():
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{str(rule['alert']).lower()}"
        assert rule["annotations"]["summary"]
        severity = rule["labels"]["severity"]
        page = PAGES.partition(f"### {rule['alert']}\n\n")[2]
        assert severity in SEVERITIES and page.lower().startswith(severity)


def test_pages_send_nobody_to_a_panel_or_an_alert_that_is_not_there() -> None:
    there = {panel.title for board in BOARDS for row in board.rows for panel in row.panels}
    there |= {str(rule["alert"]) for rule in rules()}
    alerts = PAGES.partition("\n## Alerts\n")[2]
    named = re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", alerts)
    assert {" ".join(name.split()) for name in named} - there == {"Page", "Ticket"}


@pytest.mark.parametrize("check", [("config", "prometheus.yml"), ("rules", "alerts.yml")])
def test_promtool_finds_nothing_wrong(check: tuple[str, str]) -> None:
    what, file = check
    path: Path = ROOT / "deploy" / "prometheus" / file
    command = ["promtool", "check", what, str(path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
