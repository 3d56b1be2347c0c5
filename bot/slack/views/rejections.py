"""Put rejections into words: a short form for lists, and an answer for the person (what happened,
why, what to do, and the reference). Also why an attempt failed.

Texts are mrkdwn.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.core.directory import UserKind
from bot.core.faults import Reason, Rejection
from bot.core.identity import Answerer, Hosts, Others, Yourself
from bot.flows.admission import DEACTIVATED
from bot.slack.views.formatting import bridge, code, escape, shorten
from bot.slack.views.link import CUSTOMER_IS, command, who_may

OPERATOR = "whoever runs the bridge"
_AGAIN = "then request the ticket again"
_WITHOUT_INVITE = "or use the message's `…` menu, which works without an invite"

THOSE: Mapping[str, str] = {
    UserKind.MEMBER: "members of this workspace",
    UserKind.GUEST: "guests",
    UserKind.EXTERNAL: "people from other companies",
    UserKind.BOT: "bots",
    DEACTIVATED: "deactivated accounts",
}
"""Kinds of people, in the plural."""


def rejection(
    rejection: Rejection,
    reference: str,
    bot: str | None = None,
    answerer: Answerer | None = None,
) -> str:
    """Return what was rejected, why, what to do, and the reference; `bot` is the bot's user id.

    `answerer` says who can link the requester, if that is what was missing: a person who can finds
    a button below.
    """
    sentence = _REASONS[rejection.reason].full(_Case(rejection, bot, answerer))
    return f"{sentence}\nReference: {code(reference)}"


def rejected_quietly(reference: str) -> str:
    """Return a rejection for a person of another company, who must learn nothing of what is
    inside."""
    return (
        "No ticket was created. Ask your contact at the company you share this channel with; "
        f"they can look it up with this reference: {code(reference)}"
    )


def short(code: str | None, rejection: Rejection | None = None) -> str:
    """Return why something was rejected, ignored or is on hold, as in "Rejected: …"; plain text."""
    if rejection is not None and rejection.is_fixed_by_a_link:
        who = shorten(rejection.requester_name or rejection.requester or "this person")
        return _unknown_customer(rejection, who, shorten(rejection.customer or "a customer"))
    kind = rejection.user_kind if rejection else None
    words = _IGNORED.get(code or "", _UNKNOWN)
    if code in set(Reason):
        words = _REASONS[Reason(code)].short
    return words.format(those=THOSE.get(kind or "", "this person"))


def cause(code: str) -> str:
    """Return why an attempt failed, as in "the last one failed: …"."""
    return next((words for form, words in _CAUSES if re.fullmatch(form, code)), _BROKE)


def not_allowed(user_kind: str) -> str:
    """Return the rejection of a person who may not create tickets, without a reference: nothing is
    recorded. `user_kind` is a `UserKind`, or "deactivated"."""
    return (
        f"No ticket was created: {_those(user_kind)} can't create tickets here. "
        f"Ask someone who can to create it, or {OPERATOR} to allow it."
    )


def nothing_to_see(user_kind: str) -> str:
    """Return the answer to a person who may not create tickets and asks about some."""
    return (
        f"Only people who can create tickets here can see them, and {_those(user_kind)} can't. "
        "Ask someone who can."
    )


def _those(user_kind: str) -> str:
    return THOSE.get(user_kind, "you")


class _Case:
    """A rejection and who reads it. Texts are escaped; what is missing has words that fit."""

    def __init__(self, rejection: Rejection, bot: str | None, answerer: Answerer | None) -> None:
        self.rejection = rejection
        self.bot = bridge(bot)
        self.answerer = answerer

    @property
    def who(self) -> str:
        """Return the requester's name, or their id if that is all there is."""
        return _text(self.rejection.requester_name, _code(self.rejection.requester, "this person"))

    @property
    def command(self) -> str:
        """Return the command that links the requester."""
        return command(shorten(self.rejection.requester or "") or "SLACK_USER")

    @property
    def channel(self) -> str:
        """Return the channel as a link, which shows its name only to those who may see it."""
        channel = shorten(self.rejection.channel or "")
        return f"<#{channel}>" if re.fullmatch(r"\w+", channel) else "that channel"

    @property
    def those(self) -> str:
        """Return people like the one who was rejected."""
        return _those(self.rejection.user_kind or "")

    @property
    def plain_says(self) -> str:
        """Return what Plain said, as a sentence that follows another."""
        said = _text(self.rejection.plain_says, "")
        return f" Plain says: {said.rstrip('.')}." if said else ""


def _text(value: str | None, otherwise: str) -> str:
    return escape(shorten(value)) if value else otherwise


def _code(value: str | None, otherwise: str) -> str:
    return code(shorten(value)) if value else otherwise


def _no_customer(case: _Case) -> str:
    return f"On hold: {_unknown_customer(case.rejection, case.who)}. {_choose(case)}"


def _broken_link(case: _Case) -> str:
    customer = _code(case.rejection.customer, "a customer")
    if case.rejection.requester is None:
        return (
            f"No ticket was created: the bridge's configuration names {customer}, which isn't a "
            f"customer in Plain. Ask {OPERATOR} to correct it, {_AGAIN}."
        )
    return f"On hold: {_unknown_customer(case.rejection, case.who, customer)}. {_choose(case)}"


def _unknown_customer(rejection: Rejection, who: str, customer: str = "") -> str:
    """Return why a request is on hold; `customer` is what the requester is linked to."""
    if rejection.reason is Reason.BROKEN_LINK:
        return f"{who} is linked to {customer}, which isn't a customer in Plain"
    if rejection.address_unconfirmed:
        return (
            f"Slack doesn't list {who}'s e-mail address as confirmed, so we can't tell which Plain "
            "customer they are"
        )
    return f"we don't know which Plain customer {who} is"


def _not_linked(case: _Case) -> str:
    days = case.rejection.days
    within = "in time" if days is None else "within a day" if days == 1 else f"within {days} days"
    return (
        f"No ticket was created: nobody said {within} which Plain customer {case.who} is, so what "
        "you requested was erased. If you still need a ticket, request it again."
    )


def _choose(case: _Case) -> str:
    """Return who can choose the customer, and how."""
    run = f"{OPERATOR} to run {case.command}, where {CUSTOMER_IS}"
    match case.answerer:
        case Yourself():
            return "Choose the customer and the ticket will be created automatically."
        case Others():
            ask = (
                f"Ask {who_may(case.answerer)} to choose the customer in the Home tab of "
                f"{case.bot}, or {run}."
            )
        case Hosts():
            ask = "Ask someone from the workspace that runs the bridge to choose the customer."
        case None:
            ask = f"Ask {run}."
    return f"{ask} Then the ticket will be created automatically."


def _plain_refused(case: _Case) -> str:
    correct = f"Correct that and request the ticket again, or give {OPERATOR} the reference."
    what = correct if case.plain_says else f"Give {OPERATOR} the reference."
    return f"No ticket was created: Plain rejected it.{case.plain_says} {what}"


@dataclass(frozen=True, slots=True)
class _Words:
    """One reason in words: `short` completes "Rejected: …", `full` is whole sentences."""

    short: str
    full: Callable[[_Case], str]


_REASONS: Mapping[Reason, _Words] = {
    Reason.NO_CUSTOMER: _Words("we don't know which Plain customer this person is", _no_customer),
    Reason.BROKEN_LINK: _Words("the customer doesn't exist in Plain", _broken_link),
    Reason.NOT_LINKED: _Words("nobody linked the requester in time", _not_linked),
    Reason.PERSON_ERASED: _Words(
        "a person it was about was erased from the bridge",
        lambda _: (
            "No ticket was confirmed: your request was about a person who was erased from the "
            "bridge, so it was stopped and its text erased. If you still need a ticket, "
            "request it again."
        ),
    ),
    Reason.NOT_ALLOWED: _Words(
        "{those} can't create tickets here",
        lambda case: not_allowed(case.rejection.user_kind or ""),
    ),
    Reason.REQUESTER_NOT_ALLOWED: _Words(
        "{those} can only create tickets for themselves or for the author",
        lambda case: (
            f"No ticket was created: {case.those} can only create tickets for themselves or for "
            "the message's author. Ask a member of this workspace to create it for someone else."
        ),
    ),
    Reason.NOT_IN_CHANNEL: _Words(
        "the bridge isn't in the channel",
        lambda case: (
            f"No ticket was created: the bridge isn't in {case.channel}, so it can't read the "
            f"message. Type /invite {case.bot} there and request the ticket again, "
            f"{_WITHOUT_INVITE}."
        ),
    ),
    Reason.CHANNEL_NOT_FOUND: _Words(
        "the bridge can't see the channel",
        lambda case: (
            f"No ticket was created: the bridge can't see {case.channel}. If it's private, type "
            f"/invite {case.bot} there and request the ticket again, {_WITHOUT_INVITE}."
        ),
    ),
    Reason.MESSAGE_NOT_FOUND: _Words(
        "the message was deleted",
        lambda _: (
            "No ticket was created: the message was deleted before the bridge could read it. "
            "If it still matters, type `/plain-ticket` and what it said."
        ),
    ),
    Reason.MISSING_SCOPE: _Words(
        "the bridge's Slack app lacks a permission",
        lambda case: (
            f"No ticket was created: the bridge's Slack app lacks the permission "
            f"{_code(case.rejection.scope, 'it needs')}. Ask an administrator of the Slack "
            f"app to add it under “OAuth &amp; Permissions” and reinstall the app, {_AGAIN}."
        ),
    ),
    Reason.SLACK_REFUSED: _Words(
        "Slack rejected the bridge's request",
        lambda _: (
            "No ticket was created: Slack rejected the bridge's request. Try again in a few "
            f"minutes; if it keeps failing, give {OPERATOR} the reference."
        ),
    ),
    Reason.UNKNOWN_LABEL: _Words(
        "a rule names a label that doesn't exist in Plain",
        lambda case: (
            f"No ticket was created: a rule names {_code(case.rejection.label, 'a label')}, which "
            f"isn't a label in Plain. Ask {OPERATOR} to correct the rule or add the label in "
            f"Plain, {_AGAIN}."
        ),
    ),
    Reason.AMBIGUOUS_LABEL: _Words(
        "a rule names a label that exists more than once in Plain",
        lambda case: (
            f"No ticket was created: a rule names {_code(case.rejection.label, 'a label')}, which "
            f"is the name of several labels in Plain. Ask {OPERATOR} to use the label's ID "
            f"(`lt_…`) in the rule, {_AGAIN}."
        ),
    ),
    Reason.UNKNOWN_ASSIGNEE: _Words(
        "a rule names an assignee who isn't a user in Plain",
        lambda case: (
            f"No ticket was created: a rule assigns tickets to "
            f"{_code(case.rejection.assignee, 'someone')}, who isn't a user in Plain. "
            f"Ask {OPERATOR} to correct the rule, {_AGAIN}."
        ),
    ),
    Reason.PLAIN_FORBIDDEN: _Words(
        "the bridge's API key lacks a permission in Plain",
        lambda case: (
            f"No ticket was created: the bridge's API key lacks a permission in Plain."
            f"{case.plain_says} Ask {OPERATOR} to add it to the key, {_AGAIN}."
        ),
    ),
    Reason.PLAIN_KEY: _Words(
        "Plain doesn't accept the bridge's API key",
        lambda _: (
            "No ticket was created: Plain doesn't accept the bridge's API key. "
            f"Ask {OPERATOR} to set a valid key, {_AGAIN}."
        ),
    ),
    Reason.PLAIN_REFUSED: _Words("Plain rejected it", _plain_refused),
    Reason.CUSTOMER_IS_SPAM: _Words(
        "the customer is marked as spam in Plain",
        lambda case: (
            f"No ticket was created: the customer {_code(case.rejection.customer, 'it is for')} is "
            f"marked as spam in Plain. Ask someone who uses Plain to unmark them, {_AGAIN}."
        ),
    ),
    Reason.EMPTY: _Words(
        "the message has no text or files",
        lambda _: (
            "No ticket was created: the message has no text or files. "
            "Type `/plain-ticket` and what it's about."
        ),
    ),
    Reason.GAVE_UP: _Words(
        "it kept failing for hours; request it again",
        lambda _: (
            "No ticket was confirmed: the bridge tried for hours and failed each time, while other "
            f"tickets went through. Request it again, or give {OPERATOR} the reference."
        ),
    ),
}

_IGNORED: Mapping[str, str] = {
    "no_rule": "no rule matched the reaction in this channel",
    "asked_by_a_bot": "a bot reacted, and bots can't create tickets",
    "forgotten": "its submitter was erased from the bridge",
    "form_submitted_again": "its form was reopened and submitted again",
}
"""The reasons for ignoring a request: `flows.admission`, `store.forgetting`, `store.requests`."""
_UNKNOWN = "the reason is unknown to this version"

_CAUSES: Sequence[tuple[str, str]] = (
    (r"plain_(rate_limited|paced)", "Plain's rate limit was reached"),
    (r"plain_(unreachable|closed)", "Plain couldn't be reached"),
    (r"plain_timeout", "Plain didn't respond in time"),
    (r"plain_dropped", "the connection to Plain was lost"),
    (r"plain_blocked", "something between the bridge and Plain blocked it"),
    (r"plain_not_json", "the response didn't come from Plain"),
    (r"plain_.+", "Plain returned an error"),
    (r"slack_ratelimited", "Slack's rate limit was reached"),
    (r"slack_(unreachable|not_reached)", "Slack couldn't be reached"),
    (r"slack_timeout", "Slack didn't respond in time"),
    (r"slack_disconnected", "the connection to Slack was lost"),
    (r"slack_not_json", "the response didn't come from Slack"),
    (r"slack_file_.+", "a file couldn't be read from Slack"),
    (
        r"slack_(account_inactive|invalid_auth|not_authed|token_\w+)",
        "Slack doesn't accept the bridge's token",
    ),
    (r"slack_.+", "Slack returned an error"),
    (r"upload_.+|files_.+", "a file couldn't be copied to Plain"),
    (r"database.*|ledger_unwritable", "the bridge's database was busy or unavailable"),
    (r"settling", "the bridge was making sure that Plain didn't have it already"),
    (
        r"conversation_held|ticket_changed|being_undone|request_is_being_delivered|worker_waits|answer_waits",
        "it waited for another request",
    ),
    (r"timeout|not_in_time|stood_still|took_too_long", "it took too long"),
    (r"lease_lost", "the process working on it stopped"),
    (r"ticket_gone", "its ticket was deleted in Plain"),
    (r"customer_gone", "the customer no longer exists in Plain"),
)
_BROKE = "an internal error; see the bridge's log"
