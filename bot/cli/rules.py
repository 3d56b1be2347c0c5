"""`plain-bridge rules`: check the rules, and try them on reactions without recording anything."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli import console, services
from bot.cli.console import CommandFailed
from bot.core import refs, routing
from bot.core.directory import Channel
from bot.core.model import ReplyTo, Rule, Trigger, Via
from bot.core.refs import MessageRef
from bot.settings import Settings, SettingsError, load
from bot.slack.history import SlackHistory

app = typer.Typer(no_args_is_help=True, help="Check the rules that turn reactions into tickets.")


@app.command()
def lint(
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="Check this file instead of the configured one."),
    ] = None,
    json: console.Json = False,
) -> None:
    """Check the configuration file and show its rules in the order they apply."""
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


_REACTION_FORMAT = (
    'write {"channel": "C024BE91L" or "#support", "emoji": "ticket"}, optionally with "user", or '
    "what Slack sends as reaction_added; one, a list, or one per line"
)


@dataclass(frozen=True, slots=True)
class TriedReaction:
    """One person's emoji; `user` is None if nobody was named.

    `channel.id` is a #name if that is all that is known; `channel.name` is None if only the id is.
    """

    channel: Channel
    emoji: str
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The numbers of the rules that may apply, in order, from 1; the last one certainly does.

    `sure`: there is at most one, and it applies.
    """

    rules: tuple[int, ...]
    sure: bool


@app.command("test")
def try_reactions(
    what: Annotated[
        str,
        typer.Argument(
            metavar="PERMALINK|FILE",
            help="A link to a Slack message, or a file of reactions; - for standard input.",
        ),
    ],
    json: console.Json = False,
) -> None:
    """Show which rule each reaction would match; record nothing.

    For a PERMALINK, the message's reactions are read from Slack. A FILE holds JSON: objects
    {"channel": "C024BE91L", "emoji": "ticket", "user": "U024BE7LH"} ("#support" works for the
    channel, the user is optional), or reaction_added as Slack sends it, with or without its
    envelope; one object, a list of them, or one per line. Permissions and existing tickets are not
    considered: for those, see `plain-bridge explain`.
    """
    settings = load()
    found = refs.from_permalink(what)
    given = _reactions_of_message(settings, found[0]) if found else list(_reactions_in_file(what))
    judged = [(one, judge(settings.rules, one)) for one in given]
    if json:
        console.as_json([_json(one, verdict, settings.rules) for one, verdict in judged])
    elif not judged:
        console.say("No reactions.")
    else:
        console.table(
            ("Channel", "Emoji", "By", "Rule", "Priority", "Labels", "More"),
            [_row(one, verdict, settings.rules) for one, verdict in judged],
        )


def judge(rules: Sequence[Rule], reaction: TriedReaction) -> Verdict:
    """Return what listener and worker decide: by channel id first, by name once it is known."""
    may = routing.candidates(rules, _trigger(reaction))
    if reaction.channel.name is not None:
        one = routing.applicable(may, reaction.channel)
        return Verdict((rules.index(one) + 1,) if one else (), sure=True)
    sure = not may or (len(may) == 1 and _by_id(may[0], reaction.channel))
    return Verdict(tuple(rules.index(rule) + 1 for rule in may), sure)


def _by_id(rule: Rule, channel: Channel) -> bool:
    return not rule.channels or channel.id in rule.channels


def _trigger(reaction: TriedReaction) -> Trigger:
    user = reaction.user or ""
    return Trigger(
        via=Via.REACTION,
        team="",
        submitter=user,
        request="",
        reply_to=ReplyTo(user, 0.0),
        channel=reaction.channel.id,
        emoji=reaction.emoji,
    )


# Reading reactions


def _reactions_of_message(settings: Settings, ref: MessageRef) -> list[TriedReaction]:
    settings.need("slack_bot_token")

    async def look() -> list[TriedReaction]:
        async with services.slack(settings) as slack:
            channel = await slack.channel(ref.channel)
            under = await SlackHistory(slack.web).reactions(ref)
            return [
                TriedReaction(channel, one.emoji, user)
                for one in under
                for user in one.users or (None,)
            ]

    return asyncio.run(look())


def _reactions_in_file(name: str) -> Iterator[TriedReaction]:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise CommandFailed(
            f"{name} is neither a link to a Slack message (https://….slack.com/archives/…) nor a "
            "readable UTF-8 file"
        ) from None
    for number, one in enumerate(_objects(name, text), 1):
        reaction = _reaction(one)
        if reaction is None:
            raise CommandFailed(f"{name}, reaction {number}: {_REACTION_FORMAT}")
        yield reaction


def _objects(name: str, text: str) -> list[Any]:
    """Return the values of one JSON document, or of one per line. Raise CommandFailed."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        try:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except (ValueError, RecursionError):
            raise CommandFailed(f"{name} is not JSON: {_REACTION_FORMAT}") from None
    return whole if isinstance(whole, list) else [whole]


def _reaction(one: Any) -> TriedReaction | None:
    """Return the reaction in either format; None for anything else.

    https://docs.slack.dev/reference/events/reaction_added
    """
    if not isinstance(one, Mapping):
        return None
    event = one.get("event", one)
    if not isinstance(event, Mapping):
        return None
    item = event.get("item")
    place = item.get("channel") if isinstance(item, Mapping) else event.get("channel")
    emoji, user = event.get("reaction", event.get("emoji")), event.get("user")
    if not isinstance(place, str) or not isinstance(emoji, str) or not place or not emoji:
        return None
    place = place.lower() if place.startswith("#") else place
    channel = Channel(place, place[1:] if place.startswith("#") else None)
    return TriedReaction(channel, emoji.strip(":"), user if isinstance(user, str) else None)


# Output


def _row(reaction: TriedReaction, verdict: Verdict, rules: Sequence[Rule]) -> tuple[object, ...]:
    channel = f"#{reaction.channel.name}" if reaction.channel.name else reaction.channel.id
    who = (channel, f":{reaction.emoji}:", reaction.user)
    if not verdict.sure:
        return (*who, _candidates(verdict, rules), None, None, None)
    if not verdict.rules:
        return (*who, "none", None, None, None)
    rule = rules[verdict.rules[0] - 1]
    extras = {"tenant": rule.tenant, "assignee": rule.assignee, "customer": rule.customer}
    more = ", ".join(f"{name} {value}" for name, value in extras.items() if value)
    return (*who, verdict.rules[0], rule.priority.value, ", ".join(rule.labels), more)


def _candidates(verdict: Verdict, rules: Sequence[Rule]) -> str:
    """Return the rules that may apply, with the channel name that each depends on."""
    cases: list[str] = []
    for number in verdict.rules:
        names = [name for name in rules[number - 1].channels if name.startswith("#")]
        cases.append(f"{number} if it is {' or '.join(names)}" if names else str(number))
    if rules[verdict.rules[-1] - 1].channels:
        cases.append("none")
    return ", else ".join(cases)


def _json(reaction: TriedReaction, verdict: Verdict, rules: Sequence[Rule]) -> dict[str, object]:
    return {
        "channel": reaction.channel.id,
        "channel_name": reaction.channel.name,
        "emoji": reaction.emoji,
        "user": reaction.user,
        "sure": verdict.sure,
        "rules": [{"number": number, **asdict(rules[number - 1])} for number in verdict.rules],
    }
