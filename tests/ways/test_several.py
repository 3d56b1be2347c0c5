"""Several people ask about one message: who may ask decides, and nothing pending is replaced."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from bot.sandbox.slack import Json
from tests.ways.linking import last
from tests.ways.linking import opened as asked_who
from tests.ways.several import RULES, backlog, heard, newcomer
from tests.ways.stage import Stage, stage, until


@pytest.fixture
async def on(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """The bridge on each engine. A channel of the second rule exists, but nobody is in it."""
    async with stage(database_url, tmp_path, toml=RULES) as set_up:
        set_up.slack.add_channel("billing")
        yield set_up


First = Callable[[Stage, str], Awaitable[None]]


def of_kind(kind: str) -> First:
    async def react(on: Stage, ts: str) -> None:
        await on.slack.react(newcomer(on, kind), on.support, ts, "ticket")

    react.__name__ = kind
    return react


async def other_rule(on: Stage, ts: str) -> None:
    await on.slack.react(newcomer(on, "member"), on.support, ts, "bug")


async def deactivated(on: Stage, ts: str) -> None:
    """Somebody leaves the company just after reacting."""
    user = newcomer(on, "member")
    on.slack.users[user].deleted = True
    await on.slack.react(user, on.support, ts, "ticket")


FIRST = (of_kind("guest"), of_kind("outsider"), of_kind("bot"), other_rule, deactivated)


@pytest.mark.parametrize("waits", [False, True], ids=["at-once", "backlog"])
@pytest.mark.parametrize("first", FIRST, ids=lambda one: one.__name__)
async def test_a_member_gets_the_ticket_whoever_was_first(
    on: Stage, first: First, waits: bool
) -> None:
    """Eleven of twenty who reacted right after a guest got neither a thread nor a word."""
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    async with backlog(on) if waits else nullcontext():
        await first(on, ts)
        await on.slack.react(on.ada, on.support, ts, "ticket")
    await on.settled()
    assert [one.external_id for one in on.plain.threads] == [on.entries()[0].key]
    await until(lambda: heard(on, on.ada))
    assert heard(on, on.ada) == ["Created ticket T-1"]
    others = [user for user in on.slack.users if user not in (on.ada, on.slack.bot_user)]
    assert [on.seen_by(user) for user in others if on.seen_by(user)] == []
    assert [on.slack.dms(user) for user in others if on.slack.dms(user)] == []


@pytest.mark.parametrize("waits", [False, True], ids=["at-once", "backlog"])
async def test_a_reaction_that_is_taken_back_takes_nobody_elses_ticket(
    on: Stage, waits: bool
) -> None:
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    async with backlog(on) if waits else nullcontext():
        await on.slack.react(on.ben, on.support, ts, "ticket")
        if not waits:
            await on.settled()
        await on.slack.unreact(on.ben, on.support, ts, "ticket")
        await until(lambda: on.entries()[-1].state == "undone")
        await on.slack.react(on.ada, on.support, ts, "ticket")
    await on.settled()
    assert [one.status for one in on.plain.threads] == (["TODO"] if waits else ["DONE", "TODO"])
    await until(lambda: heard(on, on.ada))
    assert heard(on, on.ada) == [f"Created ticket {on.plain.threads[-1].ref}"]


@pytest.mark.parametrize("waits", [False, True], ids=["at-once", "backlog"])
async def test_all_who_may_ask_are_told_of_the_one_ticket_each_once(on: Stage, waits: bool) -> None:
    cat = newcomer(on, "member")
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    async with backlog(on) if waits else nullcontext():
        for user in (on.ada, on.ben, cat):
            await on.slack.react(user, on.support, ts, "ticket")
    await on.settled()
    assert len(on.plain.threads) == 1
    people = (on.ada, on.ben, cat)
    await until(lambda: all(heard(on, user) for user in people))
    already = ["This already has a ticket: T-1"]
    assert [heard(on, user) for user in people] == [["Created ticket T-1"], already, already]
    assert [one.state for one in on.entries()] == ["joined", "joined", "created"]


# On hold


async def form_on_hold(on: Stage) -> tuple[str, str]:
    """Ada, an admin, sends a form about Gus's message, whom nobody has linked; the message and
    Gus."""
    on.slack.users[on.ada].admin = True
    gus = on.slack.add_user("Gus Grant", guest=True)
    on.slack.channel(on.support).members.add(gus)
    ts = await on.slack.post(gus, on.support, "It burns")
    used = await on.slack.use_shortcut(on.ada, on.support, ts, "create_plain_ticket")
    assert used.view is not None
    typed = {"title": "PROD DOWN", "description": "Since nine"}
    await on.slack.submit(on.ada, used.view["id"], typed)
    await on.settled()
    await until(lambda: on.seen_by(on.ada))
    assert last(on, on.ada).text.startswith("On hold: we don't know which")
    return ts, gus


async def link(on: Stage) -> Json | None:
    """Ada says who Gus is, with the button below her answer; what the form says then."""
    acme = on.plain.add_customer("Acme", "buy@acme.example")
    view = await asked_who(on, on.ada)
    return (await on.slack.submit(on.ada, view["id"], {"customer": acme.id})).view


@pytest.mark.parametrize("kind", ["guest", "outsider", "bot"])
async def test_a_form_on_hold_survives_a_reaction_that_does_not_count(on: Stage, kind: str) -> None:
    ts, _ = await form_on_hold(on)
    bystander = newcomer(on, kind)
    await on.slack.react(bystander, on.support, ts, "ticket")
    await on.settled()
    assert on.entries()[-1].state == "on-hold"
    said = await link(on)
    assert "1 pending request resumed." in str(said)
    await on.threads(1)
    await on.settled()
    (thread,) = on.plain.threads
    assert (thread.title, thread.customer.full_name) == ("PROD DOWN", "Acme")
    assert "Since nine" in str(thread.components)
    await until(lambda: heard(on, on.ada)[-1] == "Created ticket T-1")
    assert (on.seen_by(bystander), on.slack.dms(bystander)) == ([], [])


async def test_everybody_who_waits_for_a_person_hears_once_they_are_linked(on: Stage) -> None:
    ts, _ = await form_on_hold(on)
    await on.slack.react(on.ben, on.support, ts, "ticket")
    await on.settled()
    assert [one.state for one in on.entries()] == ["on-hold", "on-hold"]
    await until(lambda: heard(on, on.ben))
    said = await link(on)
    assert "2 pending requests resumed." in str(said)
    await on.threads(1)
    await on.settled()
    (thread,) = on.plain.threads
    assert thread.title == "PROD DOWN"
    await until(lambda: heard(on, on.ada)[-1] == "Created ticket T-1")
    await until(lambda: heard(on, on.ben)[-1] == "This already has a ticket: T-1")
    assert len(heard(on, on.ben)) == 2


async def test_a_ticket_for_somebody_known_does_not_wait_for_the_one_on_hold(on: Stage) -> None:
    ts, _ = await form_on_hold(on)
    used = await on.slack.use_shortcut(on.ben, on.support, ts, "create_plain_ticket")
    assert used.view is not None
    await on.slack.submit(on.ben, used.view["id"], {"requester": on.ben, "title": "My export"})
    await on.settled()
    assert [one.title for one in on.plain.threads] == ["My export"]
    await link(on)
    await on.threads(2)
    await on.settled()
    assert [one.customer.full_name for one in on.plain.threads] == ["Ben Ortiz", "Acme"]
    assert [one.title for one in on.plain.threads] == ["My export", "PROD DOWN"]
    await until(lambda: heard(on, on.ada)[-1] == "Created ticket T-2")
    assert "It's separate from T-1" in on.seen_by(on.ada)[-1]
    assert "because it's for a different requester." in on.seen_by(on.ada)[-1]
