"""The Dockerfile, the compose file and the systemd unit, as far as they can be tried without
their engines."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.dockerfile import PATH, copy, first_stage, instructions, moved

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


@pytest.fixture(scope="module")
def dockerfile() -> list[tuple[str, str]]:
    return instructions(PATH.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text(encoding="utf-8"))
    return loaded


def test_the_image_is_made_in_two_stages_and_runs_as_nobody_special(
    dockerfile: list[tuple[str, str]],
) -> None:
    assert [rest.split(" AS ")[0] for word, rest in dockerfile if word == "FROM"] == [
        "python:3.13-slim",
        "python:3.13-slim",
    ]
    last = max(i for i, (word, _) in enumerate(dockerfile) if word == "FROM")
    user = [rest for word, rest in dockerfile[last:] if word == "USER"]
    assert user == ["10001"]
    assert any(f"--uid {user[0]}" in rest for word, rest in dockerfile if word == "RUN")


def test_all_that_the_image_copies_is_there_and_not_ignored(
    dockerfile: list[tuple[str, str]],
) -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    kept = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = [
        name
        for word, rest in dockerfile
        if word == "COPY" and not rest.startswith("--from")
        for name in rest.split()[:-1]
    ]
    assert copied
    for name in copied:
        assert (ROOT / name).exists()
        assert name in kept


def test_the_wheel_needs_no_more_than_the_image_copies(dockerfile: list[tuple[str, str]]) -> None:
    copied = " ".join(rest for word, rest in dockerfile if word == "COPY")
    for needed in ("pyproject.toml", "README.md", "LICENSE", "manifest.yml", "migrations", "bot"):
        assert needed in copied


def test_nothing_is_installed_without_a_hash(dockerfile: list[tuple[str, str]]) -> None:
    """Given sources, pip builds them in isolation, with the backend of the day."""
    installing = [
        part.strip()
        for word, rest in dockerfile
        if word == "RUN"
        for part in re.split(r"&&|;", rest)
        if re.search(r"\bpip3? (install|wheel|download)\b", part)
    ]
    assert installing
    for command in installing:
        assert "--no-deps" in command
        locked = re.search(r"--require-hashes -r /build/(\S+)$", command)
        if locked:
            assert (DEPLOY / locked[1]).exists()
        else:
            assert re.search(r" --no-index \S+\.whl$", command), command


def test_the_wheel_is_built_by_the_locked_backend_from_what_is_copied(tmp_path: Path) -> None:
    """With the backend of this environment, which is the locked one, and without an index."""
    (tmp_path / "opt").mkdir()
    (tmp_path / "opt" / "backend").symlink_to(sys.prefix)
    stage = first_stage(PATH.read_text(encoding="utf-8"))
    for rest in (rest for word, rest in stage if word == "COPY"):
        copy(rest, tmp_path)
    (command,) = (rest for word, rest in stage if word == "RUN" and "hatchling build" in rest)
    done = subprocess.run(
        ["/bin/sh", "-ec", moved(command, tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "build" / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
    assert {"bot/__main__.py", "bot/manifest.yml", "bot/migrations/env.py"} <= set(names)


def test_the_health_check_is_a_command_that_python_takes(dockerfile: list[tuple[str, str]]) -> None:
    (check,) = (rest for word, rest in dockerfile if word == "HEALTHCHECK")
    command = json.loads(check[check.index("CMD") + 3 :])
    assert command[:2] == ["python", "-c"]
    compile(command[2], "healthcheck", "exec")


def test_the_images_lock_is_of_the_bridge_alone_with_hashes_and_without_an_index() -> None:
    lock = (DEPLOY / "requirements.lock").read_text(encoding="utf-8")
    whole = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    names = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", lock, re.MULTILINE))
    everything = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", whole, re.MULTILINE))
    assert {"slack-bolt", "sqlalchemy", "psycopg", "psycopg-binary"} <= set(names)
    assert not {"pytest", "mypy", "flask", "graphql-core"} & set(names)
    assert names.items() <= everything.items()
    assert lock.count("--hash=sha256:") >= len(names)
    assert "://" not in lock


def test_the_services_wait_for_what_they_need(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"migrate", "bridge", "postgres"}
    assert services["bridge"]["depends_on"] == {
        "migrate": {"condition": "service_completed_successfully"}
    }
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["postgres"]["healthcheck"]["test"][1].startswith("pg_isready")
    for name, command in (("migrate", "migrate"), ("bridge", "run")):
        service = services[name]
        assert service["command"] == command
        assert service["build"]["dockerfile"] == "deploy/Dockerfile"
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True
        assert service["environment"]["DATABASE_URL"] == (
            "postgresql://plain_bridge@postgres/plain_bridge"
        )
        assert service["environment"]["PGPASSWORD"].startswith("${POSTGRES_PASSWORD:?")


def test_no_port_is_open_to_others_and_no_password_stands_in_it(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:")
    assert (
        "${POSTGRES_PASSWORD:?"
        in compose["services"]["postgres"]["environment"]["POSTGRES_PASSWORD"]
    )


def test_a_stop_leaves_deliveries_their_thirty_seconds(compose: dict[str, Any]) -> None:
    assert compose["services"]["bridge"]["stop_grace_period"] == "40s"
    unit = (DEPLOY / "plain-bridge.service").read_text(encoding="utf-8")
    assert "\nTimeoutStopSec=40\n" in unit


ANALYZE = shutil.which("systemd-analyze") or ""
needs_systemd = pytest.mark.skipif(not ANALYZE, reason="systemd-analyze is not installed")


@needs_systemd
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """With a command that is there: where the bridge will stand is not known here."""
    unit = (DEPLOY / "plain-bridge.service").read_text(encoding="utf-8")
    here = tmp_path / "plain-bridge.service"
    here.write_text(unit.replace("/opt/plain-bridge/bin/plain-bridge", "/bin/true"))
    said = subprocess.run(
        [ANALYZE, "verify", "--man=no", str(here)], capture_output=True, text=True
    )
    ours = [line for line in said.stderr.splitlines() if "plain-bridge" in line]
    assert ours == []


@needs_systemd
def test_the_unit_is_hardened() -> None:
    said = subprocess.run(
        [ANALYZE, "security", "--offline=yes", str(DEPLOY / "plain-bridge.service")],
        capture_output=True,
        text=True,
    )
    if "Overall exposure level" not in said.stdout:
        pytest.skip(f"this systemd cannot tell: {said.stderr.strip()[:200]}")
    (level,) = re.findall(r"exposure level for \S+: ([\d.]+)", said.stdout)
    assert float(level) <= 2.0
