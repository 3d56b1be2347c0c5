"""What each rule and reaction of a message comes to, the first reason, and who may see what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.core.directory import Channel, UserKind
from bot.core.faults import WITHHELD, Reason, Rejection
from bot.core.model import Rule, Via
from bot.core.reconcile import DAY
from bot.core.record import Evidence, Record, State
from bot.core.refs import MessageRef
from bot.core.why import (
    ExplainedRecord,
    Explanation,
    Outlook,
    ReactionLook,
    RuleDecision,
    RuleLook,
    Submitter,
    Unread,
    Why,
    emoji_here,
    evidence,
    for_viewer,
    outlook,
    rules,
    taker,
)
from tests.nouns import TICKET

SUPPORT = Channel("C1", "support")
NAMELESS = Channel("C1")
TICKETS = Rule(("ticket",))
BUGS = Rule(("bug", "beetle"), ("#support",))
BY_ID = Rule(("bug",), ("C1",))
ELSEWHERE = Rule(("ticket",), ("#sales", "C9"))


@pytest.mark.parametrize(
    ("configured", "channel", "emoji", "decisions"),
    [
        pytest.param([TICKETS], SUPPORT, ["ticket"], [RuleDecision.TAKES], id="takes"),
        pytest.param(
            [TICKETS], SUPPORT, ["ticket::skin-tone-2"], [RuleDecision.TAKES], id="a skin tone"
        ),
        pytest.param([TICKETS], SUPPORT, ["eyes"], [RuleDecision.NO_EMOJI], id="another emoji"),
        pytest.param([TICKETS], SUPPORT, None, [RuleDecision.WOULD_TAKE], id="not read"),
        pytest.param(
            [ELSEWHERE, TICKETS],
            SUPPORT,
            ["ticket"],
            [RuleDecision.OTHER_CHANNEL, RuleDecision.TAKES],
            id="another channel",
        ),
        pytest.param(
            [BUGS, BY_ID],
            SUPPORT,
            ["bug"],
            [RuleDecision.TAKES, RuleDecision.TAKEN],
            id="taken before",
        ),
        pytest.param(
            [BUGS, BY_ID],
            NAMELESS,
            ["bug"],
            [RuleDecision.CHANNEL_UNKNOWN, RuleDecision.TAKES],
            id="a channel without a name",
        ),
        pytest.param(
            [BUGS, TICKETS],
            SUPPORT,
            ["bug", "ticket"],
            [RuleDecision.TAKES, RuleDecision.TAKES],
            id="one each",
        ),
        pytest.param([], SUPPORT, ["ticket"], [], id="no rules"),
    ],
)
def test_how_the_rules_decide(
    configured: list[Rule], channel: Channel, emoji: list[str] | None, decisions: list[RuleDecision]
) -> None:
    assert [look.decision for look in rules(configured, channel, emoji)] == decisions


def test_a_rule_that_is_taken_from_names_who_takes_it() -> None:
    looks = rules([BUGS, Rule(("bug", "ticket")), TICKETS], SUPPORT, ["bug", "ticket"])
    assert looks[1].emoji == ("ticket",)
    assert (looks[2].decision, looks[2].emoji, looks[2].by) == (
        RuleDecision.TAKEN,
        ("ticket",),
        (2,),
    )
    assert [look.place for look in looks] == ["#support", None, None]
    assert rules([BY_ID], SUPPORT, [])[0].place == "C1"


@pytest.mark.parametrize(
    ("emoji", "number"), [("bug", 1), ("ticket::skin-tone-3", 2), ("eyes", None)]
)
def test_which_rule_takes_an_emoji(emoji: str, number: int | None) -> None:
    assert taker([BUGS, TICKETS], SUPPORT, emoji) == number


def test_equal_rules_are_told_apart() -> None:
    assert taker([ELSEWHERE, TICKETS, TICKETS], SUPPORT, "ticket") == 2


def test_which_emoji_count_here() -> None:
    looks = rules([ELSEWHERE, BUGS, TICKETS, BY_ID], SUPPORT, [])
    assert emoji_here(looks) == ("bug", "beetle", "ticket")


NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({}, Outlook.COMING, id="will be found"),
        pytest.param({"direct": True}, Outlook.NOT_LOOKED_AT, id="a direct message"),
        pytest.param({"since": None}, Outlook.NOT_LOADED, id="a rule of no bridge"),
        pytest.param({"since": NOW - 59}, Outlook.BEFORE_RULE, id="before the rule"),
        pytest.param({"here": NOW - 59}, Outlook.BEFORE_CHANNEL, id="before the bot"),
        pytest.param({"here": None}, Outlook.BEFORE_CHANNEL, id="a channel of no pass yet"),
        pytest.param({"posted_at": NOW - 6.9 * DAY}, Outlook.COMING, id="a week"),
        pytest.param({"posted_at": NOW - 7.1 * DAY}, Outlook.TOO_OLD, id="more than a week"),
        pytest.param({"root_at": NOW - 6 * DAY}, Outlook.COMING, id="a reply"),
        pytest.param(
            {"root_at": NOW - 6 * DAY, "posted_at": NOW - 1.1 * DAY},
            Outlook.TOO_OLD,
            id="an old reply",
        ),
        pytest.param({"root_at": NOW - 8 * DAY}, Outlook.TOO_OLD, id="in an old thread"),
    ],
)
def test_what_reconciliation_will_do(values: dict[str, Any], expected: Outlook) -> None:
    given: dict[str, Any] = {
        "posted_at": NOW - 60,
        "root_at": None,
        "direct": False,
        "since": NOW - 30 * DAY,
        "here": NOW - 30 * DAY,
        "now": NOW,
    }
    assert outlook(**(given | values)) is expected


# What named the customer


def record(**more: Any) -> Record:
    values: dict[str, Any] = {
        "id": 7,
        "key": "T1:C1:1700000001.000100",
        "state": State.CREATED,
        "via": Via.REACTION,
        "team": "T0001",
        "submitter": "U0ADA",
        "created_at": NOW,
        "ref": MessageRef("C1", "1700000001.000100"),
        "customer": "c_1",
        "requester": "U0BEN",
        "ticket": TICKET,
    }
    return Record(**(values | more))


@pytest.mark.parametrize(
    ("row", "applied", "source", "fallback", "expected"),
    [
        (record(evidence=Evidence.LINK), None, "email", None, (Evidence.LINK, False)),
        (record(customer=None), None, "email", None, (None, False)),
        (record(), replace(TICKETS, customer="c_1"), "link", None, (Evidence.RULE, False)),
        (record(), TICKETS, "import", None, (Evidence.IMPORT, True)),
        (record(), None, "synthetic", "c_9", (Evidence.SYNTHETIC, True)),
        (record(), None, None, "c_9", (Evidence.FALLBACK, True)),
        (record(), None, None, None, (None, False)),
        (record(), None, "something new", None, (None, False)),
    ],
    ids=["noted", "none yet", "rule", "import", "synthetic", "fallback", "unknown", "newer"],
)
def test_what_named_the_customer(
    row: Record,
    applied: Rule | None,
    source: str | None,
    fallback: str | None,
    expected: tuple[Evidence | None, bool],
) -> None:
    assert evidence(row, applied, source, fallback) == expected


# The first reason

ADA = Submitter("U0ADA", UserKind.MEMBER, may=True)
GIL = Submitter("U0GIL", UserKind.GUEST, may=False)
ROBOT = Submitter("U0ROBOT", UserKind.BOT, may=False)
MISSED = ReactionLook("ticket", 1, 1, (ADA,), Outlook.COMING, NOW)


def explained(**more: Any) -> Explanation:
    values: dict[str, Any] = {
        "ref": MessageRef("C1", "1700000001.000100"),
        "channel": SUPPORT,
        "posted_at": NOW,
        "rules": (RuleLook(1, TICKETS, RuleDecision.NO_EMOJI),),
        "reactions": (),
        "known": (),
    }
    return Explanation(**(values | more))


def known(**more: Any) -> ExplainedRecord:
    return ExplainedRecord(record(**more))


AWAY = (
    RuleLook(1, BUGS, RuleDecision.OTHER_CHANNEL),
    RuleLook(2, BUGS, RuleDecision.CHANNEL_UNKNOWN),
)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (explained(known=None), Why.LEDGER_AWAY),
        (explained(known=(known(),)), Why.HAS_TICKET),
        (explained(known=(known(state=State.ADDED),)), Why.HAS_TICKET),
        (explained(known=(known(state=State.WAITING),)), Why.WAITING),
        (explained(known=(known(state=State.JOINED),)), Why.HAS_TICKET),
        (explained(known=(known(state=State.ON_HOLD),)), Why.ON_HOLD),
        (explained(known=(known(state=State.REJECTED),)), Why.REJECTED),
        (explained(known=(known(state=State.PARKED),)), Why.REJECTED),
        (explained(known=(known(state=State.IGNORED),)), Why.IGNORED),
        (explained(known=(known(state=State.UNDONE),)), Why.UNDONE),
        (explained(known=(known(state=State.GONE),)), Why.GONE),
        (explained(rules=()), Why.NO_RULES),
        (explained(reactions=None, unread=Unread.GONE, rules=AWAY), Why.UNREAD),
        (explained(reactions=None, unread=Unread.NOT_IN_CHANNEL), Why.UNREAD),
        (explained(rules=AWAY), Why.NO_RULE_HERE),
        (explained(), Why.NO_REACTION),
        (explained(reactions=(ReactionLook("eyes", 1),)), Why.NOT_WANTED),
        (explained(reactions=(replace(MISSED, submitters=(ROBOT,)),)), Why.ONLY_BOTS),
        (explained(reactions=(replace(MISSED, submitters=()),)), Why.ONLY_BOTS),
        (explained(reactions=(replace(MISSED, submitters=(ROBOT, GIL)),)), Why.NOT_ALLOWED),
        (explained(reactions=(replace(MISSED, submitters=(GIL, ADA)),)), Why.NO_EVENT),
    ],
    ids=lambda value: value.value if isinstance(value, Why) else "",
)
def test_the_first_reason(found: Explanation, why: Why) -> None:
    assert found.why is why


@pytest.mark.parametrize(
    ("states", "main"),
    [
        ([State.UNDONE, State.CREATED], 2),
        ([State.CREATED, State.REJECTED, State.IGNORED], 1),
        ([State.REJECTED, State.CREATED, State.JOINED], 2),
        ([State.ADDED, State.WAITING], 1),
        ([State.WAITING, State.ON_HOLD, State.REJECTED], 1),
        ([State.ON_HOLD, State.REJECTED, State.IGNORED], 1),
        ([State.REJECTED, State.UNDONE], 2),
        ([State.GONE, State.REJECTED], 2),
        ([State.REJECTED, State.IGNORED], 1),
        ([State.IGNORED, State.IGNORED], 2),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_of_several_requests_the_one_that_says_most_is_told_first(
    states: list[State], main: int
) -> None:
    several = tuple(known(id=number, state=state) for number, state in enumerate(states, 1))
    assert explained(known=several).main.id == main


def test_the_reaction_that_was_missed_is_one_of_somebody_who_may_ask() -> None:
    other = replace(MISSED, emoji="bug", submitters=(GIL,))
    assert explained(reactions=(other, MISSED)).missed == MISSED
    assert explained(reactions=(other,)).missed is None


# Who may see what

PRIVATE = ExplainedRecord(
    record(
        state=State.ON_HOLD,
        reason_data={"requester": "U0BEN", "name": "Ben", "customer": "b@x.example"},
        rejection=Rejection(
            Reason.NO_CUSTOMER,
            requester="U0BEN",
            requester_name="Ben",
            customer="b@x.example",
            user_kind="guest",
        ),
    ),
    Evidence.EMAIL,
    customer="Ben Ortiz",
    email="b@x.example",
)


@pytest.mark.parametrize(
    ("viewer", "standing", "is_linker"),
    [("U0ADA", UserKind.MEMBER, False), ("U0EVE", UserKind.MEMBER, True)],
    ids=["who asked", "linker"],
)
def test_who_sees_all(viewer: str, standing: UserKind, is_linker: bool) -> None:
    whole = explained(known=(PRIVATE,))
    assert for_viewer(whole, viewer, standing, is_linker=is_linker) == whole


@pytest.mark.parametrize(
    ("standing", "customer"), [(UserKind.MEMBER, "Ben Ortiz"), (UserKind.GUEST, None)]
)
def test_what_others_see(standing: UserKind, customer: str | None) -> None:
    whole = explained(known=(PRIVATE,))
    seen = for_viewer(whole, "U0EVE", standing, is_linker=False)
    assert seen.known is not None
    (one,) = seen.known
    assert (one.customer, one.email) == (customer, None)
    assert one.record.rejection == Rejection(
        Reason.NO_CUSTOMER, requester=WITHHELD, user_kind="guest"
    )
    assert "b@x.example" not in repr(seen)


def test_an_address_is_no_name_to_show() -> None:
    whole = explained(known=(replace(PRIVATE, customer="b@x.example"),))
    assert "b@x" not in repr(for_viewer(whole, "U0EVE", UserKind.MEMBER, is_linker=False))


def test_what_is_not_known_is_no_secret() -> None:
    away = explained(known=None)
    assert for_viewer(away, "U0EVE", UserKind.GUEST, is_linker=False) == away
