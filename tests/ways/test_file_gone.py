"""The SQLite file is removed or replaced under the running bridge."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.ways.stage import stage


def take_away(file: Path, away: Path, *, replaced: bool) -> None:
    file.rename(away)
    if replaced:
        file.write_bytes(away.read_bytes())


def put_back(away: Path, file: Path) -> None:
    away.replace(file)


async def ready(url: str) -> int:
    async with httpx.AsyncClient() as client:
        return (await client.get(f"{url}/readyz")).status_code


@pytest.mark.parametrize("how", ["removed", "replaced"])
async def test_a_file_that_is_gone_is_an_answer_not_a_200(
    sqlite_url: str, tmp_path: Path, how: str
) -> None:
    """It went on answering 200, and was ready, into a file that was gone."""
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    away = file.with_name("away.db")
    async with stage(sqlite_url, tmp_path) as on:
        assert await ready(on.url) == 200
        take_away(file, away, replaced=how == "replaced")
        said = await on.slack.command(on.ada, on.support, "/plain-ticket", "My precious text")
        assert said.ephemeral is not None
        assert "couldn't be saved" in said.ephemeral.text
        assert "My precious text" in said.ephemeral.text
        await _until_ready_is(on.url, 503)
        put_back(away, file)
        await _until_ready_is(on.url, 200)
        assert (await on.ask()).status == 200
        await on.threads(1)


async def _until_ready_is(url: str, wanted: int) -> None:
    """Its answer may be remembered for a moment."""
    async with asyncio.timeout(20):
        while await ready(url) != wanted:  # noqa: ASYNC110 — a server has no event
            await asyncio.sleep(0.1)
