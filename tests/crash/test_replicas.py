"""Two replicas: the one that is there finishes, and the one that comes back is fenced."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.sandbox.plain.world import Duplicates
from tests.crash import replicas
from tests.crash.databases import Databases
from tests.crash.ground import Ground, ground
from tests.crash.replicas import Taken


async def test_a_second_replica_finishes_and_the_first_is_fenced(
    databases: Databases, tmp_path: Path
) -> None:
    folders = [tmp_path / str(number) for number in range(5)]
    for folder in folders:
        folder.mkdir()
    killed, claimed, midway, noted, late = await asyncio.gather(
        _play(databases, folders[0], replicas.killed, "plain.after createThread:1"),
        _play(databases, folders[1], replicas.paused, "commit.after jobs.claim:1"),
        _play(databases, folders[2], replicas.paused, "commit.before tickets.note_thread:1"),
        _play(databases, folders[3], replicas.paused, "commit.after tickets.note_thread:1"),
        _play(databases, folders[4], replicas.paused, replicas.TOO_LATE_AT),
    )
    assert (killed.threads, killed.sent, killed.state) == (1, 1, "created")
    for paused in (claimed, midway, noted):
        assert (paused.threads, paused.sent, paused.state) == (1, 1, "created"), paused
        assert paused.fenced
    # What stays possible, and is told: it stood still past its last look at the lease.
    assert (late.threads, late.sent, late.fenced) == (2, 2, True)
    assert len(late.doubles) == 1


async def _play(
    databases: Databases,
    folder: Path,
    play: Callable[[Ground, str], Awaitable[Taken]],
    place: str,
    duplicates: Duplicates = "allow",
) -> Taken:
    with databases.fresh("postgresql", folder) as url:
        async with ground(url, folder, duplicates) as around:
            return await play(around, place)
