"""A dry run tells all and writes nothing."""

from __future__ import annotations

import pytest

from bot.core.faults import Reason, Rejected, Rejection, SlackError
from bot.core.model import Rule
from bot.core.reconcile import DAY, Finding, FindingVerdict
from bot.store.database import Database
from bot.store.kv import FirstLoaded
from tests.flows.reconciling import ADA, ALERTS, NOW, Bench, bench, many

__all__ = ["bench"]


def verdicts(findings: tuple[Finding, ...]) -> dict[str, FindingVerdict]:
    return {one.posted.ref.ts: one.verdict for one in findings}


async def test_a_dry_run_tells_all_and_writes_nothing(bench: Bench) -> None:
    known = bench.mark(100)
    await bench.find()
    bench.rules = (*bench.rules, Rule(("incident",)))
    new, late = bench.mark(50), bench.mark(40, emoji="incident")
    before = dump(bench.database)
    report = await bench.look(dry_run=True, calls=12)
    assert verdicts(report.findings) == {
        known.ts: FindingVerdict.IN_LEDGER,
        new.ts: FindingVerdict.ESCALATED,
        late.ts: FindingVerdict.ESCALATED,
    }
    unloaded, loaded = report.of(FindingVerdict.ESCALATED)
    assert (loaded.is_before_rule, unloaded.is_before_rule) == (False, True)
    assert (unloaded.rule_since, unloaded.submitter) == (None, ADA)
    assert dump(bench.database) == before


async def test_a_dry_run_of_a_month_answers_for_the_time_before_the_rules(bench: Bench) -> None:
    bench.start(ago=30 * DAY)
    FirstLoaded(bench.database).load([])
    bench.start(ago=10 * DAY)
    bench.clock.now = NOW
    late, new = bench.mark(29 * DAY), bench.mark(9 * DAY)
    bench.mark(31 * DAY)
    report = await bench.look(dry_run=True, messages=30 * DAY, replies=30 * DAY)
    assert verdicts(report.findings) == {
        late.ts: FindingVerdict.ESCALATED,
        new.ts: FindingVerdict.ESCALATED,
    }
    older = {one.posted.ref.ts: one.is_before_rule for one in report.findings}
    assert older == {late.ts: True, new.ts: False}


async def test_a_dry_run_leaves_the_place_where_it_was(bench: Bench) -> None:
    many(bench)
    await bench.look(calls=12)
    before = dump(bench.database)
    assert (await bench.look(calls=8, dry_run=True)).stopped == "call_budget"
    assert dump(bench.database) == before


async def test_what_only_bots_asked_for_is_nothing_in_a_dry_run_either(bench: Bench) -> None:
    bench.slack.react(bench.post(), "ticket", ALERTS)
    assert (await bench.look(dry_run=True)).findings == ()


async def test_channels_that_cannot_be_listed_are_a_refusal(bench: Bench) -> None:
    bench.slack.faults[1] = Rejected(
        Rejection(Reason.MISSING_SCOPE, slack_error=SlackError(scope="groups:read"))
    )
    with pytest.raises(Rejected):
        await bench.look()


def dump(database: Database) -> list[tuple[object, ...]]:
    """Every row of the tables that a pass may write to."""
    with database.reading() as connection:
        return [
            tuple(row)
            for table in ("request", "job", "memory")
            for row in connection.exec_driver_sql(f"SELECT * FROM {table}")  # noqa: S608
        ]
