"""`plain-bridge doctor`: check everything the bridge needs, and say how to fix what is missing."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

import typer
from rich.text import Text

from bot.cli import console
from bot.cli.doctor import configuration, database, plain, slack
from bot.cli.doctor.check import Check
from bot.cli.doctor.configuration import Clocks
from bot.settings import Settings, SettingsError, load


def doctor(json: console.Json = False) -> None:
    """Report what's missing and how to fix it.

    Checks Slack's tokens, scopes, channels and events, Plain's key, permissions and names, both
    APIs, the clock and the database. Changes nothing. Exit status 1 if a check fails.
    """
    try:
        checks = asyncio.run(_examine(load()))
    except SettingsError as error:
        fix = "correct these settings"
        checks = [Check("settings", False, problem, fix) for problem in error.problems]
    if json:
        console.as_json([asdict(check) for check in checks])
    else:
        for check in checks:
            show(check)
        console.say(_summary(checks))
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


async def _examine(settings: Settings) -> list[Check]:
    clocks = Clocks()
    found = await asyncio.gather(
        slack.examine(settings, clocks),
        plain.examine(settings, clocks),
        asyncio.to_thread(database.examine, settings),
    )
    return [
        Check("settings", True, "read"),
        configuration.check_trust(settings),
        *(check for part in found for check in part),
        clocks.check(),
    ]


def show(check: Check) -> None:
    """Print the check on one line, and its fix on a second one."""
    if check.skipped:
        verdict = Text("-     ", style="dim")
    elif check.ok:
        verdict = Text("ok    ", style="green")
    else:
        verdict = Text("failed", style="bold red")
    took = f" ({check.seconds:.1f} s)" if check.seconds >= 0.05 else ""
    console.say(verdict, f"{check.name}: {check.detail}{took}")
    if check.fix is not None:
        console.say(f"       → {check.fix}")


def _summary(checks: list[Check]) -> str:
    failed = sum(not check.ok for check in checks)
    skipped = sum(check.skipped for check in checks)
    aside = f", {skipped} skipped" if skipped else ""
    if not failed:
        return f"{len(checks)} checks, none failed{aside}."
    return f"{len(checks)} checks, {failed} failed{aside}."
