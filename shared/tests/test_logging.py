import json
import subprocess
import sys
from pathlib import Path

import structlog
from structlog.testing import capture_logs

from shared.logging import Seldom

ROOT = Path(__file__).parents[2]
PROGRAM = """
import logging as standard
import structlog
from shared import logging
logging.configure("matcher", "info", "matcher-1")
log = structlog.get_logger()
log.info("process.started")
structlog.contextvars.bind_contextvars(correlation_id="c1")
log.debug("too.small")
log.info("pair.claimed", score=104)
try:
    {}["gone"]
except KeyError:
    log.exception("step.failed")
standard.getLogger("a.library").warning("it %s", "says")
standard.getLogger("aiormq.connection").error("Cancelling cause reader exited abnormally")
"""


def test_every_line_is_json_that_says_who_and_about_what() -> None:
    """In a process of its own, for logging is configured once and for all."""
    command = [sys.executable, "-W", "error", "-c", PROGRAM]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, timeout=30)
    assert done.stderr == ""
    started, claimed, failed, library = map(json.loads, done.stdout.splitlines())
    assert started["correlation_id"] == started["instance"]
    for line in (claimed, failed, library):
        assert line.pop("timestamp").endswith("Z")
        assert line.pop("service") == "matcher"
        assert line.pop("instance") == "matcher-1"
        assert line.pop("correlation_id") == "c1"
    assert claimed == {"event": "pair.claimed", "level": "info", "score": 104}
    assert "KeyError: 'gone'" in failed.pop("exception")
    assert failed == {"event": "step.failed", "level": "error"}
    assert library == {"event": "it says", "level": "warning", "logger": "a.library"}


def test_a_warning_that_comes_by_the_hundred_is_told_once_a_second_with_how_many_were_not() -> None:
    now = 5.0
    seldom = Seldom(structlog.get_logger(), clock=lambda: now)
    with capture_logs() as lines:
        for error in range(100):
            seldom.warning("call.failed", error=error)
        now = 6.0
        seldom.warning("call.failed", error=100)
        now = 60.0
        seldom.warning("call.failed", error=101)
    assert [(line["error"], line["left_out"]) for line in lines] == [(0, 0), (100, 99), (101, 0)]
    assert {line["log_level"] for line in lines} == {"warning"}
