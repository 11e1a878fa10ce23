"""`python -m bench SCENARIO`: load for a running stack, and what it took."""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping

import uvloop

from bench import arrive, handshakes, pour

SCENARIOS: Mapping[str, tuple[Callable[[list[str], float], Awaitable[bool]], str]] = {
    "arrive": (arrive.run, "a partner waits already: second POST to the later match.found"),
    "pour": (pour.run, "2,000 requests at once: until all are paired"),
    "handshakes": (handshakes.run, "sockets opened, welcomed and closed: how many a second"),
}


def main() -> int:
    """0 if the scenario met its target (or has none), 1 if it did not."""
    listed = "\n".join(f"  {name:<12}{text}" for name, (_, text) in SCENARIOS.items())
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=f"scenarios:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenario", choices=SCENARIOS, metavar="SCENARIO")
    parser.add_argument(
        "--url",
        default=os.environ.get("PARLEY_URL", "http://127.0.0.1:8080"),
        help="the gateway; several, separated by commas, share the users",
    )
    parser.add_argument("--scale", type=float, default=1.0, help="0.1 is a tenth of the load")
    arguments = parser.parse_args()
    run, _ = SCENARIOS[arguments.scenario]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        met = runner.run(_awaited(run(arguments.url.split(","), arguments.scale)))
    return 0 if met else 1


async def _awaited(work: Awaitable[bool]) -> bool:
    return await work


if __name__ == "__main__":
    sys.exit(main())
