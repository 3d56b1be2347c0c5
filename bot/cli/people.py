"""`plain-bridge people`: the lookup table of Slack users and Plain customers."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Annotated

import typer
from rich.progress import Progress

from bot.cli import console, known, opening, sheet
from bot.cli.checks import plain
from bot.cli.console import CommandFailed
from bot.core.faults import Fault
from bot.core.identity import is_customer_name
from bot.settings import Settings, SettingsError, load
from bot.store.customer_links import CustomerLink, CustomerLinks

app = typer.Typer(no_args_is_help=True, help="Which Plain customer a Slack user is.")

PROGRESS_FROM = 1000
"""Rows from which on an import shows how far it is."""

MOST_REPLACED = 20
"""Of the links that an import replaces that are named."""

Standing = Mapping[tuple[str, str], CustomerLink]
"""The lines of the lookup table by team and user."""

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
        people = CustomerLinks(database).all()
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
    check: Annotated[
        bool | None,
        typer.Option(
            "--check/--no-check",
            help="Link only whom Plain knows; or do not ask Plain. "
            "Without either, say what Plain knows where PLAIN_API_KEY is set.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Say which Plain customer a Slack user is; what waited for that goes on."""
    user = checked_user(slack_user)
    if not is_customer_name(customer):
        raise CommandFailed(
            f"{customer} names no customer: write c_…, an e-mail address or external:ID"
        )
    settings = load()
    told = _known(settings, customer, check)
    with opening.database(settings, create=True) as database:
        where = _checked_team(team) or opening.team(settings, database)
        people = CustomerLinks(database)
        old = people.find(user, [where])
        opened = people.link([CustomerLink(team=where, slack_user=user, customer=customer)])
    was = f", was {old.customer}" if old is not None and old.customer != customer else ""
    console.say(f"{user} of {where} is {customer}{was}.{_going_on(opened)}")
    if told is not None:
        console.say(told)


def _known(settings: Settings, customer: str, check: bool | None) -> str | None:
    """What Plain says about the customer. CommandFailed where it has none and `check` is on."""
    if check is False or (check is None and settings.plain_api_key is None):
        return None
    try:
        found = known.customers(settings, [customer])[customer]
    except (Fault, CommandFailed) as error:
        if check:
            raise
        why = plain.failed("", error).detail if isinstance(error, Fault) else str(error)
        return f"Whom Plain knows by that name was not looked up: {why}."
    if found is not None:
        return f"Plain knows {known.shown(found)}."
    if check:
        raise CommandFailed(f"nobody was linked: Plain has no customer {customer}")
    return f"Plain has no customer {customer}: until it has, requests for this person are refused."


@app.command()
def unlink(slack_user: User, team: Team = None) -> None:
    """Forget which Plain customer a Slack user is; without a team, in every team."""
    user, team = checked_user(slack_user), _checked_team(team)
    with opening.database(load()) as database:
        count = CustomerLinks(database).unlink(user, team)
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
    check: Annotated[
        bool, typer.Option("--check", help="Ask Plain for every customer that is new here.")
    ] = False,
    json: Json = False,
) -> None:
    """Link many people from a CSV file, all of them or none.

    The columns `user` and `customer` are needed; `team`, `email` and `name` may be there.
    """
    found = sheet.read(file.read())
    team = _checked_team(team)
    if found.mistakes:
        home = team or (_home() if found.may_have_doubles else None)
        raise _nothing(found.mistakes + (found.doubles(home) if home else []))
    settings = load()
    with opening.database(settings, create=True) as database:
        if team is None and any(where is None for where, _ in found.people):
            team = opening.team(settings, database)
        if team is not None and (doubles := found.doubles(team)):
            raise _nothing(doubles)
        people = CustomerLinks(database)
        standing = {(one.team, one.slack_user): one for one in people.all()}
        fresh = _changed(
            standing, [replace(one, team=at or team or "") for at, one in found.people]
        )
        if check:
            _check(settings, found, {(one.team, one.slack_user) for one in fresh}, team)
        opened = people.link(_watched(fresh)) if fresh else 0
    _tell_import(fresh, standing, len(found.people) - len(fresh), opened, json=json)


def _nothing(mistakes: list[str]) -> CommandFailed:
    listed = "\n".join(sheet.in_order(mistakes))
    count = f"{len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''}"
    return CommandFailed(f"nothing was imported, for {count}:\n{listed}")


def _home() -> str | None:
    """The workspace's team id, where it can be known."""
    try:
        settings = load()
        with opening.database(settings) as database:
            return opening.team(settings, database)
    except (CommandFailed, SettingsError):
        return None


def _check(
    settings: Settings, found: sheet.Sheet, fresh: set[tuple[str, str]], team: str | None
) -> None:
    """CommandFailed with every line that names a customer whom Plain does not have."""
    lines = [
        (number, one.customer)
        for number, (where, one) in zip(found.lines, found.people, strict=True)
        if (where or team, one.slack_user) in fresh
    ]
    customers = known.customers(settings, (name for _, name in lines))
    if unknown := [(number, name) for number, name in lines if customers[name] is None]:
        raise _nothing([f"line {number}: Plain has no customer {name}" for number, name in unknown])


def _tell_import(
    fresh: list[CustomerLink], standing: Standing, unchanged: int, opened: int, *, json: bool
) -> None:
    replaced = [
        (one, old)
        for one in fresh
        if (old := standing.get((one.team, one.slack_user))) and old.customer != one.customer
    ]
    if json:
        told = [
            {"team": one.team, "user": one.slack_user, "old": old.customer, "new": one.customer}
            for one, old in replaced
        ]
        console.as_json(
            {
                "imported": len(fresh),
                "unchanged": unchanged,
                "opened": opened,
                "replaced": told,
            }
        )
        return
    rest = f", {unchanged} unchanged" if unchanged else ""
    console.say(f"{len(fresh)} imported{rest}.{_going_on(opened)}")
    for one, old in replaced[:MOST_REPLACED]:
        console.say(f"{one.slack_user} of {one.team} is {one.customer}, was {old.customer}.")
    if len(replaced) > MOST_REPLACED:
        console.say(f"…and {len(replaced) - MOST_REPLACED} more were linked to others.")


@app.command()
def export() -> None:
    """Write the lookup table as CSV to standard output."""
    with opening.database(load()) as database:
        sheet.write(CustomerLinks(database).all(), sys.stdout)


def _changed(standing: Standing, people: list[CustomerLink]) -> list[CustomerLink]:
    """Those that say something new: a line that comes back as it was keeps its source."""
    return [
        one
        for one in people
        if (old := standing.get((one.team, one.slack_user))) is None
        or replace(old, source=one.source) != one
    ]


def _watched(people: list[CustomerLink]) -> Iterator[CustomerLink]:
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


def _as_dict(one: CustomerLink) -> dict[str, object]:
    fields = asdict(one)
    return {"team": fields.pop("team"), "user": fields.pop("slack_user"), **fields}
