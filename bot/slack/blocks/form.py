"""The form that asks for a ticket, and what is shown in its place.

https://docs.slack.dev/reference/views/modal-views
"""

from __future__ import annotations

from typing import Any

from bot.core.model import Draft, Priority, Ticket
from bot.slack.words import form as words
from bot.slack.words import marks

CALLBACK_ID = "plain_ticket_form"
OPEN_ACTION = "open_in_plain"
"""The link button's; Slack reports its clicks, and nothing needs doing about them."""

TITLE_LENGTH = 250
DESCRIPTION_LENGTH = 3000
"""What a text input takes.
https://docs.slack.dev/reference/block-kit/block-elements/plain-text-input-element"""

_VALUE = "value"


def form(draft: Draft, *, with_requester: bool = True) -> dict[str, Any]:
    """The form, complete: a view ignores new initial values once it is open.

    Without `with_requester` nobody is chosen beforehand, for where Slack refuses that user.
    """
    prefill = draft.prefill
    title = prefill.title.strip()[:TITLE_LENGTH]
    description = (prefill.description or "")[:DESCRIPTION_LENGTH]
    return {
        "type": "modal",
        "callback_id": CALLBACK_ID,
        "private_metadata": draft.id,
        "notify_on_close": True,
        "title": _plain(words.FORM_TITLE),
        "submit": _plain(words.FORM_SUBMIT),
        "close": _plain(words.FORM_CLOSE),
        "blocks": [
            _input(
                "title",
                words.TITLE_LABEL,
                words.TITLE_HINT,
                {"type": "plain_text_input", "min_length": 1, "max_length": TITLE_LENGTH}
                | ({"initial_value": title} if title else {}),
            ),
            _input(
                "description",
                words.DESCRIPTION_LABEL,
                words.DESCRIPTION_HINT,
                {
                    "type": "plain_text_input",
                    "multiline": True,
                    "max_length": DESCRIPTION_LENGTH,
                }
                | ({"initial_value": description} if description else {}),
                optional=True,
            ),
            _input(
                "requester",
                words.REQUESTER_LABEL,
                words.REQUESTER_HINT,
                {"type": "users_select"}
                | ({"initial_user": prefill.requester} if with_requester else {}),
                optional=True,  # the select may not offer people of other companies
            ),
            _input(
                "priority",
                words.PRIORITY_LABEL,
                words.PRIORITY_HINT,
                {
                    "type": "static_select",
                    "options": [_option(priority) for priority in Priority],
                    "initial_option": _option(prefill.priority),
                },
            ),
        ],
    }


def already(ticket: Ticket) -> dict[str, Any]:
    """Instead of the form: the message has its ticket, with the way there."""
    button = {
        "type": "button",
        "action_id": OPEN_ACTION,
        "text": _plain(marks.OPEN_IN_PLAIN),
        "accessibility_label": words.open_label(ticket),
        "url": ticket.url,
    }
    return _notice(words.already(ticket), {"type": "actions", "elements": [button]})


def not_recorded() -> dict[str, Any]:
    """Instead of the form: nothing was recorded."""
    return _notice(words.NOT_RECORDED)


def _notice(sentence: str, *more: dict[str, Any]) -> dict[str, Any]:
    said = {"type": "mrkdwn", "text": sentence, "verbatim": True}
    return {
        "type": "modal",
        "title": _plain(words.NOTICE_TITLE),
        "close": _plain(words.NOTICE_CLOSE),
        "blocks": [{"type": "section", "text": said}, *more],
    }


def _input(
    block: str, label: str, hint: str, element: dict[str, Any], *, optional: bool = False
) -> dict[str, Any]:
    return {
        "type": "input",
        "block_id": block,
        "label": _plain(label),
        "hint": _plain(hint),
        "optional": optional,
        "element": {**element, "action_id": _VALUE},
    }


def _option(priority: Priority) -> dict[str, Any]:
    return {"text": _plain(words.PRIORITIES[priority]), "value": priority.value}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}
