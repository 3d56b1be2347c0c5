"""The file `.env`, as `setup` writes it and as the settings read it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from bot.cli.console import CommandFailed
from bot.cli.setup.variables import DotEnv, parsed

# What a token can hold; `${` has no form in which a .env file can hold it.
TOKENS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1).filter(
    lambda text: "${" not in text
)


@given(value=TOKENS)
def test_what_is_put_is_what_the_settings_read(
    tmp_path_factory: pytest.TempPathFactory, value: str
) -> None:
    path = tmp_path_factory.mktemp("dotenv") / ".env"
    file = DotEnv(path)
    file.put("A", value)
    file.put("B", "after")
    assert dotenv_values(path) == {"A": value, "B": "after"}
    assert file.get("A") == value
    assert parsed(path.read_text()) == {"A": value, "B": "after"}


def test_the_last_of_several_lines_counts(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=1\n# A=0\nexport A = 2 # why\nAB=3\n")
    file = DotEnv(path)
    assert file.get("A") == "2"
    file.put("A", "4")
    assert path.read_text() == "# A=0\nA=4\nAB=3\n"


def test_nobody_else_ever_reads_it(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=1\n")
    path.chmod(0o644)
    DotEnv(path).put("A", "1")  # even where there is nothing to change
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == [".env"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("")
    path = tmp_path / ".env"
    path.symlink_to("real")
    DotEnv(path).put("A", "1")
    assert path.is_symlink()
    assert "A=1" in (tmp_path / "real").read_text()


def test_a_line_is_taken_out_as_a_comment(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=1\nB=2\n")
    file = DotEnv(path)
    file.take_out("A")
    file.take_out("C")
    assert path.read_text() == "# A=1\nB=2\n"
    assert file.get("A") is None


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"A=\xff\n")
    with pytest.raises(CommandFailed, match="cannot be read"):
        DotEnv(path).get("A")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match="Permission"):
        DotEnv(tmp_path / ".env").put("A", "1")
    tmp_path.chmod(0o700)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_variable() -> None:
    assert parsed("A=1\n# c\n\nB = '2'") == {"A": "1", "B": "2"}
    assert parsed("xoxb-test-alone") is None
