"""Fresh databases for the lanes of one test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.databases import Databases
from tests.postgres import TEMPLATE


@pytest.fixture(scope="session")
def databases(sqlite_template: Path, postgres_template: Callable[[str], str]) -> Databases:
    return Databases(sqlite_template, postgres_template, TEMPLATE)
