"""Build the answers to a request, and to a repeated one."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.faults import Reason, Rejection
from bot.core.identity import Answerer, Hosts, Yourself
from bot.core.model import (
    Added,
    Created,
    FormField,
    Ignored,
    Joined,
    Outcome,
    Placement,
    Success,
    Ticket,
)
from bot.slack.views import link, rejections
from bot.slack.views.formatting import code, escape, listed
from bot.slack.views.formatting import link as linked
from bot.slack.views.kit import Answer, Button, open_button
from bot.slack.views.undo import undo_button

CREATED_QUIETLY = "A ticket was created."
"""For people of another company, as are the next two: nothing about the ticket itself."""
ADDED_QUIETLY = "Your message was added to a ticket."
ALREADY_QUIETLY = "This message already has a ticket."
JOINED = "This already has a ticket:"


def outcome(
    outcome: Outcome,
    reference: str,
    bot: str | None = None,
    *,
    next_actions: tuple[Button, ...] = (),
    answerer: Answerer | None = None,
    placement: Placement = Placement.ANY,
) -> Answer | None:
    """Return the final answer; None if there is nothing to say. `bot` is the bot's user id.

    `next_actions` are the buttons of a rejection: what the person can do about it right here.
    `answerer` says who can link the requester, if a link is missing. `placement` is what the
    request's form said.
    """
    match outcome:
        case Created() | Added() | Joined():
            return success(outcome, reference, placement)
        case Rejection():
            if isinstance(answerer, Yourself):
                name = outcome.requester_name or outcome.requester or ""
                next_actions = (link.button(name, reference), *next_actions)
            said = rejections.rejection(outcome, reference, bot, answerer)
            return Answer(said, next_actions)
        case Ignored():
            return None


def success(
    outcome: Success,
    reference: str | None = None,
    placement: Placement = Placement.ANY,
) -> Answer:
    """Return the answer to what worked. With the `reference` of its row a ticket that was created
    can be undone."""
    ticket = outcome.ticket
    buttons = [open_button(ticket)]
    match outcome:
        case Created(_, missing, beside):
            head = "Created ticket"
            rest = (_beside(beside, placement) if beside else "") + _missing(missing)
            if reference is not None:
                buttons.append(undo_button(ticket, reference))
        case Added(_, missing, unused):
            head, rest = "Added to", _missing(missing) + _unused(unused)
        case Joined(_, added_words, unused):
            head, rest = JOINED, _added_words(added_words) + _unused(unused)
    return Answer(
        f"{head} {linked(ticket)}{rest}", tuple(buttons), f"{head} {escape(ticket.ref)}{rest}"
    )


def ended(ticket: Ticket | None, *, quiet: bool = False) -> Answer:
    """Return what replaces an answer whose ten minutes for an undo are over."""
    if quiet or ticket is None:
        return Answer(CREATED_QUIETLY)
    return success(Created(ticket))


def quietly(outcome: Outcome, reference: str, bot: str | None = None) -> Answer | None:
    """Return the final answer to a person of another company; None if there is nothing to say."""
    match outcome:
        case Created():
            return Answer(CREATED_QUIETLY)
        case Added(_, _, unused):
            return Answer(ADDED_QUIETLY + _unused(unused, quiet=True))
        case Joined(_, added_words, unused):
            rest = _added_words(added_words) + _unused(unused, quiet=True)
            return Answer(ALREADY_QUIETLY + rest)
        case Rejection(Reason.NO_CUSTOMER | Reason.NOT_ALLOWED):
            return Answer(rejections.rejection(outcome, reference, bot, Hosts()))
        case Rejection():
            return Answer(rejections.rejected_quietly(reference))
        case Ignored():
            return None


def in_progress() -> Answer:
    """Return the answer to a person who opens a form again whose request is being decided."""
    return Answer("A ticket for this is already being created.")


def queued(reference: str) -> Answer:
    """Return the notice to a person who has waited for a minute."""
    return Answer(
        "Your request is saved, but the ticket will take longer than usual: Slack or Plain can't "
        "be reached right now, or many requests are ahead of it. You don't need to request it "
        f"again; you'll be notified when the ticket is created.\nReference: {code(reference)}"
    )


def not_allowed(user_kind: str) -> Answer:
    """Return the answer to a person who may not create tickets, if nothing was recorded."""
    return Answer(rejections.not_allowed(user_kind))


def nothing_to_see(user_kind: str) -> Answer:
    """Return the answer to a person who may not create tickets and asks about some."""
    return Answer(rejections.nothing_to_see(user_kind))


def _missing(parts: int) -> str:
    """Return what a long Slack thread lacks in Plain, on a line of its own."""
    if parts == 0:
        return ""
    if parts == 1:
        lacks, them = "1 part of the Slack thread is", "it"
    else:
        lacks, them = f"{parts} parts of the Slack thread are", "them"
    return f"\n{lacks} missing because Plain rejected {them}. Copy anything important by hand."


def _beside(ticket: Ticket, placement: Placement) -> str:
    """Return why there is a second ticket for one Slack thread, on a line of its own."""
    if placement is Placement.SEPARATE:
        return f"\nIt's separate from {escape(ticket.ref)}, this Slack thread's ticket."
    return (
        f"\nIt's separate from {escape(ticket.ref)}, this Slack thread's ticket, because it's for "
        "a different requester."
    )


def _added_words(were_added: bool) -> str:
    """Return what became of the words of a form whose message had its ticket already."""
    return "\nWhat you typed was added to it." if were_added else ""


def _unused(fields: Sequence[FormField], *, quiet: bool = False) -> str:
    """Return what a form's request did not apply to the ticket it joined, on a line of its own.

    `quiet`: for people of another company, who have no access to Plain.
    """
    if not fields:
        return ""
    named = listed([field.value for field in fields], "and")
    is_plural = len(fields) > 1 or fields[0] is FormField.LABELS
    not_applied, set_them = (
        ("weren't applied because the ticket already existed.", " Set them in Plain.")
        if is_plural
        else ("wasn't applied because the ticket already existed.", " Set it in Plain.")
    )
    return f"\nThe form's {named} {not_applied}{'' if quiet else set_them}"
