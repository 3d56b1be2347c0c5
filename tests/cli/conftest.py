"""Runs commands in a folder of their own, against nothing but what the test gives them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.testing import CliRunner

from bot.cli import app
from bot.settings.environment import Variables
from bot.store.database import Database
from tests.cli.prepared import HealthyBridge, LocalServices, MissedReactions, healthy

Run = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of the commands, with a bare environment."""
    monkeypatch.chdir(tmp_path)
    for name in (*Variables.model_fields, "plain_bridge_config", "force_color", "slack_client_id"):
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Iterator[Run]:
    """Run `plain-bridge` with these arguments; `input` is its standard input."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def _run(*arguments: str, input: str | bytes | None = None) -> Any:  # noqa: A002
        return CliRunner().invoke(app, arguments, input=input)

    yield _run
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("bot").setLevel(logging.NOTSET)
    structlog.reset_defaults()


@pytest.fixture
def bridge_database(
    folder: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    """The migrated database that the commands work on."""
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    opened = Database(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
def bridge(
    folder: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HealthyBridge]:
    """A bridge in order, for `doctor`."""
    with healthy(folder, sqlite_url, monkeypatch) as found:
        yield found


@pytest.fixture
def missed(
    folder: Path, bridge_database: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MissedReactions]:
    """Reactions that Slack did not deliver."""
    with LocalServices() as services:
        for name, value in services.variables.items():
            monkeypatch.setenv(name, value)
        yield MissedReactions(services, bridge_database)
