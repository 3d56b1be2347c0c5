"""The points: silent unless somebody watches, and where they say they are."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from sqlalchemy import text

from bot import failpoints
from bot.core.faults import TryLater
from bot.failpoints import Failpoint
from bot.store.database import Database
from tests.ways.stage import stage

Passed = list[tuple[Failpoint, str]]


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> Passed:
    """The points that this process passes from now on."""
    seen: Passed = []
    monkeypatch.setattr(failpoints, "_watcher", failpoints._unwatched)
    failpoints.arm(lambda point, about: seen.append((point, about)))
    return seen


def test_nobody_watches_by_itself() -> None:
    assert failpoints._watcher is failpoints._unwatched


def test_a_commit_is_between_its_points(database: Database, passed: Passed) -> None:
    with database.writing() as connection:
        connection.execute(text("SELECT 1"))
        assert passed == []
    assert passed == [(Failpoint.BEFORE_COMMIT, ""), (Failpoint.AFTER_COMMIT, "")]


def test_what_is_rolled_back_passes_no_commit(database: Database, passed: Passed) -> None:
    def break_off() -> None:
        with database.writing():
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    assert passed == []


def test_what_came_too_late_passes_no_commit(database: Database, passed: Passed) -> None:
    def take_too_long() -> None:
        with database.writing(within=0.05) as connection:
            connection.execute(text("SELECT 1"))
            time.sleep(0.1)

    with pytest.raises(TryLater):
        take_too_long()
    assert passed == []


async def test_every_request_is_between_its_points(
    sqlite_url: str, tmp_path: Path, passed: Passed
) -> None:
    async with stage(sqlite_url, tmp_path) as on:
        await on.ask()
        await on.settled()
    for before, after in (
        (Failpoint.BEFORE_SLACK, Failpoint.AFTER_SLACK),
        (Failpoint.BEFORE_PLAIN, Failpoint.AFTER_PLAIN),
    ):
        begun = [about for point, about in passed if point is before]
        ended = [about for point, about in passed if point is after]
        assert sorted(begun) == sorted(ended)
    assert passed.index((Failpoint.BEFORE_PLAIN, "createThread")) < passed.index(
        (Failpoint.AFTER_PLAIN, "createThread")
    )
    said = [call.method for call in on.slack.calls if not call.method.startswith("apps.")]
    assert sorted(said) == sorted(
        about for point, about in passed if point is Failpoint.BEFORE_SLACK
    )
