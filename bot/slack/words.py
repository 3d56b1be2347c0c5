"""Every sentence that is shown to a person in Slack, as mrkdwn unless it says otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from bot.core.faults import Reason
from bot.core.model import Added, AlreadyThere, Created, OnItsWay, Priority, Remark, Ticket

BRIDGE = "@plain-bridge"
"""How the bot is called where its user id is not known."""

A_BOT = "a bot"
UNTITLED = "A message from Slack"
"""The title of a ticket whose message gives none; plain text."""

# The form: plain text all of it.

FORM_TITLE = "Create Plain ticket"
FORM_SUBMIT = "Create ticket"
FORM_CLOSE = "Cancel"
NOTICE_TITLE = "Plain ticket"
NOTICE_CLOSE = "Close"

TITLE_LABEL = "Title"
TITLE_HINT = "What it is about, in up to 250 characters."
DESCRIPTION_LABEL = "Description"
DESCRIPTION_HINT = "What the message itself does not say. It goes into the ticket below the quote."
REQUESTER_LABEL = "Requester"
REQUESTER_HINT = (
    "Whose ticket it is: an agent's answer in Plain goes to this person by e-mail. "
    "Left empty, it is who wrote the message, or you where no person did."
)
PRIORITY_LABEL = "Priority"
PRIORITY_HINT = "How soon somebody should look at it."
PRIORITIES: Mapping[Priority, str] = {
    Priority.URGENT: "Urgent",
    Priority.HIGH: "High",
    Priority.NORMAL: "Normal",
    Priority.LOW: "Low",
}

TITLE_MISSING = "Give the ticket a title."
TITLE_TOO_LONG = "Keep the title to 250 characters."
DESCRIPTION_TOO_LONG = "Keep the description to 3000 characters."
REQUESTER_UNKNOWN = "Choose a person of this workspace."
PRIORITY_UNKNOWN = "Choose one of the four priorities."
NOT_RECORDED_HERE = (
    "Nothing was recorded, because the bridge could not save it just now. "
    "Everything you typed is still here: press “Create ticket” again in a minute."
)
"""Beside the title, when a submission could not be recorded."""

FORM_TOO_OLD = (
    "Nothing was recorded, because the bridge no longer knows this form: it was open for more "
    "than a day, or could not be saved when it opened. "
    "Copy what you typed, close the form and open it again."
)
"""Beside the title, when there is no draft: it was erased, or never committed."""

# Instead of the form.

NOT_RECORDED = (
    "Nothing was recorded, because the bridge could not save it just now. "
    "No ticket will be created. Close this and try again in a minute."
)
OPEN_IN_PLAIN = "Open in Plain"


def already(ticket: Ticket) -> str:
    """Instead of the form, for a message that has its ticket."""
    return f"This message already has its Plain ticket: {escape(ticket.ref)}."


def open_label(ticket: Ticket) -> str:
    """What a screen reader says of the link button; plain text, at most 75 characters."""
    return f"Open {ticket.ref} in Plain"[:75]


# Answers.


def success(outcome: Created | Added) -> str:
    """The final answer when it worked."""
    match outcome:
        case Created(ticket):
            return f"Created ticket {_link(ticket)}"
        case Added(ticket):
            return f"Added to {_link(ticket)}"


def remark(remark: Remark) -> str:
    """The answer to asking again."""
    match remark:
        case AlreadyThere(ticket):
            return f"Already ticket {_link(ticket)}"
        case OnItsWay():
            return "The ticket for this is already on its way."


def queued(reference: str) -> str:
    """The notice to who has waited for a minute."""
    return (
        "Your request is recorded, and its ticket will take longer than usual: Slack or Plain "
        "cannot be reached just now, or many requests are ahead of it. You need not ask again; "
        f"you will hear when the ticket is there.\nReference: {code(reference)}"
    )


def refusal(reason: Reason, data: Mapping[str, str], reference: str, bot: str | None = None) -> str:
    """What was refused, why, what to do, and the reference; `bot` is the bot's user id."""
    sentence = _REFUSALS[reason](_Data(data, bot))
    return f"{sentence}\nReference: {code(reference)}"


def command_not_recorded(text: str) -> str:
    """The answer to a command that could not be recorded; gives back what was typed."""
    typed = escape(_unescape(text.strip()))
    return (
        "Nothing was recorded, because the bridge could not save it just now. "
        f"No ticket will be created. Try again in a minute; this was your text:\n{typed}"
    )


def form_not_opened() -> str:
    """The answer to a command or shortcut whose form did not open."""
    return "The form could not be opened, and nothing was recorded. Try again in a minute."


def usage(emoji: Sequence[str] = ("ticket",)) -> str:
    """How to use each door, and where replies go; `emoji` are the names that rules name."""
    menu = (
        "• From a message: open its `…` menu and choose *Create Plain ticket*. "
        "A form opens, already filled in."
    )
    react = (
        f"• From a message: react with {' or '.join(f':{escape(name)}:' for name in emoji)}. "
        "The ticket comes at once."
    )
    command = (
        "• With `/plain-ticket` and a text: a ticket with that text comes at once. Without a "
        "text, the form opens. Slack takes no commands inside threads: use the menu there."
    )
    anywhere = (
        "• Anywhere: open the `+` menu beside the message box and choose *New Plain ticket*. "
        "An empty form opens."
    )
    replies = (
        "An agent's answer in Plain goes to the customer by e-mail, not into the Slack thread."
    )
    doors = [menu, react, command, anywhere] if emoji else [menu, command, anywhere]
    return "\n".join(["*How to create a Plain ticket*", *doors, "*Where replies go*", replies])


def escape(text: str) -> str:
    """`text` as Slack shows it literally: no link, no mention.

    https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str) -> str:
    """`text` in code style, on one line."""
    return f"`{escape(' '.join(text.replace('`', ' ').split()))}`"


def _unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _shorten(text: str, longest: int = 1000) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _link(ticket: Ticket) -> str:
    url = escape(ticket.url).replace("|", "%7C")
    return f"{escape(ticket.ref)} · <{url}|{OPEN_IN_PLAIN}>"


class _Data:
    """A refusal's data, made harmless; what is missing has a word that fits the sentence."""

    def __init__(self, data: Mapping[str, str], bot: str | None) -> None:
        self._data = {key: _shorten(value) for key, value in data.items()}
        self._bot = bot

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
        """The requester, by name and id."""
        if not self.has("requester"):
            return "this person"
        if not self.has("name"):
            return self.code("requester", "")
        return f"{self.get('name', '')} ({self.code('requester', '')})"

    @property
    def link(self) -> str:
        """The command that links the requester."""
        user = self._data.get("requester", "SLACK_USER")
        return code(f"plain-bridge people link {user} CUSTOMER")


_CUSTOMER = "CUSTOMER is a Plain customer id (`c_…`), an e-mail address or `external:ID`"
_OPERATOR = "whoever runs the bridge"
_ASK_AGAIN = "then ask for the ticket again"


def _no_customer(data: _Data) -> str:
    return (
        "No ticket was created, because nothing says which Plain customer "
        f"{data.who} is. Ask {_OPERATOR} to run {data.link}, where {_CUSTOMER}. "
        "The ticket is created by itself after that."
    )


def _broken_link(data: _Data) -> str:
    customer = data.code("customer", "that customer")
    if not data.has("requester"):
        return (
            f"No ticket was created, because the bridge's configuration names the customer "
            f"{customer}, which Plain does not know. Ask {_OPERATOR} to correct it, {_ASK_AGAIN}."
        )
    return (
        f"No ticket was created, because {data.who} is linked to the customer {customer}, which "
        f"Plain does not know. Ask {_OPERATOR} to run {data.link}, where {_CUSTOMER}. "
        "The ticket is created by itself after that."
    )


_STANDINGS = {
    "member": "members of this workspace",
    "guest": "guests",
    "external": "people of other companies",
    "bot": "bots",
}


def _not_allowed(data: _Data) -> str:
    those = _STANDINGS.get(data.get("standing", ""), "you")
    return (
        f"No ticket was created, because the bridge takes no requests from {those}. "
        f"Ask somebody who may create tickets here, or {_OPERATOR} to allow it."
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
