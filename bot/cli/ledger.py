"""`plain-bridge ledger`: what was asked for and what came of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated

import typer

from bot.cli import console, services
from bot.cli.console import CommandFailed
from bot.cli.people import checked_user
from bot.core.record import Record, State
from bot.settings import Settings, load
from bot.slack.history import SlackHistory
from bot.slack.views import rejections
from bot.store.customer_links import CustomerLinks
from bot.store.records import STATES, Records
from bot.store.retention import Retention

app = typer.Typer(no_args_is_help=True, help="What was asked for, and what came of it.")

CHANNEL_ID = re.compile(r"[CDG][A-Z0-9]+")
_TIMES = ("created_at", "due", "settled_at", "verify_at", "undone_at")

Json = Annotated[bool, typer.Option("--json", help="For scripts.")]
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The reference PB-7, the key, or the ticket T-123.")
]


@app.command("list")
def list_(
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, help="Show the N newest of those that fit.")
    ] = 20,
    state: Annotated[str | None, typer.Option(help=f"One of {', '.join(STATES)}.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="AGE", help="Asked for lately: 90m, 24h, 7d, 4w.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(metavar="U…", help="Asked for by this Slack user, or for them.")
    ] = None,
    channel: Annotated[
        str | None,
        typer.Option(metavar="CHANNEL", help="Asked for there; by id, or by #name with Slack."),
    ] = None,
    names: Annotated[
        bool, typer.Option("--names", help="Ask Slack how the channels are called.")
    ] = False,
    json: Json = False,
) -> None:
    """Show the newest escalations."""
    if state is not None and state not in STATES:
        raise CommandFailed(f"{state} is no state: it is one of {', '.join(STATES)}")
    user = checked_user(user) if user is not None else None
    age = console.age("--since", since) if since is not None else None
    settings = load()
    by_name = channel is not None and CHANNEL_ID.fullmatch(channel) is None
    called = _channels(settings) if names or by_name else {}
    if channel is not None and by_name:
        channel = _channel_id(channel, called)
    with services.database(settings) as database:
        entries = Records(database).newest(limit, state, age=age, user=user, channel=channel)
        people = {(one.team, one.slack_user): one.name for one in CustomerLinks(database).all()}
    if json:
        console.as_json([_as_dict(one) for one in entries])
    elif not entries:
        some = (state, since, user, channel) != (None, None, None, None)
        console.say("None of them fits." if some else "Nothing there yet.")
    else:
        console.table(
            ("Reference", "State", "Asked", "Via", "Channel", "Asked by", "Ticket", "Why"),
            [_row(one, called, people) for one in entries],
        )


def _channels(settings: Settings) -> Mapping[str, str]:
    """The names of the channels that the bot is in, by id."""
    settings.need("slack_bot_token")

    async def ask() -> Mapping[str, str]:
        async with services.slack(settings) as slack:
            joined = await services.joined_channels(SlackHistory(slack.web))
            return {one.id: one.name for one in joined if one.name}

    return asyncio.run(ask())


def _channel_id(name: str, called: Mapping[str, str]) -> str:
    bare = name.removeprefix("#").lower()
    found = next((id_ for id_, one in called.items() if one.lower() == bare), None)
    if found is None:
        raise CommandFailed(f"the bot is in no channel {name}: write its id (C…)")
    return found


@app.command()
def show(name: Name, json: Json = False) -> None:
    """Show all that is known of an escalation, except its texts."""
    with services.database(load()) as database:
        entries = Records(database).find(name)
    if not entries:
        raise CommandFailed(f"the ledger has no {name}")
    if json:
        console.as_json([_as_dict(one) for one in entries])
        return
    for number, entry in enumerate(entries):
        if number:
            console.say("")
        console.pairs(_pairs(entry))


@app.command()
def retry(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME", help="References PB-7, keys, or tickets T-123."),
    ],
    json: Json = False,
) -> None:
    """Try what was refused or parked once more."""
    opened: list[Record] = []
    mistakes: list[str] = []
    with services.database(load()) as database:
        records = Records(database)
        for name in dict.fromkeys(names):
            if found := records.retry(name):
                opened.extend(found)
            else:
                mistakes.append(_not_opened(name, records.find(name)))
    if json:
        console.as_json([_as_dict(one) for one in opened])
    else:
        for one in opened:
            console.say(f"{one.reference} is tried again.")
    if mistakes:
        raise CommandFailed("\n".join(mistakes))


@app.command()
def export() -> None:
    """Write every escalation as JSON Lines to standard output, without texts; times in UTC."""
    with services.database(load()) as database:
        for entry in Records(database).export():
            console.as_json(_as_dict(entry))


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
    with services.database(load()) as database:
        forgotten = Retention(database).forget(user)
    if json:
        console.as_json(asdict(forgotten))
    else:
        console.say(
            f"Erased {user}: {forgotten.escalations} escalations, {forgotten.people} links, "
            f"{forgotten.drafts} open forms. Their tickets in Plain are as they were."
        )


def _not_opened(name: str, found: list[Record]) -> str:
    if not found:
        return f"the ledger has no {name}"
    states = " and ".join(dict.fromkeys(one.state for one in found))
    return f"{name} is {states}: only what is refused or parked can be tried again"


def _as_dict(entry: Record) -> dict[str, object]:
    """The entry for scripts, its times as ISO 8601."""
    values = entry.as_dict()
    times = {name: values[name] for name in _TIMES}
    return values | {
        name: console.iso(at) if isinstance(at, float) else None for name, at in times.items()
    }


def _row(
    entry: Record, called: Mapping[str, str], people: Mapping[tuple[str, str], str | None]
) -> tuple[object, ...]:
    channel = entry.channel or ""
    return (
        entry.reference,
        _state(entry),
        console.moment(entry.created_at),
        entry.via,
        f"#{called[channel]}" if channel in called else channel,
        people.get((entry.team, entry.submitter)) or entry.submitter,
        entry.ticket.ref if entry.ticket else None,
        _why(entry),
    )


def _state(entry: Record) -> str:
    return "on hold" if entry.is_on_hold else entry.state.value


def _why(entry: Record) -> str | None:
    if entry.reason is not None:
        return rejections.short(entry.reason, entry.reason_data)
    return rejections.cause(entry.cause) if entry.cause is not None else None


def _with_code(words: str | None, code: str | None) -> str | None:
    return f"{words} ({code})" if code is not None else None


def _pairs(entry: Record) -> list[tuple[str, object]]:
    ticket, is_undone = entry.ticket, entry.state is State.UNDONE
    return [
        ("Reference", entry.reference),
        ("State", _state(entry)),
        ("Why", _with_code(_why(entry), entry.reason)),
        *((f"  {name}", value) for name, value in entry.data.items()),
        ("Last trouble", _with_code(entry.cause and rejections.cause(entry.cause), entry.cause)),
        ("Ticket", ticket.ref if ticket else None),
        ("Link", ticket.url if ticket else None),
        ("Doubles", ", ".join(entry.doubles) if entry.doubles else None),
        ("Customer", entry.customer),
        ("  named by", entry.evidence),
        ("Asked by", entry.submitter),
        ("Requester", entry.requester),
        ("Via", entry.via),
        ("Team", entry.team),
        ("Channel", entry.channel),
        ("Asked", console.moment(entry.created_at)),
        ("Settled", console.moment(entry.settled_at)),
        ("Undone", console.moment(entry.undone_at if is_undone else None)),
        ("Undone by", entry.undone_by if is_undone else None),
        ("Next attempt", console.moment(entry.due)),
        ("Attempts", entry.attempts),
        ("Answer", entry.answer),
        ("Key", entry.key),
        ("Generation", entry.generation),
    ]
