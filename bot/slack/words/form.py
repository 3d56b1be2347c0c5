"""The form, plain text but for what stands beside its inputs, and what is shown in its place."""

from __future__ import annotations

from collections.abc import Mapping

from bot.core.model import Priority, Ticket
from bot.core.text.plaintext import units
from bot.flows.form import (
    Broken,
    CustomerStatus,
    Known,
    New,
    NotAllowed,
    Preset,
    Unlinked,
    UnreadableParts,
)
from bot.slack.words.marks import OPEN_IN_PLAIN, escape, shorten
from bot.slack.words.refusals import BRIDGE, THOSE

_BUTTON_LENGTH = 24
"""https://docs.slack.dev/reference/views/modal-views"""

UNTITLED = "A message from Slack"
"""The title of a ticket whose message gives none; plain text."""

FORM_TITLE = "Create Plain ticket"
FORM_SUBMIT = "Create ticket"
FORM_CLOSE = "Cancel"
ADDING_TITLE = "Add to Plain ticket"
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

LABELS_LABEL = "Labels"
LABELS_HINT = "By which the agents in Plain sort tickets."
LABELS_PLACEHOLDER = "Choose labels"
TENANT_LABEL = "Tenant"
TENANT_HINT = "The company in Plain that the ticket is about."
TENANT_PLACEHOLDER = "Choose a tenant"
THREAD_LABEL = "Slack thread"
THREAD_HINT = (
    "The ticket quotes this message; with the box checked, all the others of its thread too."
)
WHOLE_THREAD = "Quote the whole Slack thread"

TITLE_MISSING = "Give the ticket a title."
TITLE_TOO_LONG = "Keep the title to 250 characters."
DESCRIPTION_TOO_LONG = "Keep the description to 3000 characters."
REQUESTER_UNKNOWN = "Choose a person of this workspace."
PRIORITY_UNKNOWN = "Choose one of the four priorities."
LABELS_UNKNOWN = "Choose labels from the list."
TENANT_UNKNOWN = "Choose a tenant from the list."
NOT_RECORDED_HERE = (
    "Nothing was recorded, because the bridge could not save it just now. "
    "Everything you typed is still here: send the form again in a minute."
)
"""Beside the title, when a submission could not be recorded."""

FORM_TOO_OLD = (
    "Nothing was recorded, because the bridge no longer knows this form: it was open for more "
    "than a day, or could not be saved when it opened. "
    "Copy what you typed, close the form and open it again."
)
"""Beside the title, when there is no draft: it was erased, or never committed."""

# Beside the inputs, in mrkdwn.

QUOTE = "*The quote in the ticket*"
QUOTE_CUT = "The quote is cut short here, not in the ticket."


def adding_submit(ticket: Ticket) -> str:
    """On the button, where the message joins a ticket; plain text."""
    label = f"Add to {ticket.ref}"
    return label if units(label) <= _BUTTON_LENGTH else "Add to the ticket"


def adds_to(ticket: Ticket) -> str:
    """At the top of the form, where the message joins a ticket."""
    return (
        f"This will be added to {escape(ticket.ref)}, the ticket of this Slack thread. "
        "Its priority, labels and tenant can be changed in Plain."
    )


def in_plain(user: str, customer: CustomerStatus) -> str:
    """Below the requester: who that is in Plain."""
    who = f"<@{escape(user)}>"
    match customer:
        case Known(name):
            return f"{who} is the customer {escape(shorten(name, 200))} in Plain."
        case New():
            return f"{who} is not in Plain yet, and becomes a customer there with the ticket."
        case Unlinked(unconfirmed=True):
            return (
                f"Slack doesn't list the e-mail address of {who} as confirmed, so it doesn't say "
                "which customer in Plain that is. You can send the form: the ticket is created "
                "as soon as somebody has said who that is."
            )
        case Unlinked():
            return (
                f"{who} is not linked to a customer in Plain yet. You can send the form: "
                "the ticket is created as soon as somebody has said who that is."
            )
        case Broken():
            return (
                f"{who} is linked to a customer that Plain does not know. You can send the form: "
                "the ticket is created as soon as somebody has corrected the link."
            )
        case Preset():
            return f"The ticket is for {who}."
        case NotAllowed(standing):
            return not_allowed(standing)


def not_allowed(standing: str) -> str:
    """Instead of the form, for who may not create tickets."""
    those = THOSE[standing]
    return (
        f"{those[0].upper()}{those[1:]} can't create tickets here. "
        "Ask somebody who can to create it for you."
    )


def closed(what: UnreadableParts, bot: str | None) -> str:
    """What Slack does not let the bridge read, and what can be done; `bot` is its user id."""
    parts = ["the rest of the Slack thread"] * what.thread + ["the message's files"] * what.files
    missing = " and ".join(parts)
    if what.direct:
        return (
            f"The ticket will lack {missing}: this is a direct message, and Slack shows the "
            "bridge no more of it than the message that you chose."
        )
    name = f"<@{escape(bot)}>" if bot else BRIDGE
    return (
        f"The ticket will lack {missing}: the bridge is not in this conversation, and Slack shows "
        f"it no more than the message that you chose. In a channel, type /invite {name} and open "
        "the form again a minute later."
    )


# Instead of the form.

NOT_RECORDED = (
    "Nothing was recorded, because the bridge could not save it just now. "
    "No ticket will be created. Close this and try again in a minute."
)


def already(ticket: Ticket) -> str:
    """Instead of the form, for a message that has its ticket."""
    return f"This message already has its Plain ticket: {escape(ticket.ref)}."


def open_label(ticket: Ticket) -> str:
    """What a screen reader says of the link button; plain text, at most 75 characters."""
    return f"{OPEN_IN_PLAIN}: {ticket.ref}"[:75]


# Opening the form again.

REOPEN = "Open the form again"
REOPEN_LABEL = "Open the form again, filled in as you sent it"
NOT_YOURS = "Only the person who asked for this ticket can open its form again."
NOT_KNOWN = (
    "The bridge no longer knows this request. Ask for the ticket again, from the message's `…` "
    "menu or with `/plain-ticket`."
)
