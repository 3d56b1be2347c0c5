"""Runs programs as a user whom the machine does not know and who has no home directory."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

UNKNOWN = 54321
"""A user id that is not in /etc/passwd."""

NAMESPACE = ("unshare", "--user", f"--map-user={UNKNOWN}")
"""The files of whoever runs the tests are that user's, who has no rights beyond their modes."""


def as_a_stranger(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command with these variables set and `HOME` unset."""
    environment = {name: value for name, value in os.environ.items() if name != "HOME"}
    return subprocess.run(
        [*NAMESPACE, *command],
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def need_namespaces() -> None:
    """Skip the test where nobody may make a user namespace."""
    if not shutil.which("unshare") or as_a_stranger("true").returncode:
        pytest.skip("this machine lets nobody make a user namespace")
