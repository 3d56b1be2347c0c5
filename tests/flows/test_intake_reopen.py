"""What a click on "open the form again" leads to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.core.model import Escalation, ReplyTo, Via
from bot.core.record import Record, State
from bot.flows.intake import (
    AlreadyExists,
    InProgress,
    NotYourRequest,
    ReopenedForm,
    UnknownRequest,
    reopen,
)
from bot.store.records import EarlierRequest
from tests.nouns import CHANNEL, TICKET, form, message, trigger, ts

ASKED = trigger(
    via=Via.SHORTCUT, emoji=None, message=message(thread_ts=ts(0)), form=form(description="Typed")
)
RECORD = Record(
    id=1,
    key="T0001:C0001:1",
    state=State.REJECTED,
    via=Via.SHORTCUT,
    team="T0001",
    submitter="U0ASKER",
    created_at=1_700_000_000.0,
    requester="U0AUTHOR",
)
EARLIER = EarlierRequest(RECORD, Escalation("T0001:C0001:1", ASKED))


def earlier(**more: Any) -> EarlierRequest:
    """The request, with another record."""
    return replace(EARLIER, record=replace(RECORD, **more))


CLICK = ReplyTo("U0ASKER", 1_700_000_900.0, "D0BOT", response_url="https://hooks.test/click")


def test_it_is_opened_as_it_was_and_answered_where_it_was_asked() -> None:
    found = reopen(EARLIER, CLICK)
    assert isinstance(found, ReopenedForm)
    assert (found.key, found.prefill) == ("T0001:C0001:1", ASKED.form)
    assert found.trigger == replace(
        ASKED, form=None, reply_to=replace(CLICK, channel=CHANNEL, thread_ts=ts(0))
    )


def test_what_was_asked_of_the_root_of_a_thread_is_answered_in_the_channel() -> None:
    root = message()
    assert root.ref is not None
    asked = replace(ASKED, message=replace(root, thread_ts=root.ref.ts))
    found = reopen(replace(EARLIER, escalation=Escalation("T0001:C0001:1", asked)), CLICK)
    assert isinstance(found, ReopenedForm)
    assert found.trigger.reply_to == replace(CLICK, channel=CHANNEL)


def test_what_was_asked_nowhere_is_answered_where_the_click_was() -> None:
    nowhere = replace(ASKED, channel=None, ref=None, message=None)
    found = reopen(replace(EARLIER, escalation=Escalation("T0001:view:V1", nowhere)), CLICK)
    assert isinstance(found, ReopenedForm)
    assert found.trigger.reply_to == CLICK


@pytest.mark.parametrize("requester", ["U0AUTHOR", None])
def test_once_erased_only_the_requester_is_left(requester: str | None) -> None:
    bare = Escalation("T0001:C0001:1", replace(ASKED, message=None, form=None))
    found = reopen(EarlierRequest(replace(RECORD, requester=requester), bare), CLICK)
    assert isinstance(found, ReopenedForm)
    assert found.prefill == (form(title="") if requester else None)


@pytest.mark.parametrize(
    ("found", "leads_to"),
    [
        pytest.param(None, UnknownRequest(), id="gone"),
        pytest.param(earlier(state=State.WAITING), InProgress(), id="it waits again"),
        *(
            pytest.param(earlier(state=state, ticket=TICKET), AlreadyExists(TICKET), id=state.value)
            for state in (State.CREATED, State.ADDED, State.JOINED)
        ),
    ],
)
def test_where_there_is_no_form_to_open(found: EarlierRequest | None, leads_to: object) -> None:
    assert reopen(found, CLICK) == leads_to


@pytest.mark.parametrize("found", [EARLIER, earlier(state=State.CREATED, ticket=TICKET)])
def test_others_are_told_nothing(found: EarlierRequest) -> None:
    assert reopen(found, replace(CLICK, user="U0OTHER")) == NotYourRequest()
