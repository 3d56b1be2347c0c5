"""A database at a place where the user of the command may not look is named, not a traceback."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.stranger import as_a_stranger, need_namespaces

SAID = "unable to open database file"


def test_a_database_in_a_folder_that_is_closed_to_the_user(tmp_path: Path) -> None:
    need_namespaces()
    folder = tmp_path / "closed"
    folder.mkdir(mode=0)
    url = f"sqlite:///{folder}/plain-bridge.db"
    for command, stream in (("doctor", "stdout"), ("people list", "stderr")):
        ran = as_a_stranger(sys.executable, "-m", "bot", *command.split(), DATABASE_URL=url)
        assert ran.returncode == 1
        assert SAID in getattr(ran, stream)
        assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("command", ["doctor", "people list", "ledger list"])
def test_a_database_with_a_name_that_is_too_long(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{'x' * 300}.db")
    result = run(*command.split())
    assert result.exit_code == 1
    assert SAID in result.output
    assert isinstance(result.exception, SystemExit)
