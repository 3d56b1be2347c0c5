"""`plain-bridge rules`: the rules that turn reactions into tickets."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Annotated

import typer

from bot.cli import console, trying
from bot.core.model import Rule
from bot.settings import SettingsError, load

app = typer.Typer(no_args_is_help=True, help="Which reaction makes which ticket.")


app.command("test")(trying.reactions)


@app.command()
def lint(
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="Instead of the file that the settings name."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Check the settings' file, and show the rules in the order in which they are looked at."""
    environ = dict(os.environ) if file is None else os.environ | {"PLAIN_BRIDGE_CONFIG": file}
    try:
        rules = load(environ).rules
    except SettingsError as error:
        if not json:
            raise
        console.as_json({"ok": False, "problems": list(error.problems), "rules": []})
        raise typer.Exit(1) from None
    if json:
        console.as_json({"ok": True, "problems": [], "rules": [asdict(rule) for rule in rules]})
        return
    console.table(
        ("Rule", "Emoji", "Channels", "Priority", "Labels", "Tenant", "Assignee", "Customer"),
        [(number, *_cells(rule)) for number, rule in enumerate(rules, 1)],
    )
    console.say(f"{len(rules)} {'rule' if len(rules) == 1 else 'rules'}, no mistakes.")


def _cells(rule: Rule) -> tuple[object, ...]:
    return (
        " ".join(f":{name}:" for name in rule.emoji),
        " ".join(rule.channels) or "all",
        rule.priority.value,
        ", ".join(rule.labels),
        rule.tenant,
        rule.assignee,
        rule.customer,
    )
