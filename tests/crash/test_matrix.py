"""A part of the crash matrix: nothing that was accepted is lost, nothing comes about twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.sandbox.plain.world import Duplicates
from tests.crash.databases import Databases, Engine
from tests.crash.ground import ground
from tests.crash.matrix import Case, Lane, Result

RECORDED = "commit.after *record*:1"

CASES: dict[tuple[Engine, Duplicates], tuple[Case, ...]] = {
    ("sqlite", "allow"): (
        Case("reaction", "commit.before *record*:1"),
        Case("reaction", "commit.after tickets.note_thread:1"),
        Case("command", RECORDED),
        Case("addition", "plain.after createThreadEvent:1"),
        Case("on_hold", "slack.after chat.postEphemeral:1"),
        Case("recovery", "plain.after threadByExternalId:1"),
        Case("second", "commit.after tickets.note_thread:1"),
        Case("undo", "commit.after undo.record:1"),
    ),
    ("sqlite", "refuse"): (
        Case("reaction", "plain.before createThread:1"),
        Case("form", RECORDED),
        Case("addition", "plain.before createThreadEvent:1"),
        Case("on_hold", "commit.before tickets.settle:1"),
        Case("recovery", "commit.before jobs.free_all:1"),
        Case("link", "commit.after customer_links.link:1"),
        Case("undo", "plain.after markThreadAsDone:1"),
    ),
    ("postgresql", "allow"): (
        Case("reaction", RECORDED),
        Case("reaction", "plain.after createThread:1"),
        Case("command", "commit.after tickets.settle:1"),
        Case("form", "slack.before views.open:1"),
        Case("addition", "commit.before tickets.settle:1"),
        Case("second", "plain.after createThread:1"),
        Case("undo", "commit.before undo.finish:1"),
    ),
    ("postgresql", "refuse"): (
        Case("reaction", "commit.before tickets.note_thread:1"),
        Case("reaction", "commit.before tickets.settle:1"),
        Case("whole", "plain.after createThreadEvent:1"),
        Case("command", "slack.after users.info:1"),
        Case("on_hold", "commit.after jobs.claim:1"),
        Case("recovery", "commit.after tickets.settle:1"),
        Case("link", "commit.before customer_links.link:1"),
    ),
}


async def test_a_bridge_that_is_killed_anywhere_loses_and_doubles_nothing(
    databases: Databases, tmp_path: Path
) -> None:
    async def lane(engine: Engine, duplicates: Duplicates) -> list[Result]:
        folder = tmp_path / f"{engine}-{duplicates}"
        folder.mkdir()
        with databases.fresh(engine, folder) as url:
            async with ground(url, folder, duplicates) as around:
                cases = Lane(around, around.replica())
                for case in CASES[engine, duplicates]:
                    await cases.run(case)
                return await cases.results()

    results = await asyncio.gather(*(lane(*combination) for combination in CASES))
    assert [result for each in results for result in each if not result.is_good] == []


async def test_an_asking_passes_these_places(sqlite_url: str, tmp_path: Path) -> None:
    """What the long form takes its cases from: it would kill nowhere if nothing told it."""
    async with ground(sqlite_url, tmp_path) as around:
        lane = Lane(around, around.replica())
        places = await lane.places("reaction")
        await lane.results()
    for place in (
        "commit.before jobs.claim:1",
        "slack.before users.info:1",
        "slack.after users.info:1",
        "commit.before tickets.note_thread:1",
        "commit.after tickets.note_thread:1",
        "plain.before createThread:1",
        "plain.after createThread:1",
        "commit.before tickets.settle:1",
        "commit.after tickets.settle:1",
        "slack.before chat.postEphemeral:1",
        "slack.after chat.postEphemeral:1",
    ):
        assert place in places
    assert places[-1] == "slack.after chat.postEphemeral:1"


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"made": 0, "answers": 0}, "lost"),
        ({"made": 2}, "doubled"),
        ({"answers": 2}, "doubled"),
        ({"died": False}, ""),
        ({"state": "parked"}, ""),
        ({"kind": "shared", "state": ""}, "lost"),
        ({"kind": "shared", "made": 2, "state": "joined"}, "doubled"),
        ({"kind": "undo", "state": "undone", "made": 0}, "lost"),
        ({"kind": "undo"}, ""),
        ({"kind": "news", "state": "undone", "made": 0}, "lost"),
    ],
)
def test_what_is_bad_is_called_bad(more: dict[str, object], what: str) -> None:
    good: dict[str, object] = {
        "case": Case("reaction", RECORDED),
        "died": True,
        "accepted": True,
        "state": "created",
        "made": 1,
        "answers": 1,
        "kind": "thread",
    }
    assert Result(**good).is_good  # type: ignore[arg-type]
    bad = Result(**(good | more))  # type: ignore[arg-type]
    assert not bad.is_good
    assert {"lost": bad.lost, "doubled": bad.doubled, "": True}[what]


@pytest.mark.parametrize("state", ["created", "undone"])
def test_a_click_that_was_not_acknowledged_is_carried_out_or_not(state: str) -> None:
    case = Case("undo", "commit.before undo.record:1")
    made = int(state == "undone")
    assert Result(case, True, False, state, made, made, "undo").is_good
