"""The form that says which Plain customer a person is, and what is shown in its place.

https://docs.slack.dev/reference/views/modal-views
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.core.identity import is_email
from bot.core.model import Customer
from bot.flows.link import SHORTEST_TERM, Linked, LinkQuestion, MayNotLink, NothingToLink
from bot.slack.words import link as words

CALLBACK_ID = "plain_link_form"
ACTION = "link_person"
"""The button's that opens it; its value is the reference of a row that waits."""
SEARCH_ACTION = "link_customer"
"""The search's, which tells its options from those of other forms."""

NAME_LENGTH = 200
EMAIL_LENGTH = 254
"""https://www.rfc-editor.org/errata/eid1690"""
_OPTION_LENGTH = 75
"""https://docs.slack.dev/reference/block-kit/composition-objects/option-object"""

_VALUE = "value"


def form(asked: LinkQuestion, answer: str | None = None) -> dict[str, Any]:
    """The question who `asked` is about: a customer that is found, or a new one.

    What Slack knows stands in the new one's fields; it counts only if nobody is found.
    `answer` is the address at which the answer that was clicked can be replaced.
    """
    profile = asked.profile
    name = profile.name.strip()[:NAME_LENGTH] if profile else ""
    email = profile.email.strip() if profile and profile.email else ""
    usable = is_email(email) and len(email) <= EMAIL_LENGTH
    return {
        "type": "modal",
        "callback_id": CALLBACK_ID,
        "private_metadata": "\n".join(filter(None, (asked.reference, answer))),
        "title": _plain(words.TITLE),
        "submit": _plain(words.SUBMIT),
        "close": _plain(words.CLOSE),
        "blocks": [
            _said(words.question(asked)),
            _input(
                "customer",
                words.CUSTOMER_LABEL,
                words.CUSTOMER_HINT,
                {
                    "type": "external_select",
                    "action_id": SEARCH_ACTION,
                    "min_query_length": SHORTEST_TERM,
                    "placeholder": _plain(words.CUSTOMER_PLACEHOLDER),
                },
            ),
            _input(
                "name",
                words.NAME_LABEL,
                words.NAME_HINT,
                {"type": "plain_text_input", "action_id": _VALUE, "max_length": NAME_LENGTH}
                | ({"initial_value": name} if name else {}),
            ),
            _input(
                "email",
                words.EMAIL_LABEL,
                words.EMAIL_HINT,
                {"type": "plain_text_input", "action_id": _VALUE, "max_length": EMAIL_LENGTH}
                | ({"initial_value": email} if usable else {}),
            ),
        ],
    }


def options(found: Sequence[Customer]) -> list[dict[str, Any]]:
    """What the search offers for a term."""
    return [
        {"text": _plain(words.option(one.name, one.email, _OPTION_LENGTH)), "value": one.id}
        for one in found
    ]


def linked(done: Linked) -> dict[str, Any]:
    """In place of the form: it is written."""
    return _notice(words.linked(done))


def over(over: NothingToLink) -> dict[str, Any]:
    """In place of the form: there is nothing to say any more."""
    return _notice(words.over(over))


def not_yours(refused: MayNotLink) -> dict[str, Any]:
    """In place of the form: somebody else may say it."""
    return _notice(words.not_yours(refused))


def _notice(sentence: str) -> dict[str, Any]:
    return {
        "type": "modal",
        "title": _plain(words.TITLE),
        "close": _plain(words.NOTICE_CLOSE),
        "blocks": [_said(sentence)],
    }


def _said(sentence: str) -> dict[str, Any]:
    return {
        "type": "section",
        "text": {"type": "mrkdwn", "text": sentence, "verbatim": True},
    }


def _input(block: str, label: str, hint: str, element: dict[str, Any]) -> dict[str, Any]:
    """Every field may stay empty: which ones are needed depends on the others."""
    return {
        "type": "input",
        "block_id": block,
        "label": _plain(label),
        "hint": _plain(hint),
        "optional": True,
        "element": element,
    }


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}
