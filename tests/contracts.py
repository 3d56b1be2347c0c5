"""Find the vendors' published contracts, which the project checks against and does not ship."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

VARIABLE = "PLAIN_BRIDGE_CONTRACTS"

Contract = Callable[[str], Path]
"""The fixture `contract`: the path of a contract file by its name."""


def folder(config: pytest.Config) -> Path | None:
    """Return the folder that the environment names; None where it names none.

    Raises `pytest.UsageError` if the folder is not there: a run that was asked to read the
    contracts must not pass by skipping them.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        return None
    found = config.invocation_params.dir / named
    if not found.is_dir():
        raise pytest.UsageError(f"{VARIABLE} names {named}, and there is no such folder")
    return found


def mark(items: list[pytest.Item], found: Path | None) -> None:
    """Mark every test that reads a contract; skip those if there is no folder to read."""
    skip = pytest.mark.skip(reason=f"needs the vendors' contracts: set {VARIABLE} to their folder")
    for item in items:
        if "contract" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.contracts)
        if found is None and item.get_closest_marker("contracts"):
            item.add_marker(skip)
