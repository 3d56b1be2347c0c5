"""Show in the form whether it adds to its Slack thread's ticket, and let people choose."""

from __future__ import annotations

from bot.core.model import Placement, Ticket
from bot.core.text.plaintext import units
from bot.slack.views import kit
from bot.slack.views.formatting import escape, target
from bot.slack.views.kit import Block, Button

ACTION = "place_form"
"""The button's action; its value is the `Placement` that the form is to have."""

_SUBMIT_LENGTH = 24
"""https://docs.slack.dev/reference/views/modal-views"""
_BUTTON_LENGTH = 75
"""https://docs.slack.dev/reference/block-kit/block-elements/button-element"""

ADDING_TITLE = "Add to Plain ticket"
SEPARATELY = "Create a separate ticket"


def metadata(draft_id: str, placement: Placement) -> str:
    """Return what the view carries: the draft's id, and below it what the form says."""
    return draft_id if placement is Placement.ANY else f"{draft_id}\n{placement.value}"


def offer(ticket: Ticket, placement: Placement) -> list[Block]:
    """Return what the form says about its Slack thread's ticket, and the way to the other form."""
    if placement is Placement.ADD:
        said, button = adds_to(ticket), Button(ACTION, SEPARATELY, SEPARATELY, Placement.SEPARATE)
    else:
        back = _instead(ticket)
        said, button = separate_from(ticket), Button(ACTION, back, back, Placement.ADD)
    return [kit.section(said, "placement"), kit.actions([button])]


def submit(ticket: Ticket) -> str:
    """Return the label of the button that submits an addition; plain text."""
    label = f"Add to {ticket.ref}"
    return label if units(label) <= _SUBMIT_LENGTH else "Add to ticket"


def adds_to(ticket: Ticket) -> str:
    """Return the sentence at the top of a form that adds to the ticket."""
    return (
        f"This will be added to {_linked(ticket)}, this Slack thread's ticket. "
        "You can change its priority, labels and tenant in Plain."
    )


def separate_from(ticket: Ticket) -> str:
    """Return the sentence at the top of a form that creates a ticket beside this one."""
    return (
        f"A separate ticket will be created. {_linked(ticket)}, this Slack thread's ticket, "
        "stays as it is."
    )


def _instead(ticket: Ticket) -> str:
    label = f"Add to {ticket.ref} instead"
    return label if units(label) <= _BUTTON_LENGTH else "Add to the ticket instead"


def _linked(ticket: Ticket) -> str:
    """Return the ref as a link to the ticket in Plain."""
    return f"<{target(ticket.url)}|{escape(ticket.ref)}>"
