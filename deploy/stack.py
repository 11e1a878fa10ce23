"""`make up` and the like, for whichever stack is meant: see `deploy/choice.py`.

    python3 -m deploy.stack up|down|clean|logs|migrate|env

`env` prints where the stores and gateways of the running stack are, for a shell to evaluate.
Standard library only: run by the system's own Python, before anything is installed.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence

from deploy import choice
from deploy.compose import containers
from deploy.compose.stack import Stack, say
from deploy.local import prepare
from deploy.local.processes import ServerFailed

PYTHON = prepare.VENV / "bin" / "python"


def up() -> int:
    used, asked = choice.in_use(), choice.asked()
    if used and asked and used != asked:
        raise ServerFailed(f"STACK={asked}: the other one is up, first: make down")
    stack = Stack(choice.LOCAL)
    wanted = used or asked or "compose"
    if wanted == "compose":
        why = usable(stack)
        if why is None:
            return up_compose(stack)
        if used or asked or os.environ.get("PROFILES"):  # The local stack has none.
            raise ServerFailed(why)
        say(f"{why}: the local stack instead (STACK=compose insists on containers)")
    choice.remember("local")
    return local("up")


def usable(stack: Stack) -> str | None:
    """Get ready for containers; why they can't be used, or None."""
    why = containers.unusable()
    if why is not None:
        return why
    if os.environ.get("TLS", "0") != "0" and not choice.asked():
        return "TLS=1 is for phones"
    return stack.lacks(stack.plan().changed_by(os.environ))


def up_compose(stack: Stack) -> int:
    plan = stack.plan().changed_by(os.environ)
    if (choice.LOCAL / "data").exists() and choice.in_use() is None:
        say("containers this time; STACK=local is where what was kept before is")
    choice.remember("compose")
    stack.up(plan)
    return 0


def down() -> int:
    stack = Stack(choice.LOCAL)
    if in_use() == "compose":
        stack.down()
        code = 0
    else:
        code = local("down")
    choice.forget()
    return code


def clean() -> int:
    """Down, and what containers have kept; what the local stack keeps is removed with `.local`."""
    code = down()
    Stack(choice.LOCAL).remove_what_was_kept()
    return code


def logs() -> int:
    if in_use() == "compose":
        Stack(choice.LOCAL).follow_logs()
    followed = sorted(map(str, (choice.LOCAL / "logs").glob("*.log")))
    os.execvp("tail", ["tail", "-n", "20", "-F", *followed])


def migrate() -> int:
    if in_use() == "compose":
        Stack(choice.LOCAL).migrate()
        return 0
    return local("migrate")


def env() -> int:
    if in_use() == "compose":
        found = containers.of_project(Stack(choice.LOCAL).plan().project)
        for name, value in containers.environment(found).items():
            print(f"{name}={shlex.quote(value)}")
        return 0
    written = choice.LOCAL / "env"
    if not written.exists():
        raise ServerFailed("the stack is not up, run: make up")
    print(written.read_text(), end="")
    return 0


def in_use() -> str | None:
    return choice.asked() or choice.in_use()


def local(command: str) -> int:
    """The local stack's own command; what it needs is installed before it starts anything."""
    if command != "down" and (code := prepare.main(["servers"])):
        return code
    if not PYTHON.exists():  # Never was up.
        return 0
    return subprocess.call((str(PYTHON), "-m", "deploy.local.stack", command), cwd=choice.ROOT)


COMMANDS: dict[str, Callable[[], int]] = {
    "up": up,
    "down": down,
    "clean": clean,
    "logs": logs,
    "migrate": migrate,
    "env": env,
}


def main(words: Sequence[str]) -> int:
    if len(words) != 1 or words[0] not in COMMANDS:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        return COMMANDS[words[0]]()
    except ServerFailed as error:
        print(f"parley: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
