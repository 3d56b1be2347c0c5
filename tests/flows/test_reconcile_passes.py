"""How far a pass comes, and where the next one goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.faults import TryLater
from bot.core.reconcile import DAY, Scope
from bot.core.refs import MessageRef
from bot.flows.reconcile import reconcile
from tests.flows.reconciling import ADA, Bench, bench, many

__all__ = ["bench"]


async def test_a_pass_keeps_to_its_budget_and_the_next_goes_on(bench: Bench) -> None:
    wanted = many(bench)
    found: set[MessageRef] = set()
    passes = 0
    while True:
        passes += 1
        before = len(bench.slack.calls) + len(bench.asked)
        report = await bench.look(calls=10)
        new = {one.posted.ref for one in report.findings}
        assert report.calls == len(bench.slack.calls) + len(bench.asked) - before <= 10
        assert not found & new
        found |= new
        assert report.went_on is (passes > 1)
        if report.stopped is None:
            break
        assert report.stopped == "call_budget"
        assert {one.why for one in report.left} == {"call_budget"}
    assert (found, passes, report.left) == (wanted, 3, ())
    assert not (await bench.look(calls=10)).went_on


async def test_what_is_not_looked_at_is_said(bench: Bench) -> None:
    many(bench)
    report = await bench.look(calls=10)
    assert report.looked_at == 2
    assert [one.channel.id for one in report.left] == ["C2", "C3", "C4", "C5"]
    report = await bench.look(calls=10)
    assert report.looked_at == 3
    assert [one.channel.id for one in report.left] == ["C5"]


async def test_it_goes_on_within_a_page_of_threads(bench: Bench) -> None:
    wanted = set()
    for number in range(6):
        root = bench.post(1000.0 + number)
        for reply in range(18):
            ref = bench.post(900.0 - 20 * number - reply, thread=root)
            wanted.add(bench.slack.react(ref, "ticket", ADA))
    bench.slack.size = 6  # one page of roots, three of replies for each
    found: set[MessageRef] = set()
    for _ in range(12):
        report = await bench.look(calls=5, channels=("C1",))
        found |= {one.posted.ref for one in report.findings}
        if report.stopped is None:
            break
    assert (found, report.stopped) == (wanted, None)


@pytest.mark.parametrize(("later", "goes_on"), [(900.0, True), (3700.0, False)])
async def test_a_place_is_good_for_an_hour(bench: Bench, later: float, goes_on: bool) -> None:
    many(bench)
    await bench.look(calls=12)
    fresh = bench.mark(1.0, "C0")
    bench.clock.move(later)
    report = await bench.look(calls=100)
    assert report.went_on is goes_on
    assert (fresh in {one.posted.ref for one in report.findings}) is not goes_on
    assert fresh in {*await bench.find(calls=100)} or not goes_on


async def test_a_place_in_a_channel_that_is_gone_is_no_trouble(bench: Bench) -> None:
    wanted = many(bench)
    first = await bench.look(calls=8)
    gone = first.left[0].channel
    bench.slack.rooms.remove(gone)
    report = await bench.look(calls=100)
    found = {one.posted.ref for one in (*first.findings, *report.findings)}
    assert found >= {ref for ref in wanted if ref.channel != gone.id}
    assert report.left == ()


async def test_passes_over_other_things_have_other_places(bench: Bench) -> None:
    many(bench)
    await bench.look(calls=12)
    for other in ({"channels": ("C0",)}, {"messages": DAY}):
        report = await bench.look(calls=100, **other)
        assert (report.stopped, report.went_on) == (None, False)
        assert report.looked_at == (1 if "channels" in other else 6)
    assert (await bench.look(calls=100)).went_on


@pytest.mark.parametrize("at", [3, 4, 7])
async def test_a_rate_limit_ends_the_pass_and_the_next_goes_on(bench: Bench, at: int) -> None:
    wanted = many(bench, channels=3, each=2)
    bench.slack.faults[at] = TryLater("slack_ratelimited", after=30.0)
    first = await bench.look(calls=100)
    assert first.stopped == "slack_ratelimited"
    assert len(bench.slack.calls) == at
    assert first.left
    second = await bench.look(calls=100)
    found = [one.posted.ref for one in (*first.findings, *second.findings)]
    assert (second.stopped, len(found), set(found)) == (None, len(wanted), wanted)


async def test_a_rate_limit_at_the_list_of_channels_is_raised(bench: Bench) -> None:
    bench.slack.faults[1] = TryLater("slack_ratelimited", after=30.0)
    with pytest.raises(TryLater, match="ratelimited"):
        await bench.look()


async def test_a_closed_channel_does_not_hide_the_others(bench: Bench) -> None:
    bench.slack.closed = {"C1"}
    bench.mark()
    ref = bench.mark(60, "C2")
    report = await bench.look()
    assert [one.posted.ref for one in report.findings] == [ref]
    assert [(one.channel.id, one.why) for one in report.left] == [("C1", "not_in_channel")]
    assert report.stopped is None


async def test_a_database_that_fails_ends_the_pass(bench: Bench) -> None:
    bench.mark()

    async def broken(_: object) -> None:
        raise TryLater("database")

    report = await reconcile(replace(bench.world, take=broken), Scope())
    assert (report.stopped, report.findings) == ("database", ())
    assert len(await bench.find()) == 1
