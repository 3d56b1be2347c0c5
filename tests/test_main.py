"""The command starts for a user without a home directory, such as one that systemd makes."""

from __future__ import annotations

import sys

from tests.stranger import as_a_stranger, need_namespaces


def test_a_user_without_a_home_directory_can_run_the_command() -> None:
    need_namespaces()
    ran = as_a_stranger(sys.executable, "-m", "bot", "--version")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("plain-bridge ")
