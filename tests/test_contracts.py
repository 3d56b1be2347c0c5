"""The suite reads contracts only where it is told to, and says so where it cannot."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import contracts

ROOT = Path(__file__).parents[1]
READS_A_CONTRACT = "tests/sandbox/test_slack_web_wire.py::test_the_tiers_are_slacks_own"


def run(folder: str | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if name != contracts.VARIABLE}
    if folder is not None:
        environ[contracts.VARIABLE] = folder
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)


def test_without_a_folder_what_needs_one_is_skipped_and_says_what_to_set() -> None:
    done = run(None, READS_A_CONTRACT)
    assert done.returncode == 0, done.stdout
    assert "1 skipped" in done.stdout
    assert contracts.VARIABLE in done.stdout


def test_a_folder_that_is_not_there_ends_the_run() -> None:
    done = run("no-such-folder", READS_A_CONTRACT)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "no-such-folder" in done.stderr


def test_a_folder_that_lacks_a_contract_fails_the_test(tmp_path: Path) -> None:
    done = run(str(tmp_path), READS_A_CONTRACT)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "holds no slack-rate-limit-tiers.json" in done.stdout


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_contracts_says_that_there_are_none(tmp_path: Path) -> None:
    ready = tmp_path / "venv" / ".ready"
    ready.parent.mkdir()
    ready.touch()
    environ = os.environ | {contracts.VARIABLE: str(tmp_path / "nowhere")}
    command = ["make", f"VENV={ready.parent}", "contracts"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)
    assert done.returncode != 0
    assert "There are no contracts in" in done.stderr
    assert contracts.VARIABLE in done.stderr
