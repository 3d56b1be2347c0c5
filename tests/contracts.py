"""Finds the services' published contracts, which the project checks against and does not ship."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parent.parent


def contract(name: str) -> Path:
    """The path of the contract file `name`; skips the test where there is none."""
    folder = Path(os.environ.get("PLAIN_BRIDGE_CONTRACTS", _ROOT.parent / "shared" / "contracts"))
    found = folder / name
    if not found.exists():
        pytest.skip(f"no contract {name}: set PLAIN_BRIDGE_CONTRACTS to the folder that has it")
    return found
