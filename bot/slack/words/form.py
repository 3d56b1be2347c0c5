"""The form, plain text all of it, and what is shown in its place."""

from __future__ import annotations

from collections.abc import Mapping

from bot.core.model import Priority, Ticket
from bot.slack.words.marks import escape

A_BOT = "a bot"
UNTITLED = "A message from Slack"
"""The title of a ticket whose message gives none; plain text."""

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


def already(ticket: Ticket) -> str:
    """Instead of the form, for a message that has its ticket."""
    return f"This message already has its Plain ticket: {escape(ticket.ref)}."


def open_label(ticket: Ticket) -> str:
    """What a screen reader says of the link button; plain text, at most 75 characters."""
    return f"Open {ticket.ref} in Plain"[:75]
