import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
import logging as standard
import structlog
from shared import logging
logging.configure("matcher", "info", "matcher-1")
structlog.contextvars.bind_contextvars(correlation_id="c1")
log = structlog.get_logger()
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
    claimed, failed, library = map(json.loads, done.stdout.splitlines())
    for line in (claimed, failed, library):
        assert line.pop("timestamp").endswith("Z")
        assert line.pop("service") == "matcher"
        assert line.pop("instance") == "matcher-1"
        assert line.pop("correlation_id") == "c1"
    assert claimed == {"event": "pair.claimed", "level": "info", "score": 104}
    assert "KeyError: 'gone'" in failed.pop("exception")
    assert failed == {"event": "step.failed", "level": "error"}
    assert library == {"event": "it says", "level": "warning", "logger": "a.library"}
