"""What `/plain-ticket` answers besides tickets: its help, and that it could do nothing."""

from __future__ import annotations

from collections.abc import Sequence

from bot.slack.views.formatting import code, escape, shorten, unescape
from bot.slack.views.kit import Answer

ANOTHER_WORKSPACE = (
    "Nothing was recorded: this bridge belongs to another Slack workspace. Ask whoever installed "
    "the app here to run a bridge for this workspace, or to remove the app."
)

_TYPED_LENGTH = 39_000
"""Of a command's text that is given back: a message has 40,000 characters."""
_WORD_LENGTH = 40


def usage(emoji: Sequence[str] = ("ticket",)) -> Answer:
    """Return the help: every way to create a ticket, and where replies go; `emoji` are the names
    that rules name."""
    return Answer(f"*How to create a Plain ticket*\n{ways(emoji)}")


def unknown_word(word: str) -> Answer:
    """Return the answer to one word that is no command, beside the form."""
    return Answer(
        f"{code(shorten(word, _WORD_LENGTH))} is not a command. If it's what a ticket is about, "
        "send it with the form. The commands are `/plain-ticket help`, `/plain-ticket mine` and "
        "`/plain-ticket rules`."
    )


def not_recorded(text: str) -> Answer:
    """Return the answer to a command that could not be recorded; gives back what was typed."""
    typed = shorten(escape(unescape(text.strip())), _TYPED_LENGTH)
    return Answer(
        "Nothing was recorded, because the bridge could not save it just now. "
        f"No ticket will be created. Try again in a minute; this was your text:\n{typed}"
    )


def ways(emoji: Sequence[str]) -> str:
    """Return the help without its heading; mrkdwn."""
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
