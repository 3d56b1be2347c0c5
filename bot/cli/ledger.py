"""`plain-bridge ledger`: what was asked for and what came of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from bot.cli import console, opening
from bot.cli.console import CommandFailed
from bot.cli.people import checked_user
from bot.settings import load
from bot.store.history import STATES, Entry, History
from bot.store.retention import Retention

app = typer.Typer(no_args_is_help=True, help="What was asked for, and what came of it.")

Json = Annotated[bool, typer.Option("--json", help="For scripts.")]
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The reference PB-7, the key, or the ticket T-123.")
]


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, help="How many, from the newest on.")] = 20,
    state: Annotated[str | None, typer.Option(help=f"One of {', '.join(STATES)}.")] = None,
    json: Json = False,
) -> None:
    """Show the newest escalations."""
    if state is not None and state not in STATES:
        raise CommandFailed(f"{state} is no state: it is one of {', '.join(STATES)}")
    with opening.database(load()) as database:
        entries = History(database).newest(limit, state)
    if json:
        console.as_json([one.as_dict() for one in entries])
    elif not entries:
        console.say("Nothing there yet.")
    else:
        console.table(
            ("Reference", "State", "Asked", "Via", "Channel", "Ticket", "Why"), map(_row, entries)
        )


@app.command()
def show(name: Name, json: Json = False) -> None:
    """Show all that is known of an escalation, except its texts."""
    with opening.database(load()) as database:
        entries = History(database).find(name)
    if not entries:
        raise CommandFailed(f"the ledger has no {name}")
    if json:
        console.as_json([one.as_dict() for one in entries])
        return
    for number, entry in enumerate(entries):
        if number:
            console.say("")
        console.pairs(_pairs(entry))


@app.command()
def retry(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME…", help="References PB-7, keys, or tickets T-123."),
    ],
    json: Json = False,
) -> None:
    """Try what was refused or parked once more."""
    opened: list[Entry] = []
    mistakes: list[str] = []
    with opening.database(load()) as database:
        history = History(database)
        for name in dict.fromkeys(names):
            if found := history.retry(name):
                opened.extend(found)
            else:
                mistakes.append(_not_opened(name, history.find(name)))
    if json:
        console.as_json([one.as_dict() for one in opened])
    else:
        for one in opened:
            console.say(f"{one.reference} is tried again.")
    if mistakes:
        raise CommandFailed("\n".join(mistakes))


@app.command()
def export() -> None:
    """Write every escalation as JSON Lines to standard output, without texts."""
    with opening.database(load()) as database:
        for entry in History(database).export():
            console.as_json(entry.as_dict())


@app.command()
def forget(
    user: Annotated[str, typer.Option(help="The Slack user's id, U….")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Erase a person: their link, open forms, and their texts and id in every escalation.

    Keys and tickets stay, so that nothing is created again. What Plain has is not touched.
    """
    user = checked_user(user)
    if not yes and not typer.confirm(f"Erase what the bridge knows of {user}?", err=True):
        raise CommandFailed("nothing was erased")
    with opening.database(load()) as database:
        forgotten = Retention(database).forget(user)
    if json:
        console.as_json(asdict(forgotten))
    else:
        console.say(
            f"Erased {user}: {forgotten.escalations} escalations, {forgotten.people} links, "
            f"{forgotten.drafts} open forms. Their tickets in Plain are as they were."
        )


def _not_opened(name: str, found: list[Entry]) -> str:
    if not found:
        return f"the ledger has no {name}"
    states = " and ".join(dict.fromkeys(one.state for one in found))
    return f"{name} is {states}: only what is refused or parked can be tried again"


def _row(entry: Entry) -> tuple[object, ...]:
    return (
        entry.reference,
        entry.state,
        console.moment(entry.created_at),
        entry.via,
        entry.channel,
        entry.thread_ref,
        entry.reason or entry.cause,
    )


def _pairs(entry: Entry) -> list[tuple[str, object]]:
    data = entry.reason_data or {}
    return [
        ("Reference", entry.reference),
        ("State", entry.state),
        ("Why", entry.reason),
        *((f"  {name}", value) for name, value in data.items()),
        ("Last trouble", entry.cause),
        ("Ticket", entry.thread_ref),
        ("Link", entry.thread_url),
        ("Doubles", ", ".join(entry.doubles) if entry.doubles else None),
        ("Customer", entry.customer),
        ("  named by", entry.evidence),
        ("Asked by", entry.asker),
        ("Requester", entry.requester),
        ("Via", entry.via),
        ("Team", entry.team),
        ("Channel", entry.channel),
        ("Asked", console.moment(entry.created_at)),
        ("Settled", console.moment(entry.settled_at)),
        ("Undone", console.moment(entry.undone_at)),
        ("Undone by", entry.undone_by),
        ("Next attempt", console.moment(entry.due)),
        ("Attempts", entry.attempts),
        ("Answer", entry.answer),
        ("Key", entry.key),
        ("Generation", entry.generation),
    ]
