"""Build Block Kit: the texts, blocks, windows, buttons and answers of every surface.

Plain dictionaries and not `slack_sdk.models`, which check lengths by reflection: about 90 µs for
one section, on the path from a shortcut to its form. The tests check every view against Slack's
limits instead. https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.core.model import Ticket

Block = dict[str, Any]
View = dict[str, Any]

SECTION_LENGTH = 3000
"""Characters. https://docs.slack.dev/reference/block-kit/blocks/section-block"""
LABEL_LENGTH = 75
"""Characters of a button's label for screen readers, and of an option's text.
https://docs.slack.dev/reference/block-kit/composition-objects/option-object"""

OPEN_IN_PLAIN = "Open in Plain"
OPEN_ACTION = "open_in_plain"
"""The link button's action; Slack reports its clicks, and nothing needs doing about them."""


# Texts and blocks


def plain(text: str) -> dict[str, Any]:
    """Return a text in which nothing is formatted: no emoji, no mention, no link."""
    return {"type": "plain_text", "text": text, "emoji": False}


def mrkdwn(text: str) -> dict[str, Any]:
    """Return a formatted text in which nothing but what is marked becomes a link or a mention."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def section(text: str, block_id: str | None = None) -> Block:
    """Return a section of mrkdwn."""
    named = {} if block_id is None else {"block_id": block_id}
    return {"type": "section", **named, "text": mrkdwn(text)}


def context(text: str, block_id: str | None = None) -> Block:
    """Return a line of small mrkdwn."""
    named = {} if block_id is None else {"block_id": block_id}
    return {"type": "context", **named, "elements": [mrkdwn(text)]}


def header(text: str) -> Block:
    """Return a heading; plain text."""
    return {"type": "header", "text": plain(text)}


def divider() -> Block:
    """Return a line across."""
    return {"type": "divider"}


def actions(buttons: Sequence[Button]) -> Block:
    """Return a row of buttons."""
    return {"type": "actions", "elements": [button.element for button in buttons]}


def labelled(
    block_id: str, label: str, hint: str, element: dict[str, Any], *, optional: bool = False
) -> Block:
    """Return an input with its label and hint, both plain text.

    https://docs.slack.dev/reference/block-kit/blocks/input-block
    """
    return {
        "type": "input",
        "block_id": block_id,
        "label": plain(label),
        "hint": plain(hint),
        "optional": optional,
        "element": element,
    }


def option(value: str, text: str) -> dict[str, Any]:
    """Return one choice of a select; `text` fits `LABEL_LENGTH`."""
    return {"text": plain(text), "value": value}


def window(title: str, close: str, blocks: Sequence[Block]) -> View:
    """Return a modal without a button to submit it.

    https://docs.slack.dev/reference/views/modal-views
    """
    return {"type": "modal", "title": plain(title), "close": plain(close), "blocks": [*blocks]}


# Buttons


@dataclass(frozen=True, slots=True)
class Confirm:
    """A question before a click counts.

    https://docs.slack.dev/reference/block-kit/composition-objects/confirmation-dialog-object
    """

    title: str
    text: str
    yes: str
    no: str

    @property
    def dialog(self) -> dict[str, Any]:
        """Return the question as Slack wants it."""
        texts = {"title": self.title, "text": self.text, "confirm": self.yes, "deny": self.no}
        return {name: plain(text) for name, text in texts.items()}


@dataclass(frozen=True, slots=True)
class Button:
    """A button; every text is plain.

    `label` is what a screen reader says, cut to 75 characters; `url` makes it a link button;
    `confirm` asks first. A click comes back as `payloads.ButtonClicked`.
    https://docs.slack.dev/reference/block-kit/block-elements/button-element
    """

    action_id: str
    text: str
    label: str
    value: str | None = None
    url: str | None = None
    confirm: Confirm | None = None

    @property
    def element(self) -> dict[str, Any]:
        """Return the button as Slack wants it."""
        given = {
            "type": "button",
            "action_id": self.action_id,
            "text": plain(self.text),
            "accessibility_label": self.label[:LABEL_LENGTH],
            "value": self.value,
            "url": self.url,
            "confirm": self.confirm.dialog if self.confirm else None,
        }
        return {name: value for name, value in given.items() if value is not None}


def open_button(ticket: Ticket) -> Button:
    """Return the link button that opens the ticket in Plain."""
    label = f"{OPEN_IN_PLAIN}: {ticket.ref}"
    return Button(OPEN_ACTION, OPEN_IN_PLAIN, label, url=ticket.url)


# Answers


@dataclass(frozen=True, slots=True)
class Answer:
    """A message to a person: `text` is mrkdwn and says everything, for screen readers read nothing
    else; `buttons` are below it.

    `shown` replaces the text in the blocks, where the buttons say the rest.
    https://docs.slack.dev/reference/methods/chat.postMessage#text-blocks-attachments
    """

    text: str
    buttons: tuple[Button, ...] = ()
    shown: str | None = None

    @property
    def blocks(self) -> list[Block]:
        """Return the text as blocks; empty if no section can hold it, so that Slack shows the text
        itself."""
        text = self.shown or self.text
        if len(text) > SECTION_LENGTH:
            return []
        return [section(text), *([actions(self.buttons)] if self.buttons else [])]
