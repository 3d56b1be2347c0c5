"""Every refusal, word for word: what happened, why, what to do, and the reference."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.faults import Reason
from bot.slack.views import rejections

CUSTOMER = "where CUSTOMER is a Plain customer id (`c_…`), an e-mail address or `external:ID`"

REFUSALS: list[tuple[str, Reason, Mapping[str, str], str]] = [
    (
        "no customer",
        Reason.NO_CUSTOMER,
        {"requester": "U123", "name": "Ana <b>"},
        (
            "On hold: nobody has said yet which Plain customer "
            "Ana &lt;b&gt; is. Ask whoever runs the bridge to run `plain-bridge people link U123 "
            f"CUSTOMER`, {CUSTOMER}. The ticket is created by itself after that."
        ),
    ),
    (
        "no customer, no name",
        Reason.NO_CUSTOMER,
        {"requester": "U123"},
        (
            "On hold: nobody has said yet which Plain customer `U123` is. "
            "Ask whoever runs the bridge to run `plain-bridge people link U123 CUSTOMER`, "
            f"{CUSTOMER}. The ticket is created by itself after that."
        ),
    ),
    (
        "no customer, for an address that is not confirmed",
        Reason.NO_CUSTOMER,
        {"requester": "U123", "name": "Ana", "address": "unconfirmed"},
        (
            "On hold: Slack doesn't list Ana's e-mail address as confirmed, "
            "so the bridge can't tell which Plain customer they are. Ask whoever runs the bridge "
            f"to run `plain-bridge people link U123 CUSTOMER`, {CUSTOMER}. The ticket is created "
            "by itself after that."
        ),
    ),
    (
        "broken link of a person",
        Reason.BROKEN_LINK,
        {"requester": "U123", "customer": "external:9"},
        (
            "On hold: `U123` is linked to the customer `external:9`, "
            "which Plain does not know. Ask whoever runs the bridge to run `plain-bridge "
            f"people link U123 CUSTOMER`, {CUSTOMER}. The ticket is created by itself after "
            "that."
        ),
    ),
    (
        "broken link in the configuration",
        Reason.BROKEN_LINK,
        {"customer": "c_9"},
        (
            "No ticket was created, because the bridge's configuration names the customer "
            "`c_9`, which Plain does not know. Ask whoever runs the bridge to correct it, "
            "then ask for the ticket again."
        ),
    ),
    (
        "not allowed",
        Reason.NOT_ALLOWED,
        {"standing": "guest"},
        (
            "No ticket was created, because the bridge takes no requests from guests. Ask "
            "somebody who may create tickets here, or whoever runs the bridge to allow it."
        ),
    ),
    (
        "not allowed, for the account is gone",
        Reason.NOT_ALLOWED,
        {"standing": "deactivated"},
        (
            "No ticket was created, because the bridge takes no requests from deactivated "
            "accounts. Ask somebody who may create tickets here, or whoever runs the bridge to "
            "allow it."
        ),
    ),
    (
        "requester not allowed",
        Reason.REQUESTER_NOT_ALLOWED,
        {"standing": "guest"},
        (
            "No ticket was created, because guests can ask for a ticket only for themselves or "
            "for whoever wrote the message. Ask a member of this workspace to create it for "
            "somebody else."
        ),
    ),
    (
        "not in channel",
        Reason.NOT_IN_CHANNEL,
        {"channel": "C1"},
        (
            "No ticket was created, because the bridge is not in <#C1> and cannot read the "
            "message. Type /invite <@UBOT> there, then ask for the ticket again; the "
            "message's `…` menu works without inviting it."
        ),
    ),
    (
        "channel not found",
        Reason.CHANNEL_NOT_FOUND,
        {"channel": "C1"},
        (
            "No ticket was created, because the bridge cannot see <#C1>. If it is private, "
            "type /invite <@UBOT> there, then ask for the ticket again; the message's `…` "
            "menu works without inviting it."
        ),
    ),
    (
        "message not found",
        Reason.MESSAGE_NOT_FOUND,
        {},
        (
            "No ticket was created, because the message is gone: it was deleted before the "
            "bridge could read it. If it still matters, type `/plain-ticket` and what it "
            "said."
        ),
    ),
    (
        "missing scope",
        Reason.MISSING_SCOPE,
        {"needed": "channels:history"},
        (
            "No ticket was created, because the bridge's Slack app lacks the permission "
            "`channels:history`. Ask an administrator of the Slack app to add it under “OAuth "
            "&amp; Permissions” and to install the app again, then ask for the ticket again."
        ),
    ),
    (
        "slack refused",
        Reason.SLACK_REFUSED,
        {"code": "restricted_action", "method": "chat.postMessage"},
        (
            "No ticket was created, because Slack did not let the bridge do its part. Ask "
            "again in a few minutes; if it stays so, give whoever runs the bridge the "
            "reference."
        ),
    ),
    (
        "unknown label",
        Reason.UNKNOWN_LABEL,
        {"label": "Bugs"},
        (
            "No ticket was created, because a rule of the bridge names the label `Bugs` that "
            "Plain does not have. Ask whoever runs the bridge to correct the rule or to add "
            "the label in Plain, then ask for the ticket again."
        ),
    ),
    (
        "ambiguous label",
        Reason.AMBIGUOUS_LABEL,
        {"label": "Bug"},
        (
            "No ticket was created, because a rule of the bridge names the label `Bug` that "
            "Plain has more than once. Ask whoever runs the bridge to name it by its id "
            "(`lt_…`) in the rule, then ask for the ticket again."
        ),
    ),
    (
        "unknown assignee",
        Reason.UNKNOWN_ASSIGNEE,
        {"assignee": "kim@acme.com"},
        (
            "No ticket was created, because a rule of the bridge assigns to `kim@acme.com`, "
            "who is no user in Plain. Ask whoever runs the bridge to correct the rule, then "
            "ask for the ticket again."
        ),
    ),
    (
        "plain forbidden",
        Reason.PLAIN_FORBIDDEN,
        {"message": 'Insufficient permissions, missing "thread:create".', "request_id": "r1"},
        (
            "No ticket was created, because the bridge's key lacks a permission in Plain. "
            'Plain says: Insufficient permissions, missing "thread:create". Ask whoever runs '
            "the bridge to give the key that permission, then ask for the ticket again."
        ),
    ),
    (
        "plain key",
        Reason.PLAIN_KEY,
        {"request_id": "r1"},
        (
            "No ticket was created, because Plain does not accept the bridge's key. Ask "
            "whoever runs the bridge to put in a valid key, then ask for the ticket again."
        ),
    ),
    (
        "plain refused, with fields",
        Reason.PLAIN_REFUSED,
        {"code": "input_validation", "message": "Invalid", "fields": "title: is too <long>"},
        (
            "No ticket was created, because Plain did not accept it. Plain says: title: is "
            "too &lt;long&gt;. Change what it names and ask again, or give whoever runs the "
            "bridge the reference."
        ),
    ),
    (
        "plain refused, without fields",
        Reason.PLAIN_REFUSED,
        {"code": "x", "message": "Tenant does not exist."},
        (
            "No ticket was created, because Plain did not accept it. Plain says: Tenant does "
            "not exist. Change what it names and ask again, or give whoever runs the bridge "
            "the reference."
        ),
    ),
    (
        "spam",
        Reason.CUSTOMER_IS_SPAM,
        {"customer": "c_9"},
        (
            "No ticket was created, because the customer `c_9` is marked as spam in Plain. "
            "Ask somebody in Plain to unmark the customer, then ask for the ticket again."
        ),
    ),
    (
        "empty",
        Reason.EMPTY,
        {},
        (
            "No ticket was created, because the message has neither text nor files. Type "
            "`/plain-ticket` and what it is about."
        ),
    ),
    (
        "gave up",
        Reason.GAVE_UP,
        {"last": "plain_503"},
        (
            "No ticket was confirmed: the bridge tried for hours and it failed each time, "
            "while other tickets came through. Ask for it again, or give whoever runs the "
            "bridge the reference."
        ),
    ),
]


@pytest.mark.parametrize(
    ("reason", "data", "sentence"),
    [pytest.param(*row, id=name) for name, *row in REFUSALS],
)
def test_a_refusal_says_what_why_what_to_do_and_the_reference(
    reason: Reason, data: Mapping[str, str], sentence: str
) -> None:
    said = rejections.rejection(reason, data, "T1:C1:1.000001", "UBOT")
    assert said == f"{sentence}\nReference: `T1:C1:1.000001`"


def test_every_reason_has_its_sentence_in_the_table() -> None:
    assert {reason for _, reason, _, _ in REFUSALS} == set(Reason)


@pytest.mark.parametrize(
    ("standing", "those"),
    [
        ("member", "members of this workspace"),
        ("guest", "guests"),
        ("external", "people of other companies"),
        ("bot", "bots"),
        ("", "you"),
    ],
)
def test_who_was_not_allowed_is_named(standing: str, those: str) -> None:
    said = rejections.rejection(Reason.NOT_ALLOWED, {"standing": standing}, "r")
    assert f"takes no requests from {those}." in said


@pytest.mark.parametrize("reason", Reason)
def test_a_refusal_without_its_data_still_reads(reason: Reason) -> None:
    said = rejections.rejection(reason, {}, "r1")
    assert said.startswith(("No ticket was c", "On hold: "))
    assert "``" not in said
    assert said.endswith(".\nReference: `r1`")


@pytest.mark.parametrize("reason", Reason)
def test_no_refusal_shows_a_raw_code(reason: Reason) -> None:
    data = {"code": "raw_code", "method": "raw.method", "last": "raw_last", "request_id": "raw_id"}
    said = rejections.rejection(reason, data, "r1")
    assert "raw" not in said
    assert f"{reason.value}" not in said.split()


def test_the_bot_is_named_where_its_id_is_unknown() -> None:
    said = rejections.rejection(Reason.NOT_IN_CHANNEL, {"channel": "C1"}, "r1")
    assert "/invite @plain-bridge there" in said


@given(
    st.sampled_from(list(Reason)),
    st.dictionaries(
        st.sampled_from(
            ["requester", "name", "customer", "channel", "needed", "label", "message", "fields"]
        ),
        st.text(alphabet=st.sampled_from("<!@#>channel`|&U1 \n")),
    ),
)
def test_data_never_becomes_a_mention_or_a_link(reason: Reason, data: dict[str, str]) -> None:
    said = rejections.rejection(reason, data, "r1", "UBOT")
    rest = said.replace("<@UBOT>", "")
    if (channel := data.get("channel")) and channel.isalnum():
        rest = rest.replace(f"<#{channel}>", "")
    assert "<" not in rest
    assert ">" not in rest
