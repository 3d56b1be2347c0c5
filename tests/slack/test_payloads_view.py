"""The form that comes back: its values, its fallbacks and what is wrong with it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.core.model import (
    Form,
    FormDraft,
    Message,
    Placement,
    Priority,
    ReplyTo,
    Trigger,
    Via,
)
from bot.core.refs import MessageRef
from bot.slack.payloads_view import (
    OptionsWanted,
    PlacementChosen,
    RequesterChosen,
    ViewClosed,
    ViewSubmission,
)
from bot.slack.views import form as words
from tests.contracts import Contract

PREFILL = Form("The VPN is down", None, "U2", Priority.NORMAL)


def text(value: str | None) -> dict[str, Any]:
    return {"type": "plain_text_input", "value": value}


def user(value: str | None) -> dict[str, Any]:
    return {"type": "users_select", "selected_user": value}


def option(value: str | None) -> dict[str, Any]:
    chosen = (
        None if value is None else {"text": {"type": "plain_text", "text": "x"}, "value": value}
    )
    return {"type": "static_select", "selected_option": chosen}


def options(*values: str) -> dict[str, Any]:
    chosen = [{"text": {"type": "plain_text", "text": "x"}, "value": value} for value in values]
    return {"type": "multi_external_select", "selected_options": chosen}


def sent(**values: dict[str, Any]) -> dict[str, Any]:
    state = {block: {"value": value} for block, value in values.items()}
    return {
        "type": "view_submission",
        "team": None,
        "user": {"id": "U1"},
        "view": {
            "id": "V1",
            "callback_id": "plain_ticket_form",
            "private_metadata": "d_1",
            "state": {"values": state},
        },
    }


def submission(**values: dict[str, Any]) -> ViewSubmission:
    return ViewSubmission.model_validate(sent(**values))


def test_a_filled_form() -> None:
    submitted = submission(
        title=text("  Printer on fire "),
        description=text(" third floor "),
        requester=user("U7"),
        priority=option("urgent"),
    )
    assert submitted.draft_id == "d_1"
    assert submitted.view_id == "V1"
    assert submitted.errors() == {}
    assert submitted.form(PREFILL) == Form("Printer on fire", "third floor", "U7", Priority.URGENT)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({}, id="no values at all"),
        pytest.param(
            {
                "title": text(None),
                "description": text(None),
                "requester": user(None),
                "priority": option(None),
            },
            id="nulls",
        ),
        pytest.param({"title": text(""), "description": text("")}, id="empty texts"),
        pytest.param({"title": {"type": "plain_text_input"}}, id="no value key"),
    ],
)
def test_what_comes_back_empty_falls_back_to_the_prefill(values: dict[str, Any]) -> None:
    prefill = replace(PREFILL, description="as prefilled", priority=Priority.HIGH)
    assert submission(**values).errors() == {}
    assert submission(**values).form(prefill) == prefill


@pytest.mark.parametrize(
    ("values", "found"),
    [
        pytest.param({}, (("lt_1",), "acme", True), id="no such fields"),
        pytest.param(
            {"labels": {}, "whole_thread": {}}, (("lt_1",), "acme", True), id="nothing said of them"
        ),
        pytest.param(
            {"labels": options(), "tenant": option(None), "whole_thread": options()},
            ((), None, False),
            id="emptied",
        ),
        pytest.param(
            {
                "labels": options("lt_2", "lt_3", "lt_2"),
                "tenant": option("zen & sons"),
                "whole_thread": options("whole_thread"),
            },
            (("lt_2", "lt_3"), "zen & sons", True),
            id="chosen",
        ),
    ],
)
def test_what_is_chosen_from_lists_is_believed_where_it_is_said(
    values: dict[str, Any], found: tuple[object, ...]
) -> None:
    prefill = replace(PREFILL, labels=("lt_1",), tenant="acme", whole_thread=True)
    assert submission(**values).errors() == {}
    form = submission(**values).form(prefill)
    assert (form.labels, form.tenant, form.whole_thread) == found


def test_a_title_is_never_empty() -> None:
    assert submission().form(replace(PREFILL, title="")).title == "Message from Slack"


def test_a_nul_never_passes() -> None:
    assert submission(title=text("a\0b")).form(PREFILL).title == "ab"


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        ({"title": text("x" * 250)}, {}),
        ({"title": text(" " + "x" * 250 + " ")}, {}),
        ({"title": text("x" * 251)}, {"title": words.TITLE_TOO_LONG}),
        ({"title": text("   ")}, {"title": words.TITLE_MISSING}),
        ({"description": text("x" * 3000)}, {}),
        ({"description": text("x" * 3001)}, {"description": words.DESCRIPTION_TOO_LONG}),
        ({"requester": user("U 7")}, {"requester": words.REQUESTER_UNKNOWN}),
        ({"priority": option("immediately")}, {"priority": words.PRIORITY_UNKNOWN}),
        ({"labels": options("lt 1")}, {"labels": words.LABELS_UNKNOWN}),
        ({"labels": options(*(f"lt_{n}" for n in range(25)))}, {}),
        ({"labels": options(*(f"lt_{n}" for n in range(26)))}, {"labels": words.LABELS_UNKNOWN}),
        ({"tenant": option("t" * 150)}, {}),
        ({"tenant": option("t" * 151)}, {"tenant": words.TENANT_UNKNOWN}),
        (
            {"title": text(" "), "priority": option("1")},
            {"title": words.TITLE_MISSING, "priority": words.PRIORITY_UNKNOWN},
        ),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    values: dict[str, Any], errors: dict[str, str]
) -> None:
    assert submission(**values).errors() == errors


@given(title=st.text(max_size=300), description=st.text(max_size=50))
def test_without_errors_the_form_is_within_bounds(title: str, description: str) -> None:
    submitted = submission(title=text(title), description=text(description))
    if not submitted.errors():
        form = submitted.form(PREFILL)
        assert 1 <= len(form.title) <= 250
        assert form.title == form.title.strip()
        assert form.description is None or form.description.strip()


def test_the_submission_names_the_asking_by_its_view() -> None:
    trigger = Trigger(
        via=Via.FORM,
        team="T1",
        submitter="U1",
        request="1.2.abc",
        reply_to=ReplyTo(user="U1", asked_at=5.0, response_url="https://hooks.test/1"),
    )
    submitted = submission(title=text("Printer on fire"))
    assert submitted.trigger(FormDraft("d_1", trigger, PREFILL)) == replace(
        trigger,
        request="V1",
        form=Form("Printer on fire", None, "U2", Priority.NORMAL),
    )


AUTHOR = "U2"
OF_A_MESSAGE = Trigger(
    via=Via.SHORTCUT,
    team="T1",
    submitter="U1",
    request="1.2.abc",
    reply_to=ReplyTo(user="U1", asked_at=5.0),
    message=Message(MessageRef("C1", "1700000001.000100"), AUTHOR, ()),
)
EVERYTHING = Form("x", "y", "U7", Priority.URGENT, ("lt_1",), "acme", whole_thread=True)


def placed(metadata: str, **values: dict[str, Any]) -> Form:
    """What is submitted of a form that was prefilled with everything."""
    body = sent(**values)
    body["view"]["private_metadata"] = metadata
    trigger = ViewSubmission.model_validate(body).trigger(
        FormDraft("d_1", OF_A_MESSAGE, EVERYTHING)
    )
    assert trigger.form is not None
    return trigger.form


def test_a_form_that_adds_to_a_ticket_asks_for_nothing_that_it_did_not_show() -> None:
    assert placed("d_1\nadd", description=text("since nine")) == Form(
        "x",
        "since nine",
        AUTHOR,
        Priority.NORMAL,
        whole_thread=True,
        placement=Placement.ADD,
    )


def test_a_form_for_a_separate_ticket_says_so_and_has_all_its_values() -> None:
    assert placed("d_1\nseparate") == replace(EVERYTHING, placement=Placement.SEPARATE)


def test_a_form_that_knew_of_no_ticket_says_nothing() -> None:
    assert placed("d_1") == EVERYTHING


@pytest.mark.parametrize("metadata", ["d_1\n", "d_1\nany", "d_1\nadd\n", "d_1\nadd to", "\nadd"])
def test_a_view_that_says_something_else_is_not_taken(metadata: str) -> None:
    with pytest.raises(ValidationError):
        placed(metadata)


def pressed(value: object) -> PlacementChosen:
    payload = sent(title=text("typed so far"))
    view = payload["view"] | {
        "hash": "1.abc",
        "private_metadata": "d_1\nadd",
        "blocks": [{"block_id": "whole_thread"}],
    }
    action = {"action_id": "place_form", "value": value}
    return PlacementChosen.model_validate({**payload, "view": view, "actions": [action]})


def test_the_other_form_is_wanted() -> None:
    click = pressed("separate")
    assert (click.draft_id, click.view_id, click.hash) == ("d_1", "V1", "1.abc")
    assert (click.placement, click.wanted) == (Placement.ADD, Placement.SEPARATE)
    assert (click.has("whole_thread"), click.has("tenant")) == (True, False)
    assert pressed("add").wanted is Placement.ADD


@pytest.mark.parametrize("value", ["any", "", None, 7])
def test_no_other_button_changes_the_form(value: object) -> None:
    with pytest.raises(ValidationError):
        pressed(value)


def test_a_closed_form_names_its_draft() -> None:
    closed = sent() | {"type": "view_closed", "is_cleared": False}
    assert ViewClosed.model_validate(closed).draft_id == "d_1"
    closed["view"]["private_metadata"] = "d_1\nseparate"
    assert ViewClosed.model_validate(closed).draft_id == "d_1"


def test_a_view_that_names_no_draft_is_not_taken() -> None:
    broken = sent()
    broken["view"]["private_metadata"] = ""
    for model in (ViewSubmission, ViewClosed):
        with pytest.raises(ValidationError):
            model.model_validate(broken)


def test_the_recorded_submission_is_of_another_apps_view(contract: Contract) -> None:
    """It carries no draft; with one, its other inputs are no matter."""
    payload = json.loads(contract("slack-payloads/view_submission.json").read_bytes())
    with pytest.raises(ValidationError):
        ViewSubmission.model_validate(payload)
    payload["view"]["private_metadata"] = "d_1"
    submitted = ViewSubmission.model_validate(payload)
    assert submitted.errors() == {}
    assert submitted.form(PREFILL) == PREFILL


# While it is open


def chosen(user_id: str | None, **element: Any) -> RequesterChosen:
    payload = sent(requester=user(user_id))
    shown = [
        {"type": "input", "block_id": "requester", "element": {"type": "users_select", **element}},
        {"type": "input", "block_id": "tenant", "element": {}},
        "junk",
    ]
    return RequesterChosen.model_validate(
        {**payload, "type": "block_actions", "view": payload["view"] | {"blocks": shown}}
    )


def test_another_requester_was_chosen() -> None:
    change = chosen("U7", initial_user="U2")
    assert (change.draft_id, change.view_id, change.requester) == ("d_1", "V1", "U7")
    assert (change.is_preset, change.has("tenant"), change.has("whole_thread")) == (
        True,
        True,
        False,
    )


@pytest.mark.parametrize("user_id", [None, "", "U 7"])
def test_nobody_was_chosen(user_id: str | None) -> None:
    assert (chosen(user_id).requester, chosen(user_id).is_preset) == (None, False)


def test_a_select_wants_options() -> None:
    payload = {
        "type": "block_suggestion",
        "user": {"id": "U1"},
        "block_id": "labels",
        "action_id": "value",
        "value": "bu\0g",
        "view": {"callback_id": "plain_ticket_form"},
    }
    wanted = OptionsWanted.model_validate(payload)
    assert (wanted.block_id, wanted.typed, wanted.user) == ("labels", "bug", "U1")
