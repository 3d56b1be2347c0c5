"""A stage on SQLite over HTTP, for the ways that do not differ by engine or transport."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.ways.stage import Stage, stage


@pytest.fixture
async def on_stage(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(sqlite_url, tmp_path) as set_up:
        yield set_up
