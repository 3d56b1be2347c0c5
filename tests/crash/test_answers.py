"""Answers that leave open what became of a request: one thread each, or a double that is told."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.sandbox.plain.world import Duplicates
from tests.crash import answers
from tests.crash.answers import AMBIGUOUS, Seen
from tests.crash.databases import ENGINES, Databases, Engine
from tests.crash.ground import ground

THREADS = [case for case in AMBIGUOUS if case.committed or case.how == "late"]
ADDITIONS = [case for case in THREADS if case.how in ("502", "late") and not case.blind]


async def test_an_ambiguous_answer_is_one_thread_and_a_later_double_is_reported(
    databases: Databases, tmp_path: Path
) -> None:
    async def lane(engine: Engine, duplicates: Duplicates) -> None:
        folder = tmp_path / f"{engine}-{duplicates}"
        folder.mkdir()
        with databases.fresh(engine, folder) as url:
            async with ground(url, folder, duplicates, answers.WINDOWS) as around:
                replica = around.replica()
                await replica.start()
                around.hear(replica)
                seen = [await answers.ambiguous(around, case, "reaction") for case in THREADS]
                seen += [await answers.ambiguous(around, case, "addition") for case in ADDITIONS]
                seen.append(await answers.relinked(around, committed=True))
                late = await answers.late_beyond_the_window(around, replica)
                await replica.end()
        assert [one for one in seen if not one.is_good] == []
        _check(late, duplicates)

    async with asyncio.TaskGroup() as group:
        for engine in ENGINES:
            group.create_task(lane(engine, "allow"))
            group.create_task(lane(engine, "refuse"))


def _check(late: Seen, duplicates: Duplicates) -> None:
    """Plain made a second one, which was found; or it refused, and there was nothing to find."""
    if duplicates == "allow":
        assert (late.made, late.note[:2]) == (2, "T-")
    else:
        assert (late.made, late.note) == (1, "")
