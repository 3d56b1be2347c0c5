"""Answers to whoever asked, but for refusals."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.model import Added, AlreadyExists, Created, Form, FormField, InProgress, Remark
from bot.slack.words.marks import code, escape, link, shorten, unescape

_TYPED_LENGTH = 39_000
"""Of a command's text that is given back: a message has 40,000 characters."""
_WORD_LENGTH = 40


def success(outcome: Created | Added) -> str:
    """The final answer when it worked."""
    match outcome:
        case Created(ticket):
            return f"Created ticket {link(ticket)}{_missing(outcome.missing)}"
        case Added(ticket):
            return f"Added to {link(ticket)}{_missing(outcome.missing)}"


def unused(fields: Sequence[FormField]) -> str:
    """What of a form was not used where it added to a ticket; begins a line."""
    *first, last = [field.value for field in fields]
    named = f"{', '.join(first)} and {last}" if first else last
    were, it = ("were", "them") if first or fields[0] is FormField.LABELS else ("was", "it")
    return (
        f"\nThe form's {named} {were} not used, because the ticket was there already. "
        f"Set {it} in Plain."
    )


def form_unused(form: Form | None) -> str:
    """After what came of asking again, with the form, if there was one; begins a line."""
    if form is None:
        return ""
    if not form.description:
        return "\nThe form was not used."
    return f"\nThe form was not used; this was your description:\n{escape(form.description)}"


def headline(outcome: Created | Added) -> str:
    """The same without the way there, for where a button leads there."""
    match outcome:
        case Created(ticket):
            return f"Created ticket {escape(ticket.ref)}{_missing(outcome.missing)}"
        case Added(ticket):
            return f"Added to {escape(ticket.ref)}{_missing(outcome.missing)}"


def _missing(parts: int) -> str:
    """What a long Slack thread lacks in Plain."""
    if parts == 0:
        return ""
    if parts == 1:
        lacks, them = "1 part of the Slack thread is", "it"
    else:
        lacks, them = f"{parts} parts of the Slack thread are", "them"
    return f"\n{lacks} missing in it, because Plain refused {them}. Copy what matters by hand."


CREATED_QUIETLY = "A ticket was created."
"""The final answer where people of another company read it: nothing of the ticket itself."""
ADDED_QUIETLY = "Your message was added to a ticket."
ALREADY_QUIETLY = "This message already has a ticket."


def remark(remark: Remark) -> str:
    """The answer to asking again."""
    match remark:
        case AlreadyExists(ticket):
            return f"This already has its ticket: {link(ticket)}"
        case InProgress():
            return "The ticket for this is already on its way."


def queued(reference: str) -> str:
    """The notice to who has waited for a minute."""
    return (
        "Your request is recorded, and its ticket will take longer than usual: Slack or Plain "
        "cannot be reached just now, or many requests are ahead of it. You need not ask again; "
        f"you will hear when the ticket is there.\nReference: {code(reference)}"
    )


def command_not_recorded(text: str) -> str:
    """The answer to a command that could not be recorded; gives back what was typed."""
    typed = shorten(escape(unescape(text.strip())), _TYPED_LENGTH)
    return (
        "Nothing was recorded, because the bridge could not save it just now. "
        f"No ticket will be created. Try again in a minute; this was your text:\n{typed}"
    )


def unknown_word(word: str) -> str:
    """The answer to a command with one word that it does not know, beside the form."""
    return (
        f"{code(shorten(word, _WORD_LENGTH))} is not a command. If it's what a ticket is about, "
        "send it with the form. The commands are `/plain-ticket help`, `/plain-ticket mine` and "
        "`/plain-ticket rules`."
    )


def form_not_opened() -> str:
    """The answer to a command or shortcut whose form did not open."""
    return "The form could not be opened, and nothing was recorded. Try again in a minute."


def usage(emoji: Sequence[str] = ("ticket",)) -> str:
    """How to use each door, and where replies go; `emoji` are the names that rules name."""
    return f"*How to create a Plain ticket*\n{ways(emoji)}"


def ways(emoji: Sequence[str]) -> str:
    """The same without its heading."""
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
    lists = (
        "• `/plain-ticket mine` lists your newest tickets, `/plain-ticket rules` the reactions "
        "that make one. A text that goes on after such a word is a ticket."
    )
    why = "• If no ticket came: choose *Why no Plain ticket?* in the message's `…` menu."
    anywhere = (
        "• Anywhere: open the `+` menu beside the message box and choose *New Plain ticket*. "
        "An empty form opens."
    )
    replies = (
        "An agent's answer in Plain goes to the customer by e-mail, not into the Slack thread."
    )
    doors = [menu, *([react] if emoji else []), command, anywhere, lists, why]
    return "\n".join([*doors, "*Where replies go*", replies])
