"""The command starts for a user without a home directory, such as one that systemd makes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

UNKNOWN = 54321
"""A user id that is not in /etc/passwd."""

NAMESPACE = ("unshare", "--user", f"--map-user={UNKNOWN}")
"""Runs a program as that user, who still may read the files of whoever runs the tests."""


def _as_somebody_unknown(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "HOME"}
    return subprocess.run(
        [*NAMESPACE, *command], env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(autouse=True)
def _namespaces() -> None:
    if not shutil.which("unshare") or _as_somebody_unknown("true").returncode:
        pytest.skip("this machine lets nobody make a user namespace")


def test_a_user_without_a_home_directory_can_run_the_command() -> None:
    ran = _as_somebody_unknown(sys.executable, "-m", "bot", "--version")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("plain-bridge ")
