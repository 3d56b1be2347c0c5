"""Whatever Slack's schema allows: every word and every address that people see is in the ticket."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.slack.schema import ALONE, messages, numbered
from tests.slack.test_shown import draft, text_of


def with_ids(value: Any, numbers: Any = None) -> Any:
    """Return the JSON in which every file has an id of its own."""
    numbers = numbers or count()
    if isinstance(value, list):
        return [with_ids(one, numbers) for one in value]
    if not isinstance(value, dict):
        return value
    renamed = {"id": f"F0{next(numbers)}"} if value.get("id") == "F0FILE" else {}
    return {key: with_ids(one, numbers) for key, one in value.items()} | renamed


def check(message: dict[str, Any]) -> None:
    """Assert that the ticket says all that people see of the message, and nothing else of it."""
    sent, shown, hidden = numbered(with_ids(message))
    text = text_of(draft(sent))
    assert [one for one in shown if one not in text] == []
    assert [one for one in hidden if one in text] == []


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(messages)
def test_every_visible_word_and_address_is_quoted(message: dict[str, Any]) -> None:
    check(message)


@pytest.mark.parametrize("kind", ALONE, ids=map(str, range(len(ALONE))))
def test_every_kind_is_quoted_in_full(kind: st.SearchStrategy[dict[str, Any]]) -> None:
    """Among all kinds a field of one of them would be looked at too seldom."""

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(kind)
    def quoted(message: dict[str, Any]) -> None:
        check(message)

    quoted()
