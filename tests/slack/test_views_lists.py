"""Tickets, rules and tokens in words, word for word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.core.faults import WITHHELD, Reason, Rejection
from bot.core.model import Priority, Rule, Via
from bot.core.record import Record, State
from bot.slack.views import formatting, rules, tickets
from tests.slack.triggers import TICKET

LINK = "T-123 · <https://app.plain.com/workspace/w_1/thread/th_1/|Open in Plain>"


def record(**more: Any) -> Record:
    values: dict[str, Any] = {
        "id": 7,
        "key": "T1:C1:1.000100",
        "state": State.CREATED,
        "via": Via.REACTION,
        "team": "T0001",
        "submitter": "U1",
        "created_at": 1.7e9,
        "ticket": TICKET,
    }
    return Record(**(values | more))


GWEN = Rejection(Reason.NO_CUSTOMER, requester="U1", requester_name="Gwen <Hall>")


def rejected(rejection: Rejection, state: State = State.REJECTED) -> Record:
    return record(state=state, reason=rejection.reason.value, rejection=rejection)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (record(), f"Created: {LINK}"),
        (record(state=State.ADDED), f"Added to {LINK}"),
        (record(state=State.WAITING), "In progress"),
        (record(state=State.UNDONE), "Undone: T-123"),
        (record(state=State.UNDONE, ticket=None), "Undone"),
        (record(state=State.JOINED), f"{LINK} · already had a ticket"),
        (record(state=State.GONE), "Deleted in Plain: T-123"),
        (record(state=State.IGNORED), "Ignored"),
        (
            rejected(GWEN, State.ON_HOLD),
            "On hold: we don't know which Plain customer Gwen &lt;Hall&gt; is",
        ),
        (
            rejected(replace(GWEN, address_unconfirmed=True), State.ON_HOLD),
            (
                "On hold: Slack doesn't list Gwen &lt;Hall&gt;'s e-mail address as confirmed, so "
                "we can't tell which Plain customer they are"
            ),
        ),
        (
            rejected(Rejection(Reason.NO_CUSTOMER, requester=WITHHELD), State.ON_HOLD),
            "On hold: we don't know which Plain customer this person is",
        ),
        (
            record(state=State.REJECTED, reason=Reason.UNKNOWN_LABEL.value),
            "No ticket: a rule names a label that doesn't exist in Plain",
        ),
        (
            rejected(Rejection(Reason.BROKEN_LINK, requester="U1", customer="c_9"), State.ON_HOLD),
            "On hold: U1 is linked to c_9, which isn't a customer in Plain",
        ),
        (
            record(state=State.REJECTED, reason=Reason.BROKEN_LINK.value),
            "No ticket: the customer doesn't exist in Plain",
        ),
        (
            rejected(Rejection(Reason.NOT_ALLOWED, user_kind="guest")),
            "No ticket: guests can't create tickets here",
        ),
        (
            record(state=State.PARKED, reason=Reason.GAVE_UP.value),
            "No ticket: it kept failing for hours; request it again",
        ),
    ],
    ids=lambda value: value.state.value if isinstance(value, Record) else "",
)
def test_the_state_of_a_ticket(row: Record, sentence: str) -> None:
    assert tickets.state(row) == sentence


def test_a_line_of_the_list() -> None:
    assert tickets.line(record(), "https://acme.slack.com/archives/C1/p1|x") == (
        f"Created: {LINK} · <!date^1700000000^{{ago}}|2023-11-14 22:13 UTC> · "
        "<https://acme.slack.com/archives/C1/p1%7Cx|message> · `PB-7`"
    )
    assert "message" not in tickets.line(record(), None)


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (Rule(("ticket",)), ":ticket: in every channel"),
        (
            Rule(("bug", "beetle"), ("#support", "C024BE91L")),
            ":bug: or :beetle: in #support, <#C024BE91L>",
        ),
        (
            Rule(("a", "b", "c"), labels=("Bug",), priority=Priority.URGENT, tenant="acme"),
            ":a:, :b: or :c: in every channel: priority urgent, label “Bug”, tenant acme",
        ),
        (
            Rule(
                ("x",),
                labels=("lt_1", "<b>"),
                assignee="eve@example.com",
                customer="bob@example.com",
            ),
            (
                ":x: in every channel: labels `lt_1`, “&lt;b&gt;”, assigned to an agent, "
                "always for the same customer"
            ),
        ),
    ],
    ids=["bare", "channels", "wishes", "people"],
)
def test_a_rule(rule: Rule, sentence: str) -> None:
    assert rules.rule(rule) == sentence


def test_no_rules() -> None:
    assert rules.all_of([]) == rules.NO_RULES


def test_rules_that_are_too_many_are_counted() -> None:
    many = [Rule(("ticket",), (f"#{'x' * 70}{n}",)) for n in range(1000)]
    told = rules.all_of(many)
    assert len(told) < 21_000
    shown = told.count(":ticket:")
    assert f"…and {1000 - shown} more. Whoever runs the bridge can list them." in told


@pytest.mark.parametrize(
    ("mrkdwn", "text"),
    [
        ("*Bold* and `code` &amp; &lt;b&gt;", "Bold and code & <b>"),
        ("<@U1> in <#C1>", "U1 in C1"),
        ("<https://a.example/|Open>", "Open (https://a.example/)"),
        ("<https://a.example/>", "https://a.example/"),
        (formatting.moment(1.7e9), "2023-11-14 22:13 UTC"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        (":ticket: <!here>", ":ticket: here"),
    ],
)
def test_in_a_terminal(mrkdwn: str, text: str) -> None:
    assert formatting.flat(mrkdwn) == text


def test_a_moment_in_the_readers_time_zone() -> None:
    assert formatting.moment(1.7e9) == (
        "<!date^1700000000^{date_short}, {time}|2023-11-14 22:13 UTC>"
    )


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (formatting.person("U1"), "<@U1>"),
        (formatting.person("U1> <!channel"), "`U1&gt; &lt;!channel`"),
        (formatting.channel("#a<b"), "#a&lt;b"),
        (formatting.emoji("ticket"), ":ticket:"),
        (formatting.emoji("thumbsup::skin-tone-2"), ":thumbsup::skin-tone-2:"),
        (formatting.emoji("a b<!here>"), "`:a b&lt;!here&gt;:`"),
    ],
)
def test_what_others_name_stays_a_name(said: str, shown: str) -> None:
    assert said == shown
