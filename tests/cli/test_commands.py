"""The command itself: what it offers, and how it says that something did not work."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bot import cli
from bot.core.faults import Fault, LeaseLost, Reason, Rejected, Rejection, SlackError, TryLater
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
        (TryLater("database_busy"), "the database cannot be used: it is busy; try again"),
        (
            TryLater("database_file_gone"),
            (
                "the database cannot be used: its file was removed or replaced in the meantime; "
                "put it back, or run the command again to use the file that is there now"
            ),
        ),
        (
            TryLater("slack_timeout"),
            "failed for now: Slack didn't respond in time (slack_timeout); try again",
        ),
        (
            Rejected(
                Rejection(
                    Reason.SLACK_REFUSED, slack_error=SlackError(code="x", method="auth.test")
                )
            ),
            "refused: Slack rejected the bridge's request (code x, method auth.test)",
        ),
        (
            Rejected(Rejection(Reason.PLAIN_KEY)),
            "refused: Plain doesn't accept the bridge's API key",
        ),
        (LeaseLost(), "failed for now; try again"),
    ],
)
def test_faults_in_words(fault: Fault, words: str) -> None:
    assert cli._words(fault) == words


def test_whatever_the_store_raises_is_said_in_words() -> None:
    """Of a file that was gone it said that it is busy."""
    causes = {
        cause
        for path in (ROOT / "bot" / "store").rglob("*.py")
        for cause in re.findall(r'TryLater\(\s*f?"([^"]+)"', path.read_text())
    }
    assert {"database", "database_busy", "database_slow", "database_file_gone"} <= causes
    said = {cause: cli._words(TryLater(cause)) for cause in causes}
    assert [words for cause, words in said.items() if cause != "database" and cause in words] == []
    assert len(set(said.values())) == len(causes)


@pytest.mark.parametrize("arguments", [["ledger", "list"], ["run"], ["migrate"]], ids=" ".join)
def test_a_damaged_database_is_said_in_words(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """It was a traceback of a hundred lines."""
    (folder / "plain-bridge.db").write_bytes(b"not what it should be " * 50)
    for name, value in {
        "SLACK_BOT_TOKEN": "xoxb-test",
        "SLACK_SIGNING_SECRET": "signing-secret-test",
        "PLAIN_API_KEY": "plainApiKey_test",
    }.items():
        monkeypatch.setenv(name, value)
    done = run(*arguments)
    assert done.exit_code == 1
    assert done.stderr == "the database cannot be used: file is not a database\n"


def test_a_folder_that_is_not_there_is_said_in_words(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{folder}/no/bridge.db")
    done = run("people", "link", "U1", "c_1", "--team", "T1")
    assert done.exit_code == 1
    assert done.stderr == "the database cannot be used: unable to open database file\n"


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


def test_version(run: Run) -> None:
    from importlib.metadata import version

    assert run("--version").stdout == f"plain-bridge {version('plain-bridge')}\n"


def test_a_port_in_use_is_said_before_anything_begins(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It said "serving", and then ended with uvicorn's status 3."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for name, value in {
            "SLACK_BOT_TOKEN": "xoxb-test",
            "SLACK_SIGNING_SECRET": "signing-secret-test",
            "PLAIN_API_KEY": "plainApiKey_test",
            "SLACK_API_URL": "http://127.0.0.1:1/api/",
            "PORT": str(port),
        }.items():
            monkeypatch.setenv(name, value)
        done = run("run")
    assert done.exit_code == 1
    assert done.stderr == (
        f"the bridge cannot listen on 127.0.0.1:{port}: another program or bridge uses it; "
        "stop that one, or set PORT to a free port\n"
    )
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        ("run", ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "PLAIN_API_KEY"]),
        ("worker", ["SLACK_BOT_TOKEN", "PLAIN_API_KEY"]),
    ],
)
def test_without_settings_it_points_to_setup(
    run: Run, folder: Path, command: str, missing: list[str]
) -> None:
    result = run(command)
    assert result.exit_code == 1
    _, *lines, hint = result.stderr.splitlines()
    assert [line.split()[1] for line in lines] == missing
    assert hint.startswith("`plain-bridge setup` asks for what is missing and writes it into .env")


def test_doctor_without_settings_points_to_setup(run: Run, folder: Path) -> None:
    checks = {one["name"]: one for one in json.loads(run("doctor", "--json").stdout)}
    names = {"Slack token": "BOT", "Slack link": "APP", "Plain key": "PLAIN"}
    for name, what in names.items():
        assert what in checks[name]["detail"].partition(" is not set")[0]
        assert "`plain-bridge setup` asks for it and writes .env" in checks[name]["fix"]


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        ("people link", "plain-bridge people link [OPTIONS] SLACK_USER CUSTOMER"),
        ("ledger retry", "plain-bridge ledger retry [OPTIONS] NAME..."),
        ("rules lint", "plain-bridge rules lint [OPTIONS] [FILE]"),
        ("rules test", "plain-bridge rules test [OPTIONS] PERMALINK|FILE"),
    ],
)
def test_usage_is_written_as_everywhere(run: Run, command: str, usage: str) -> None:
    shown = " ".join(run(*command.split(), "--help").stdout.split())
    assert f"Usage: {usage} " in shown


def test_the_pages_port_is_told_plainly(run: Run) -> None:
    shown = " ".join(run("sandbox", "--help").stdout.split())
    assert "Port of the page (default: 8020)." in shown
