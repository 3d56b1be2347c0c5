"""`plain-bridge doctor`: whether everything that the bridge needs is there, and how to mend it."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from bot.cli import console
from bot.cli.checks import Check, database, plain, slack
from bot.settings import Settings, SettingsError, load


def doctor(json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False) -> None:
    """Check tokens, scopes, permissions, the database and the clock; exit status 1 if any fails."""
    try:
        checks = asyncio.run(_examine(load()))
    except SettingsError as error:
        fix = "correct what each line names"
        checks = [Check("settings", False, problem, fix) for problem in error.problems]
    if json:
        console.as_json([asdict(check) for check in checks])
    else:
        for check in checks:
            _print(check)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


async def _examine(settings: Settings) -> list[Check]:
    found = await asyncio.gather(
        slack.examine(settings),
        plain.examine(settings),
        asyncio.to_thread(database.examine, settings),
    )
    return [Check("settings", True, "read"), *(check for part in found for check in part)]


def _print(check: Check) -> None:
    verdict = Text("ok    ", style="green") if check.ok else Text("failed", style="bold red")
    console.say(verdict, f"{check.name}: {check.detail}")
    if check.fix is not None:
        console.say(f"       → {check.fix}")
