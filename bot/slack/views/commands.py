"""Build the answers of `/plain-ticket`: help, an unknown word, and that nothing was saved."""

from __future__ import annotations

from collections.abc import Sequence

from bot.slack.text.mrkdwn import unescape
from bot.slack.views.formatting import code, escape, shorten
from bot.slack.views.kit import Answer

ANOTHER_WORKSPACE = (
    "Nothing was saved: this bridge belongs to another Slack workspace. Ask whoever installed the "
    "app here to run a bridge for this workspace or remove the app."
)

_TYPED_LENGTH = 39_000
"""The most of a command's text that is given back: a message holds 40,000 characters."""
_WORD_LENGTH = 40


def usage(emoji: Sequence[str] = ("ticket",)) -> Answer:
    """Return the help: every way to create a ticket, and where replies go; `emoji` are the names
    that rules name."""
    return Answer(f"*How to create a Plain ticket*\n{ways(emoji)}")


def unknown_word(word: str) -> Answer:
    """Return the answer to one word that is no command, shown in addition to the form."""
    return Answer(
        f"{code(shorten(word, _WORD_LENGTH))} isn't a command. To create a ticket about it, "
        "submit the form. The commands are `/plain-ticket help`, `/plain-ticket mine` and "
        "`/plain-ticket rules`."
    )


def not_recorded(text: str) -> Answer:
    """Return the answer to a command that could not be recorded; gives back what was typed."""
    typed = shorten(escape(unescape(text.strip())), _TYPED_LENGTH)
    return Answer(
        "Your request couldn't be saved, so no ticket will be created. "
        f"Try again in a minute. Your text was:\n{typed}"
    )


def ways(emoji: Sequence[str]) -> str:
    """Return the help without its heading; mrkdwn."""
    menu = (
        "• From a message: open its `…` menu and choose *Create Plain ticket*. "
        "A prefilled form opens."
    )
    react = (
        f"• From a message: react with {' or '.join(f':{escape(name)}:' for name in emoji)}. "
        "The ticket is created right away."
    )
    command = (
        "• With `/plain-ticket` and a text: a ticket with that text is created right away. Without "
        "a text, the form opens. Slack doesn't allow commands in threads; use the menu there."
    )
    lists = (
        "• `/plain-ticket mine` lists your newest tickets, `/plain-ticket rules` the reactions "
        "that create one. If more text follows such a word, it's a ticket."
    )
    why = "• If no ticket was created: choose *Why no Plain ticket?* in the message's `…` menu."
    anywhere = (
        "• Anywhere: open the `+` menu next to the message box and choose *New Plain ticket*. "
        "An empty form opens."
    )
    replies = "Agents' replies in Plain go to the customer by e-mail, not to the Slack thread."
    doors = [menu, *([react] if emoji else []), command, anywhere, lists, why]
    return "\n".join([*doors, "*Where replies go*", replies])
