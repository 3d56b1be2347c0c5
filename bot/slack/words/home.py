"""The app's Home; mrkdwn unless it says otherwise."""

from __future__ import annotations

from bot.core.home import WaitingPerson
from bot.slack.words.marks import code
from bot.slack.words.tokens import ago, person

TICKETS = "My tickets"
"""Plain text."""
NONE = (
    "You have not asked for a ticket yet. Below is how to; your tickets show up here, "
    "each with its state."
)
NO_OLDER = "There are no older tickets."
OLDER = "Older tickets"
"""Plain text."""
NEWEST = "Newest tickets"
"""Plain text."""
UNDO_LASTS = (
    "Undo is there for ten minutes after a ticket was created, unless somebody in Plain acted on "
    "it or another message was added to it."
)
NOT_ALLOWED = "The bridge takes no requests from you here. Ask somebody who may create tickets."

WAITING = "People to link"
"""Plain text."""
WAITING_WHY = (
    "Nobody has said yet which Plain customer they are. Their requests are on hold, and go on by "
    "themselves once they are linked."
)
NOBODY_WAITS = "Nobody is waiting."
MORE_WAIT = "Others wait too; they show up here when these are linked."

HOW = "How to create a Plain ticket"
"""Plain text."""
FOREIGN = (
    "Plain Bridge belongs to another company's workspace. Its people can make a support ticket "
    "of a message; ask them for one."
)


def waits(waiting: WaitingPerson) -> str:
    """A person who waits to be linked."""
    return (
        f"{person(waiting.user)} ({code(waiting.user)}) · {ago(waiting.since)} · "
        f"{code(waiting.reference)}"
    )
