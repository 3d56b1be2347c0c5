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

from bot.cli import console
from bot.cli.console import CommandFailed
from bot.core import refs, routing
from bot.core.directory import Channel
from bot.core.model import ReplyTo, Rule, Trigger, Via
from bot.core.refs import MessageRef
from bot.settings import Settings, SettingsError, load
from bot.slack import calls
from bot.slack.client import SlackClient
from bot.slack.history import SlackHistory

app = typer.Typer(no_args_is_help=True, help="Which reaction makes which ticket.")


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


_REACTION_FORMAT = (
    'write {"channel": "C024BE91L" or "#support", "emoji": "ticket"}, with "user" if you like, or '
    "what Slack sends as reaction_added; one, a list, or one a line"
)


@dataclass(frozen=True, slots=True)
class TriedReaction:
    """One emoji of one person, or of nobody in particular.

    `channel.id` is a #name where nothing else is known; `channel.name` is None where only the id
    is.
    """

    channel: Channel
    emoji: str
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The rules that may apply, in order, by their number from 1; the last one surely does.

    `sure`: there is one at most, and it does apply.
    """

    rules: tuple[int, ...]
    sure: bool


@app.command("test")
def try_reactions(
    what: Annotated[
        str,
        typer.Argument(
            metavar="PERMALINK|FILE",
            help="A message of Slack by its link, or a file of reactions; - is standard input.",
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Say which rule each reaction would follow; nothing is recorded.

    Of a PERMALINK the reactions that stand under the message are read from Slack. A FILE is JSON:
    objects {"channel": "C024BE91L", "emoji": "ticket", "user": "U024BE7LH"} ("#support" may stand
    for the channel, the user may be missing), or reaction_added as Slack sends it, with or without
    its envelope; one object, a list of them, or one on each line. Whether the person may ask, and
    whether the message has its ticket already, is not looked at: see `plain-bridge explain`.
    """
    settings = load()
    found = refs.from_permalink(what)
    given = _reactions_of_message(settings, found[0]) if found else list(_reactions_in_file(what))
    judged = [(one, judge(settings.rules, one)) for one in given]
    if json:
        console.as_json([_json(one, verdict, settings.rules) for one, verdict in judged])
    elif not judged:
        console.say("There is no reaction.")
    else:
        console.table(
            ("Channel", "Emoji", "By", "Rule", "Priority", "Labels", "And"),
            [_row(one, verdict, settings.rules) for one, verdict in judged],
        )


def judge(rules: Sequence[Rule], reaction: TriedReaction) -> Verdict:
    """As the door and the worker judge: by the id first, by the name once it is known."""
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


# Where reactions come from


def _reactions_of_message(settings: Settings, ref: MessageRef) -> list[TriedReaction]:
    settings.need("slack_bot_token")
    token = settings.slack_bot_token.get_secret_value() if settings.slack_bot_token else ""

    async def look() -> list[TriedReaction]:
        async with calls.open_session() as session:
            web = calls.web_client(token, settings.slack_api_url, session)
            channel = await SlackClient(web).channel(ref.channel)
            under = await SlackHistory(web).reactions(ref)
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
            f"{name} is no link to a message of Slack (https://….slack.com/archives/…), and no "
            "file that can be read as UTF-8 text"
        ) from None
    for number, one in enumerate(_objects(name, text), 1):
        reaction = _reaction(one)
        if reaction is None:
            raise CommandFailed(f"{name}, reaction {number}: {_REACTION_FORMAT}")
        yield reaction


def _objects(name: str, text: str) -> list[Any]:
    """The values of one JSON document, or of one on each line."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        try:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except (ValueError, RecursionError):
            raise CommandFailed(f"{name} is no JSON: {_REACTION_FORMAT}") from None
    return whole if isinstance(whole, list) else [whole]


def _reaction(one: Any) -> TriedReaction | None:
    """https://docs.slack.dev/reference/events/reaction_added"""
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


# How it is told


def _row(reaction: TriedReaction, verdict: Verdict, rules: Sequence[Rule]) -> tuple[object, ...]:
    channel = f"#{reaction.channel.name}" if reaction.channel.name else reaction.channel.id
    who = (channel, f":{reaction.emoji}:", reaction.user)
    if not verdict.sure:
        return (*who, _candidates(verdict, rules), None, None, None)
    if not verdict.rules:
        return (*who, "none", None, None, None)
    rule = rules[verdict.rules[0] - 1]
    wishes = {"tenant": rule.tenant, "assignee": rule.assignee, "customer": rule.customer}
    more = ", ".join(f"{name} {value}" for name, value in wishes.items() if value)
    return (*who, verdict.rules[0], rule.priority.value, ", ".join(rule.labels), more)


def _candidates(verdict: Verdict, rules: Sequence[Rule]) -> str:
    """Which one it is depends on the channel's name."""
    ways: list[str] = []
    for number in verdict.rules:
        names = [name for name in rules[number - 1].channels if name.startswith("#")]
        ways.append(f"{number} if it is {' or '.join(names)}" if names else str(number))
    if rules[verdict.rules[-1] - 1].channels:
        ways.append("none")
    return ", else ".join(ways)


def _json(reaction: TriedReaction, verdict: Verdict, rules: Sequence[Rule]) -> dict[str, object]:
    return {
        "channel": reaction.channel.id,
        "channel_name": reaction.channel.name,
        "emoji": reaction.emoji,
        "user": reaction.user,
        "sure": verdict.sure,
        "rules": [{"number": number, **asdict(rules[number - 1])} for number in verdict.rules],
    }
