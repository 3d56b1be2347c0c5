"""`plain-bridge reconcile`: find and process the reactions that Slack never delivered."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated

import typer

from bot import build
from bot.cli import console, services
from bot.cli.console import CommandFailed
from bot.core import refs
from bot.core.model import Rule
from bot.core.reconcile import (
    CALLS,
    DAY,
    THREAD_SECONDS,
    Finding,
    FindingVerdict,
    ReconcileReport,
    Scope,
)
from bot.flows import reconcile as flow
from bot.flows.intake import Intake
from bot.settings import Settings, load
from bot.slack.views import rules as words
from bot.slack.views.formatting import flat
from bot.store import migrating
from bot.store.database import Database
from bot.store.drafts import Drafts
from bot.store.executor import Executor
from bot.store.kv import FirstLoaded, FirstSeen
from bot.store.requests import GroupCommit, Requests

_FEWEST_CALLS = 10
"""Enough for every pass to get further than the one before."""

_NEVER = (
    "Direct messages are not searched, nor Slack threads older than "
    f"{THREAD_SECONDS / DAY:.0f} days. Reactions carry no time: the message's time counts."
)


def reconcile(
    since: Annotated[
        str, typer.Option(metavar="AGE", help="Maximum age of messages: 90m, 24h, 7d, 4w.")
    ] = "24h",
    channel: Annotated[
        list[str] | None,
        typer.Option(metavar="CHANNEL", help="Only this channel, id or #name; repeatable."),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Show what today's rules would have done, even before they existed; "
            "change nothing.",
        ),
    ] = False,
    max_calls: Annotated[
        int, typer.Option("--calls", min=_FEWEST_CALLS, help="Maximum number of Slack API calls.")
    ] = CALLS,
    json: console.Json = False,
) -> None:
    """Find and process reactions Slack never delivered.

    A running bridge does this at its start and every 15 minutes. Messages that were posted before
    their rule was first loaded, or before the bot joined their channel, are left alone, and so is
    everything that is in the ledger, whatever its result.
    """
    settings = load(needs=("slack_bot_token",))
    age = console.age("--since", since)
    scope = Scope(age, age, tuple(channel or ()), max_calls, dry_run)
    with _database(settings, dry_run) as (database, is_there):
        report, url = asyncio.run(_look(settings, database, scope, is_there))
    if json:
        console.as_json(_json(report, scope, url, settings.rules))
    elif len(report.unknown) < len(scope.channels) or not scope.channels:
        _show(report, scope, url, settings.rules)
    if report.unknown:
        names = ", ".join(report.unknown)
        raise CommandFailed(
            f"the bot is not in a channel {names}: invite it (/invite @plain-bridge), "
            "or correct the name"
        )


@contextmanager
def _database(settings: Settings, dry_run: bool) -> Iterator[tuple[Database, bool]]:
    """Open the database; return it and whether it exists: a dry run does not create one."""
    if not dry_run:
        with services.database(settings) as opened:
            yield opened, True
        return
    found = services.connect(settings)
    try:
        is_there = services.missing_file(found) is None
        if is_there and not migrating.is_at_head(found):
            raise CommandFailed(
                "the database does not have this release's schema: run `plain-bridge migrate` first"
            )
        yield found, is_there
    finally:
        found.close()


async def _look(
    settings: Settings, database: Database, scope: Scope, is_there: bool
) -> tuple[ReconcileReport, str]:
    """Return what was found, and the workspace's URL."""
    run = Executor(1)
    try:
        async with services.slack(settings) as slack:
            here = await slack.installation()
            requests = Requests(database)
            intake = Intake(
                record=GroupCommit(requests, run).record,
                requests=requests,
                drafts=Drafts(database),
                forms=slack,
                rules=settings.rules,
                run=run,
                wake=lambda: None,  # a running bridge sees the commit
            )
            world = build.reconcile_context(settings, database, slack, run, here, intake.take)
            if not is_there:
                world = replace(
                    world,
                    known=lambda _: frozenset(),
                    first_loaded=_NeverLoaded(database),
                    first_seen=_NeverSeen(database),
                )
            return await flow.reconcile(world, scope), here.url
    finally:
        run.close()


class _NeverLoaded(FirstLoaded):
    """The rules of a bridge that never ran: there is no database to read."""

    def known(self) -> dict[str, float]:
        return {}


class _NeverSeen(FirstSeen):
    """The channels of a bridge that never ran."""

    def known(self, _team: str, _channels: Collection[str]) -> dict[str, float]:
        return {}


def _show(report: ReconcileReport, scope: Scope, url: str, rules: Sequence[Rule]) -> None:
    shown = report.findings if scope.dry_run else report.of(FindingVerdict.ESCALATED)
    if shown:
        console.table(
            ("Channel", "Posted", "Emoji", "Rule", "By", "Result", "Message"),
            [_row(one, scope, url) for one in sorted(shown, key=lambda one: one.posted.posted_at)],
        )
    if scope.dry_run:
        console.say("")
        _show_rules(report, rules)
        console.say("")
    console.say(_summary(report, scope))
    if report.left:
        console.say(_left(report, scope))
    console.say(_NEVER)


def _show_rules(report: ReconcileReport, rules: Sequence[Rule]) -> None:
    console.table(
        ("Rule", "Matches", "Would process", "In the ledger"),
        [
            (number, flat(words.matches(rule)), *_counts(report, number))
            for number, rule in enumerate(rules, 1)
        ],
    )


def _counts(report: ReconcileReport, number: int) -> tuple[int, int]:
    """Return how many messages a rule would process, and how many it has in the ledger."""
    of_rule = [one.verdict for one in report.findings if one.rule + 1 == number]
    return of_rule.count(FindingVerdict.ESCALATED), of_rule.count(FindingVerdict.IN_LEDGER)


def _row(one: Finding, scope: Scope, url: str) -> tuple[object, ...]:
    return (
        _named(one),
        console.moment(one.posted.posted_at),
        f":{one.emoji}:",
        one.rule + 1,
        one.submitter,
        _result(one, scope),
        refs.permalink(url, one.posted.ref, one.posted.thread_ts),
    )


def _result(one: Finding, scope: Scope) -> str:
    if one.verdict is FindingVerdict.IN_LEDGER:
        return "in the ledger"
    if not scope.dry_run:
        return "recorded"
    late = _late(one)
    return "would be processed" + (f" ({late})" if late else "")


_OLDER = "older than the rule"
_EARLIER = "from before the bot joined"


def _late(one: Finding) -> str | None:
    """Return why a message is left alone without --dry-run; None if it is not."""
    if one.is_before_rule:
        return _OLDER
    return _EARLIER if one.is_before_channel else None


def _summary(report: ReconcileReport, scope: Scope) -> str:
    found = len(report.of(FindingVerdict.ESCALATED))
    more = " more" if report.went_on else ""
    places = _count(report.looked_at, f"{more} channel".strip())
    if scope.dry_run:
        return f"Searched {places}: {_would(report)} Nothing was changed."
    older, earlier = FindingVerdict.BEFORE_RULE, FindingVerdict.BEFORE_CHANNEL
    counts = ((len(report.of(older)), _OLDER), (len(report.of(earlier)), _EARLIER))
    late = " and ".join(f"{count} {why}" for count, why in counts if count)
    left_alone = f"; {late}, left alone" if late else ""
    if not found:
        return f"Searched {places}: nothing is missing{left_alone}."
    return (
        f"Searched {places}: {_count(found, 'message')} recorded{left_alone}. "
        "A running bridge will process them."
    )


def _would(report: ReconcileReport) -> str:
    would = report.of(FindingVerdict.ESCALATED)
    known = len(report.of(FindingVerdict.IN_LEDGER))
    counts = (
        f"{len(would)} would be processed, {known} {'is' if known == 1 else 'are'} in the ledger."
    )
    why_late = [_late(one) for one in would]
    late = [(why_late.count(why), why) for why in (_OLDER, _EARLIER)]
    return " ".join([counts, *(_left_alone(*one, len(would)) for one in late if one[0])])


def _left_alone(late: int, why: str, would: int) -> str:
    these = f"{late} of them {'is' if late == 1 else 'are'}" if late < would else "All are"
    return f"{these} {why} and left alone without --dry-run."


def _left(report: ReconcileReport, scope: Scope) -> str:
    names = [f"{_name(one.channel.name, one.channel.id)} ({_why(one.why)})" for one in report.left]
    text = f"Not searched completely: {', '.join(names)}."
    if report.stopped is None:
        return text
    if scope.dry_run:
        return f"{text} Allow more calls: --calls {scope.calls * 5}"
    return f"{text} Run the command again to continue."


def _why(why: str) -> str:
    known = {
        "call_budget": "call limit reached",
        "slack_ratelimited": "Slack's rate limit",
    }
    return known.get(why, why)


def _json(
    report: ReconcileReport, scope: Scope, url: str, rules: Sequence[Rule]
) -> dict[str, object]:
    return {
        "dry_run": scope.dry_run,
        "findings": [
            {
                "verdict": one.verdict.value,
                "channel": one.channel.id,
                "channel_name": one.channel.name,
                "ts": one.posted.ref.ts,
                "posted_at": one.posted.posted_at,
                "emoji": one.emoji,
                "rule": one.rule + 1,
                "rule_since": one.rule_since,
                "before_rule": one.is_before_rule,
                "channel_since": one.channel_since,
                "before_channel": one.is_before_channel,
                "asker": one.submitter,
                "permalink": refs.permalink(url, one.posted.ref, one.posted.thread_ts),
            }
            for one in report.findings
        ],
        "rules": [
            {"rule": number, "escalated": escalated, "in_ledger": in_ledger}
            for number in range(1, len(rules) + 1)
            for escalated, in_ledger in [_counts(report, number)]
        ],
        "channels_looked_at": report.looked_at,
        "went_on": report.went_on,
        "calls": report.calls,
        "stopped": report.stopped,
        "not_looked_at": [
            {"channel": one.channel.id, "channel_name": one.channel.name, "why": one.why}
            for one in report.left
        ],
        "unknown_channels": list(report.unknown),
    }


def _named(one: Finding) -> str:
    return _name(one.channel.name, one.channel.id)


def _name(name: str | None, channel: str) -> str:
    return f"#{name}" if name else channel


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
