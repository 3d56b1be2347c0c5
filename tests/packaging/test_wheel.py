"""The wheel works where there is no checkout."""

from __future__ import annotations

import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.packaging import licences, wheel

ROOT = wheel.ROOT


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel.build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def commands(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel.borrowed(tmp_path_factory.mktemp("clean") / "venv", built)


def run(commands: Path, folder: Path, *arguments: str) -> str:
    """What the command prints, from an empty folder and with nothing of this environment's."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_COLOR": "1"}
    done = subprocess.run(
        [str(commands / "plain-bridge"), *arguments],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_holds_all_that_it_needs_and_nothing_of_the_tests(built: Path) -> None:
    with zipfile.ZipFile(built) as opened:
        names = set(opened.namelist())
    for folder in ("migrations", "bot"):
        for path in (ROOT / folder).rglob("*"):
            inside = path.relative_to(ROOT)
            if path.is_file() and not any(p.startswith((".", "__py")) for p in inside.parts):
                assert str(Path("bot") / inside if folder == "migrations" else inside) in names
    assert "bot/manifest.yml" in names
    assert "bot/py.typed" in names
    assert not [name for name in names if name.startswith(("tests/", "bench/", "docs/"))]


def test_is_not_the_checkout(commands: Path, tmp_path: Path) -> None:
    asked = [str(commands / "python"), "-c", "import bot; print(bot.__file__)"]
    found = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()).is_relative_to(commands.parent)


def test_migrates_from_nothing(commands: Path, tmp_path: Path) -> None:
    run(commands, tmp_path, "migrate")
    assert (tmp_path / "plain-bridge.db").exists()


def test_plays_the_sandboxs_story(commands: Path, tmp_path: Path) -> None:
    assert "T-1" in run(commands, tmp_path, "sandbox")


@pytest.mark.parametrize(
    ("said", "looked_at"),
    [
        ("MIT", False),
        ("Apache-2.0 AND BSD-2-Clause", False),
        ("LGPL-3.0-only", False),
        ("Mozilla Public License 2.0 (MPL 2.0)", False),
        ("GPL-3.0-only", True),
        ("GNU Affero General Public License v3", True),
        ("unknown", True),
        (None, False),
    ],
)
def test_licences_that_ask_for_more_are_looked_at(said: str | None, looked_at: bool) -> None:
    assert bool(list(licences.doubtful([("one", said)]))) is looked_at


def test_what_a_bridge_runs_with_asks_for_no_more_than_to_be_named() -> None:
    names = licences.names((ROOT / "deploy" / "requirements.lock").read_text("utf-8"))
    assert len(names) > 20
    assert list(licences.doubtful([(name, licences.licence(name)) for name in names])) == []
