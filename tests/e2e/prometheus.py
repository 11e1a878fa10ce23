"""A real Prometheus that scrapes a stack, and a RabbitMQ whose plug-in it can scrape as well."""

import dataclasses
import http.client
import json
import math
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct

from deploy.local import servers
from deploy.local.processes import HOST, Server, free_port, start

ROOT = Path(__file__).resolve().parents[2]
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARDS = ROOT / "deploy" / "grafana" / "dashboards"
ANSWER_LIMIT_S = 10


class QueryFailed(Exception):
    """What Prometheus says is wrong with a query."""


class Alert(Struct, frozen=True):
    """A rule as Prometheus has loaded it; `error` is what its last evaluation said, if anything."""

    name: str
    expression: str
    error: str
    runbook: str


class Prometheus(Struct, frozen=True):
    """Asked through its HTTP API."""

    url: str

    def finite(self, expression: str, begin: float, end: float) -> int:
        """How many samples the query gives between two times (Unix, s) that are numbers."""
        asked = {"query": expression, "start": begin, "end": end, "step": 1}
        found = self._ask("query_range", asked)["result"]
        return sum(math.isfinite(float(value)) for each in found for _, value in each["values"])

    def values(self, expression: str) -> list[float]:
        """What the query gives now, a number for each series."""
        found = self._ask("query", {"query": expression})["result"]
        return [float(each["value"][1]) for each in found]

    def alerts(self) -> list[Alert]:
        groups = self._ask("rules", {"type": "alert"})["groups"]
        return [
            Alert(
                name=rule["name"],
                expression=rule["query"],
                error=rule.get("lastError", ""),
                runbook=rule["annotations"]["runbook"],
            )
            for group in groups
            for rule in group["rules"]
        ]

    def _ask(self, what: str, asked: Mapping[str, Any]) -> Any:
        url = f"{self.url}/api/v1/{what}?{urlencode(asked)}"
        try:
            with urllib.request.urlopen(url, timeout=ANSWER_LIMIT_S) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise QueryFailed(json.load(error)["error"]) from error


@contextmanager
def prometheus(directory: Path, targets: Mapping[str, Sequence[int]]) -> Iterator[Prometheus]:
    """With our alerts, scraping these loopback ports by job, every second."""
    port = free_port()
    shutil.copy(ALERTS, directory)
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [ALERTS.name],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"{HOST}:{one}" for one in ports]}]}
            for job, ports in targets.items()
        ],
    }
    file = directory / "prometheus.yml"
    file.write_text(json.dumps(configuration))  # JSON is YAML.
    with _running(
        Server(
            name="prometheus",
            port=port,
            command=(
                "prometheus",
                f"--config.file={file}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address={HOST}:{port}",
            ),
            log=directory / "prometheus.log",
            ready=partial(_says_ok, port, "/-/ready"),
        )
    ):
        yield Prometheus(f"http://{HOST}:{port}")


@contextmanager
def broker_with_figures(directory: Path) -> Iterator[int]:
    """An empty RabbitMQ with the plug-in rabbitmq_prometheus; the port of its figures."""
    epmd_port, port = free_port(), free_port()
    with _running(servers.epmd(directory, epmd_port)):
        plain = servers.rabbitmq(directory, free_port(), free_port(), epmd_port)
        (directory / "enabled_plugins").write_text("[rabbitmq_prometheus].\n")
        listening = f'-rabbitmq_prometheus tcp_config [{{ip,"{HOST}"}},{{port,{port}}}]'
        words = "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"
        environment = {**plain.environment, words: f"{plain.environment[words]} {listening}"}
        with _running(dataclasses.replace(plain, environment=environment)):
            yield port


@contextmanager
def _running(server: Server) -> Iterator[None]:
    running = start(server)
    try:
        yield
    finally:
        running.stop()


def _says_ok(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
