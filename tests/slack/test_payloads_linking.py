"""The form that links a person as Slack sends it: what was chosen, and what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.flows.link import CustomerChoice, ExistingCustomer, NewCustomer
from bot.slack.payloads_view import LinkSubmission, OptionsWanted
from bot.slack.views import link as words

GUS = "gus@grant.example"
ANSWER = "https://hooks.slack.test/actions/T1/1/x"


def customer(value: str, shown: str | None = "Acme (buy@acme.example)") -> dict[str, Any]:
    option: dict[str, Any] = {"value": value}
    if shown is not None:
        option["text"] = {"type": "plain_text", "text": shown}
    return {"link_customer": {"type": "external_select", "selected_option": option}}


def sent(
    chosen: dict[str, Any] | None = None,
    name: str | None = None,
    email: str | None = None,
    prefilled: tuple[str, str] = ("Gus Grant", GUS),
) -> LinkSubmission:
    nobody = {"link_customer": {"type": "external_select", "selected_option": None}}
    blocks: list[Any] = [{"type": "section"}, "junk"]
    for block, initial in zip(("name", "email"), prefilled, strict=True):
        blocks.append({"block_id": block, "element": {"initial_value": initial}})
    values = {
        "customer": chosen or nobody,
        "name": {"value": {"type": "plain_text_input", "value": name}},
        "email": {"value": {"type": "plain_text_input", "value": email}},
    }
    view = {"id": "V1", "private_metadata": "PB-1", "state": {"values": values}, "blocks": blocks}
    return LinkSubmission.model_validate({"user": {"id": "U1"}, "view": view})


@pytest.mark.parametrize(
    ("submission", "choice"),
    [
        pytest.param(
            sent(customer("c_1")),
            ExistingCustomer("c_1", "Acme (buy@acme.example)"),
            id="a customer",
        ),
        pytest.param(
            sent(customer("c_1"), "Gus Grant", GUS),
            ExistingCustomer("c_1", "Acme (buy@acme.example)"),
            id="a customer beside what stood there by itself",
        ),
        pytest.param(
            sent(customer("c_1", None)), ExistingCustomer("c_1", "c_1"), id="without its text"
        ),
        pytest.param(
            sent(None, "Gus Grant", GUS), NewCustomer(GUS, "Gus Grant"), id="as prefilled"
        ),
        pytest.param(
            sent(None, "  Gus\n\0 G  ", f" {GUS} "), NewCustomer(GUS, "Gus G"), id="typed anew"
        ),
        pytest.param(
            sent(None, "x" * 200, GUS), NewCustomer(GUS, "x" * 200), id="the longest name"
        ),
    ],
)
def test_what_was_chosen(submission: LinkSubmission, choice: CustomerChoice) -> None:
    assert submission.errors() == {}
    assert submission.choice() == choice
    assert (submission.user, submission.reference) == ("U1", "PB-1")


@pytest.mark.parametrize(
    ("submission", "wrong"),
    [
        pytest.param(sent(), {"customer": words.CHOOSE}, id="nothing"),
        pytest.param(sent(None, " ", "\0"), {"customer": words.CHOOSE}, id="blanks"),
        pytest.param(sent(None, "Gus"), {"email": words.EMAIL_MISSING}, id="no address"),
        pytest.param(sent(None, None, GUS), {"name": words.NAME_MISSING}, id="no name"),
        pytest.param(
            sent(None, "x" * 201, "gus"),
            {"name": words.NAME_TOO_LONG, "email": words.EMAIL_WRONG},
            id="a long name and no address",
        ),
        pytest.param(
            sent(None, "Gus", f"{'x' * 250}@a.example"), {"email": words.EMAIL_WRONG}, id="too long"
        ),
        pytest.param(
            sent(None, "Gus", "external:gus@a.example"), {"email": words.EMAIL_WRONG}, id="an id"
        ),
        pytest.param(
            sent(customer("c_1"), "Another", GUS), {"name": words.ONE_ONLY}, id="both, a name"
        ),
        pytest.param(
            sent(customer("c_1"), "Gus Grant", "other@a.example"),
            {"email": words.ONE_ONLY},
            id="both, an address",
        ),
        pytest.param(
            sent(customer("c_1"), "Gus Grant", GUS, prefilled=("", "")),
            {"name": words.ONE_ONLY, "email": words.ONE_ONLY},
            id="both, where nothing was prefilled",
        ),
        pytest.param(
            sent(customer("u_1")), {"customer": words.CUSTOMER_UNKNOWN}, id="no customer's id"
        ),
        pytest.param(
            sent(customer("c_1; drop")), {"customer": words.CUSTOMER_UNKNOWN}, id="no id at all"
        ),
    ],
)
def test_what_is_wrong(submission: LinkSubmission, wrong: dict[str, str]) -> None:
    assert submission.errors() == wrong


@given(name=st.text(), email=st.text(), chosen=st.none() | st.text())
def test_whatever_is_sent_is_a_choice_or_wrong(name: str, email: str, chosen: str | None) -> None:
    submission = sent(None if chosen is None else customer(chosen), name, email)
    if not submission.errors():
        choice = submission.choice()
        assert choice.name


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"user": {"id": "U1"}},
        {"user": {"id": "U1"}, "view": {"private_metadata": ""}},
        {"user": {"id": "U1"}, "view": {"private_metadata": "x y"}},
        {"user": {"id": "U1"}, "view": {"private_metadata": "PB-1", "blocks": 7}},
        {"user": {"id": "U1"}, "view": {"private_metadata": "PB-1\n"}},
        {"user": {"id": "U1"}, "view": {"private_metadata": "PB-1\nfile:///etc/hosts"}},
        {"user": {"id": "U1"}, "view": {"private_metadata": f"PB-1\n{ANSWER}{'x' * 3000}"}},
        {"user": "U1", "view": {"private_metadata": "PB-1"}},
    ],
)
def test_what_is_no_submission_is_not_read_as_one(body: Any) -> None:
    with pytest.raises(ValidationError):
        LinkSubmission.model_validate(body)


@pytest.mark.parametrize(
    ("metadata", "reference", "answer"),
    [("PB-1", "PB-1", None), (f"PB-1\n{ANSWER}", "PB-1", ANSWER)],
)
def test_where_the_answer_stands_that_opened_the_form(
    metadata: str, reference: str, answer: str | None
) -> None:
    body = {"user": {"id": "U1"}, "view": {"private_metadata": metadata}}
    submission = LinkSubmission.model_validate(body)
    assert (submission.reference, submission.answer) == (reference, answer)


def test_what_was_typed_into_the_search() -> None:
    body = {"user": {"id": "U1"}, "block_id": "customer", "value": "  Ac\0me \n Inc "}
    wanted = OptionsWanted.model_validate(body | {"type": "block_suggestion"})
    assert (wanted.user, wanted.typed) == ("U1", "Acme Inc")
