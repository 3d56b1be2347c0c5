"""What a person chose in a form, beside what the form came with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.core.model import (
    FormDraft,
    FormField,
    Placement,
    Priority,
    Ticket,
    chosen,
    default_requester,
)
from tests.nouns import TICKET, form, message, trigger


@pytest.mark.parametrize(
    ("more", "fields"),
    [
        ({}, ()),
        ({"title": "Another", "description": "Since nine", "whole_thread": True}, ()),
        ({"requester": "U0ASKER"}, (FormField.REQUESTER,)),
        ({"priority": Priority.LOW}, (FormField.PRIORITY,)),
        ({"labels": ("lt_1",), "tenant": "acme"}, (FormField.LABELS, FormField.TENANT)),
    ],
)
def test_what_was_chosen(more: dict[str, Any], fields: tuple[FormField, ...]) -> None:
    assert chosen(trigger(message=message(), form=form(**more))) == fields


def test_without_a_form_nothing_was() -> None:
    assert chosen(trigger(message=message())) == ()


def test_whose_it_is_where_nobody_says_it() -> None:
    assert default_requester(message(), "U0ASKER") == "U0AUTHOR"
    assert default_requester(replace(message(), bot="Monitor"), "U0ASKER") == "U0ASKER"
    assert default_requester(None, "U0ASKER") == "U0ASKER"


@pytest.mark.parametrize(
    ("adds_to", "prefill", "placement"),
    [
        pytest.param(None, {}, Placement.ANY, id="no ticket"),
        pytest.param(None, {"requester": "U7"}, Placement.ANY, id="somebody else, no ticket"),
        pytest.param(TICKET, {}, Placement.ADD, id="a ticket"),
        pytest.param(TICKET, {"placement": Placement.ADD}, Placement.ADD, id="added before"),
        pytest.param(
            TICKET, {"priority": Priority.URGENT}, Placement.ADD, id="urgent before the ticket"
        ),
        pytest.param(TICKET, {"requester": "U7"}, Placement.SEPARATE, id="for somebody else"),
        pytest.param(
            TICKET, {"placement": Placement.SEPARATE}, Placement.SEPARATE, id="separate before"
        ),
        pytest.param(
            None,
            {"placement": Placement.SEPARATE},
            Placement.SEPARATE,
            id="separate before, the ticket is gone",
        ),
    ],
)
def test_what_a_form_says_of_its_ticket_when_it_opens(
    adds_to: Ticket | None, prefill: dict[str, Any], placement: Placement
) -> None:
    draft = FormDraft("d1", trigger(message=message()), form(**prefill), adds_to=adds_to)
    assert draft.first_placement is placement
