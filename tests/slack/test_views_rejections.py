"""Every rejection, word for word: what happened, why, what to do, and the reference."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.faults import Reason, Rejection
from bot.slack.views import rejections
from bot.store.rejections import from_data

CUSTOMER = "where CUSTOMER is a Plain customer id (`c_…`), an e-mail address or `external:ID`"

REJECTIONS: list[tuple[str, Reason, Mapping[str, str], str]] = [
    (
        "no customer",
        Reason.NO_CUSTOMER,
        {"requester": "U123", "name": "Ana <b>"},
        (
            "On hold: we don't know which Plain customer Ana &lt;b&gt; is. Ask whoever runs "
            f"the bridge to run `plain-bridge people link U123 CUSTOMER`, {CUSTOMER}. Then "
            "the ticket will be created automatically."
        ),
    ),
    (
        "no customer, no name",
        Reason.NO_CUSTOMER,
        {"requester": "U123"},
        (
            "On hold: we don't know which Plain customer `U123` is. Ask whoever runs the "
            f"bridge to run `plain-bridge people link U123 CUSTOMER`, {CUSTOMER}. Then the "
            "ticket will be created automatically."
        ),
    ),
    (
        "no customer, for an address that is not confirmed",
        Reason.NO_CUSTOMER,
        {"requester": "U123", "name": "Ana", "address": "unconfirmed"},
        (
            "On hold: Slack doesn't list Ana's e-mail address as confirmed, so we can't "
            "tell which Plain customer they are. Ask whoever runs the bridge to run "
            f"`plain-bridge people link U123 CUSTOMER`, {CUSTOMER}. Then the ticket will be "
            "created automatically."
        ),
    ),
    (
        "broken link of a person",
        Reason.BROKEN_LINK,
        {"requester": "U123", "customer": "external:9"},
        (
            "On hold: `U123` is linked to `external:9`, which isn't a customer in Plain. "
            "Ask whoever runs the bridge to run `plain-bridge people link U123 CUSTOMER`, "
            f"{CUSTOMER}. Then the ticket will be created automatically."
        ),
    ),
    (
        "broken link in the configuration",
        Reason.BROKEN_LINK,
        {"customer": "c_9"},
        (
            "No ticket was created: the bridge's configuration names `c_9`, which isn't a "
            "customer in Plain. Ask whoever runs the bridge to correct it, then request the "
            "ticket again."
        ),
    ),
    (
        "not linked in time",
        Reason.NOT_LINKED,
        {"requester": "U123", "name": "Ana <b>", "days": "30"},
        (
            "No ticket was created: nobody said within 30 days which Plain customer Ana "
            "&lt;b&gt; is, so what you requested was erased. If you still need a ticket, "
            "request it again."
        ),
    ),
    (
        "not linked within a day, no name",
        Reason.NOT_LINKED,
        {"requester": "U123", "days": "1"},
        (
            "No ticket was created: nobody said within a day which Plain customer `U123` is, "
            "so what you requested was erased. If you still need a ticket, request it again."
        ),
    ),
    (
        "person erased",
        Reason.PERSON_ERASED,
        {},
        (
            "No ticket was confirmed: your request was about a person who was erased from the "
            "bridge, so it was stopped and its text erased. If you still need a ticket, "
            "request it again."
        ),
    ),
    (
        "not allowed",
        Reason.NOT_ALLOWED,
        {"standing": "guest"},
        (
            "No ticket was created: guests can't create tickets here. Ask someone who can "
            "to create it, or whoever runs the bridge to allow it."
        ),
    ),
    (
        "not allowed, for the account is gone",
        Reason.NOT_ALLOWED,
        {"standing": "deactivated"},
        (
            "No ticket was created: deactivated accounts can't create tickets here. Ask "
            "someone who can to create it, or whoever runs the bridge to allow it."
        ),
    ),
    (
        "requester not allowed",
        Reason.REQUESTER_NOT_ALLOWED,
        {"standing": "guest"},
        (
            "No ticket was created: guests can only create tickets for themselves or for "
            "the message's author. Ask a member of this workspace to create it for someone "
            "else."
        ),
    ),
    (
        "not in channel",
        Reason.NOT_IN_CHANNEL,
        {"channel": "C1"},
        (
            "No ticket was created: the bridge isn't in <#C1>, so it can't read the "
            "message. Type /invite <@UBOT> there and request the ticket again, or use the "
            "message's `…` menu, which works without an invite."
        ),
    ),
    (
        "channel not found",
        Reason.CHANNEL_NOT_FOUND,
        {"channel": "C1"},
        (
            "No ticket was created: the bridge can't see <#C1>. If it's private, type "
            "/invite <@UBOT> there and request the ticket again, or use the message's `…` "
            "menu, which works without an invite."
        ),
    ),
    (
        "message not found",
        Reason.MESSAGE_NOT_FOUND,
        {},
        (
            "No ticket was created: the message was deleted before the bridge could read "
            "it. If it still matters, type `/plain-ticket` and what it said."
        ),
    ),
    (
        "missing scope",
        Reason.MISSING_SCOPE,
        {"needed": "channels:history"},
        (
            "No ticket was created: the bridge's Slack app lacks the permission "
            "`channels:history`. Ask an administrator of the Slack app to add it under "
            "“OAuth &amp; Permissions” and reinstall the app, then request the ticket again."
        ),
    ),
    (
        "slack refused",
        Reason.SLACK_REFUSED,
        {"code": "restricted_action", "method": "chat.postMessage"},
        (
            "No ticket was created: Slack rejected the bridge's request. Try again in a few "
            "minutes; if it keeps failing, give whoever runs the bridge the reference."
        ),
    ),
    (
        "unknown label",
        Reason.UNKNOWN_LABEL,
        {"label": "Bugs"},
        (
            "No ticket was created: a rule names `Bugs`, which isn't a label in Plain. Ask "
            "whoever runs the bridge to correct the rule or add the label in Plain, then "
            "request the ticket again."
        ),
    ),
    (
        "ambiguous label",
        Reason.AMBIGUOUS_LABEL,
        {"label": "Bug"},
        (
            "No ticket was created: a rule names `Bug`, which is the name of several labels "
            "in Plain. Ask whoever runs the bridge to use the label's ID (`lt_…`) in the "
            "rule, then request the ticket again."
        ),
    ),
    (
        "unknown assignee",
        Reason.UNKNOWN_ASSIGNEE,
        {"assignee": "kim@acme.com"},
        (
            "No ticket was created: a rule assigns tickets to `kim@acme.com`, who isn't a "
            "user in Plain. Ask whoever runs the bridge to correct the rule, then request "
            "the ticket again."
        ),
    ),
    (
        "plain forbidden",
        Reason.PLAIN_FORBIDDEN,
        {"message": 'Insufficient permissions, missing "thread:create".', "request_id": "r1"},
        (
            "No ticket was created: the bridge's API key lacks a permission in Plain. Plain "
            'says: Insufficient permissions, missing "thread:create". Ask whoever runs the '
            "bridge to add it to the key, then request the ticket again."
        ),
    ),
    (
        "plain key",
        Reason.PLAIN_KEY,
        {"request_id": "r1"},
        (
            "No ticket was created: Plain doesn't accept the bridge's API key. Ask whoever "
            "runs the bridge to set a valid key, then request the ticket again."
        ),
    ),
    (
        "plain refused, with fields",
        Reason.PLAIN_REFUSED,
        {"code": "input_validation", "message": "Invalid", "fields": "title: is too <long>"},
        (
            "No ticket was created: Plain rejected it. Plain says: title: is too "
            "&lt;long&gt;. Correct that and request the ticket again, or give whoever runs "
            "the bridge the reference."
        ),
    ),
    (
        "plain refused, without fields",
        Reason.PLAIN_REFUSED,
        {"code": "x", "message": "Tenant does not exist."},
        (
            "No ticket was created: Plain rejected it. Plain says: Tenant does not exist. "
            "Correct that and request the ticket again, or give whoever runs the bridge the "
            "reference."
        ),
    ),
    (
        "spam",
        Reason.CUSTOMER_IS_SPAM,
        {"customer": "c_9"},
        (
            "No ticket was created: the customer `c_9` is marked as spam in Plain. Ask "
            "someone who uses Plain to unmark them, then request the ticket again."
        ),
    ),
    (
        "empty",
        Reason.EMPTY,
        {},
        (
            "No ticket was created: the message has no text or files. Type `/plain-ticket` "
            "and what it's about."
        ),
    ),
    (
        "gave up",
        Reason.GAVE_UP,
        {"last": "plain_503"},
        (
            "No ticket was confirmed: the bridge tried for hours and failed each time, "
            "while other tickets went through. Request it again, or give whoever runs the "
            "bridge the reference."
        ),
    ),
]


@pytest.mark.parametrize(
    ("reason", "data", "sentence"),
    [pytest.param(*row, id=name) for name, *row in REJECTIONS],
)
def test_a_rejection_says_what_why_what_to_do_and_the_reference(
    reason: Reason, data: Mapping[str, str], sentence: str
) -> None:
    said = rejections.rejection(from_data(reason, data), "T1:C1:1.000001", "UBOT")
    assert said == f"{sentence}\nReference: `T1:C1:1.000001`"


def test_every_reason_has_its_sentence_in_the_table() -> None:
    assert {reason for _, reason, _, _ in REJECTIONS} == set(Reason)


@pytest.mark.parametrize(
    ("standing", "those"),
    [
        ("member", "members of this workspace"),
        ("guest", "guests"),
        ("external", "people from other companies"),
        ("bot", "bots"),
        ("", "you"),
    ],
)
def test_who_was_not_allowed_is_named(standing: str, those: str) -> None:
    said = rejections.rejection(Rejection(Reason.NOT_ALLOWED, user_kind=standing), "r")
    assert f"No ticket was created: {those} can't create tickets here." in said


@pytest.mark.parametrize("reason", Reason)
def test_a_rejection_without_its_data_still_reads(reason: Reason) -> None:
    said = rejections.rejection(Rejection(reason), "r1")
    assert said.startswith(("No ticket was c", "On hold: "))
    assert "``" not in said
    assert said.endswith(".\nReference: `r1`")


@pytest.mark.parametrize("reason", Reason)
def test_no_rejection_shows_a_raw_code(reason: Reason) -> None:
    data = {"code": "raw_code", "method": "raw.method", "last": "raw_last", "request_id": "raw_id"}
    said = rejections.rejection(from_data(reason, data), "r1")
    assert "raw" not in said
    assert f"{reason.value}" not in said.split()


def test_the_bot_is_named_where_its_id_is_unknown() -> None:
    said = rejections.rejection(Rejection(Reason.NOT_IN_CHANNEL, channel="C1"), "r1")
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
    said = rejections.rejection(from_data(reason, data), "r1", "UBOT")
    rest = said.replace("<@UBOT>", "")
    if (channel := data.get("channel")) and channel.isalnum():
        rest = rest.replace(f"<#{channel}>", "")
    assert "<" not in rest
    assert ">" not in rest
