"""The form and its stand-ins, within Slack's limits."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.core.directory import UserKind
from bot.core.model import (
    Form,
    FormDraft,
    Placement,
    Priority,
    ReplyTo,
    Ticket,
    Trigger,
    Via,
)
from bot.flows.form import Choice, FormContext, Known, NotAllowed, Unlinked, UnreadableParts
from bot.sandbox.slack.block_kit import faults_of_options, faults_of_view
from bot.slack.views import form, placement
from bot.slack.views import form as words
from tests.slack.triggers import TICKET

TRIGGER = Trigger(
    via=Via.SHORTCUT,
    team="T1",
    submitter="U1",
    request="1.2.x",
    reply_to=ReplyTo(user="U1", asked_at=0.0, response_url="https://hooks.test/secret"),
)

BARE = FormContext(offers_tenants=False)
FULL = FormContext(
    quote="The VPN is down",
    offers_thread=True,
    closed=UnreadableParts(direct=False, thread=True, files=False),
    requester="U2",
    customer=Known("Acme"),
)


def draft(title: str = "The VPN is down", description: str | None = None) -> FormDraft:
    return FormDraft("d_1", TRIGGER, Form(title, description, "U2", Priority.HIGH))


def element(view: dict[str, Any], block: str) -> dict[str, Any]:
    found: dict[str, Any] = next(b for b in view["blocks"] if b["block_id"] == block)["element"]
    return found


def test_the_form_as_slack_gets_it() -> None:
    view = form.form(draft(description="since nine"), BARE)
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
                "dispatch_action": True,
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
            {
                "type": "input",
                "block_id": "labels",
                "label": plain("Labels"),
                "hint": plain(words.LABELS_HINT),
                "optional": True,
                "element": {
                    "type": "multi_external_select",
                    "action_id": "value",
                    "min_query_length": 0,
                    "max_selected_items": 25,
                    "placeholder": plain("Choose labels"),
                },
            },
        ],
    }


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def test_nobody_is_chosen_where_slack_refuses_the_requester() -> None:
    assert "initial_user" not in element(
        form.form(draft(), BARE, with_requester=False), "requester"
    )


def test_an_empty_prefill_gives_no_initial_values() -> None:
    view = form.form(draft(title=" "), BARE)
    assert "initial_value" not in element(view, "title")
    assert "initial_value" not in element(view, "description")


def test_a_prefill_never_exceeds_what_its_input_takes() -> None:
    view = form.form(draft(title="x" * 300, description="y" * 4000), BARE)
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
                "text": "This message already has a Plain ticket: T-123.",
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
                    "accessibility_label": "Open in Plain: T-123",
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


def blocks(view: dict[str, Any]) -> list[str]:
    return [block["block_id"] for block in view["blocks"]]


PLACED = replace(draft(), adds_to=TICKET)


def placed(which: Placement, ticket: Ticket = TICKET) -> dict[str, Any]:
    return form.form(replace(PLACED, adds_to=ticket), replace(FULL, placement=which))


def test_a_form_that_adds_to_a_ticket_lacks_what_only_a_new_thread_takes() -> None:
    view = placed(Placement.ADD)
    assert view["private_metadata"] == "d_1\nadd"
    assert (view["title"]["text"], view["submit"]["text"]) == (
        "Add to Plain ticket",
        "Add to T-123",
    )
    top, row, *rest = view["blocks"]
    assert top["text"]["text"] == placement.adds_to(TICKET)
    (button,) = row["elements"]
    assert (button["action_id"], button["value"]) == ("place_form", "separate")
    assert button["text"]["text"] == "Create a separate ticket"
    assert [block["block_id"] for block in rest] == [
        *("title", "description", "whole_thread", "closed", "quote_label", "quote"),
    ]


def test_a_form_for_a_separate_ticket_is_whole_and_has_a_way_back() -> None:
    view = placed(Placement.SEPARATE)
    assert view["private_metadata"] == "d_1\nseparate"
    whole = form.form(draft(), FULL)
    assert (view["title"], view["submit"]) == (whole["title"], whole["submit"])
    top, row, *rest = view["blocks"]
    assert top["text"]["text"] == placement.separate_from(TICKET)
    (button,) = row["elements"]
    assert (button["action_id"], button["value"]) == ("place_form", "add")
    assert button["text"]["text"] == "Add to T-123 instead"
    assert rest == whole["blocks"]


def test_what_both_forms_ask_for_is_the_same_input_in_both() -> None:
    """Slack keeps what was typed where block and action are the same."""
    adding, separate = (
        {one["block_id"]: one for one in placed(which)["blocks"] if one["type"] == "input"}
        for which in (Placement.ADD, Placement.SEPARATE)
    )
    assert adding.items() <= separate.items()


def test_everything_that_can_stand_in_it_in_order() -> None:
    view = form.form(draft(), FULL, bot="UBOT")
    assert blocks(view) == [
        *("title", "description", "requester", "in_plain", "priority", "labels", "tenant"),
        *("whole_thread", "closed", "quote_label", "quote"),
    ]
    assert element(view, "tenant") == {
        "type": "external_select",
        "action_id": "value",
        "min_query_length": 0,
        "placeholder": plain("Choose a tenant"),
    }
    box = {"text": plain("Quote the whole Slack thread"), "value": "whole_thread"}
    assert element(view, "whole_thread") == {
        "type": "checkboxes",
        "action_id": "value",
        "options": [box],
    }


def test_who_may_not_create_tickets_has_nothing_to_fill_in() -> None:
    view = form.form(draft(), replace(FULL, customer=NotAllowed(UserKind.GUEST)))
    assert [block["type"] for block in view["blocks"]] == ["section"]
    assert "submit" not in view


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(replace(FULL, customer=None), id="nobody knows the requester"),
        pytest.param(replace(FULL, closed=None), id="all can be read"),
        pytest.param(replace(FULL, quote=""), id="nothing to quote"),
        pytest.param(replace(FULL, customer=Unlinked(), requester="U9"), id="somebody else"),
    ],
)
def test_what_is_said_beside_the_inputs_changes_none_of_them(later: FormContext) -> None:
    """Slack keeps what was typed in an input that stays as it was."""
    first, second = form.form(draft(), FULL), form.form(draft(), later)
    inputs = [[block for block in v["blocks"] if block["type"] == "input"] for v in (first, second)]
    assert json.dumps(inputs[0]) == json.dumps(inputs[1])
    assert blocks(first) != blocks(second) or first != second


def test_what_was_chosen_before_is_chosen_again_by_its_name() -> None:
    prefill = Form("x", None, "U2", Priority.LOW, ("lt_1", "lt_2"), "acme", whole_thread=True)
    names = replace(FULL, labels={"lt_1": "Bug"}, tenants={"acme": "Acme Ltd"})
    view = form.form(FormDraft("d_1", TRIGGER, prefill), names)
    assert element(view, "labels")["initial_options"] == [
        {"text": plain("Bug"), "value": "lt_1"},
        {"text": plain("lt_2"), "value": "lt_2"},
    ]
    assert element(view, "tenant")["initial_option"]["text"]["text"] == "Acme Ltd"
    assert element(view, "whole_thread")["initial_options"][0]["value"] == "whole_thread"


def test_the_quote_is_no_mrkdwn() -> None:
    """Nothing of what somebody wrote becomes a link, a mention or a format here."""
    (quote,) = [
        block
        for block in form.form(draft(), replace(FULL, quote="<!here> *x*"))["blocks"]
        if block["block_id"] == "quote"
    ]
    assert quote["text"] == plain("<!here> *x*")


def test_options_keep_to_slacks_limits() -> None:
    offered = form.options(
        [Choice("v" * 151, "too long a value"), Choice("", "none")]
        + [Choice(f"v{n}" + "x" * 140, "\N{GRINNING FACE}" * 80) for n in range(120)]
    )
    assert len(offered) == 100
    assert faults_of_options({"options": offered}) == []
    assert offered[0]["value"].startswith("v0x")


ENDLESS = replace(TICKET, ref="T-" + "1" * 200)
LONG = "\N{GRINNING FACE} <&> " * 2000
LONGEST = FormDraft(
    "d" * 32,
    TRIGGER,
    Form(
        LONG,
        LONG,
        "U" * 250,
        Priority.HIGH,
        tuple(f"lt_{n}" + "x" * 140 for n in range(120)),
        "t" * 150,
        whole_thread=True,
    ),
)
LONG_BESIDE = FormContext(
    quote=LONG,
    offers_thread=True,
    labels=dict.fromkeys(LONGEST.prefill.labels, LONG),
    tenants={"t" * 150: LONG},
    closed=UnreadableParts(direct=False, thread=True, files=True),
    requester="U" * 250,
    customer=Known(LONG),
)


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(form.form(draft(), BARE), id="form"),
        pytest.param(form.form(draft(), FULL), id="full form"),
        pytest.param(form.form(LONGEST, LONG_BESIDE, bot="U" * 250), id="longest form"),
        pytest.param(placed(Placement.ADD), id="adds"),
        pytest.param(placed(Placement.ADD, ENDLESS), id="adds to the longest ref"),
        pytest.param(placed(Placement.SEPARATE), id="separate"),
        pytest.param(placed(Placement.SEPARATE, ENDLESS), id="separate from the longest ref"),
        pytest.param(form.already(TICKET), id="already"),
        pytest.param(form.not_recorded(), id="not recorded"),
    ],
)
def test_views_keep_to_slacks_limits(view: dict[str, Any]) -> None:
    """https://docs.slack.dev/reference/views/modal-views"""
    assert faults_of_view(view) == []
    assert len(json.dumps(view)) < 250_000


def test_the_button_that_opens_the_form_again_carries_the_reference_alone() -> None:
    button = form.reopen_button("PB-7").element
    assert (button["action_id"], button["value"]) == ("reopen_form", "PB-7")
    assert button["text"]["text"] == "Reopen form"


def test_no_text_and_no_address_of_the_draft_is_kept_in_the_view() -> None:
    assert "hooks.test" not in repr(form.form(draft(), BARE))
