"""`plain-bridge people`: the lookup table of Slack users and Plain customers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Annotated

import typer
from rich.progress import Progress

from bot.cli import console, opening, sheet
from bot.cli.console import CommandFailed
from bot.core.identity import is_customer_name
from bot.flows.ports import Person
from bot.settings import load
from bot.store.people import People

app = typer.Typer(no_args_is_help=True, help="Which Plain customer a Slack user is.")

PROGRESS_FROM = 1000
"""Rows from which on an import shows how far it is."""

User = Annotated[str, typer.Argument(metavar="SLACK_USER", help="The user's id, U…")]
Team = Annotated[
    str | None,
    typer.Option(metavar="T…", help="The user's Slack team; the bridge's workspace without it."),
]
Json = Annotated[bool, typer.Option("--json", help="For scripts.")]


@app.command("list")
def list_(json: Json = False) -> None:
    """Show every line of the lookup table."""
    with opening.database(load()) as database:
        people = People(database).all()
    if json:
        console.as_json([_as_dict(one) for one in people])
    elif not people:
        console.say("Nobody is linked yet: plain-bridge people link SLACK_USER CUSTOMER")
    else:
        console.table(
            ("Team", "User", "Customer", "E-mail", "Name", "Source"),
            [(p.team, p.slack_user, p.customer, p.email, p.name, p.source) for p in people],
        )


@app.command()
def link(
    slack_user: User,
    customer: Annotated[
        str,
        typer.Argument(metavar="CUSTOMER", help="c_…, an e-mail address or external:ID"),
    ],
    team: Team = None,
) -> None:
    """Say which Plain customer a Slack user is; what waited for that goes on."""
    user = checked_user(slack_user)
    if not is_customer_name(customer):
        raise CommandFailed(
            f"{customer} names no customer: write c_…, an e-mail address or external:ID"
        )
    settings = load()
    with opening.database(settings, create=True) as database:
        where = _checked_team(team) or opening.team(settings, database)
        opened = People(database).link([Person(team=where, slack_user=user, customer=customer)])
    console.say(f"{user} of {where} is {customer}.{_going_on(opened)}")


@app.command()
def unlink(slack_user: User, team: Team = None) -> None:
    """Forget which Plain customer a Slack user is; without a team, in every team."""
    user, team = checked_user(slack_user), _checked_team(team)
    with opening.database(load()) as database:
        count = People(database).unlink(user, team)
    if count == 0:
        raise CommandFailed(f"{user} is not linked{f' in {team}' if team else ''}")
    console.say(f"{user} is linked no more.")


@app.command("import")
def import_(
    file: Annotated[
        typer.FileBinaryRead,
        typer.Argument(metavar="FILE", help="CSV as `people export` writes it; - is stdin."),
    ],
    team: Team = None,
    json: Json = False,
) -> None:
    """Link many people from a CSV file, all of them or none.

    The columns `user` and `customer` are needed; `team`, `email` and `name` may be there.
    """
    found = sheet.read(file.read())
    if found.mistakes:
        listed = "\n".join(found.mistakes)
        count = f"{len(found.mistakes)} mistake{'s' if len(found.mistakes) > 1 else ''}"
        raise CommandFailed(f"nothing was imported, for {count}:\n{listed}")
    team = _checked_team(team)
    settings = load()
    with opening.database(settings, create=True) as database:
        if team is None and any(where is None for where, _ in found.people):
            team = opening.team(settings, database)
        people = People(database)
        fresh = _changed(people.all(), _placed(found, team or ""))
        opened = people.link(_watched(fresh)) if fresh else 0
    unchanged = len(found.people) - len(fresh)
    if json:
        console.as_json({"imported": len(fresh), "unchanged": unchanged, "opened": opened})
        return
    rest = f", {unchanged} stood there already" if unchanged else ""
    console.say(f"{len(fresh)} imported{rest}.{_going_on(opened)}")


@app.command()
def export() -> None:
    """Write the lookup table as CSV to standard output."""
    with opening.database(load()) as database:
        sheet.write(People(database).all(), sys.stdout)


def _placed(found: sheet.Sheet, team: str) -> list[Person]:
    """The people, each in a team; CommandFailed where that makes two lines one."""
    placed: dict[tuple[str, str], Person] = {}
    for where, one in found.people:
        person = replace(one, team=where or team)
        if (key := (person.team, person.slack_user)) in placed:
            raise CommandFailed(
                f"nothing was imported: {person.slack_user} is there with the team {person.team} "
                "and without a team, which is the same"
            )
        placed[key] = person
    return list(placed.values())


def _changed(known: list[Person], people: list[Person]) -> list[Person]:
    """Those that say something new: a line that comes back as it was keeps its source."""
    standing = {(one.team, one.slack_user): one for one in known}
    return [
        one
        for one in people
        if (old := standing.get((one.team, one.slack_user))) is None
        or replace(old, source=one.source) != one
    ]


def _watched(people: list[Person]) -> Iterator[Person]:
    """The people, with a bar on a terminal's standard error while there are many."""
    if len(people) <= PROGRESS_FROM:
        yield from people
        return
    errors = console.errors()
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
        yield from progress.track(people, description="Importing")


def _going_on(opened: int) -> str:
    if opened == 0:
        return ""
    return f" {opened} waiting {'ticket goes' if opened == 1 else 'tickets go'} on."


def checked_user(text: str) -> str:
    """The Slack user's id that was typed; CommandFailed for anything else."""
    found = sheet.user_id(text)
    if found is None:
        raise CommandFailed(
            f"{text} is no Slack user id: it begins with U or W "
            "(in Slack: the person's profile, …, Copy member ID)"
        )
    return found


def _checked_team(text: str | None) -> str | None:
    if text is not None and not sheet.is_team_id(text):
        raise CommandFailed(f"{text} is no Slack team id: it begins with T or E")
    return text


def _as_dict(one: Person) -> dict[str, object]:
    fields = asdict(one)
    return {"team": fields.pop("team"), "user": fields.pop("slack_user"), **fields}
