"""Build the Undo button, and the answers to an undo.

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
from bot.slack.views.formatting import code, escape, person, target
from bot.slack.views.kit import OPEN_IN_PLAIN, Answer, Button, Confirm, open_button

ACTION = "undo_ticket"

UNDO = "Undo"
"""Plain text, as are the next three."""
CONFIRM_TITLE = "Undo this ticket?"
CONFIRM_YES = "Undo"
CONFIRM_NO = "Keep it"

FOR_OWN_PEOPLE = "Only people from the company that runs Plain Bridge can use this button."
"""To a person of another company."""
UNDONE_QUIETLY = "The ticket that was created here was undone."
"""Replaces an answer that people of another company read too."""


def undo_button(ticket: Ticket, reference: str) -> Button:
    """Return the button that undoes the ticket of the row with this reference; it asks first."""
    text = f"{ticket.ref} will be marked as ignored in Plain, with a note that you undid it."
    sure = Confirm(CONFIRM_TITLE, text, CONFIRM_YES, CONFIRM_NO)
    return Button(ACTION, UNDO, f"Undo ticket {ticket.ref}", reference, confirm=sure)


def result(result: Result) -> Answer:
    """Return the answer to the person who wanted an undo; with a link to Plain if they have to do
    it there."""
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
    who = person(by)
    if ticket is None:
        return Answer(f"Undone by {who}: no ticket was created.")
    return Answer(f"Undone by {who}: {escape(ticket.ref)} is marked as ignored in Plain.")


def told_undone(ticket: Ticket | None, by: str, *, quiet: bool = False) -> Answer:
    """Return what a person is told whose ticket the Slack user `by` undid.

    `quiet`: to a person of another company.
    """
    if quiet or ticket is None:
        return Answer(UNDONE_QUIETLY)
    return Answer(
        f"{escape(ticket.ref)} was undone by {person(by)}: it is marked as ignored in Plain. "
        "If you still need a ticket, request it again."
    )


def _result(result: Result) -> str:
    match result:
        case Undone(None):
            return "Undone before anything was sent to Plain: no ticket will be created."
        case Undone(ticket) if ticket is not None:
            return (
                f"Undone: {escape(ticket.ref)} is marked as ignored in Plain, with a note that "
                "you undid it. You can request a ticket again at any time."
            )
        case AlreadyUndone(ticket):
            ref = escape(ticket.ref) if ticket else "This"
            return f"{ref} was already undone. You can request a ticket again at any time."
        case Unreached(_, True):
            return _going_on(result)
        case Outsider():
            return FOR_OWN_PEOPLE
        case Nothing():
            return "There is no ticket to undo."
    return _not_undone(result)


def _going_on(result: Unreached) -> str:
    """Return the promise to go on; without a ticket it is not certain yet that the person may."""
    when = "in a few minutes" if result.after is None else _when(result.after)
    who = "Plain" if result.ticket is not None else "Slack"
    why = f"{who} isn't responding right now"
    if result.after is not None:
        why = f"{who} asked the bridge to wait"
    if result.ticket is None:
        return f"{why}. The bridge will try to undo the ticket {when}."
    return f"{why}. The ticket will be undone automatically {when}."


def _not_undone(result: Result) -> str:
    ticket = getattr(result, "ticket", None)
    ref = escape(ticket.ref) if ticket else "the ticket"
    match result:
        case TooLate():
            return f"Too late to undo: mark {ref} as done in Plain instead."
        case Acted():
            return (
                f"Not undone: someone has already acted on {ref} in Plain. "
                "If it isn't needed, tell them or mark it as done in Plain."
            )
        case AddedTo():
            return (
                f"Not undone: other messages have been added to {ref} since. "
                "If none of them needs an answer, mark it as done in Plain."
            )
        case NotUndoable():
            return (
                f"Not undone: what was added to {ref} can't be removed from Plain. "
                "If it's misleading, say so in a note there."
            )
        case NotYours():
            return (
                "Not undone: only the person who requested this ticket, or someone who can link "
                "people to customers, can undo it."
            )
        case Lacking(_, permissions):
            needed = " and ".join(code(one) for one in permissions or NEEDED)
            return (
                "Not undone: the bridge's API key lacks a permission in Plain: it needs "
                f"{needed}. Ask whoever runs the bridge to add that to the key. Until then, "
                f"mark {ref} as done in Plain."
            )
        case Declined():
            return f"Not undone: Plain rejected it. Mark {ref} as done in Plain instead."
    if ticket is None:
        return "Not undone: the bridge couldn't do it right now. Try again in a minute."
    return "Not undone: Plain can't be reached right now. Try again in a minute."


def _when(after: float) -> str:
    """Return when a wait of so many seconds is over, with a minute to spare."""
    minutes = math.ceil(after / 60) + 1
    return f"in about {minutes} minutes" if minutes > 3 else "in a few minutes"
