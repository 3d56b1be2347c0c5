"""Build the window that explains why a message did or did not become a ticket: the first reason,
then every decision.

https://docs.slack.dev/reference/views/modal-views
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.core.directory import Profile, UserKind
from bot.core.identity import Answerer, Yourself
from bot.core.record import State
from bot.core.why import Explanation, Unread, Why, emoji_here
from bot.flows.admission import DEACTIVATED, named
from bot.slack.views import decisions, kit, rejections
from bot.slack.views.decisions import MENU, MOST_EMOJI, outlook
from bot.slack.views.formatting import (
    bridge,
    channel,
    code,
    emoji,
    emojis,
    escape,
    link,
    person,
    shorten,
)
from bot.slack.views.kit import (
    SECTION_LENGTH,
    Answer,
    Block,
    View,
    actions,
    context,
    divider,
    section,
)
from bot.slack.views.link import button
from bot.slack.views.rejections import OPERATOR

CALLBACK_ID = "plain_why"

_LIST_BYTES = 40_000
"""The most that one list fills: the view may have 250,000 bytes and a hundred blocks. Two adjacent
sections hold more text than fits one, so that these are 27 sections at most.
https://docs.slack.dev/reference/methods/views.open#errors"""


TITLE = "Why no Plain ticket?"
STATUS_TITLE = "Plain ticket status"
"""If there is a ticket, or one is being created."""
CLOSE = "Close"
LOOKING = "Checking this message, the rules and the bridge's records…"
NOT_EXPLAINED = (
    "This took too long: Slack or the bridge's records didn't respond in time. "
    "Close this and try again in a minute."
)
NOT_OPENED = "The explanation couldn't be opened. Try again in a minute."
STRANGERS = (
    "Only people from the workspace that runs the bridge can see this. "
    "Ask someone there why there is no ticket."
)
RECORDS = "What the bridge has recorded"
REACTIONS = "Reactions on the message"
RULES = "Rules, in the order they're checked"
AS_OF_NOW = (
    "Rules and reactions are shown as they are now. Reactions that match no rule aren't recorded."
)
NO_RULES = "None."


def looking() -> View:
    """Return what is shown at once, until the explanation is there."""
    return _window([section(LOOKING)])


def explanation(
    explained: Explanation, bot: str | None = None, answerer: Answerer | None = None
) -> View:
    """Return the first reason, then every decision; `bot` and `answerer` as in `sentences`."""
    said = sentences(explained, bot, answerer)
    blocks = [section(shorten(said.first, SECTION_LENGTH)), *_choose_customer(explained, answerer)]
    for heading, lines in said.lists:
        blocks += [divider(), section(f"*{heading}*"), *_list(lines)]
    return _window([*blocks, context(AS_OF_NOW)], title(explained))


def _choose_customer(explained: Explanation, answerer: Answerer | None) -> Iterator[Block]:
    """Yield the button that links the requester, if that is missing and the viewer may."""
    if explained.why is not Why.ON_HOLD or not isinstance(answerer, Yourself):
        return
    record = explained.main
    if record.is_on_hold and record.rejection is not None:
        name = record.rejection.requester_name or record.rejection.requester or ""
        yield actions([button(name, record.reference)])


def not_explained() -> View:
    """Return what is shown if it took too long."""
    return _window([section(NOT_EXPLAINED)])


def strangers() -> View:
    """Return what people of other companies are shown."""
    return _window([section(STRANGERS)])


def nothing_to_see(viewer: Profile) -> View:
    """Return what a person who may not create tickets is shown: nothing about any."""
    return _window([section(rejections.nothing_to_see(named(viewer)))])


def not_opened() -> Answer:
    """Return the answer to a shortcut whose window did not open."""
    return Answer(NOT_OPENED)


def _list(lines: Sequence[str]) -> Iterator[Block]:
    """Yield the lines in as few sections as hold them, and how many were left out."""
    portions: list[str] = []
    room, left = _LIST_BYTES, len(lines)
    for line in (f"• {shorten(line, SECTION_LENGTH - 2)}" for line in lines):
        room -= len(json.dumps(line))
        if room < 0:
            break
        if portions and len(portions[-1]) + 1 + len(line) <= SECTION_LENGTH:
            portions[-1] += f"\n{line}"
        else:
            portions.append(line)
        left -= 1
    yield from map(section, portions)
    if left:
        yield section(f"…and {left} more.")


def _window(blocks: Sequence[Block], title: str = TITLE) -> View:
    return kit.window(title, CLOSE, blocks) | {"callback_id": CALLBACK_ID}


@dataclass(frozen=True, slots=True)
class Sentences:
    """An explanation in words: the first reason and what to do, then the lists by heading."""

    first: str
    lists: tuple[tuple[str, tuple[str, ...]], ...]


def title(explained: Explanation) -> str:
    """Return the window's title; plain text."""
    return STATUS_TITLE if explained.why in (Why.HAS_TICKET, Why.WAITING) else TITLE


def sentences(
    explained: Explanation, bot: str | None = None, answerer: Answerer | None = None
) -> Sentences:
    """Return the whole explanation, mrkdwn; `bot` is the bot's user id.

    `answerer` says who can link the requester, as in the answer to the submitter.
    """
    return Sentences(
        _first(explained, bot, answerer),
        (
            (RECORDS, decisions.records(explained)),
            (REACTIONS, decisions.reactions(explained)),
            (RULES, tuple(decisions.rule(one) for one in explained.rules) or (NO_RULES,)),
        ),
    )


# The first reason


def _first(explained: Explanation, bot: str | None, answerer: Answerer | None) -> str:
    if explained.why in (Why.REJECTED, Why.ON_HOLD):
        return _rejected(explained, bot, answerer)
    return _FIRST[explained.why](explained, bot)


def _has_ticket(explained: Explanation, _: str | None) -> str:
    record = explained.main
    shown = link(record.ticket) if record.ticket else "a ticket"
    if record.state is State.ADDED:
        return f"There is a ticket: the message was added to {shown}."
    return f"There is a ticket: {shown}."


def _rejected(explained: Explanation, bot: str | None, answerer: Answerer | None) -> str:
    record = explained.main
    if record.rejection is None:  # for a reason that only a newer release knows
        return f"No ticket was created. Give {OPERATOR} the reference {code(record.reference)}."
    who = answerer if record.is_on_hold else None
    return rejections.rejection(record.rejection, record.reference, bot, who)


def _ignored(explained: Explanation, _: str | None) -> str:
    match explained.main.reason:
        case "asked_by_a_bot":
            return (
                "No ticket was created: a bot reacted, and bots can't create tickets. "
                f"To create one yourself, {_ways(explained)}."
            )
        case "forgotten":
            erased = rejections.short("forgotten")
            return f"No ticket was created: {erased}. To create one now, {_ways(explained)}."
        case _:
            return (
                "No ticket was created: when the reaction was added, no rule matched it in this "
                f"channel. To create one now, {_ways(explained)}."
            )


def _undone(explained: Explanation, _: str | None) -> str:
    record = explained.main
    new = f"To create a new one, {_ways(explained)}."
    if record.ticket is None:
        return f"The request was undone before a ticket was created. {new}"
    by = f" by {person(record.undone_by)}" if record.undone_by else ""
    return f"Its ticket {escape(record.ticket.ref)} was undone{by}. {new}"


def _gone(explained: Explanation, _: str | None) -> str:
    record = explained.main
    ticket = f"Its ticket {escape(record.ticket.ref)}" if record.ticket else "Its ticket"
    return f"{ticket} was deleted in Plain. To create a new one, {_ways(explained)}."


def _unread(explained: Explanation, bot: str | None) -> str:
    match explained.unread:
        case Unread.GONE:
            return (
                "No ticket was created, and the message no longer exists: it was deleted in Slack."
            )
        case Unread.NOT_IN_CHANNEL if explained.channel.direct:
            return (
                "No ticket was created. The bridge isn't in this conversation, so Slack doesn't "
                f"tell it about reactions here. To create one, {MENU}."
            )
        case Unread.NOT_IN_CHANNEL:
            return (
                f"No ticket was created: the bridge isn't in {channel(explained.ref.channel)}, so "
                "Slack doesn't tell it about reactions there. "
                f"Type /invite {bridge(bot)} there and react again, or {MENU}."
            )
        case Unread.NO_PERMISSION:
            return (
                "As far as the bridge knows, no ticket was created, and Slack doesn't let it read "
                f"the reactions. Ask {OPERATOR} to run {code('plain-bridge doctor')}, or {MENU}."
            )
        case _:
            return (
                "As far as the bridge knows, no ticket was created. The reactions can't be read "
                "right now: Slack can't be reached or is limiting requests. Try again in a minute."
            )


def _no_reaction(explained: Explanation, _: str | None) -> str:
    return (
        "No ticket was created: nobody requested one. The message has no reactions, and its menu "
        f"wasn't used. To create one, {_ways(explained)}."
    )


def _not_allowed(explained: Explanation, _: str | None) -> str:
    kinds = dict.fromkeys(
        DEACTIVATED if submitter.deactivated else submitter.kind.value
        for one in explained.reactions or ()
        for submitter in one.submitters
        if submitter.kind is not UserKind.BOT
    )
    those = " and ".join(rejections.THOSE[kind] for kind in kinds)
    return (
        f"No ticket was created: only {those} reacted, and they can't create tickets here. "
        f"Someone who can create tickets can {_ways(explained)}."
    )


def _no_event(explained: Explanation, _: str | None) -> str:
    missed = explained.missed
    if missed is None:
        return (
            f"No ticket was created, and no event was received. To create one, {_ways(explained)}."
        )
    return (
        f"The reaction {emoji(missed.emoji)} matches a rule, but no event was received: Slack "
        f"hasn't told the bridge about it. {outlook(missed)}"
    )


_FIRST: Mapping[Why, Callable[[Explanation, str | None], str]] = {
    Why.HAS_TICKET: _has_ticket,
    Why.WAITING: lambda explained, _: (
        "The ticket is being created; you don't need to request it again. "
        f"Reference: {code(explained.main.reference)}"
    ),
    Why.IGNORED: _ignored,
    Why.UNDONE: _undone,
    Why.GONE: _gone,
    Why.LEDGER_AWAY: lambda *_: (
        "The bridge can't read its records right now, so it doesn't know what happened to this "
        "message. Try again in a minute."
    ),
    Why.NO_RULES: lambda *_: (
        "No ticket was created: the bridge has no rules, so reactions don't create tickets. "
        f"To create one, {MENU}."
    ),
    Why.UNREAD: _unread,
    Why.NO_RULE_HERE: lambda explained, _: (
        f"No ticket was created: no rule applies in {channel(explained.ref.channel)}. "
        f"To create one, {MENU}, or ask {OPERATOR} to add a rule."
    ),
    Why.NO_REACTION: _no_reaction,
    Why.NOT_WANTED: lambda explained, _: (
        "No ticket was created: no rule matches the reactions on the message. "
        f"To create one, {_ways(explained)}."
    ),
    Why.ONLY_BOTS: lambda explained, _: (
        "No ticket was created: only bots reacted, and bots can't create tickets. "
        f"To create one yourself, {_ways(explained)}."
    ),
    Why.NOT_ALLOWED: _not_allowed,
    Why.NO_EVENT: _no_event,
}


def _ways(explained: Explanation) -> str:
    """Return how to create a ticket here."""
    here = emoji_here(explained.rules)
    react = f"react with {emojis(here[:MOST_EMOJI])}, or " if here else ""
    return f"{react}{MENU}"
