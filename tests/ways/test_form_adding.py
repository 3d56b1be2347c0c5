"""The form on a message whose Slack thread has a ticket, or gets one while the form is open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bot.sandbox.slack import Json
from tests.ways.forms import opened, opened_on
from tests.ways.stage import Stage, stage, until
from tests.ways.undoing import seen

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
    assert top(view).startswith("This will be added to T-1, ")
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


async def test_what_was_chosen_for_a_ticket_that_came_up_meanwhile_is_named(
    on_stage: Stage,
) -> None:
    on = on_stage
    bug = on.plain.add_label_type("Bug")
    root, reply = await thread(on)
    view = await opened_on(on, reply)
    assert inputs(view) == FULL
    await on.slack.react(on.ben, on.support, root, "ticket")
    await on.settled()
    (label,) = await on.slack.suggest(on.ada, view["id"], "labels", "")
    assert label["value"] == bug.id
    chosen: dict[str, Any] = {"priority": "urgent", "labels": [label], "requester": on.ada}
    await on.slack.submit(on.ada, view["id"], chosen)
    await on.settled()
    await until(lambda: seen(on, on.ada).startswith("Added to T-1"))
    assert seen(on, on.ada).split("\n")[1] == (
        "The form's requester, priority and labels weren't applied because the ticket already "
        "existed. Set them in Plain."
    )


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


async def test_a_form_whose_message_got_its_ticket_meanwhile_gives_the_words_back(
    on_stage: Stage,
) -> None:
    on = on_stage
    ts = await on.slack.post(on.ben, on.support, "It fails")
    view = await opened_on(on, ts)
    await on.slack.react(on.ben, on.support, ts, "ticket")
    await on.settled()
    await on.slack.submit(on.ada, view["id"], {"description": "Since <nine>"})
    await on.settled()
    told = seen(on, on.ada).split("\n")
    assert told[0].startswith("This already has a ticket: T-1")
    assert told[1:] == ["Your form wasn't used. Its description was:", "Since &lt;nine&gt;"]


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
