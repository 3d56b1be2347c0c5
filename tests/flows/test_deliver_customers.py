"""Whose ticket it is, and which customer that is in Plain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.directory import UserKind
from bot.core.faults import Reason, Rejected, Rejection
from bot.core.identity import IdentityPolicy
from bot.core.model import Created, Customer, Message, Priority, Rule, Via
from bot.flows.workspace import Policy
from bot.store.customer_links import CustomerLink
from bot.store.rejections import to_data
from tests.flows.delivering import Bench, bench
from tests.flows.fakes import profile
from tests.nouns import TEAM, escalation, form, message

__all__ = ["bench"]


async def test_the_customer_found_by_address_is_learnt(bench: Bench) -> None:
    bench.post()
    await bench.settle(bench.react())
    assert bench.links.all() == [
        CustomerLink(TEAM, "U0AUTHOR", "c_u0author", "u0author@example.com", "Author", "email")
    ]
    bench.post(2)
    await bench.settle(bench.react(2))
    assert len(bench.plain.upserts) == 1


@pytest.mark.parametrize(
    ("name", "customer"),
    [("c_link", "c_link"), ("ada@example.com", "c_7"), ("external:crm 7", "c_8")],
)
async def test_a_link_names_the_customer_in_three_ways(
    bench: Bench, name: str, customer: str
) -> None:
    bench.post()
    bench.plain.customers = {
        "ada@example.com": Customer("c_7", "Ada"),
        "external:crm 7": Customer("c_8", "Bob"),
    }
    bench.links.link([CustomerLink(TEAM, "U0AUTHOR", name)])
    await bench.settle(bench.react())
    assert bench.plain.threads[0].customer == customer
    assert bench.plain.upserts == []


async def test_a_link_to_nobody_is_refused(bench: Bench) -> None:
    bench.post()
    bench.links.link([CustomerLink(TEAM, "U0AUTHOR", "gone@example.com")])
    with pytest.raises(Rejected) as refusal:
        await bench.deliver(bench.react())
    assert refusal.value.reason is Reason.BROKEN_LINK
    assert to_data(refusal.value.rejection) == {
        "requester": "U0AUTHOR",
        "customer": "gone@example.com",
    }


async def test_what_was_learnt_is_forgotten_when_plain_no_longer_knows_the_customer(
    bench: Bench,
) -> None:
    bench.post()
    bench.links.link([CustomerLink(TEAM, "U0AUTHOR", "c_deleted", source="email")])
    bench.plain.before = [Rejected(Rejection(Reason.BROKEN_LINK, customer="c_deleted"))]
    await bench.fail(bench.react())
    assert isinstance(await bench.settle(bench.claim()), Created)
    assert bench.plain.threads[0].customer == "c_u0author"


async def test_a_customer_whom_a_person_linked_and_plain_lost_is_a_broken_link(
    bench: Bench,
) -> None:
    bench.post()
    bench.links.link([CustomerLink(TEAM, "U0AUTHOR", "c_deleted")])
    bench.plain.before = [Rejected(Rejection(Reason.BROKEN_LINK, customer="c_deleted"))]
    with pytest.raises(Rejected):
        await bench.deliver(bench.react())
    assert len(bench.links.all()) == 1


async def test_without_a_customer_the_requester_is_named(bench: Bench) -> None:
    bench.post()
    bench.slack.profiles["U0AUTHOR"] = profile("U0AUTHOR", email=None)
    with pytest.raises(Rejected) as refusal:
        await bench.deliver(bench.react())
    assert refusal.value.reason is Reason.NO_CUSTOMER
    assert to_data(refusal.value.rejection) == {"requester": "U0AUTHOR", "name": "Author"}


async def test_an_address_that_is_not_confirmed_is_named_as_that(bench: Bench) -> None:
    bench.post()
    bench.slack.profiles["U0AUTHOR"] = profile("U0AUTHOR", email_confirmed=False)
    with pytest.raises(Rejected) as refusal:
        await bench.deliver(bench.react())
    assert refusal.value.reason is Reason.NO_CUSTOMER
    assert to_data(refusal.value.rejection) == {
        "requester": "U0AUTHOR",
        "name": "Author",
        "address": "unconfirmed",
    }


@pytest.mark.parametrize(
    ("posted", "requester"),
    [
        (message(), "U0AUTHOR"),
        (message(bot="Zap", author=None), "U0ASKER"),
        (message(bot="Zap", author="U0BOTUSER"), "U0ASKER"),
        (message(bot="Zap", author="U0HIDDEN"), "U0ASKER"),
        (message(bot="Zap", author="U0AUTHOR"), "U0AUTHOR"),
        (message(bot="Zap", author="U0AUTHOR", made_up="Cleo"), "U0ASKER"),
        (message(author=None), "U0ASKER"),
    ],
    ids=[
        "author",
        "bot",
        "bot with a user",
        "bot with a user whom Slack does not show",
        "person through an app",
        "app under a made-up name",
        "nobody",
    ],
)
async def test_whose_ticket_it_is(bench: Bench, posted: Message, requester: str) -> None:
    assert posted.ref is not None
    bench.slack.messages[posted.ref] = posted
    bench.slack.profiles["U0BOTUSER"] = profile("U0BOTUSER", kind=UserKind.BOT)
    bench.slack.profiles["U0HIDDEN"] = None
    await bench.settle(bench.react())
    assert bench.plain.threads[0].customer == f"c_{requester.lower()}"


async def test_a_form_decides_whose_ticket_it_is_and_its_title(bench: Bench) -> None:
    asked = escalation(
        via=Via.SHORTCUT,
        message=message(),
        form=form(title="Mine", requester="U0CHOSEN", priority=Priority.HIGH),
    )
    bench.ledger.record(replace(asked, rules=()))
    await bench.settle(bench.claim())
    (draft,) = bench.plain.threads
    assert (draft.title, draft.customer, draft.priority) == ("Mine", "c_u0chosen", Priority.HIGH)


# Answers that are lost


@pytest.mark.parametrize("named_by", ["rule", "fallback"])
async def test_an_unknown_customer_whom_the_settings_name_is_not_the_requesters_fault(
    bench: Bench, named_by: str
) -> None:
    """The person was told to link the author, which mends nothing."""
    bench.post()
    nobody = "nobody@example.com"
    asked = escalation()
    if named_by == "rule":
        asked = replace(asked, rules=(Rule(emoji=("ticket",), customer=nobody),))
    else:
        identity = IdentityPolicy(without_email="fallback", fallback_customer=nobody)
        bench.policy = Policy(identity=identity)
        bench.slack.profiles["U0AUTHOR"] = profile("U0AUTHOR", email=None)
    bench.ledger.record(asked)
    with pytest.raises(Rejected) as refusal:
        await bench.deliver(bench.claim())
    assert refusal.value.reason is Reason.BROKEN_LINK
    assert to_data(refusal.value.rejection) == {"customer": nobody}


async def test_a_link_to_a_customer_id_that_plain_lost_is_the_requesters(bench: Bench) -> None:
    bench.post()
    bench.links.link([CustomerLink(TEAM, "U0AUTHOR", "c_deleted")])
    bench.plain.before = [Rejected(Rejection(Reason.BROKEN_LINK, customer="c_deleted"))]
    with pytest.raises(Rejected) as refusal:
        await bench.deliver(bench.react())
    assert to_data(refusal.value.rejection) == {"requester": "U0AUTHOR", "customer": "c_deleted"}


async def test_a_customer_that_stays_unknown_is_not_found_out_anew_without_end(
    bench: Bench,
) -> None:
    bench.post()
    gone = [Rejected(Rejection(Reason.BROKEN_LINK, customer="c_u0author")) for _ in range(10)]
    bench.plain.before = list(gone)
    with pytest.raises(Rejected):
        await bench.deliver(bench.react())
    assert len(bench.plain.upserts) == 1
