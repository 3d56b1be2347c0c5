"""Every decision about a message, a line each: the ledger's rows, the reactions and the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.core.directory import UserKind
from bot.core.model import Via
from bot.core.record import Evidence, Record, State
from bot.core.why import (
    Decision,
    ExplainedRecord,
    Explanation,
    Outlook,
    ReactionLook,
    RuleLook,
    Submitter,
    Unread,
    Why,
)
from bot.slack.views import rejections, rules
from bot.slack.views.formatting import code, emoji, emojis, escape, link, moment, person, shorten

NONE_RECORDED = "Nothing: it was asked for neither by a reaction that counts nor from its menu."
RECORDS_AWAY = "The bridge cannot read its records just now."
NO_REACTIONS = "None."

MENU = "open the message's `…` menu and choose *Create Plain ticket*"
OPERATOR = "whoever runs the bridge"
MOST_EMOJI = 8
"""Of one list that are named."""

# Records


def records(explained: Explanation) -> tuple[str, ...]:
    """What the ledger knows, a line for each asking."""
    if explained.known is None:
        return (RECORDS_AWAY,)
    lines = [record(one) for one in explained.known] or [NONE_RECORDED]
    if explained.conversation is not None:
        lines.append(
            f"The Slack thread has the ticket {link(explained.conversation)}; "
            "asking for this message adds it there."
        )
    return tuple(lines)


def record(known: ExplainedRecord) -> str:
    """All that the ledger knows of one asking."""
    row = known.record
    again = f", asking number {row.generation}" if row.generation > 1 else ""
    asked = (
        f"{code(row.reference)}{again}: {person(row.submitter)} asked on "
        f"{moment(row.created_at)}, {_door(row)}."
    )
    parts = (asked, _asked_again(row), _followed(known), _customer(known), _tries(row), _end(row))
    return " ".join(part for part in parts if part)


def _door(row: Record) -> str:
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


def _asked_again(row: Record) -> str:
    if row.asked_at - row.created_at < 1:
        return ""
    return f"Asked again on {moment(row.asked_at)}."


def _followed(known: ExplainedRecord) -> str:
    return f"Rule {known.rule} applied." if known.rule is not None else ""


_EVIDENCE: Mapping[Evidence, str] = {
    Evidence.RULE: "named by the rule",
    Evidence.LINK: "named by a link that somebody made",
    Evidence.IMPORT: "named by an imported list",
    Evidence.EMAIL: "found by the e-mail address in Slack",
    Evidence.SYNTHETIC: "made up for somebody without an e-mail address",
    Evidence.FALLBACK: "the one that the settings name for strangers",
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
    now = ", as the lookup table and the settings are now" if known.guessed else ""
    return f"{requester}Customer: {who}, {_EVIDENCE[known.evidence]}{now}."


def _tries(row: Record) -> str:
    tries = f"{row.attempts} attempt{'' if row.attempts == 1 else 's'}"
    if row.cause is None:
        return f"{tries}." if row.attempts else ""
    return f"{tries}; the last one failed: {escape(rejections.cause(row.cause))}."


def _end(row: Record) -> str:
    when = f" on {moment(row.settled_at)}" if row.settled_at is not None else ""
    match row.state:
        case State.WAITING:
            return f"Next attempt: {moment(row.due)}." if row.due else "On its way."
        case State.CREATED:
            end = f"Created {link(row.ticket)}{when}." if row.ticket else f"Created{when}."
        case State.ADDED:
            end = f"Added to {link(row.ticket)}{when}." if row.ticket else f"Added{when}."
        case State.UNDONE:
            ticket = f"Its ticket {escape(row.ticket.ref)} was undone" if row.ticket else "Undone"
            by = f" by {person(row.undone_by)}" if row.undone_by else ""
            end = f"{ticket}{by}{f' on {moment(row.undone_at)}' if row.undone_at else ''}."
        case State.REFUSED | State.PARKED:
            stands = "On hold" if row.is_on_hold else "Refused"
            end = f"{stands}{when}: {escape(rejections.short(row.reason, row.data))}."
        case State.UNWANTED:
            end = f"Left alone{when}: {escape(rejections.short(row.reason, row.data))}."
    if row.doubles:
        end = f"{end} Found twice in Plain: {escape(', '.join(row.doubles))} too."
    return end


# Reactions


def reactions(explained: Explanation) -> tuple[str, ...]:
    """What each emoji under the message comes to."""
    if explained.reactions is None:
        return (_UNREAD[explained.unread or Unread.AWAY],)
    told = explained.missed if explained.why is Why.NO_EVENT else None
    return tuple(reaction(one, is_told=one is told) for one in explained.reactions) or (
        NO_REACTIONS,
    )


_UNREAD: Mapping[Unread, str] = {
    Unread.NOT_IN_CHANNEL: "They cannot be read, because the bridge is not in this conversation.",
    Unread.GONE: "There are none, for the message is gone.",
    Unread.NO_PERMISSION: "Slack does not let the bridge read them.",
    Unread.AWAY: "They cannot be read just now: Slack cannot be reached, or asks to wait.",
}


def reaction(look: ReactionLook, *, is_told: bool = False) -> str:
    """What one emoji under the message comes to; `is_told`: the first reason tells its outlook."""
    head = f"{emoji(look.emoji)} by {look.count} {'person' if look.count == 1 else 'people'}"
    if look.rule is None:
        return f"{head}: no rule takes it here."
    submitters = " ".join(_submitter(one) for one in look.submitters)
    event = ""
    if look.outlook is not None and any(one.may for one in look.submitters):
        event = "No event was received." + ("" if is_told else f" {outlook(look)}")
    return " ".join(
        part for part in (f"{head}: rule {look.rule} takes it.", submitters, event) if part
    )


def _submitter(submitter: Submitter) -> str:
    who = person(submitter.user)
    if submitter.may:
        return f"{who} may ask."
    is_what = "a deactivated account" if submitter.deactivated else _ONE_OF[submitter.standing]
    return f"{who} may not ask: {is_what}."


_ONE_OF: Mapping[UserKind, str] = {
    UserKind.MEMBER: "a member of this workspace",
    UserKind.GUEST: "a guest",
    UserKind.EXTERNAL: "of another company",
    UserKind.BOT: "a bot",
}


def outlook(look: ReactionLook) -> str:
    """What becomes of a reaction of which no event was received, and what to do."""
    again = f"Take the reaction away and react again, or {MENU}."
    match look.outlook:
        case Outlook.COMING:
            return (
                "The bridge looks through the channels every 15 minutes and creates the ticket "
                "when it finds the reaction; you need not do anything."
            )
        case Outlook.BEFORE_RULE:
            since = f" on {moment(look.since)}" if look.since is not None else ""
            return (
                "The bridge will not create the ticket by itself either, because the message is "
                f"older than the rule, which was first loaded{since}. {again}"
            )
        case Outlook.NOT_LOADED:
            return f"No bridge has run with this rule yet. Ask {OPERATOR} to start it again."
        case Outlook.TOO_OLD:
            return (
                "The bridge does not look back so far: 7 days for messages, one day for replies "
                f"in Slack threads. {again}"
            )
        case Outlook.NOT_LOOKED_AT:
            return f"The bridge does not look through direct messages. {again}"
        case None:
            return again


# Rules


def rule(look: RuleLook) -> str:
    """How one rule decides."""
    head = f"Rule {look.number} ({rules.takes(look.rule)})"
    return f"{head}: {_decision(look)}."


def _decision(look: RuleLook) -> str:
    match look.decision:
        case Decision.TAKES:
            effect = rules.effect(look.rule)
            return f"takes {_all(look.emoji)}{f' ({effect})' if effect else ''}"
        case Decision.WOULD_TAKE:
            return "counts here"
        case Decision.TAKEN:
            return f"would take {_all(look.emoji)}, but {_numbers(look.by)} earlier"
        case Decision.NO_EMOJI:
            return "counts here, but nobody reacted so"
        case Decision.OTHER_CHANNEL:
            return "does not count in this channel"
        case Decision.CHANNEL_UNKNOWN:
            return "does not count here, for the bridge cannot read this channel's name"


def _all(names: Sequence[str]) -> str:
    return emojis(names[:MOST_EMOJI], "and")


def _numbers(numbers: Sequence[int]) -> str:
    named = " and ".join(str(number) for number in numbers[:MOST_EMOJI])
    return f"rule {named} takes it" if len(numbers) == 1 else f"rules {named} take it"
