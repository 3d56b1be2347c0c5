"""Undo: its button, and what came of it.

Texts are mrkdwn unless it says otherwise.
"""

from __future__ import annotations

import math

from bot.core.model import Ticket
from bot.core.undo import (
    NEEDED,
    Acted,
    AddedTo,
    AlreadyUndone,
    Declined,
    Lacking,
    Nothing,
    NotUndoable,
    NotYours,
    Outsider,
    Result,
    TooLate,
    Undone,
    Unreached,
)
from bot.slack.views.formatting import code, escape, target
from bot.slack.views.kit import OPEN_IN_PLAIN, Answer, Button, Confirm, open_button

ACTION = "undo_ticket"

UNDO = "Undo"
"""Plain text, as are the next three."""
CONFIRM_TITLE = "Undo this ticket?"
CONFIRM_YES = "Undo"
CONFIRM_NO = "Keep it"

FOR_OWN_PEOPLE = "This button is for people of the company whose workspace it belongs to."
"""To a person of another company."""
UNDONE_QUIETLY = "The ticket that stood here was undone."
"""In place of an answer that people of another company read too."""


def undo_button(ticket: Ticket, reference: str) -> Button:
    """Return the button that undoes the ticket of the row with this reference; it asks first."""
    text = f"{ticket.ref} will be marked as ignored in Plain, with a note that you undid it."
    sure = Confirm(CONFIRM_TITLE, text, CONFIRM_YES, CONFIRM_NO)
    return Button(ACTION, UNDO, f"Undo ticket {ticket.ref}", reference, confirm=sure)


def result(result: Result) -> Answer:
    """Return what came of an undo, for the person who wanted it; with a link to Plain if they have
    to do it there."""
    text = _result(result)
    ticket = getattr(result, "ticket", None)
    if ticket is None or isinstance(result, Undone | AlreadyUndone):
        return Answer(text)
    linked = f"{text} <{target(ticket.url)}|{OPEN_IN_PLAIN}>"
    return Answer(linked, (open_button(ticket),), text)


def undone(ticket: Ticket | None, by: str, *, quiet: bool = False) -> Answer:
    """Return what replaces an answer that others read too; `by` is a Slack user.

    `quiet`: people of another company read it as well.
    """
    if quiet:
        return Answer(UNDONE_QUIETLY)
    who = f"<@{escape(by)}>"
    if ticket is None:
        return Answer(f"Undone by {who}: no ticket was created.")
    return Answer(f"Undone by {who}: {escape(ticket.ref)} is marked as ignored in Plain.")


def _result(result: Result) -> str:
    match result:
        case Undone(None):
            return "Undone: nothing had been sent to Plain yet, and no ticket will be created."
        case Undone(ticket) if ticket is not None:
            return (
                f"Undone: {escape(ticket.ref)} is marked as ignored in Plain, with a note that "
                "you undid it. You can ask for a ticket again at any time."
            )
        case AlreadyUndone(ticket):
            ref = escape(ticket.ref) if ticket else "This"
            return f"{ref} was undone already. You can ask for a ticket again at any time."
        case Unreached(_, True, after) if after is not None:
            return (
                "Plain asked the bridge to wait. The bridge goes on by itself, and the ticket "
                f"will be undone {_when(after)}."
            )
        case Unreached(_, True):
            return (
                "Plain does not answer just now. The bridge goes on by itself, and the ticket "
                "will be undone in a few minutes."
            )
        case Outsider():
            return FOR_OWN_PEOPLE
        case Nothing():
            return "There is no ticket to undo."
    return _not_undone(result)


def _not_undone(result: Result) -> str:
    ticket = getattr(result, "ticket", None)
    ref = escape(ticket.ref) if ticket else "the ticket"
    match result:
        case TooLate():
            return f"Too late: mark {ref} done in Plain."
        case Acted():
            return (
                f"Not undone, because somebody has acted on {ref} in Plain. "
                f"If it is not needed, tell them, or mark {ref} done in Plain."
            )
        case AddedTo():
            return (
                f"Not undone, because other messages were added to {ref} since. "
                f"If none of them needs an answer, mark {ref} done in Plain."
            )
        case NotUndoable():
            return (
                f"Not undone, because what was added to {ref} cannot be taken out of Plain. "
                "If it misleads, say so in a note there."
            )
        case NotYours():
            return (
                "Not undone: only the person who asked for this ticket can undo it, or somebody "
                "who may link people to customers."
            )
        case Lacking(_, permissions):
            needed = " and ".join(code(one) for one in permissions or NEEDED)
            return (
                f"Not undone, because the bridge's key lacks a permission in Plain: {needed}. "
                f"Ask whoever runs the bridge to give it to the key. Until then, mark {ref} "
                "done in Plain."
            )
        case Declined():
            return f"Not undone, because Plain did not accept it: mark {ref} done in Plain."
    if isinstance(result, Unreached) and result.after is not None:
        return (
            f"Not undone, because Slack asked the bridge to wait. Try again {_when(result.after)}."
        )
    if ticket is None:
        return "Not undone, because the bridge could not do it just now. Try again in a minute."
    return "Not undone, because Plain cannot be reached just now. Try again in a minute."


def _when(after: float) -> str:
    """Return when a wait of so many seconds is over, with a minute to spare."""
    minutes = math.ceil(after / 60) + 1
    return f"in about {minutes} minutes" if minutes > 3 else "in a few minutes"
