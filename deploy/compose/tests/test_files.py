import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import yaml

from contracts.checking import http
from deploy.local.supervision import ROOT
from services.gateway.config import Settings as GatewaySettings
from services.matcher.config import Settings as MatcherSettings
from services.sessions.config import Settings as SessionsSettings
from shared.config import Settings, variable_name

DEPLOY = ROOT / "deploy"
SERVICES: dict[str, type[Settings]] = {
    "gateway": GatewaySettings,
    "matcher": MatcherSettings,
    "sessions": SessionsSettings,
}
OURS = {*SERVICES, "migrate"}
VARIABLE = re.compile(r"\$\{([A-Z_]+)(:[-+])?((?:[^{}]|\$\{[^{}]*\})*)\}")
# Compose's own, which a production sets beside those of the files.
COMPOSES_OWN = {"COMPOSE_PROFILES"}
# Settings that follow from where a container is; the image sets them, or compose.yml must.
TRACES = {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"}
# coturn and the collector have nothing inside that could ask them.
WITHOUT_HEALTH_CHECK = {"migrate", "turn", "collector"}


class Loader(yaml.SafeLoader):
    """Knows compose's tags, which say how two files become one."""


def overriding(loader: Loader, node: yaml.SequenceNode) -> list[Any]:
    return list(loader.construct_sequence(node, deep=True))


Loader.add_constructor("!reset", lambda *_: None)
Loader.add_constructor("!override", overriding)


def interpolated(text: str, environ: dict[str, str]) -> str:
    """As compose does it, for `${NAME:-default}` and `${NAME:+instead}`."""

    def value(match: re.Match[str]) -> str:
        name, operator, word = match.groups()
        if operator == ":+":
            return interpolated(word, environ) if environ.get(name) else ""
        return environ.get(name) or word

    return VARIABLE.sub(value, text)


def compose(file: str = "compose.yml", **environ: str) -> dict[str, Any]:
    text = interpolated((DEPLOY / file).read_text(), environ)
    loaded: dict[str, Any] = yaml.load(text, Loader)["services"]
    return loaded


def ports(file: str = "compose.yml", **environ: str) -> Iterator[tuple[str, str]]:
    for name, service in compose(file, **environ).items():
        for port in service.get("ports") or ():
            yield name, port


def example() -> dict[str, str]:
    lines = (DEPLOY / "env.example").read_text().splitlines()
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: value for name, _, value in pairs}


@pytest.mark.parametrize("file", ["compose.yml", "compose.scale.yml"])
def test_without_an_env_file_every_port_is_this_machines_alone(file: str) -> None:
    assert {port for _, port in ports(file) if not port.startswith("127.0.0.1:")} == set()


def test_in_production_only_people_and_calls_reach_it_from_outside() -> None:
    outside = {name for name, port in ports(**example()) if not port.startswith("127.0.0.1:")}
    assert outside == {"edge", "turn"}


def test_no_two_services_publish_the_same_port() -> None:
    """Not even the ports of all profiles at once."""
    published = []
    for _, port in ports():
        here, _, there = port.rpartition(":")
        published.append((here, there.partition("/")[2] or "tcp"))
    assert len(published) == len(set(published))


def test_with_several_gateways_the_edge_alone_publishes_theirs() -> None:
    scaled = compose("compose.scale.yml")
    assert scaled["gateway"] == {"ports": None}
    assert scaled["edge"]["profiles"] is None
    assert "127.0.0.1:8080:8080" in scaled["edge"]["ports"]
    for name in SERVICES:  # No fixed name, and no port but the gateway's, that would collide.
        assert "container_name" not in compose()[name]
        assert name == "gateway" or "ports" not in compose()[name]


def test_every_image_has_a_version_and_none_is_whatever_is_latest() -> None:
    bases = re.findall(r"^FROM (\S+)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    images = [base for base in bases if ":" in base]
    images += [service["image"] for service in compose().values()]
    assert bases[0] in images
    for image in images:
        _, _, tag = image.partition(":")
        assert tag and tag != "latest", image


def test_nothing_of_ours_runs_as_root_or_writes_into_its_own_image() -> None:
    stages = (DEPLOY / "Dockerfile").read_text().split("\nFROM ")
    shipped = [stage for stage in stages if "\nCMD " in stage]
    assert len(shipped) == 2  # The service, and what migrates.
    for stage in shipped:
        assert "\nUSER 10001:10001\n" in stage
    for name in OURS:
        service = compose()[name]
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert "user" not in service and "privileged" not in service, name


def test_the_build_fetches_nothing_but_its_base_and_packages_by_their_hash() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert "syntax=" not in text
    assert "PIP_REQUIRE_HASHES=1" in text and "PIP_ONLY_BINARY=:all:" in text
    assert not re.search(r"apt-get|curl|wget|ADD ", text)


def test_bytecode_depends_on_its_source_alone() -> None:
    """Not on when its source was unpacked, as what pip compiles does."""
    text = (DEPLOY / "Dockerfile").read_text()
    installs, compiles = re.findall("pip install.*", text), re.findall("compileall.*", text)
    assert len(installs) == 2 and all("--no-compile" in line for line in installs)
    assert len(compiles) == 2
    assert all(" -f --invalidation-mode unchecked-hash " in line for line in compiles)
    assert "PYTHONHASHSEED=0" in text


@pytest.mark.parametrize("lock", ["gateway", "matcher", "sessions"])
def test_what_migrates_is_in_no_service(lock: str) -> None:
    assert "dbmate" not in (ROOT / "requirements" / f"{lock}.txt").read_text()
    assert "dbmate" in (ROOT / "requirements" / "migrate.txt").read_text()


def test_whatever_runs_has_limits_comes_back_and_gains_no_rights() -> None:
    for name, service in compose().items():
        limits = service["deploy"]["resources"]["limits"]
        assert limits["memory"] and limits["pids"], name
        assert service["logging"]["options"]["max-size"], name
        assert service["restart"] == ("no" if name == "migrate" else "unless-stopped"), name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_whatever_others_wait_for_can_be_asked_for_its_health() -> None:
    assert "\nHEALTHCHECK " in (DEPLOY / "Dockerfile").read_text()
    asked = {name for name, service in compose().items() if "healthcheck" in service}
    assert asked == set(compose()) - set(SERVICES) - WITHOUT_HEALTH_CHECK


def test_the_profiles_are_what_can_be_left_out() -> None:
    profiles: dict[str, set[str]] = {}
    for name, service in compose().items():
        for profile in service.get("profiles", [""]):
            profiles.setdefault(profile, set()).add(name)
    assert profiles == {
        "": {*OURS, "rabbitmq", "redis", "postgres"},
        "edge": {"edge"},
        "observe": {"prometheus", "grafana", "collector"},
        "turn": {"turn"},
    }


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_given_settings_that_it_has(service: str) -> None:
    struct = SERVICES[service]
    known = {variable_name(field.name, field.type) for field in msgspec.structs.fields(struct)}
    given = set(compose()[service]["environment"])
    assert given - TRACES <= known


def test_every_variable_of_the_files_stands_in_the_example_and_the_other_way_round() -> None:
    texts = [path.read_text() for path in sorted(DEPLOY.glob("compose*.yml"))]
    named = {match for text in texts for match in re.findall(r"\$\{([A-Z_]+)", text)}
    assert named == set(example()) - COMPOSES_OWN
    without_default = {m[1] for text in texts for m in VARIABLE.finditer(text) if not m[2]}
    assert without_default == set()


def test_what_is_mounted_is_there() -> None:
    for environment in ("development", "production"):
        for name, service in compose(PARLEY_ENV=environment).items():
            for volume in service.get("volumes", ()):
                source = volume.partition(":")[0]
                assert not source.startswith(".") or (DEPLOY / source).exists(), (name, volume)


def test_the_edge_answers_for_a_gateway_that_is_gone_in_the_words_of_the_contract() -> None:
    edge = (DEPLOY / "edge" / "Caddyfile").read_text()
    [body] = re.findall(r"body `(.*)`", edge)
    [status] = re.findall(r"respond (\d+)", edge)
    headers = dict(re.findall(r"^\t+header (\S+) (\S+)$", edge, re.MULTILINE))
    assert int(headers["Retry-After"]) > 0
    media_type, path = headers["Content-Type"], "/api/v1/match/request"
    http().check_answer("POST", path, int(status), media_type, body.encode())


def test_the_images_are_made_of_what_they_run_and_of_no_tests() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:].partition("/")[0] for rule in rules if rule.startswith("!")} == {
        "migrations", "requirements", "services", "shared",
    }  # fmt: skip
    assert {"**/tests", "**/__pycache__"} <= set(rules)
