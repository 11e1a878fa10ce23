"""`make up`, `make down` and the like, when the stack is containers.

What is chosen is what the local stack lets choose, and PROFILES; it holds until `make down`.
Standard library only, as all that runs before anything is installed.
"""

import dataclasses
import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.compose import containers
from deploy.local.layout import Choices
from deploy.local.processes import HOST, ServerFailed

DEPLOY = Path(__file__).resolve().parents[1]
PROFILES = ("edge", "observe", "turn")
HEALTHY_TIMEOUT_S = 180  # A minute on an idle machine, three on a busy one.
PULL_TIMEOUT_S = 900.0
TURN_PORT = 3478


@dataclass(frozen=True)
class Plan:
    """What to run: whose name the containers bear, which profiles, and what the caller chose."""

    project: str = "parley"
    profiles: tuple[str, ...] = ()
    choices: Choices = field(default_factory=Choices)

    def changed_by(self, environ: Mapping[str, str]) -> "Plan":
        """This plan with what `environ` says instead; `ServerFailed` names a wrong value."""
        chosen = self.choices.changed_by(environ)
        if chosen.tls:
            raise ServerFailed("TLS=1: the edge has it (PROFILES=edge), or the local stack")
        profiles = self.profiles
        if "PROFILES" in environ:
            profiles = tuple(filter(None, environ["PROFILES"].replace(",", " ").split()))
        for profile in profiles:
            if profile not in PROFILES:
                raise ServerFailed(f"PROFILES={profile}: expected {', '.join(PROFILES)}")
        project = environ.get("COMPOSE_PROJECT_NAME") or self.project
        return Plan(project, profiles, chosen)

    @property
    def files(self) -> list[str]:
        """Several gateways can't share a port: then the edge has it."""
        names = ["compose.yml", *(["compose.scale.yml"] if self.choices.gateways > 1 else [])]
        return [word for name in names for word in ("--file", str(DEPLOY / name))]

    @property
    def scales(self) -> list[str]:
        counts = {
            "gateway": self.choices.gateways,
            "matcher": self.choices.matchers,
            "sessions": self.choices.sessions,
        }
        return [word for name, n in counts.items() for word in ("--scale", f"{name}={n}")]

    @property
    def environment(self) -> dict[str, str]:
        """What the files ask for."""
        port, ports = self.choices.port, self.choices.ports
        names = ("AMQP", "RABBITMQ_MANAGEMENT", "REDIS", "POSTGRES", "PROMETHEUS", "GRAFANA")
        told = {f"{name}_PORT": str(ports + place) for place, name in enumerate(names, 1)}
        told |= {"PORT": str(port)}
        if self.project != Plan.project:  # Two checkouts must not build each other's images.
            told["PARLEY_VERSION"] = self.project
        if ports != Choices.ports:  # Else those of the file, which people know.
            told |= {"EDGE_HTTP_PORT": str(ports + 7), "EDGE_HTTPS_PORT": str(ports + 8)}
        told |= {"COMPOSE_PROJECT_NAME": self.project, "COMPOSE_PROFILES": ",".join(self.profiles)}
        if "turn" in self.profiles:
            told["TURN_URLS"] = f"turn:{HOST}:{TURN_PORT}"
            told["TURN_SECRET"] = "parley-development-relay"
        if "observe" in self.profiles:
            told["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://collector:4318"
        return told | dict(self.choices.settings)


class Stack:
    """The containers of this checkout, and what was chosen for them, kept in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._chosen = directory / "compose.json"
        self._kept = directory / "compose-volumes"  # The name under which volumes are there.
        self._log = directory / "logs" / "compose.log"

    def plan(self) -> Plan:
        """That of the stack that is up, else what is chosen unless somebody says otherwise."""
        if self._chosen.exists():
            kept = json.loads(self._chosen.read_text())
            return Plan(kept["project"], tuple(kept["profiles"]), Choices(**kept["choices"]))
        found = containers.running(DEPLOY)
        return Plan(project=found[0].project if found else Plan.project)

    def lacks(self, plan: Plan) -> str | None:
        """Get the images that are not here, and build our own; why that can't be, or None."""
        if taken := self._name_taken(plan):
            return taken
        self._log.parent.mkdir(parents=True, exist_ok=True)
        listed = self._compose(plan, "config", "--format", "json", capture=True)
        if listed.returncode != 0:
            return f"compose: {_last(listed.stderr)}"
        services = json.loads(listed.stdout)["services"].values()
        wanted = {service["image"] for service in services if "build" not in service}
        for image in sorted(wanted | bases((DEPLOY / "Dockerfile").read_text())):
            if not here(image) and not got(image):
                return f"the image {image} is neither here nor to be had"
        say("building the images, where anything has changed")
        if self._compose(plan, "build").returncode != 0:
            return f"the images can't be built, see {self._log}"
        return None

    def up(self, plan: Plan) -> None:
        """Bring the containers to `plan` and wait until all are healthy. Raises `ServerFailed`."""
        self._kept.write_text(plan.project)
        words = ["up", "--detach", "--no-build", "--remove-orphans", "--wait"]
        words += ["--wait-timeout", str(HEALTHY_TIMEOUT_S), *plan.scales]
        if self._compose(plan, *words).returncode != 0:
            said = _last(self._log.read_text())
            if "already in use" in said or "already allocated" in said:
                said += "; make up PORT=9000 PORTS=26000 takes others"
            raise ServerFailed(f"compose: {said}; see {self._log} and make logs")
        kept = {"project": plan.project, "profiles": plan.profiles}
        chosen = dataclasses.asdict(plan.choices)
        self._chosen.write_text(json.dumps({**kept, "choices": chosen}))  # It worked.
        counts = plan.choices
        replicas = f"{counts.gateways} gateway, {counts.matchers} matcher, {counts.sessions}"
        say(f"up at http://{HOST}:{counts.port} ({replicas} sessions) in containers")

    def down(self) -> None:
        """Stop and remove the containers; what they have kept stays in its volumes."""
        self._down(self.plan())
        self._chosen.unlink(missing_ok=True)

    def remove_what_was_kept(self) -> None:
        """The volumes of the containers that `up` has run."""
        if self._kept.exists():
            plan = Plan(project=self._kept.read_text())
            if taken := self._name_taken(plan):
                raise ServerFailed(taken)
            self._down(plan, "--volumes")
            self._kept.unlink()

    def _down(self, plan: Plan, *more: str) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        plan = dataclasses.replace(plan, profiles=PROFILES)
        if self._compose(plan, "down", "--remove-orphans", *more).returncode != 0:
            raise ServerFailed(f"compose: {_last(self._log.read_text())}")
        say(f"{'removed the volumes' if more else 'stopped the containers'} of {plan.project}")

    def migrate(self) -> None:
        """Apply the migrations that the database lacks, with an image that has them all."""
        plan = self.plan()
        if self._compose(plan, "build", "migrate").returncode != 0:
            raise ServerFailed(f"the image can't be built, see {self._log}")
        done = self._compose(plan, "run", "--rm", "--no-deps", "migrate", capture=True)
        said = done.stdout + done.stderr
        if done.returncode != 0:
            raise ServerFailed(f"migrations: {_last(said)}")
        for line in said.splitlines():
            if line.startswith("Applied"):
                say(line)

    def follow_logs(self) -> None:
        plan = dataclasses.replace(self.plan(), profiles=PROFILES)
        words = ["docker", "compose", *plan.files, "logs", "--follow", "--tail", "20"]
        os.execvpe(words[0], words, {**os.environ, **plan.environment})

    def _name_taken(self, plan: Plan) -> str | None:
        """Containers of the same name from another checkout would be taken over, data and all."""
        if len(containers.of_project(plan.project)) <= len(containers.running(DEPLOY)):
            return None
        return (
            f"another checkout's containers are called {plan.project}, and these must not be "
            "(COMPOSE_PROJECT_NAME=another)"
        )

    def _compose(
        self, plan: Plan, *words: str, capture: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Its output goes to the log, unless it is captured."""
        with self._log.open("a") as log:
            return subprocess.run(
                ("docker", "compose", *plan.files, *words),
                check=False,
                env={**os.environ, **plan.environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if capture else log,
                stderr=subprocess.PIPE if capture else log,
                text=True,
            )


def bases(dockerfile: str) -> set[str]:
    """The images that a Dockerfile begins from; stages have no version in their name."""
    return set(re.findall(r"^FROM (\S+:\S+)", dockerfile, re.MULTILINE))


def here(image: str) -> bool:
    command: Sequence[str] = ("docker", "image", "inspect", image)
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def got(image: str) -> bool:
    say(f"getting the image {image}")
    try:
        done = subprocess.run(
            ("docker", "pull", "--quiet", image),
            check=False,
            capture_output=True,
            timeout=PULL_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _last(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def say(what: str) -> None:
    print(f"parley: {what}", flush=True)
