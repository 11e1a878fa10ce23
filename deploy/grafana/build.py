"""Writes the dashboards as Grafana reads them: `python -m deploy.grafana.build`."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.grafana.boards import BOARDS
from deploy.grafana.panels import Board, Panel, Row

DIRECTORY = Path(__file__).parent / "dashboards"
LINK = {"type": "dashboards", "tags": ["parley"], "title": "Parley", "asDropdown": True}
SOURCE = {"type": "prometheus", "uid": "prometheus"}
COLUMNS = 24
HEIGHTS = {"timeseries": 8, "stat": 4}
WIDTHS = {"timeseries": 8, "stat": 4}

Json = dict[str, Any]


def main() -> None:
    for board in BOARDS:
        path(board).write_text(written(board), encoding="utf-8")


def path(board: Board) -> Path:
    return DIRECTORY / f"{board.name}.json"


def written(board: Board) -> str:
    return json.dumps(dashboard(board), indent=1, ensure_ascii=False) + "\n"


def dashboard(board: Board) -> Json:
    return {
        "uid": f"parley-{board.name}",
        "title": board.title,
        "tags": ["parley"],
        "schemaVersion": 39,
        "editable": False,
        "graphTooltip": 1,
        "time": {"from": "now-1h", "to": "now"},
        "refresh": "15s",
        "timezone": "browser",
        "links": [LINK],
        "panels": list(_panels(board)),
    }


def _panels(board: Board) -> Iterator[Json]:
    """Left to right, top to bottom."""
    ids, y = itertools.count(1), 0
    for row in board.rows:
        place = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
        yield {"id": next(ids), "type": "row", "title": row.title, "gridPos": place, "panels": []}
        y += 1
        for panel, place in _placed(row, y):
            yield _panel(panel, next(ids), place)
            y = max(y, place["y"])
        y += HEIGHTS[row.panels[-1].kind]


def _placed(row: Row, y: int) -> Iterator[tuple[Panel, Json]]:
    x = 0
    for panel in row.panels:
        width, height = WIDTHS[panel.kind], HEIGHTS[panel.kind]
        if x + width > COLUMNS:
            x, y = 0, y + height
        yield panel, {"x": x, "y": y, "w": width, "h": height}
        x += width


def _panel(panel: Panel, id: int, place: Json) -> Json:
    return {
        "id": id,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.says,
        "gridPos": place,
        "datasource": SOURCE,
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": SOURCE,
                "expr": query.expression,
                "legendFormat": query.legend or panel.title,
            }
            for number, query in enumerate(panel.queries)
        ],
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "custom": _drawn(panel)},
            "overrides": [],
        },
        "options": _options(panel),
    }


def _drawn(panel: Panel) -> Json:
    if panel.kind == "stat":
        return {}
    stacking = {"mode": "normal" if panel.stacked else "none"}
    return {"fillOpacity": 20 if panel.stacked else 5, "showPoints": "never", "stacking": stacking}


def _options(panel: Panel) -> Json:
    if panel.kind == "stat":
        return {"reduceOptions": {"calcs": ["lastNotNull"]}, "graphMode": "area"}
    return {
        "legend": {"displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


if __name__ == "__main__":
    main()
