"""The form and its stand-ins, within Slack's limits."""

from __future__ import annotations

from typing import Any

import pytest

from bot.core.model import Draft, Form, Priority, ReplyTo, Ticket, Trigger, Via
from bot.slack.blocks import form
from bot.slack.words import form as words

TICKET = Ticket("th_1", "T-123", "https://app.plain.com/workspace/w_1/thread/th_1/")
TRIGGER = Trigger(
    via=Via.SHORTCUT,
    team="T1",
    asker="U1",
    request="1.2.x",
    reply_to=ReplyTo(user="U1", asked_at=0.0, response_url="https://hooks.test/secret"),
)


def draft(title: str = "The VPN is down", description: str | None = None) -> Draft:
    return Draft("d_1", TRIGGER, Form(title, description, "U2", Priority.HIGH))


def element(view: dict[str, Any], block: str) -> dict[str, Any]:
    found: dict[str, Any] = next(b for b in view["blocks"] if b["block_id"] == block)["element"]
    return found


def test_the_form_as_slack_gets_it() -> None:
    view = form.form(draft(description="since nine"))
    assert view == {
        "type": "modal",
        "callback_id": "plain_ticket_form",
        "private_metadata": "d_1",
        "notify_on_close": True,
        "title": plain("Create Plain ticket"),
        "submit": plain("Create ticket"),
        "close": plain("Cancel"),
        "blocks": [
            {
                "type": "input",
                "block_id": "title",
                "label": plain("Title"),
                "hint": plain(words.TITLE_HINT),
                "optional": False,
                "element": {
                    "type": "plain_text_input",
                    "action_id": "value",
                    "min_length": 1,
                    "max_length": 250,
                    "initial_value": "The VPN is down",
                },
            },
            {
                "type": "input",
                "block_id": "description",
                "label": plain("Description"),
                "hint": plain(words.DESCRIPTION_HINT),
                "optional": True,
                "element": {
                    "type": "plain_text_input",
                    "action_id": "value",
                    "multiline": True,
                    "max_length": 3000,
                    "initial_value": "since nine",
                },
            },
            {
                "type": "input",
                "block_id": "requester",
                "label": plain("Requester"),
                "hint": plain(words.REQUESTER_HINT),
                "optional": True,
                "element": {"type": "users_select", "action_id": "value", "initial_user": "U2"},
            },
            {
                "type": "input",
                "block_id": "priority",
                "label": plain("Priority"),
                "hint": plain(words.PRIORITY_HINT),
                "optional": False,
                "element": {
                    "type": "static_select",
                    "action_id": "value",
                    "options": [
                        {"text": plain("Urgent"), "value": "urgent"},
                        {"text": plain("High"), "value": "high"},
                        {"text": plain("Normal"), "value": "normal"},
                        {"text": plain("Low"), "value": "low"},
                    ],
                    "initial_option": {"text": plain("High"), "value": "high"},
                },
            },
        ],
    }


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def test_nobody_is_chosen_where_slack_refuses_the_requester() -> None:
    assert "initial_user" not in element(form.form(draft(), with_requester=False), "requester")


def test_an_empty_prefill_gives_no_initial_values() -> None:
    view = form.form(draft(title=" "))
    assert "initial_value" not in element(view, "title")
    assert "initial_value" not in element(view, "description")


def test_a_prefill_never_exceeds_what_its_input_takes() -> None:
    view = form.form(draft(title="x" * 300, description="y" * 4000))
    assert element(view, "title")["initial_value"] == "x" * 250
    assert element(view, "description")["initial_value"] == "y" * 3000


def test_the_view_of_a_message_that_has_its_ticket() -> None:
    view = form.already(TICKET)
    assert view["type"] == "modal"
    assert view["blocks"] == [
        {
            "type": "section",
            "text": {
                "type": "mrkdwn",
                "text": "This message already has its Plain ticket: T-123.",
                "verbatim": True,
            },
        },
        {
            "type": "actions",
            "elements": [
                {
                    "type": "button",
                    "action_id": "open_in_plain",
                    "text": plain("Open in Plain"),
                    "accessibility_label": "Open T-123 in Plain",
                    "url": TICKET.url,
                }
            ],
        },
    ]


def test_the_view_where_nothing_was_recorded() -> None:
    view = form.not_recorded()
    assert view["blocks"][0]["text"]["text"] == words.NOT_RECORDED
    assert "submit" not in view
    assert "callback_id" not in view


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(form.form(draft()), id="form"),
        pytest.param(form.already(TICKET), id="already"),
        pytest.param(form.not_recorded(), id="not recorded"),
    ],
)
def test_views_keep_to_slacks_limits(view: dict[str, Any]) -> None:
    """https://docs.slack.dev/reference/views/modal-views"""
    for part in ("title", "submit", "close"):
        assert len(view.get(part, {"text": ""})["text"]) <= 24
    assert len(view.get("private_metadata", "")) <= 3000
    for block in view["blocks"]:
        for part in ("label", "hint"):
            assert len(block.get(part, {"text": ""})["text"]) <= 2000


def test_no_text_and_no_address_of_the_draft_is_kept_in_the_view() -> None:
    assert "hooks.test" not in repr(form.form(draft()))
