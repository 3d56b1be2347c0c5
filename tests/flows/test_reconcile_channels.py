"""The bot's invitation is no request: a pass takes nothing from before it first saw a channel."""

from __future__ import annotations

import pytest

from bot.core.directory import Channel
from bot.core.faults import TryLater
from bot.core.reconcile import DAY, FindingVerdict
from bot.store.database import Database
from bot.store.kv import FirstSeen
from tests.flows.reconciling import ADA, NOW, Bench, bench
from tests.nouns import TEAM

__all__ = ["bench"]

NEW = Channel("C9", "new")


async def invited(bench: Bench) -> None:
    """The bridge has run for long, and is invited to another channel now."""
    await bench.look()
    bench.slack.rooms.append(NEW)


async def test_an_invitation_makes_no_tickets_of_old_emoji(bench: Bench) -> None:
    await invited(bench)
    old = {bench.mark(days * DAY, "C9") for days in (0.01, 1, 2, 5, 6.9)}
    report = await bench.look()
    assert {one.posted.ref for one in report.of(FindingVerdict.BEFORE_CHANNEL)} == old
    assert {one.channel_since for one in report.findings} == {NOW}
    assert bench.keys() == []
    bench.clock.move(600)
    assert await bench.find() == []


async def test_what_is_posted_once_the_channel_was_seen_counts(bench: Bench) -> None:
    await invited(bench)
    await bench.look()
    bench.clock.move(600)
    ref = bench.slack.react(bench.post(-300, "C9"), "ticket", ADA)
    assert await bench.find() == [ref]


async def test_a_replys_own_time_counts(bench: Bench) -> None:
    await invited(bench)
    root = bench.mark(DAY, "C9")
    early = bench.slack.react(bench.post(60, "C9", root), "ticket", ADA)
    await bench.look()
    bench.clock.move(600)
    late = bench.slack.react(bench.post(-300, "C9", root), "ticket", ADA)
    report = await bench.look()
    verdicts = {one.posted.ref: one.verdict for one in report.findings}
    assert verdicts == {
        root: FindingVerdict.BEFORE_CHANNEL,
        early: FindingVerdict.BEFORE_CHANNEL,
        late: FindingVerdict.ESCALATED,
    }


async def test_a_thread_from_before_the_bot_costs_no_call(bench: Bench) -> None:
    await invited(bench)
    root = bench.post(DAY, "C9")
    bench.slack.react(bench.post(60, "C9", root), "ticket", ADA)
    await bench.look()
    assert ("replies", root.ts) not in bench.slack.calls


async def test_an_upgrade_loses_nothing_of_the_channels_it_finds(bench: Bench) -> None:
    """An earlier release noted rules, and no channels; the bridge was down for two days."""
    missed = [bench.mark(days * DAY, channel) for days, channel in ((0.5, "C2"), (2, "C1"))]
    assert sorted(await bench.find(), key=lambda ref: ref.ts, reverse=True) == missed


async def test_a_new_invitation_counts_anew(bench: Bench) -> None:
    await invited(bench)
    await bench.look()
    bench.slack.rooms.remove(NEW)
    bench.clock.move(900)
    await bench.look()
    bench.slack.rooms.append(NEW)
    bench.clock.move(900)
    bench.slack.react(bench.post(-800, "C9"), "ticket", ADA)
    assert await bench.find() == []


async def test_a_listing_that_fails_half_way_forgets_no_channel(bench: Bench) -> None:
    bench.slack.rooms = [Channel(f"C{n:03}", f"room-{n}") for n in range(150)]
    await bench.look(calls=1000)
    before = FirstSeen(bench.database).known(TEAM, [room.id for room in bench.slack.rooms])
    assert len(before) == 150
    bench.clock.move(900)
    bench.slack.faults[len(bench.slack.calls) + 2] = TryLater("slack_ratelimited", after=30)
    with pytest.raises(TryLater):
        await bench.look(calls=1000)
    with pytest.raises(TryLater):
        await bench.look(calls=1)
    assert FirstSeen(bench.database).known(TEAM, list(before)) == before


async def test_a_pass_over_some_channels_forgets_no_other(bench: Bench) -> None:
    await bench.look()
    before = FirstSeen(bench.database).known(TEAM, ["C1", "C2"])
    bench.clock.move(900)
    await bench.look(channels=("#sales",))
    await bench.look(channels=("#nowhere",))
    assert FirstSeen(bench.database).known(TEAM, ["C1", "C2"]) == before
    assert len(before) == 2


async def test_a_channel_in_which_no_rule_counts_yet_is_seen(bench: Bench) -> None:
    bench.rules = bench.rules[:1]
    await invited(bench)
    await bench.look()
    assert FirstSeen(bench.database).known(TEAM, ["C9"]) == {"C9": NOW}


async def test_a_dry_run_says_what_was_there_before_the_bot_and_notes_nothing(
    bench: Bench,
) -> None:
    await invited(bench)
    old, ours = bench.mark(DAY, "C9"), bench.mark(DAY, "C1")
    report = await bench.look(dry_run=True)
    assert {one.posted.ref: one.is_before_channel for one in report.findings} == {
        old: True,
        ours: False,
    }
    assert {one.verdict for one in report.findings} == {FindingVerdict.ESCALATED}
    assert seen(bench.database) == {"C1", "C2"}


def seen(database: Database) -> set[str]:
    return set(FirstSeen(database).known(TEAM, ["C1", "C2", "C9"]))
