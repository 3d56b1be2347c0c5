"""Rejections: for each reason a short form for lists, and what the person is told: what happened,
why, what to do, and the reference. Also why an attempt failed.

Texts are mrkdwn.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.core.directory import UserKind
from bot.core.faults import Reason
from bot.core.identity import Answerer, Hosts, Others, Yourself
from bot.flows.admission import DEACTIVATED
from bot.slack.views.formatting import code, escape, shorten
from bot.slack.views.link import CUSTOMER_IS, command, who_may

BRIDGE = "@plain-bridge"
"""How the bot is called if its user id is unknown."""

_OPERATOR = "whoever runs the bridge"
_ASK_AGAIN = "then ask for the ticket again"

THOSE: Mapping[str, str] = {
    UserKind.MEMBER: "members of this workspace",
    UserKind.GUEST: "guests",
    UserKind.EXTERNAL: "people of other companies",
    UserKind.BOT: "bots",
    DEACTIVATED: "deactivated accounts",
}
"""Kinds of people, in the plural."""


def rejection(
    reason: Reason,
    data: Mapping[str, str],
    reference: str,
    bot: str | None = None,
    answerer: Answerer | None = None,
    *,
    button: bool = True,
) -> str:
    """Return what was rejected, why, what to do, and the reference; `bot` is the bot's user id.

    `answerer` says who can link the requester, if that is what was missing; `button`: a person who
    can finds a button below.
    """
    sentence = _REASONS[reason].full(_Data(data, bot, answerer, button=button))
    return f"{sentence}\nReference: {code(reference)}"


def rejected_quietly(reference: str) -> str:
    """Return a rejection for a person of another company, who must learn nothing of what is
    inside."""
    return (
        "No ticket was created. Ask your contact at the company that you share this channel with; "
        f"they can look it up by this reference: {code(reference)}"
    )


def short(code: str | None, data: Mapping[str, str] | None = None) -> str:
    """Return why something was rejected or ignored, as in "Rejected: …"; `data` is the reason's."""
    words = _IGNORED.get(code or "", _UNKNOWN)
    if code in set(Reason):
        words = _REASONS[Reason(code)].short
    return words.format(standing=THOSE.get((data or {}).get("standing", ""), "this person"))


def cause(code: str) -> str:
    """Return why an attempt failed, as in "the last one failed: …"."""
    return next((words for form, words in _CAUSES if re.fullmatch(form, code)), _BROKE)


def not_allowed(standing: str) -> str:
    """The refusal of who may not ask, of which nothing is recorded; `standing` is what they are."""
    return (
        f"No ticket was created, because the bridge takes no requests from {_those(standing)}. "
        f"Ask somebody who may create tickets here, or {_OPERATOR} to allow it."
    )


def nothing_to_see(standing: str) -> str:
    """The answer to who wants to know of tickets and may not ask for any."""
    return (
        f"The bridge takes no requests from {_those(standing)}, so it can't tell you about "
        "tickets. Ask somebody who may create tickets here."
    )


def _those(standing: str) -> str:
    return THOSE.get(standing, "you")


class _Data:
    """A refusal's data, made harmless; what is missing has a word that fits the sentence."""

    def __init__(
        self, data: Mapping[str, str], bot: str | None, answerer: Answerer | None, *, button: bool
    ) -> None:
        self.button = button
        self._data = {key: shorten(value) for key, value in data.items()}
        self._bot = bot
        self.answerer = answerer

    def get(self, key: str, otherwise: str) -> str:
        return escape(self._data[key]) if self.has(key) else otherwise

    def code(self, key: str, otherwise: str) -> str:
        return code(self._data[key]) if self.has(key) else otherwise

    def has(self, key: str) -> bool:
        return bool(self._data.get(key))

    @property
    def bot(self) -> str:
        """A mention of the bot, which is how its name is shown whatever it is called."""
        return f"<@{escape(self._bot)}>" if self._bot else BRIDGE

    @property
    def who(self) -> str:
        """The requester: by name, or by the id where that is all there is."""
        return self.get("name", self.code("requester", "this person"))

    @property
    def link(self) -> str:
        """The command that links the requester."""
        return command(self._data.get("requester") or "SLACK_USER")

    @property
    def is_about_a_person(self) -> bool:
        """Whether a person's link is what is wrong; who that is may be kept back (empty)."""
        return "requester" in self._data


def _no_customer(data: _Data) -> str:
    if data.has("address"):
        return (
            f"On hold: Slack doesn't list {data.who}'s e-mail address as confirmed, so the bridge "
            f"can't tell which Plain customer they are. {_say_who(data)}"
        )
    return f"On hold: nobody has said yet which Plain customer {data.who} is. {_say_who(data)}"


def _broken_link(data: _Data) -> str:
    customer = data.code("customer", "that customer")
    if not data.is_about_a_person:
        return (
            f"No ticket was created, because the bridge's configuration names the customer "
            f"{customer}, which Plain does not know. Ask {_OPERATOR} to correct it, {_ASK_AGAIN}."
        )
    return (
        f"On hold: {data.who} is linked to the customer {customer}, which Plain does not know. "
        f"{_say_who(data)}"
    )


def _say_who(data: _Data) -> str:
    """Whom to ask for the customer, or how to say it oneself."""
    operator = f"{_OPERATOR} to run {data.link}, where {CUSTOMER_IS}"
    match data.answerer:
        case Yourself() if data.button:
            what = "Say it with the button below."
        case Yourself():
            what = f"Say it in the Home of {data.bot}."
        case Others():
            what = (
                f"Ask {who_may(data.answerer)} to say it in the Home of {data.bot}, or {operator}."
            )
        case Hosts():
            what = "Ask somebody of the workspace that runs the bridge to say it."
        case None:
            what = f"Ask {operator}."
    return f"{what} The ticket is created by itself after that."


def _not_allowed(data: _Data) -> str:
    return not_allowed(data.get("standing", ""))


def _requester_not_allowed(data: _Data) -> str:
    return (
        f"No ticket was created, because {_those(data.get('standing', ''))} can ask for a ticket "
        "only for themselves or for whoever wrote the message. Ask a member of this workspace to "
        "create it for somebody else."
    )


def _channel(data: _Data) -> str:
    """The channel as a link, which shows its name only to those who may see it."""
    channel = data.get("channel", "")
    return f"<#{channel}>" if re.fullmatch(r"\w+", channel) else "that channel"


def _missing_scope(data: _Data) -> str:
    scope = data.code("needed", "that it needs")
    return (
        f"No ticket was created, because the bridge's Slack app lacks the permission {scope}. "
        "Ask an administrator of the Slack app to add it under “OAuth &amp; Permissions” "
        f"and to install the app again, {_ASK_AGAIN}."
    )


def _plain_refused(data: _Data) -> str:
    said = data.get("fields", "") or data.get("message", "")
    told = f" Plain says: {said.rstrip('.')}." if said else ""
    return (
        f"No ticket was created, because Plain did not accept it.{told} Change what it names "
        f"and ask again, or give {_OPERATOR} the reference."
    )


def _plain_forbidden(data: _Data) -> str:
    said = data.get("message", "")
    told = f" Plain says: {said.rstrip('.')}." if said else ""
    return (
        f"No ticket was created, because the bridge's key lacks a permission in Plain.{told} "
        f"Ask {_OPERATOR} to give the key that permission, {_ASK_AGAIN}."
    )


@dataclass(frozen=True, slots=True)
class _Words:
    """One reason in words: `short` completes "Rejected: …", `full` is whole sentences."""

    short: str
    full: Callable[[_Data], str]


_REASONS: Mapping[Reason, _Words] = {
    Reason.NO_CUSTOMER: _Words(
        "nobody has said which Plain customer the requester is",
        _no_customer,
    ),
    Reason.BROKEN_LINK: _Words(
        "Plain does not know the customer",
        _broken_link,
    ),
    Reason.NOT_ALLOWED: _Words(
        "the bridge takes no requests from {standing}",
        _not_allowed,
    ),
    Reason.REQUESTER_NOT_ALLOWED: _Words(
        "guests may ask only for themselves or the author",
        _requester_not_allowed,
    ),
    Reason.NOT_IN_CHANNEL: _Words(
        "the bridge is not in the channel",
        lambda data: (
            f"No ticket was created, because the bridge is not in {_channel(data)} and cannot read "
            f"the message. Type /invite {data.bot} there, {_ASK_AGAIN}; the message's `…` menu "
            "works without inviting it."
        ),
    ),
    Reason.CHANNEL_NOT_FOUND: _Words(
        "the bridge cannot see the channel",
        lambda data: (
            f"No ticket was created, because the bridge cannot see {_channel(data)}. "
            f"If it is private, type /invite {data.bot} there, {_ASK_AGAIN}; the message's `…` "
            "menu works without inviting it."
        ),
    ),
    Reason.MESSAGE_NOT_FOUND: _Words(
        "the message is gone",
        lambda _: (
            "No ticket was created, because the message is gone: it was deleted before the bridge "
            "could read it. If it still matters, type `/plain-ticket` and what it said."
        ),
    ),
    Reason.MISSING_SCOPE: _Words(
        "the bridge's Slack app lacks a permission",
        _missing_scope,
    ),
    Reason.SLACK_REFUSED: _Words(
        "Slack did not let the bridge do its part",
        lambda _: (
            "No ticket was created, because Slack did not let the bridge do its part. "
            f"Ask again in a few minutes; if it stays so, give {_OPERATOR} the reference."
        ),
    ),
    Reason.UNKNOWN_LABEL: _Words(
        "a rule names a label that Plain does not have",
        lambda data: (
            f"No ticket was created, because a rule of the bridge names the label "
            f"{data.code('label', 'of a name')} that Plain does not have. "
            f"Ask {_OPERATOR} to correct the rule or to add the label in Plain, {_ASK_AGAIN}."
        ),
    ),
    Reason.AMBIGUOUS_LABEL: _Words(
        "a rule names a label that Plain has more than once",
        lambda data: (
            f"No ticket was created, because a rule of the bridge names the label "
            f"{data.code('label', 'of a name')} that Plain has more than once. "
            f"Ask {_OPERATOR} to name it by its id (`lt_…`) in the rule, {_ASK_AGAIN}."
        ),
    ),
    Reason.UNKNOWN_ASSIGNEE: _Words(
        "a rule names an assignee who is no user in Plain",
        lambda data: (
            f"No ticket was created, because a rule of the bridge assigns to "
            f"{data.code('assignee', 'somebody')}, who is no user in Plain. "
            f"Ask {_OPERATOR} to correct the rule, {_ASK_AGAIN}."
        ),
    ),
    Reason.PLAIN_FORBIDDEN: _Words(
        "the bridge's key lacks a permission in Plain",
        _plain_forbidden,
    ),
    Reason.PLAIN_KEY: _Words(
        "Plain does not accept the bridge's key",
        lambda _: (
            "No ticket was created, because Plain does not accept the bridge's key. "
            f"Ask {_OPERATOR} to put in a valid key, {_ASK_AGAIN}."
        ),
    ),
    Reason.PLAIN_REFUSED: _Words(
        "Plain did not accept it",
        _plain_refused,
    ),
    Reason.CUSTOMER_IS_SPAM: _Words(
        "the customer is marked as spam in Plain",
        lambda data: (
            f"No ticket was created, because the customer {data.code('customer', 'it is for')} is "
            f"marked as spam in Plain. Ask somebody in Plain to unmark the customer, {_ASK_AGAIN}."
        ),
    ),
    Reason.EMPTY: _Words(
        "the message has neither text nor files",
        lambda _: (
            "No ticket was created, because the message has neither text nor files. "
            "Type `/plain-ticket` and what it is about."
        ),
    ),
    Reason.GAVE_UP: _Words(
        "it failed for hours; ask for it again",
        lambda _: (
            "No ticket was confirmed: the bridge tried for hours and it failed each time, while "
            f"other tickets came through. Ask for it again, or give {_OPERATOR} the reference."
        ),
    ),
}

_IGNORED: Mapping[str, str] = {
    "no_rule": "no rule took the reaction in this channel",
    "asked_by_a_bot": "a bot reacted, and bots cannot ask",
}
"""Why a request was ignored: `flows.admission`."""
_UNKNOWN = "for a reason that this release does not know"

_CAUSES: Sequence[tuple[str, str]] = (
    (r"plain_(rate_limited|paced)", "Plain's rate limit was reached"),
    (r"plain_(unreachable|closed)", "Plain could not be reached"),
    (r"plain_timeout", "Plain did not answer in time"),
    (r"plain_dropped", "the connection to Plain broke off"),
    (r"plain_blocked", "something between the bridge and Plain refused it"),
    (r"plain_not_json", "what answered in Plain's place was not Plain"),
    (r"plain_.+", "Plain answered with an error"),
    (r"slack_ratelimited", "Slack asked to wait"),
    (r"slack_(unreachable|not_reached)", "Slack could not be reached"),
    (r"slack_timeout", "Slack did not answer in time"),
    (r"slack_disconnected", "the connection to Slack broke off"),
    (r"slack_not_json", "what answered in Slack's place was not Slack"),
    (r"slack_file_.+", "a file could not be read from Slack"),
    (
        r"slack_(account_inactive|invalid_auth|not_authed|token_\w+)",
        "Slack does not accept the bridge's token",
    ),
    (r"slack_.+", "Slack answered with an error"),
    (r"upload_.+|files_.+", "a file could not be copied to Plain"),
    (r"database.*|ledger_unwritable", "the bridge's database was busy or away"),
    (r"settling", "whether Plain has it was not sure yet"),
    (r"conversation_held|worker_waits|answer_waits", "it waited for another one"),
    (r"timeout|not_in_time|stood_still|took_too_long", "it took too long"),
    (r"lease_lost", "the process that worked on it ended or stood still"),
    (r"customer_gone", "the customer was gone from Plain"),
)
_BROKE = "the bridge itself failed; its log says why"
