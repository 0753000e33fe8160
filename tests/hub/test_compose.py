"""compose.yaml has the production shape: a file that nobody runs here must at least be right on paper."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub.core.settings import Settings

_REPOSITORY = Path(__file__).parents[2]
_FILE = _REPOSITORY / "compose.yaml"
_OURS = {"migrate", "web", "work", "sweep"}


def _has_compose() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    return subprocess.run([docker, "compose", "version"], check=False, capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(_FILE.read_text("utf-8"))["services"]
    return found


def test_web_and_workers_stand_apart_beside_external_servers(services: dict[str, Any]) -> None:
    assert set(services) == _OURS | {"postgres", "valkey"}
    commands = {services[name]["command"][1] for name in _OURS}
    assert commands == {"migrate", "serve", "work", "sweep"}
    assert not any("container_name" in service for service in services.values())  # a fixed name cannot be scaled


def test_migrations_run_once_before_everything_else(services: dict[str, Any]) -> None:
    assert services["migrate"]["restart"] == "no"
    for name in _OURS - {"migrate"}:
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"


def test_what_others_wait_for_has_a_health_check(services: dict[str, Any]) -> None:
    assert {name for name, service in services.items() if "healthcheck" in service} == {"web", "postgres", "valkey"}


def test_secrets_come_from_the_environment_and_have_no_default(services: dict[str, Any]) -> None:
    assert services["web"]["environment"]["HUB_SECRET_KEY"].startswith("${HUB_SECRET_KEY:?")
    assert services["postgres"]["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")


def test_only_settings_that_exist_are_set(services: dict[str, Any]) -> None:
    known = {f"HUB_{name.upper()}" for name in Settings.model_fields}
    image = set(re.findall(r"\b(HUB_\w+)=", (_REPOSITORY / "Dockerfile").read_text("utf-8")))
    assert set(services["web"]["environment"]) | image <= known


def test_the_valkey_of_the_gate_forgets_nothing(services: dict[str, Any]) -> None:
    command = " ".join(services["valkey"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command


def test_the_image_holds_every_package_of_ours() -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", (_REPOSITORY / "Dockerfile").read_text("utf-8"), re.MULTILINE))
    assert copied == {"hub", "channels", "stockpool", "orders", "finance", "workers"}


@pytest.mark.skipif(not _has_compose(), reason="docker compose itself is not installed")
def test_docker_reads_the_file() -> None:
    secrets = {"HUB_SECRET_KEY": "x" * 32, "POSTGRES_PASSWORD": "x", "PATH": "/usr/local/bin:/usr/bin:/bin"}
    subprocess.run(["docker", "compose", "-f", str(_FILE), "config", "--quiet"], check=True, env=secrets)
