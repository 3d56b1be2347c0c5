"""The form on a message whose Slack thread has a ticket, or gets one while the form is open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.core.model import Form, Placement, Priority
from bot.sandbox.slack import Json
from bot.sandbox.slack.block_kit import SELECTED
from bot.store.customer_links import CustomerLink
from tests.ways.forms import opened, opened_on
from tests.ways.stage import Stage, stage, until
from tests.ways.undoing import buttons, seen

ADDING = ["title", "description", "whole_thread"]
FULL = ["title", "description", "requester", "priority", "labels", "tenant", "whole_thread"]


def inputs(view: Json) -> list[str]:
    return [block["block_id"] for block in view["blocks"] if block["type"] == "input"]


def top(view: Json) -> str:
    first: str = view["blocks"][0].get("text", {}).get("text", "")
    return first


async def thread(on: Stage) -> tuple[str, str]:
    """A root and a reply."""
    root = await on.slack.post(on.ben, on.support, "It fails")
    return root, await on.slack.post(on.ben, on.support, "It fails still", thread_ts=root)


async def test_the_form_says_to_which_ticket_it_adds(on_stage: Stage) -> None:
    """It took priority, labels, tenant and requester, and dropped them in silence."""
    on = on_stage
    root, reply = await thread(on)
    await on.slack.react(on.ada, on.support, root, "ticket")
    await on.settled()
    view = await opened_on(on, reply)
    assert buttons(view["blocks"]) == ["place_form"]
    assert "This will be added to <" in top(view)
    assert "|T-1>, this Slack thread's ticket." in top(view)
    assert (view["title"]["text"], view["submit"]["text"]) == ("Add to Plain ticket", "Add to T-1")
    assert inputs(view) == ADDING
    await on.bridge.background.drain()
    shown = on.slack.view(view["id"])
    assert shown is not None
    assert shown["blocks"] == view["blocks"]  # nothing is said of whose customer it would be
    sent = {"title": "PROD DOWN", "description": "Since nine"}
    await on.slack.submit(on.ada, view["id"], sent)
    await on.settled()
    (ticket,) = on.plain.threads
    (event,) = ticket.events
    assert event.title == "PROD DOWN"
    assert "Since nine" in str(event.components)
    await until(lambda: seen(on, on.ada).startswith("Added to T-1"))
    assert "not used" not in seen(on, on.ada)


async def offered(on: Stage) -> Json:
    """The form of a reply whose Slack thread has T-1."""
    root, reply = await thread(on)
    await on.slack.react(on.ben, on.support, root, "ticket")
    await on.settled()
    return await opened_on(on, reply)


async def place(on: Stage, view: Json) -> Json:
    """The form after a click on its button."""
    assert (await on.slack.click(on.ada, "place_form", view_id=view["id"])).ok
    await on.bridge.background.drain()
    shown = on.slack.view(view["id"])
    assert shown is not None
    return shown


def held(view: Json, block: str) -> Any:
    (value,) = view["state"]["values"][block].values()
    return value[SELECTED[value["type"]]]


def submitted(on: Stage) -> Form:
    """The form of the newest request."""
    found = on.history.request(on.slack.team, on.entries()[0].reference)
    assert found is not None
    asked = found.escalation.trigger.form
    assert asked is not None
    return asked


async def test_somebody_who_wants_a_separate_ticket_gets_the_whole_form_and_keeps_what_was_typed(
    on_stage: Stage,
) -> None:
    on = on_stage
    on.plain.add_customer("Benjamin Ortiz", "ben@acme.example")
    view = await offered(on)
    await on.slack.choose(on.ada, view["id"], "title", "Another matter")
    await on.slack.choose(on.ada, view["id"], "description", "Since nine")
    await on.slack.choose(on.ada, view["id"], "whole_thread", ["whole_thread"])
    shown = await place(on, view)
    assert top(shown).startswith("A separate ticket will be created. <")
    assert (shown["title"]["text"], shown["submit"]["text"]) == (
        "Create Plain ticket",
        "Create ticket",
    )
    assert inputs(shown) == FULL
    assert (held(shown, "title"), held(shown, "description")) == ("Another matter", "Since nine")
    assert len(held(shown, "whole_thread")) == 1
    assert f"<@{on.ben}> is the Plain customer Benjamin Ortiz." in str(shown["blocks"])
    await on.slack.choose(on.ada, view["id"], "requester", on.ada)
    await on.bridge.background.drain()
    chosen = on.slack.view(view["id"])
    assert chosen is not None
    assert top(chosen) == top(shown)
    assert inputs(chosen) == FULL
    assert f"<@{on.ada}> isn't in Plain yet." in str(chosen["blocks"])
    assert (await on.slack.submit(on.ada, view["id"], {"priority": "urgent"})).ok
    await on.settled()
    assert submitted(on) == Form(
        title="Another matter",
        description="Since nine",
        requester=on.ada,
        priority=Priority.URGENT,
        whole_thread=True,
        placement=Placement.SEPARATE,
    )
    first, second = on.plain.threads
    assert (second.title, second.customer.full_name) == ("Another matter", "Ada Nowak")
    assert first.events == []
    await until(lambda: seen(on, on.ada).startswith("Created ticket T-2"))
    assert seen(on, on.ada).split("\n")[1] == "It's separate from T-1, this Slack thread's ticket."
    # What else is said in the Slack thread goes to its first ticket.
    root = on.slack.messages(on.support)[0]["ts"]
    other = await on.slack.post(on.ben, on.support, "Any news?", thread_ts=root)
    await on.slack.react(on.ben, on.support, other, "ticket")
    await on.settled()
    assert (len(first.events), second.events) == (1, [])


async def test_there_is_a_way_back_to_the_ticket_of_the_slack_thread(on_stage: Stage) -> None:
    on = on_stage
    view = await offered(on)
    await place(on, view)
    await on.slack.choose(on.ada, view["id"], "title", "The same matter")
    await on.slack.choose(on.ada, view["id"], "requester", on.ada)
    await on.slack.choose(on.ada, view["id"], "priority", "urgent")
    await on.bridge.background.drain()
    shown = await place(on, view)
    assert (top(shown), shown["submit"]["text"]) == (top(view), "Add to T-1")
    assert inputs(shown) == ADDING
    assert held(shown, "title") == "The same matter"
    assert (await on.slack.submit(on.ada, view["id"])).ok
    await on.settled()
    assert submitted(on) == Form(
        title="The same matter",
        description=None,
        requester=on.ben,
        priority=Priority.NORMAL,
        placement=Placement.ADD,
    )
    await until(lambda: seen(on, on.ada).startswith("Added to T-1"))
    assert "applied" not in seen(on, on.ada)
    (event,) = on.plain.threads[0].events
    assert event.title == "The same matter"


async def test_a_double_click_changes_the_form_once(on_stage: Stage) -> None:
    on = on_stage
    view = await offered(on)
    clicks = (on.slack.click(on.ada, "place_form", view_id=view["id"]) for _ in range(2))
    assert all(one.ok for one in await asyncio.gather(*clicks))
    await on.bridge.background.drain()
    shown = on.slack.view(view["id"])
    assert shown is not None
    assert inputs(shown) == FULL


async def test_a_form_that_is_opened_again_for_somebody_else_is_for_a_separate_ticket(
    on_stage: Stage,
) -> None:
    """It would put words for one requester into the ticket of another."""
    on = on_stage
    root, reply = await thread(on)
    drew = on.slack.add_user("Drew Hart")
    view = await opened_on(on, reply)
    await on.slack.submit(on.ada, view["id"], {"requester": drew, "description": "For Drew only"})
    await on.settled()
    await on.slack.react(on.ben, on.support, root, "ticket")
    await on.settled()
    answer = on.slack.ephemerals(on.ada)[-1]
    again = (await on.slack.click(on.ada, "reopen_form", ephemeral=answer)).view
    assert again is not None
    assert top(again).startswith("A separate ticket will be created. <")
    assert inputs(again) == FULL
    assert (held(again, "requester"), held(again, "description")) == (drew, "For Drew only")
    assert (await on.slack.submit(on.ada, again["id"])).ok
    await on.settled()
    customer = on.plain.add_customer("Drew Hart", "drew@acme.example")
    on.people.link([CustomerLink(on.slack.team, drew, customer.id)], by="cli")
    await on.settled()
    first, second = on.plain.threads
    assert (second.customer.id, first.events) == (customer.id, [])
    assert "For Drew only" in str(second.components)
    await until(lambda: seen(on, on.ada).startswith("Created ticket T-2"))
    assert "It's separate from T-1, this Slack thread's ticket." in seen(on, on.ada)


@pytest.fixture
async def on(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(database_url, tmp_path) as set_up:
        yield set_up


async def test_what_was_chosen_for_a_ticket_that_came_up_meanwhile_is_named(on: Stage) -> None:
    bug = on.plain.add_label_type("Bug")
    root, reply = await thread(on)
    view = await opened_on(on, reply)
    assert inputs(view) == FULL
    await on.slack.react(on.ben, on.support, root, "ticket")
    await on.settled()
    (label,) = await on.slack.suggest(on.ada, view["id"], "labels", "")
    assert label["value"] == bug.id
    chosen: dict[str, Any] = {"priority": "urgent", "labels": [label]}
    await on.slack.submit(on.ada, view["id"], chosen)
    await on.settled()
    await until(lambda: seen(on, on.ada).startswith("Added to T-1"))
    assert seen(on, on.ada).split("\n")[1] == (
        "The form's priority and labels weren't applied because the ticket already existed. Set "
        "them in Plain."
    )


async def test_words_for_another_requester_get_a_ticket_of_their_own(on: Stage) -> None:
    """They were added to the ticket of the message's author."""
    _, reply = await thread(on)
    view = await opened_on(on, reply)
    await on.slack.react(on.ben, on.support, reply, "ticket")
    await on.settled()
    typed = {"requester": on.ada, "description": "Our discount is 47 %", "priority": "urgent"}
    await on.slack.submit(on.ada, view["id"], typed)
    await on.settled()
    first, second = on.plain.threads
    assert (first.customer.full_name, second.customer.full_name) == ("Ben Ortiz", "Ada Nowak")
    assert "47 %" not in f"{first.components}{first.events}"
    assert "47 %" in str(second.components)
    assert second.priority == 0
    await until(lambda: seen(on, on.ada).startswith("Created ticket T-2"))
    assert seen(on, on.ada).split("\n")[1] == (
        "It's separate from T-1, this Slack thread's ticket, because it's for a different "
        "requester."
    )
    await on.slack.react(on.ada, on.support, reply, "ticket")
    await until(lambda: seen(on, on.ada).startswith("This already has a ticket: T-1"))


async def test_with_a_reaction_as_the_answer_it_is_named_privately(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with stage(sqlite_url, tmp_path, toml='[escalation]\nconfirm = "reaction"\n') as on:
        root, reply = await thread(on)
        view = await opened_on(on, reply)
        await on.slack.react(on.ben, on.support, root, "ticket")
        await on.settled()
        await on.slack.submit(on.ada, view["id"], {"priority": "low"})
        await until(lambda: "The form's priority wasn't applied" in seen(on, on.ada))


async def test_a_form_whose_message_got_its_ticket_meanwhile_has_its_words_added(
    on: Stage,
) -> None:
    """They were nowhere."""
    ts = await on.slack.post(on.ben, on.support, "It fails")
    view = await opened_on(on, ts)
    await on.slack.react(on.ben, on.support, ts, "ticket")
    await on.settled()
    typed = {"description": "Since <nine>", "priority": "urgent"}
    await on.slack.submit(on.ada, view["id"], typed)
    await on.settled()
    await until(lambda: seen(on, on.ada))
    told = seen(on, on.ada).split("\n")
    assert told[0].startswith("This already has a ticket: T-1")
    assert told[1:] == [
        "What you typed was added to it.",
        "The form's priority wasn't applied because the ticket already existed. Set it in Plain.",
    ]
    (ticket,) = on.plain.threads
    (event,) = ticket.events
    assert "Since <nine>" in str(event.components)
    assert "It fails" not in str(event.components)  # the message itself is there already


async def test_an_unchanged_form_whose_message_got_its_ticket_meanwhile_adds_nothing(
    on: Stage,
) -> None:
    ts = await on.slack.post(on.ben, on.support, "It fails")
    view = await opened_on(on, ts)
    await on.slack.react(on.ben, on.support, ts, "ticket")
    await on.settled()
    await on.slack.submit(on.ada, view["id"])
    await on.settled()
    await until(lambda: seen(on, on.ada))
    assert "What you typed" not in seen(on, on.ada)
    assert on.plain.threads[0].events == []


async def test_a_message_without_a_slack_thread_gets_the_whole_form(on_stage: Stage) -> None:
    on = on_stage
    await on.ask()
    await on.settled()
    view = await opened(on, "Another matter")
    assert view["submit"]["text"] == "Create ticket"


async def test_where_each_message_has_a_ticket_of_its_own_so_does_a_reply(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with stage(sqlite_url, tmp_path, toml='[escalation]\none_thread_per = "message"\n') as on:
        root, reply = await thread(on)
        await on.slack.react(on.ada, on.support, root, "ticket")
        await on.settled()
        assert inputs(await opened_on(on, reply)) == FULL
