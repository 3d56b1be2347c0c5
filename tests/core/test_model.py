"""What a person chose in a form, beside what the form came with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.core.model import FormField, Priority, chosen, default_requester
from tests.nouns import form, message, trigger


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
