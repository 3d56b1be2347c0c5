"""The command itself: what it offers, and how it says that something did not work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot import cli
from bot.core.faults import Fault, LeaseLost, Reason, Refused, TryLater
from tests.cli.conftest import Run

ROOT = Path(__file__).resolve().parents[2]


def test_offers_its_commands(run: Run) -> None:
    offered = run("--help").stdout
    for name in ("doctor", "ledger", "people", "rules"):
        assert f"{name} " in offered


def test_an_unknown_command_is_a_usage_error(run: Run) -> None:
    assert run("peeple").exit_code == 2


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (TryLater("database_busy"), "the database cannot be used: it is busy"),
        (TryLater("slack_timeout"), "it did not work just now (slack_timeout); try again"),
        (
            Refused(Reason.SLACK_REFUSED, code="x", method="auth.test"),
            "refused: slack_refused (code x, method auth.test)",
        ),
        (Refused(Reason.PLAIN_KEY), "refused: plain_key"),
        (LeaseLost(), "it did not work just now; try again"),
    ],
)
def test_faults_in_words(fault: Fault, words: str) -> None:
    assert cli._words(fault) == words


def test_runs_as_a_module(folder: Path) -> None:
    """A mistake is one sentence on standard error and status 1, with nothing on standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "bot", "people", "export"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("there is no database plain-bridge.db here yet")
    assert "Traceback" not in done.stderr
