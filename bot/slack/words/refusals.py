"""Refusals: what was refused, why, and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from bot.core.directory import UserKind
from bot.core.faults import Reason
from bot.core.linkers import Answerer, Hosts, Others, Yourself
from bot.flows.admission import DEACTIVATED
from bot.slack.words.link import CUSTOMER_IS, command, who_may
from bot.slack.words.marks import code, escape, shorten

BRIDGE = "@plain-bridge"
"""How the bot is called where its user id is not known."""


def refusal(
    reason: Reason,
    data: Mapping[str, str],
    reference: str,
    bot: str | None = None,
    answerer: Answerer | None = None,
    *,
    button: bool = True,
) -> str:
    """What was refused, why, what to do, and the reference; `bot` is the bot's user id.

    `answerer` tells who can say who the requester is, where that is what was missing; `button`:
    for whom may say it, a button stands below.
    """
    sentence = _REFUSALS[reason](_Data(data, bot, answerer, button=button))
    return f"{sentence}\nReference: {code(reference)}"


def refused_quietly(reference: str) -> str:
    """A refusal to a person of another company, who shall learn nothing of what is inside."""
    return (
        "No ticket was created. Ask your contact at the company that you share this channel with; "
        f"they can look it up by this reference: {code(reference)}"
    )


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


_OPERATOR = "whoever runs the bridge"
_ASK_AGAIN = "then ask for the ticket again"


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


THOSE: Mapping[str, str] = {
    UserKind.MEMBER: "members of this workspace",
    UserKind.GUEST: "guests",
    UserKind.EXTERNAL: "people of other companies",
    UserKind.BOT: "bots",
    DEACTIVATED: "deactivated accounts",
}


def _not_allowed(data: _Data) -> str:
    return not_allowed(data.get("standing", ""))


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


_REFUSALS: Mapping[Reason, Callable[[_Data], str]] = {
    Reason.NO_CUSTOMER: _no_customer,
    Reason.BROKEN_LINK: _broken_link,
    Reason.NOT_ALLOWED: _not_allowed,
    Reason.REQUESTER_NOT_ALLOWED: _requester_not_allowed,
    Reason.NOT_IN_CHANNEL: lambda data: (
        f"No ticket was created, because the bridge is not in {_channel(data)} and cannot read "
        f"the message. Type /invite {data.bot} there, {_ASK_AGAIN}; the message's `…` menu "
        "works without inviting it."
    ),
    Reason.CHANNEL_NOT_FOUND: lambda data: (
        f"No ticket was created, because the bridge cannot see {_channel(data)}. "
        f"If it is private, type /invite {data.bot} there, {_ASK_AGAIN}; the message's `…` "
        "menu works without inviting it."
    ),
    Reason.MESSAGE_NOT_FOUND: lambda _: (
        "No ticket was created, because the message is gone: it was deleted before the bridge "
        "could read it. If it still matters, type `/plain-ticket` and what it said."
    ),
    Reason.MISSING_SCOPE: _missing_scope,
    Reason.SLACK_REFUSED: lambda _: (
        "No ticket was created, because Slack did not let the bridge do its part. "
        f"Ask again in a few minutes; if it stays so, give {_OPERATOR} the reference."
    ),
    Reason.UNKNOWN_LABEL: lambda data: (
        f"No ticket was created, because a rule of the bridge names the label "
        f"{data.code('label', 'of a name')} that Plain does not have. "
        f"Ask {_OPERATOR} to correct the rule or to add the label in Plain, {_ASK_AGAIN}."
    ),
    Reason.AMBIGUOUS_LABEL: lambda data: (
        f"No ticket was created, because a rule of the bridge names the label "
        f"{data.code('label', 'of a name')} that Plain has more than once. "
        f"Ask {_OPERATOR} to name it by its id (`lt_…`) in the rule, {_ASK_AGAIN}."
    ),
    Reason.UNKNOWN_ASSIGNEE: lambda data: (
        f"No ticket was created, because a rule of the bridge assigns to "
        f"{data.code('assignee', 'somebody')}, who is no user in Plain. "
        f"Ask {_OPERATOR} to correct the rule, {_ASK_AGAIN}."
    ),
    Reason.PLAIN_FORBIDDEN: _plain_forbidden,
    Reason.PLAIN_KEY: lambda _: (
        "No ticket was created, because Plain does not accept the bridge's key. "
        f"Ask {_OPERATOR} to put in a valid key, {_ASK_AGAIN}."
    ),
    Reason.PLAIN_REFUSED: _plain_refused,
    Reason.CUSTOMER_IS_SPAM: lambda data: (
        f"No ticket was created, because the customer {data.code('customer', 'it is for')} is "
        f"marked as spam in Plain. Ask somebody in Plain to unmark the customer, {_ASK_AGAIN}."
    ),
    Reason.EMPTY: lambda _: (
        "No ticket was created, because the message has neither text nor files. "
        "Type `/plain-ticket` and what it is about."
    ),
    Reason.GAVE_UP: lambda _: (
        "No ticket was confirmed: the bridge tried for hours and it failed each time, while other "
        f"tickets came through. Ask for it again, or give {_OPERATOR} the reference."
    ),
}
