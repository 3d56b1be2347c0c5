"""The column `reason_data`: its keys are read by the previous release and the next one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.faults import FieldError, PlainError, Reason, Rejection, SlackError
from bot.store.rejections import from_data, to_data

REJECTIONS: dict[str, tuple[Rejection, dict[str, str]]] = {
    "nothing but the reason": (Rejection(Reason.EMPTY), {}),
    "nobody is linked": (
        Rejection(
            Reason.NO_CUSTOMER, requester="U1", requester_name="Ben", address_unconfirmed=True
        ),
        {"requester": "U1", "name": "Ben", "address": "unconfirmed"},
    ),
    "a broken link": (
        Rejection(Reason.BROKEN_LINK, requester="U1", customer="c_1"),
        {"requester": "U1", "customer": "c_1"},
    ),
    "a kind of user": (Rejection(Reason.NOT_ALLOWED, user_kind="guest"), {"standing": "guest"}),
    "a channel": (Rejection(Reason.NOT_IN_CHANNEL, channel="C1"), {"channel": "C1"}),
    "a label": (Rejection(Reason.UNKNOWN_LABEL, label="Bug"), {"label": "Bug"}),
    "an assignee": (Rejection(Reason.UNKNOWN_ASSIGNEE, assignee="u_1"), {"assignee": "u_1"}),
    "a scope": (
        Rejection(Reason.MISSING_SCOPE, slack_error=SlackError(scope="files:read")),
        {"needed": "files:read"},
    ),
    "Slack's error": (
        Rejection(Reason.SLACK_REFUSED, slack_error=SlackError("is_archived", "chat.postMessage")),
        {"code": "is_archived", "method": "chat.postMessage"},
    ),
    "Plain's error": (
        Rejection(
            Reason.PLAIN_REFUSED,
            plain_error=PlainError(
                "input_validation",
                "Invalid",
                (FieldError("title", "too long; 300 at most"), FieldError("tenant", "not found")),
                "req-1",
            ),
        ),
        {
            "code": "input_validation",
            "message": "Invalid",
            "fields": "title: too long; 300 at most; tenant: not found",
            "request_id": "req-1",
        },
    ),
    "the last cause": (Rejection(Reason.GAVE_UP, cause="plain_502"), {"last": "plain_502"}),
}
each = pytest.mark.parametrize(("rejection", "data"), REJECTIONS.values(), ids=list(REJECTIONS))


@each
def test_a_rejection_is_stored_by_its_keys(rejection: Rejection, data: dict[str, str]) -> None:
    assert to_data(rejection) == data
    assert from_data(rejection.reason, data) == rejection


@each
def test_keys_of_a_newer_release_are_survived(rejection: Rejection, data: dict[str, str]) -> None:
    assert from_data(rejection.reason, data | {"new": "x"}) == rejection


def test_a_field_without_a_message_is_stored_by_its_kind() -> None:
    error = PlainError(fields=(FieldError("tenantIdentifier", kind="NOT_FOUND"), FieldError()))
    rejection = Rejection(Reason.PLAIN_REFUSED, plain_error=error)
    assert to_data(rejection) == {"fields": "tenantIdentifier: not found; ?: ?"}


@pytest.mark.parametrize("reason", Reason)
@given(
    data=st.dictionaries(
        st.sampled_from(["code", "fields", "message", "needed", "standing"]), st.text()
    )
)
def test_whatever_is_stored_is_read_and_shown_as_it_was(
    reason: Reason, data: dict[str, str]
) -> None:
    found = from_data(reason, data)
    assert found.user_kind == data.get("standing")
    assert from_data(reason, to_data(found)).plain_says == found.plain_says
