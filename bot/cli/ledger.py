"""`plain-bridge ledger`: list, show, retry, export and erase requests; free their conversations."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Iterator, Mapping
from dataclasses import asdict
from typing import Annotated

import typer

from bot.cli import console, services
from bot.cli.console import CommandFailed
from bot.cli.people import checked_user
from bot.core.record import Record, State
from bot.core.refs import is_channel_id
from bot.settings import Settings, load
from bot.slack.history import SlackHistory
from bot.slack.views import rejections
from bot.store import forgetting
from bot.store.customer_links import CustomerLinks
from bot.store.forgetting import Forgotten
from bot.store.records import Records
from bot.store.tickets import Ledger

app = typer.Typer(no_args_is_help=True, help="Requests and their results.")

STATES = tuple(state.value for state in State)

FORMER_STATES = {"refused": State.REJECTED, "unwanted": State.IGNORED}
"""What earlier releases called states; `--state` still takes them."""

_TIMES = ("created_at", "due", "settled_at", "verify_at", "undone_at")

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="A reference (PB-7), a key, or a ticket (T-123).")
]

Names = Annotated[
    list[str],
    typer.Argument(metavar="NAME", help="References (PB-7), keys, or tickets (T-123)."),
]


@app.command("list")
def list_(
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, help="How many to show, newest first.")
    ] = 20,
    state: Annotated[str | None, typer.Option(help=f"One of {', '.join(STATES)}.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="AGE", help="Requested within: 90m, 24h, 7d, 4w.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(metavar="U…", help="Requested by this Slack user, or for them.")
    ] = None,
    channel: Annotated[
        str | None,
        typer.Option(
            metavar="CHANNEL", help="Requested in this channel: id, or #name (asks Slack)."
        ),
    ] = None,
    names: Annotated[
        bool, typer.Option("--names", help="Show channel names (asks Slack).")
    ] = False,
    json: console.Json = False,
) -> None:
    """List the newest requests."""
    wanted = _state_named(state) if state is not None else None
    user = checked_user(user) if user is not None else None
    age = console.age("--since", since) if since is not None else None
    settings = load()
    by_name = channel is not None and not is_channel_id(channel)
    called = _channels(settings) if names or by_name else {}
    if channel is not None and by_name:
        channel = _channel_id(channel, called)
    with services.database(settings) as database:
        entries = Records(database).newest(limit, wanted, age=age, user=user, channel=channel)
        people = {(one.team, one.slack_user): one.name for one in CustomerLinks(database).all()}
    if json:
        console.as_json([_as_dict(one) for one in entries])
    elif not entries:
        some = (state, since, user, channel) != (None, None, None, None)
        console.say("No matching requests." if some else "No requests yet.")
    else:
        console.table(
            ("Reference", "State", "Requested", "Via", "Channel", "By", "Ticket", "Reason"),
            [_row(one, called, people) for one in entries],
        )


def _state_named(name: str) -> State:
    if name in FORMER_STATES:
        return FORMER_STATES[name]
    if name not in STATES:
        raise CommandFailed(f"{name} is not a state: use one of {', '.join(STATES)}")
    return State(name)


def _channels(settings: Settings) -> Mapping[str, str]:
    """Return the names of the channels that the bot is in, by id."""
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
        raise CommandFailed(f"the bot is not in a channel {name}: use its id (C…)")
    return found


@app.command()
def show(name: Name, json: console.Json = False) -> None:
    """Show everything about a request except its texts."""
    with services.database(load()) as database:
        entries = Records(database).find(name)
    if not entries:
        raise CommandFailed(f"{name} is not in the ledger")
    if json:
        console.as_json([_as_dict(one) for one in entries])
        return
    for number, entry in enumerate(entries):
        if number:
            console.say("")
        console.pairs(_pairs(entry))


@app.command()
def retry(names: Names, json: console.Json = False) -> None:
    """Retry requests that were rejected, are parked or on hold."""
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
            console.say(f"{one.reference} will be retried.")
    if mistakes:
        raise CommandFailed("\n".join(mistakes))


@app.command()
def free(names: Names, json: console.Json = False) -> None:
    """Free the Slack threads of tickets that were deleted in Plain.

    The next request there creates a new ticket. Does not ask Plain whether the ticket is gone.
    """
    freed: list[Record] = []
    mistakes: list[str] = []
    with services.database(load()) as database:
        records, ledger = Records(database), Ledger(database)
        for name in dict.fromkeys(names):
            found = records.find(name)
            threads = {one.ticket.id for one in found if one.ticket is not None}
            gone = {thread for thread in threads if ledger.free(thread)}
            if gone:
                freed.extend(one for one in records.find(name) if _has_one_of(one, gone))
            else:
                mistakes.append(_not_freed(name, found))
    if json:
        console.as_json([_as_dict(one) for one in freed])
    else:
        for ref in dict.fromkeys(one.ticket.ref for one in freed if one.ticket is not None):
            console.say(f"{ref} is gone: the next request in its Slack thread opens a new one.")
    if mistakes:
        raise CommandFailed("\n".join(mistakes))


@app.command()
def export() -> None:
    """Write all requests to standard output as JSON Lines, without texts; times in UTC."""
    with services.database(load()) as database:
        for entry in Records(database).export():
            console.as_json(_as_dict(entry))


@app.command()
def forget(
    user: Annotated[str, typer.Option(help="The Slack user's id, U…")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    json: console.Json = False,
) -> None:
    """Erase a person: their link, open forms and requests, and their words in others' requests.

    Keys and tickets stay, so that nothing is created twice. What is in Plain or Slack stays there.
    """
    user = checked_user(user)
    if not yes and not typer.confirm(f"Erase everything the bridge knows about {user}?", err=True):
        raise CommandFailed("nothing was erased")
    with services.database(load()) as database:
        forgotten = forgetting.forget(database, user)
    if json:
        console.as_json(asdict(forgotten))
        return
    for line in _forgotten(user, forgotten):
        console.say(line)


def _forgotten(user: str, done: Forgotten) -> Iterator[str]:
    """Yield what was erased, and what stays."""
    counts = (
        (done.requests, "request", "requests"),
        (done.links, "link", "links"),
        (done.drafts, "open form", "open forms"),
    )
    yield f"Erased {user}: {', '.join(_counted(*one) for one in counts)}."
    elsewhere = (
        (done.others, "request of someone else", "requests of others"),
        (done.tickets, "ticket", "tickets"),
        (done.undos, "undo", "undos"),
    )
    if any(number for number, *_ in elsewhere):
        yield f"Also erased from {', '.join(_counted(*one) for one in elsewhere if one[0])}."
    if done.ended:
        yield f"{_counted(done.ended, 'pending request was', 'pending requests were')} stopped."
    yield (
        "What is in Plain and Slack stays there. A name that someone typed as plain text isn't "
        "recognized; it is erased with the text it is in, after keep_text_days."
    )


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _not_opened(name: str, found: list[Record]) -> str:
    if not found:
        return f"{name} is not in the ledger"
    what = "only requests that were rejected, are parked or on hold can be retried"
    return f"{name} is {_states(found)}: {what}"


def _has_one_of(entry: Record, threads: Container[str]) -> bool:
    return entry.ticket is not None and entry.ticket.id in threads


def _not_freed(name: str, found: list[Record]) -> str:
    if not found:
        return f"{name} is not in the ledger"
    if any(one.is_undoing for one in found):
        return f"{name} is being undone: try again in a minute"
    has_ticket = any(one.ticket is not None for one in found)
    why = "its Slack thread is free already" if has_ticket else "it has no ticket"
    return f"{name} is {_states(found)}: {why}"


def _states(found: list[Record]) -> str:
    return " and ".join(dict.fromkeys(_state(one) for one in found))


def _as_dict(entry: Record) -> dict[str, object]:
    """Return the entry for scripts, its times as ISO 8601."""
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
    return entry.state.value.replace("-", " ")


def _why_gone(entry: Record) -> str | None:
    return "the ticket was deleted in Plain" if entry.state is State.GONE else None


def _why(entry: Record) -> str | None:
    if entry.state is State.GONE:
        return _why_gone(entry)
    if entry.reason is not None:
        return rejections.short(entry.reason, entry.rejection)
    return rejections.cause(entry.cause) if entry.cause is not None else None


def _with_code(words: str | None, code: str | None) -> str | None:
    return f"{words} ({code})" if code is not None else None


def _pairs(entry: Record) -> list[tuple[str, object]]:
    ticket, is_undone = entry.ticket, entry.state is State.UNDONE
    return [
        ("Reference", entry.reference),
        ("State", _state(entry)),
        ("Reason", _why_gone(entry) or _with_code(_why(entry), entry.reason)),
        *((f"  {name}", value) for name, value in (entry.reason_data or {}).items()),
        ("Last error", _with_code(entry.cause and rejections.cause(entry.cause), entry.cause)),
        ("Ticket", ticket.ref if ticket else None),
        ("Link", ticket.url if ticket else None),
        ("Duplicates", ", ".join(entry.duplicates) if entry.duplicates else None),
        ("Customer", entry.customer),
        ("  found by", entry.evidence),
        ("Submitter", entry.submitter),
        ("Requester", entry.requester),
        ("Via", entry.via),
        ("Team", entry.team),
        ("Channel", entry.channel),
        ("Requested", console.moment(entry.created_at)),
        ("Settled", console.moment(entry.settled_at)),
        ("Undone", console.moment(entry.undone_at if is_undone else None)),
        ("Undone by", entry.undone_by if is_undone else None),
        ("Next attempt", console.moment(entry.due)),
        ("Attempts", entry.attempts),
        ("Answer", entry.answer),
        ("Key", entry.key),
    ]
