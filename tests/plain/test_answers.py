"""Whatever data an answer holds, it is read as a value or told to be unreadable."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.plain.answers import Page
from bot.plain.operations import CREATE_THREAD, LABEL_TYPES, THREAD_BY_EXTERNAL_ID, THREAD_EVENTS
from tests.plain.recordings import recorded
from tests.plain.test_operations import OPERATIONS

CREATED: dict[str, Any] = json.loads(recorded("created-200.json").body)["data"]
NAMES = st.sampled_from(
    [
        *OPERATIONS,
        *("thread", "myWorkspace", "myMachineUser", "myPermissions", "permissions"),
        *("threadEvent", "error", "id", "name", "timelineEntries", "edges", "node", "pageInfo"),
    ]
)
SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=15,
)


@pytest.mark.parametrize("name", OPERATIONS)
@given(data=st.dictionaries(NAMES, SHAPES, max_size=5))
def test_any_data_is_a_value_or_a_value_error(name: str, data: dict[str, Any]) -> None:
    with suppress(ValueError):
        OPERATIONS[name][0].read(data)


def test_an_absent_answer_does_not_mean_that_there_is_no_thread() -> None:
    assert THREAD_BY_EXTERNAL_ID.read({"threadByExternalId": None}) is None
    with pytest.raises(ValueError, match="threadByExternalId"):
        THREAD_BY_EXTERNAL_ID.read({})


def test_an_unreadable_answer_does_not_tell_its_texts() -> None:
    thread = {**CREATED["createThread"]["thread"], "ref": "It burns"}
    with pytest.raises(ValueError, match="ref") as caught:
        CREATE_THREAD.read({"createThread": {"thread": thread}})
    assert "It burns" not in str(caught.value)


def test_the_last_page_has_no_cursor() -> None:
    page = {"edges": [], "pageInfo": {"hasNextPage": False, "endCursor": "end"}}
    assert LABEL_TYPES.read({"labelTypes": page}) == Page(())
    page = {"edges": [], "pageInfo": {"hasPreviousPage": False, "startCursor": "start"}}
    assert THREAD_EVENTS.read({"thread": {"timelineEntries": page}}) == Page(())
