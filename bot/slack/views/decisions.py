"""Put every decision about a message into a line: of its records, reactions and rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bot.core.directory import UserKind
from bot.core.model import Ticket, Via
from bot.core.reconcile import DAY, RECONCILE_SECONDS, THREAD_SECONDS
from bot.core.record import Evidence, Record, State
from bot.core.why import (
    ExplainedRecord,
    Explanation,
    Outlook,
    ReactionLook,
    RuleDecision,
    RuleLook,
    Submitter,
    Unread,
    Why,
)
from bot.slack.views import rejections, rules
from bot.slack.views.formatting import code, emoji, emojis, escape, link, moment, person, shorten
from bot.slack.views.rejections import OPERATOR

NONE_RECORDED = (
    "Nothing: no ticket was requested, neither with a matching reaction nor from the menu."
)
RECORDS_AWAY = "The bridge can't read its records right now."
NO_REACTIONS = "None."

MENU = "open the message's `…` menu and choose *Create Plain ticket*"
MOST_EMOJI = 8
"""The most names in one list."""

# Records


def records(explained: Explanation) -> tuple[str, ...]:
    """Return what the ledger has, a line for each request."""
    if explained.known is None:
        return (RECORDS_AWAY,)
    lines = [
        record(one, is_first=one.record.ticket not in tickets)
        for one, tickets in zip(explained.known, _earlier(explained.known), strict=True)
    ] or [NONE_RECORDED]
    if explained.conversation is not None:
        lines.append(
            f"The Slack thread has the ticket {link(explained.conversation)}; "
            "a request for this message adds it there."
        )
    return tuple(lines)


def _earlier(known: Sequence[ExplainedRecord]) -> Iterator[set[Ticket]]:
    """Yield for each request the tickets of those before it."""
    seen: set[Ticket] = set()
    for one in known:
        yield set(seen)
        if one.record.ticket is not None:
            seen.add(one.record.ticket)


def record(known: ExplainedRecord, *, is_first: bool = True) -> str:
    """Return all that the ledger has about one request.

    `is_first`: no request before it has the same ticket, so that this one tells all about it.
    """
    row = known.record
    requested = (
        f"{code(row.reference)}: requested by {person(row.submitter)} on "
        f"{moment(row.created_at)} {_how(row)}."
    )
    ended = (_end(row, is_first=is_first), _duplicates(row) if is_first else "", _untold(row))
    parts = (requested, _followed(known), _customer(known), _tries(row), *ended)
    return " ".join(part for part in parts if part)


def _how(row: Record) -> str:
    match row.via:
        case Via.REACTION:
            how = f"by reacting with {emoji(row.emoji)}" if row.emoji else "by a reaction"
            return f"{how} (found later in the channel's history)" if row.found else how
        case Via.SHORTCUT:
            return "from the message's menu"
        case Via.COMMAND:
            return "with `/plain-ticket`"
        case Via.FORM:
            return "with the form"


def _followed(known: ExplainedRecord) -> str:
    return f"Rule {known.rule} applied." if known.rule is not None else ""


_EVIDENCE: Mapping[Evidence, str] = {
    Evidence.RULE: "named by the rule",
    Evidence.LINK: "linked by someone",
    Evidence.IMPORT: "imported from a list",
    Evidence.EMAIL: "found by their e-mail address in Slack",
    Evidence.SYNTHETIC: "created without an e-mail address",
    Evidence.FALLBACK: "the fallback customer from the settings",
}


def _customer(known: ExplainedRecord) -> str:
    row = known.record
    requester = f"For {person(row.requester)}. " if row.requester else ""
    if known.customer is None:
        return requester.strip()
    address = known.email if known.email != known.customer else None
    shown = escape(shorten(known.customer, 120))
    who = f"{shown} ({escape(shorten(address, 120))})" if address else shown
    if known.evidence is None:
        return f"{requester}Customer: {who}."
    now = ", according to the current lookup table and settings" if known.guessed else ""
    return f"{requester}Customer: {who}, {_EVIDENCE[known.evidence]}{now}."


def _tries(row: Record) -> str:
    if row.state is not State.WAITING or not row.attempts:
        return ""
    tries = f"{row.attempts} attempt{'' if row.attempts == 1 else 's'}"
    if row.cause is None:
        return f"{tries}."
    return f"{tries}; the last one failed: {escape(rejections.cause(row.cause))}."


def _end(row: Record, *, is_first: bool) -> str:
    when = f" on {moment(row.settled_at)}" if row.settled_at is not None else ""
    ticket = _ticket(row.ticket, is_first=is_first)
    match row.state:
        case State.WAITING:
            return f"Next attempt: {moment(row.due)}." if row.due else "In progress."
        case State.CREATED:
            return f"Created {ticket}{when}."
        case State.ADDED:
            return f"Added to {ticket}{when}."
        case State.JOINED:
            return f"The message already had {ticket}{when}."
        case State.UNDONE:
            return _undone(row, is_first=is_first)
        case State.GONE:
            return (
                f"Its ticket {escape(row.ticket.ref) if row.ticket else ''} was deleted in Plain."
            )
        case State.ON_HOLD:
            since = f" since {moment(row.settled_at)}" if row.settled_at is not None else ""
            return f"On hold{since}: {_why(row)}."
        case State.REJECTED | State.PARKED:
            return f"Rejected{when}: {_why(row)}."
        case State.IGNORED:
            return f"Ignored{when}: {_why(row)}."


def _ticket(ticket: Ticket | None, *, is_first: bool) -> str:
    if ticket is None:
        return "a ticket"
    return link(ticket) if is_first else escape(ticket.ref)


def _why(row: Record) -> str:
    return escape(rejections.short(row.reason, row.rejection))


def _undone(row: Record, *, is_first: bool) -> str:
    when = f" on {moment(row.undone_at)}" if row.undone_at is not None else ""
    if row.ticket is None:
        return f"Undone{when} before a ticket was created."
    undone = f"Its ticket {escape(row.ticket.ref)} was undone"
    if not is_first:
        return f"{undone}."
    by = f" by {person(row.undone_by)}" if row.undone_by else ""
    return f"{undone}{by}{when}."


def _duplicates(row: Record) -> str:
    if not row.duplicates:
        return ""
    return f"Duplicates in Plain: {escape(', '.join(row.duplicates))}."


def _untold(row: Record) -> str:
    """Return that the answer did not arrive, or not yet."""
    if row.answer == "unsayable":
        return "The answer couldn't be delivered."
    if row.answer == "due" and row.cause is not None:
        why = escape(rejections.cause(row.cause))
        return f"The answer couldn't be delivered yet: {why}."
    return ""


# Reactions


def reactions(explained: Explanation) -> tuple[str, ...]:
    """Return a line for each emoji on the message."""
    if explained.reactions is None:
        return (_UNREAD[explained.unread or Unread.AWAY],)
    first = explained.missed if explained.why is Why.NO_EVENT else None
    return tuple(reaction(one, is_first=one is first) for one in explained.reactions) or (
        NO_REACTIONS,
    )


_UNREAD: Mapping[Unread, str] = {
    Unread.NOT_IN_CHANNEL: "They can't be read: the bridge isn't in this conversation.",
    Unread.GONE: "None: the message no longer exists.",
    Unread.NO_PERMISSION: "Slack doesn't let the bridge read them.",
    Unread.AWAY: "They can't be read right now: Slack can't be reached or is limiting requests.",
}


def reaction(look: ReactionLook, *, is_first: bool = False) -> str:
    """Return the decision about one emoji; `is_first`: the first reason has its outlook already."""
    head = f"{emoji(look.emoji)} by {look.count} {'person' if look.count == 1 else 'people'}"
    if look.rule is None:
        return f"{head}: no rule matches it here."
    submitters = " ".join(_submitter(one) for one in look.submitters)
    event = ""
    if look.outlook is not None and any(one.may for one in look.submitters):
        event = "No event was received." + ("" if is_first else f" {outlook(look)}")
    return " ".join(
        part for part in (f"{head}: rule {look.rule} matches it.", submitters, event) if part
    )


def _submitter(submitter: Submitter) -> str:
    who = person(submitter.user)
    if submitter.may:
        return f"{who} can create tickets."
    is_what = "a deactivated account" if submitter.deactivated else _ONE_OF[submitter.kind]
    return f"{who} can't create tickets: {is_what}."


_ONE_OF: Mapping[UserKind, str] = {
    UserKind.MEMBER: "a member of this workspace",
    UserKind.GUEST: "a guest",
    UserKind.EXTERNAL: "from another company",
    UserKind.BOT: "a bot",
}


def outlook(look: ReactionLook) -> str:
    """Return what will come of a reaction that Slack sent no event about, and what to do."""
    again = f"Remove the reaction and react again, or {MENU}."
    match look.outlook:
        case Outlook.COMING:
            return (
                f"The bridge checks the channels every {RECONCILE_SECONDS / 60:.0f} minutes and "
                "will create the ticket when it finds the reaction; you don't need to do anything."
            )
        case Outlook.BEFORE_RULE:
            since = f" on {moment(look.since)}" if look.since is not None else ""
            return (
                "The bridge won't create the ticket later either: the message is older than the "
                f"rule, which was first loaded{since}. {again}"
            )
        case Outlook.BEFORE_CHANNEL:
            here = f", which was on {moment(look.here)}" if look.here is not None else ""
            return (
                "The bridge won't create the ticket later either: the message was posted before "
                f"the bridge first checked this channel{here}. {again}"
            )
        case Outlook.NOT_LOADED:
            return f"The bridge hasn't run with this rule yet. Ask {OPERATOR} to restart it."
        case Outlook.TOO_OLD:
            return (
                f"The bridge doesn't look back that far: {THREAD_SECONDS / DAY:.0f} days for "
                f"messages, one day for replies in Slack threads. {again}"
            )
        case Outlook.NOT_LOOKED_AT:
            return f"The bridge doesn't check direct messages. {again}"
        case None:
            return again


# Rules


def rule(look: RuleLook) -> str:
    """Return what one rule decides."""
    head = f"Rule {look.number} ({rules.matches(look.rule)})"
    return f"{head}: {_decision(look)}."


def _decision(look: RuleLook) -> str:
    match look.decision:
        case RuleDecision.TAKES:
            effect = rules.effect(look.rule)
            return f"matches {_all(look.emoji)}{f' ({effect})' if effect else ''}"
        case RuleDecision.WOULD_TAKE:
            return "applies here"
        case RuleDecision.TAKEN:
            return f"would match {_all(look.emoji)}, but {_numbers(look.by)} first"
        case RuleDecision.NO_EMOJI:
            return "applies here, but nobody used this emoji"
        case RuleDecision.OTHER_CHANNEL:
            return "doesn't apply in this channel"
        case RuleDecision.CHANNEL_UNKNOWN:
            return "doesn't apply here: the bridge can't read this channel's name"


def _all(names: Sequence[str]) -> str:
    return emojis(names[:MOST_EMOJI], "and")


def _numbers(numbers: Sequence[int]) -> str:
    named = " and ".join(str(number) for number in numbers[:MOST_EMOJI])
    return f"rule {named} matches" if len(numbers) == 1 else f"rules {named} match"
