"""Everybody who asks about a message is decided and answered on their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations

import pytest

from bot.core.directory import UserKind
from bot.core.faults import Reason, Rejection, TryLater
from bot.core.model import Added, Created, FormField, Joined, Placement, Priority, Rule
from bot.core.record import State
from bot.flows.workspace import Policy
from bot.store.forgetting import forget
from tests.flows.asking import BOUND_TO_BILLING, Asking, asking
from tests.flows.fakes import profile
from tests.nouns import TICKET, escalation, ts
from tests.store.rows import change_ticket

__all__ = ["asking"]


# Who may ask decides, not who was first


def guest(asking: Asking) -> None:
    asking.slack.profiles["U0GUEST"] = profile("U0GUEST", kind=UserKind.GUEST)
    asking.react("U0GUEST")


def outsider(asking: Asking) -> None:
    asking.slack.profiles["U0PAM"] = profile("U0PAM", kind=UserKind.EXTERNAL)
    asking.react("U0PAM")


def bot(asking: Asking) -> None:
    asking.slack.profiles["U0ROBOT"] = profile("U0ROBOT", kind=UserKind.BOT)
    asking.react("U0ROBOT")


def deactivated(asking: Asking) -> None:
    asking.slack.profiles["U0GONE"] = profile("U0GONE", deactivated=True, kind=UserKind.GUEST)
    asking.react("U0GONE")


def rule_for_another_channel(asking: Asking) -> None:
    asked = escalation(1, submitter="U0BEN", request="EvBilling", emoji="bug")
    asking.ledger.record(replace(asked, rules=BOUND_TO_BILLING))


def member(asking: Asking) -> None:
    asking.react("U0ADA")


FIRST = (guest, outsider, bot, deactivated, rule_for_another_channel)


@pytest.mark.parametrize("backlog", [False, True], ids=["at once", "with a backlog"])
@pytest.mark.parametrize("first", FIRST)
async def test_the_first_who_may_ask_gets_the_ticket(
    asking: Asking, first: Callable[[Asking], None], backlog: bool
) -> None:
    asking.post()
    first(asking)
    if not backlog:
        await asking.work()
    member(asking)
    await asking.work()
    assert len(asking.plain.threads) == 1
    assert ("U0ADA", Created(TICKET)) in asking.told


@pytest.mark.parametrize("order", list(permutations((guest, bot, member))))
async def test_in_any_order(asking: Asking, order: tuple[Callable[[Asking], None], ...]) -> None:
    asking.post()
    for one in order:
        one(asking)
    await asking.work()
    assert len(asking.plain.threads) == 1
    assert [outcome for user, outcome in asking.told if user == "U0ADA"] == [Created(TICKET)]


async def test_all_who_may_ask_are_told_the_result_each_once(asking: Asking) -> None:
    asking.post()
    for user in ("U0ADA", "U0BEN", "U0CAT"):
        asking.react(user)
    await asking.work()
    assert asking.told == [
        ("U0ADA", Created(TICKET)),
        ("U0BEN", Joined(TICKET)),
        ("U0CAT", Joined(TICKET)),
    ]


async def test_the_others_wait_while_the_first_ones_create_is_uncertain(asking: Asking) -> None:
    asking.post()
    asking.plain.after = [TryLater("plain_timeout", outcome_unknown=True)]
    asking.plain.hidden = True
    asking.react("U0ADA")
    asking.react("U0BEN")
    await asking.work()
    assert asking.told == []
    asking.plain.hidden = False
    await asking.work_until(60)
    await asking.work_until(60)
    assert sorted(asking.told, key=lambda one: one[0]) == [
        ("U0ADA", Created(TICKET)),
        ("U0BEN", Joined(TICKET)),
    ]
    assert len(asking.plain.threads) == 1


# Nothing pending is ever replaced


@pytest.fixture
def on_hold(asking: Asking) -> int:
    """Ada's form for a message of Gus, whom nobody knows; `asking` has not worked yet."""
    asking.slack.profiles["U0GUS"] = profile("U0GUS", email=None, kind=UserKind.GUEST)
    about = asking.post(author="U0GUS")
    return asking.submit(
        "U0ADA", about=about, requester="U0GUS", title="Down", description="Since noon"
    )


@pytest.mark.parametrize("later", [guest, outsider, bot, rule_for_another_channel, member])
async def test_a_request_on_hold_keeps_its_words_and_its_submitter(
    asking: Asking, on_hold: int, later: Callable[[Asking], None]
) -> None:
    await asking.work()
    assert asking.state(on_hold) is State.ON_HOLD
    later(asking)
    await asking.work()
    assert asking.state(on_hold) is State.ON_HOLD
    asking.link("U0GUS")
    await asking.work()
    (thread,) = asking.plain.threads
    assert (thread.title, thread.customer) == ("Down", "c_linked")
    assert ("U0ADA", Created(TICKET)) in asking.told


async def test_all_that_wait_for_a_person_go_on_and_all_hear(asking: Asking, on_hold: int) -> None:
    await asking.work()
    second = asking.react("U0BEN")
    await asking.work()
    assert asking.state(second) is State.ON_HOLD
    asking.told.clear()
    assert asking.link("U0GUS") == 2
    await asking.work()
    assert asking.told == [("U0ADA", Created(TICKET)), ("U0BEN", Joined(TICKET))]


async def test_one_for_somebody_known_makes_the_ticket_meanwhile(
    asking: Asking, on_hold: int
) -> None:
    await asking.work()
    about = asking.post(author="U0GUS")
    asking.submit("U0BEN", about=about, requester="U0BEN", title="Export")
    await asking.work()
    assert [one.customer for one in asking.plain.threads] == ["c_u0ben"]
    asking.link("U0GUS")
    await asking.work()
    assert [one.customer for one in asking.plain.threads] == ["c_u0ben", "c_linked"]
    beside = Created(replace(TICKET, id="th_2", ref="T-2", url=TICKET.url.replace("_1/", "_2/")))
    user, outcome = asking.told[-1]
    assert (user, type(outcome)) == ("U0ADA", Created)
    assert isinstance(outcome, Created)
    assert (outcome.ticket.ref, outcome.beside) == (beside.ticket.ref, TICKET)


# What was typed arrives


async def test_words_for_the_same_requester_are_added_to_the_ticket(asking: Asking) -> None:
    about = asking.post()
    asking.react("U0BEN")
    asking.submit(
        "U0ADA", about=about, title="PROD DOWN", description="All of it", priority=Priority.URGENT
    )
    await asking.work()
    (event,) = asking.plain.events
    assert (event.thread, event.title) == ("th_1", "PROD DOWN")
    assert ("U0ADA", Joined(TICKET, True, (FormField.PRIORITY,))) in asking.told


async def test_words_for_another_requester_never_enter_the_ticket(asking: Asking) -> None:
    about = asking.post()
    asking.react("U0BEN")
    asking.submit("U0ADA", about=about, requester="U0GUS", description="His discount is 47 %")
    await asking.work()
    assert asking.plain.events == []
    assert [one.customer for one in asking.plain.threads] == ["c_u0author", "c_u0gus"]


async def test_words_for_another_requester_never_enter_a_ticket_of_nobody_knows_whom(
    asking: Asking,
) -> None:
    """A restored backup may lack the ticket's own row, and with it the customer."""
    about = asking.post()
    first = asking.react("U0BEN")
    await asking.work()
    change_ticket(asking.database, first, customer=None)
    asking.submit("U0ADA", about=about, requester="U0GUS", description="His discount is 47 %")
    await asking.work()
    assert asking.plain.events == []
    assert [one.customer for one in asking.plain.threads] == ["c_u0author", "c_u0gus"]


async def test_words_of_two_people_for_another_requester_share_a_ticket(asking: Asking) -> None:
    about = asking.post()
    asking.react("U0BEN")
    for submitter in ("U0ADA", "U0CAT"):
        asking.submit(submitter, about=about, requester="U0GUS", description=f"By {submitter}")
    await asking.work()
    assert [one.customer for one in asking.plain.threads] == ["c_u0author", "c_u0gus"]
    assert [one.thread for one in asking.plain.events] == ["th_2"]
    assert [one.added_words for _, one in asking.told if isinstance(one, Joined)] == [True]


async def test_a_form_that_said_that_it_adds_is_added(asking: Asking) -> None:
    asking.post(1)
    reply = asking.post(2, "Me too", author="U0GUS", thread_ts=ts(1))
    asking.react("U0BEN", 1)
    asking.submit(
        "U0ADA", 2, about=reply, requester="U0GUS", placement=Placement.ADD, description="More"
    )
    await asking.work()
    assert ("U0ADA", Added(TICKET)) in asking.told
    assert len(asking.plain.threads) == 1


async def test_a_separate_ticket_is_opened_beside_the_one_of_the_slack_thread(
    asking: Asking,
) -> None:
    asking.post(1)
    reply = asking.post(2, "Another thing", thread_ts=ts(1))
    asking.react("U0BEN", 1)
    asking.submit("U0ADA", 2, about=reply, placement=Placement.SEPARATE)
    await asking.work()
    assert [one.external_id for one in asking.plain.threads] == [
        escalation(1).key,
        escalation(2).key,
    ]
    asking.post(3, thread_ts=ts(1))
    asking.react("U0CAT", 3)
    await asking.work()
    assert ("U0CAT", Added(TICKET)) in asking.told  # the Slack thread's ticket is still the first


# Deleted in Plain


async def test_a_ticket_that_was_deleted_in_plain_frees_its_message(asking: Asking) -> None:
    asking.post()
    asking.react("U0ADA")
    await asking.work()
    asking.plain.gone.add("th_1")
    asking.react("U0BEN")
    await asking.work()
    user, outcome = asking.told[-1]
    assert (user, isinstance(outcome, Created)) == ("U0BEN", True)
    assert len(asking.plain.threads) == 2


async def test_a_reply_to_a_thread_that_was_deleted_in_plain_opens_a_new_ticket(
    asking: Asking,
) -> None:
    asking.post(1)
    asking.post(2, thread_ts=ts(1))
    first = asking.react("U0ADA", 1)
    await asking.work()
    asking.plain.gone.add("th_1")
    asking.react("U0BEN", 2)
    await asking.work()
    assert isinstance(asking.told[-1][1], Created)
    assert asking.state(first) is State.GONE


# Erased is not reassigned


async def test_a_request_without_its_words_is_never_a_ticket(asking: Asking, on_hold: int) -> None:
    await asking.work()
    with asking.database.writing() as connection:
        connection.exec_driver_sql("UPDATE request SET form = NULL, message = NULL")
    asking.link("U0GUS")
    await asking.work()
    assert asking.plain.threads == []
    assert asking.told[-1] == ("U0ADA", Rejection(Reason.EMPTY))


async def test_what_is_retried_for_a_person_who_was_erased_ends_again(
    asking: Asking, on_hold: int
) -> None:
    second = asking.react("U0BEN")
    await asking.work()
    forget(asking.database, "U0GUS")
    await asking.work()
    for row_id in (on_hold, second):
        assert asking.records.retry(f"PB-{row_id}")
    await asking.work()
    assert {asking.state(on_hold), asking.state(second)} == {State.REJECTED}
    assert ("U0BEN", Rejection(Reason.PERSON_ERASED)) in asking.told


async def test_a_person_who_was_erased_asks_for_nothing(asking: Asking) -> None:
    asking.post()
    guest(asking)
    await asking.work()
    forget(asking.database, "U0GUEST")
    asking.policy = Policy(who=frozenset({UserKind.MEMBER, UserKind.EXTERNAL}))
    assert asking.records.retry("PB-1")
    await asking.work()
    assert (asking.state(1), asking.plain.threads) == (State.IGNORED, [])


async def test_one_reaction_is_one_request_found_or_heard(asking: Asking) -> None:
    asking.post()
    rules = (Rule(emoji=("ticket",)),)
    found = escalation(submitter="U0ADA", request="reconcile:C0001:1700000001.000100:ticket")
    asking.ledger.record(replace(found, rules=rules))
    asking.ledger.record(escalation(submitter="U0ADA", request="Ev77"))
    asking.ledger.record(escalation(submitter="U0ADA", request="Ev77"))
    assert len(asking.records.of_message(found.key)) == 1
    await asking.work()
    assert asking.told == [("U0ADA", Created(TICKET))]
