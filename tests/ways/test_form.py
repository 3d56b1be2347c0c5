"""The form: what it offers and says, what becomes of it, and how it is opened again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.flows import form
from bot.sandbox.plain import Plain
from bot.sandbox.slack import Json
from bot.store.customer_links import CustomerLink
from bot.store.schema import request as table
from tests.ways.forms import empty, opened, opened_on, texts
from tests.ways.stage import Stage, Transport, stage

INPUTS = ["title", "description", "requester", "priority", "labels", "tenant"]


async def later(on: Stage, view: Json) -> Json:
    """The form once everything has been said beside it."""
    await on.bridge.background.drain()
    shown = on.slack.view(view["id"])
    assert shown is not None
    return shown


def inputs(view: Json) -> list[Json]:
    return [block for block in view["blocks"] if block["type"] == "input"]


def names(view: Json) -> list[str]:
    return [block["block_id"] for block in inputs(view)]


def said(view: Json, block_id: str) -> str:
    """What a context or section block says; empty where there is none."""
    for block in view["blocks"]:
        if block["block_id"] == block_id:
            text = block["elements"][0] if block["type"] == "context" else block["text"]
            return str(text["text"])
    return ""


# What it offers


async def test_labels_and_tenant_are_chosen_from_plains_own(on_stage: Stage) -> None:
    on = on_stage
    bug, _, idea = (on.plain.add_label_type(name) for name in ("Bug", "Billing", "Big idea"))
    on.plain.add_label_type("Bygone", archived=True)
    on.plain.add_tenant("acme", "Acme Ltd")
    on.plain.add_tenant("zen", "Zen & Sons").is_deleted = True
    view = await opened(on)
    assert names(view) == INPUTS
    labels = await on.slack.suggest(on.ada, view["id"], "labels", "")
    assert texts(labels) == ["Big idea", "Billing", "Bug"]
    assert texts(await on.slack.suggest(on.ada, view["id"], "labels", "BI")) == [
        "Big idea",
        "Billing",
    ]
    assert texts(await on.slack.suggest(on.ada, view["id"], "labels", "ill")) == ["Billing"]
    tenants = await on.slack.suggest(on.ada, view["id"], "tenant", "")
    assert [(one["text"]["text"], one["value"]) for one in tenants] == [("Acme Ltd", "acme")]
    chosen: dict[str, Any] = {"labels": [labels[2], labels[0]], "tenant": tenants[0]}
    await on.slack.submit(on.ada, view["id"], chosen)
    await on.threads(1)
    (thread,) = on.plain.threads
    assert [label.label_type.id for label in thread.labels] == [bug.id, idea.id]
    assert thread.tenant is not None
    assert thread.tenant.external_id == "acme"


@pytest.mark.parametrize("transport", ["http", "socket"])
async def test_a_list_is_asked_for_once_and_answered_over_either_transport(
    sqlite_url: str, tmp_path: Path, transport: Transport
) -> None:
    async with stage(sqlite_url, tmp_path, transport=transport) as on:
        on.plain.add_label_type("Bug")
        view = await empty(on)
        await on.bridge.background.drain()
        asked = _asked(on, "labelTypes")
        assert asked == 1
        for typed in ("", "b", "bu", "bug"):
            assert texts(await on.slack.suggest(on.ada, view["id"], "labels", typed)) == ["Bug"]
        assert _asked(on, "labelTypes") == asked


def _asked(on: Stage, operation: str) -> int:
    return sum(request.operation == operation for request in on.plain.requests)


async def test_a_key_that_may_not_read_tenants_means_no_such_input(
    sqlite_url: str, tmp_path: Path
) -> None:
    plain = Plain()
    plain.permissions -= {"tenant:read"}
    async with stage(sqlite_url, tmp_path, plain=plain) as on:
        first = await opened(on)
        assert names(first) == INPUTS
        shown = await later(on, first)
        assert inputs(shown) == inputs(first)
        assert await on.slack.suggest(on.ada, first["id"], "tenant", "") == []
        await on.slack.submit(on.ada, first["id"])
        await on.settled()
        second = await opened(on, "Another matter")
        assert names(second) == [name for name in INPUTS if name != "tenant"]
        await on.slack.submit(on.ada, second["id"])
        await on.settled()
        assert len(on.plain.threads) == 2


async def test_plain_that_hangs_keeps_nobody_waiting(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form opens, its selects offer nothing, and the ticket comes all the same."""
    on = on_stage
    monkeypatch.setattr(form, "LOOK_SECONDS", 0.1)
    on.plain.add_label_type("Bug")
    for operation in ("labelTypes", "tenants", "customerByEmail"):
        on.plain.fail(operation, "hang", seconds=60)
    view = await opened(on)
    assert names(view) == INPUTS
    assert await on.slack.suggest(on.ada, view["id"], "labels", "") == []
    assert said(await later(on, view), "in_plain") == ""
    await on.slack.submit(on.ada, view["id"])
    await on.threads(1)


async def test_who_may_not_create_tickets_gets_a_window_instead_of_the_form(
    on_stage: Stage,
) -> None:
    """Nothing is to be filled in of which nothing would come."""
    on = on_stage
    on.plain.add_tenant("acme", "Acme Ltd")
    on.plain.add_customer("Benjamin Ortiz", "ben@acme.example")
    gil = on.slack.add_user("Gil Guest", email="gil@acme.example", guest=True)
    on.slack.channel(on.support).members.add(gil)
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    used = await on.slack.use_shortcut(gil, on.support, ts, "create_plain_ticket")
    assert used.view is not None
    shown = await later(on, used.view)
    assert [block["type"] for block in shown["blocks"]] == ["section"]
    assert shown["blocks"][0]["text"]["text"] == (
        "Guests can't create tickets here. Ask someone who can to create it for you."
    )
    assert shown.get("submit") is None
    assert not on.entries()


# What it says


async def test_the_quote_is_shown_as_it_will_stand_in_the_ticket(on_stage: Stage) -> None:
    on = on_stage
    ts = await on.slack.post(
        on.ben, on.support, "The <b> key ghp_" + "a" * 36 + " fails " * 300, files=["log.txt"]
    )
    view = await opened_on(on, ts)
    assert said(view, "quote").startswith("The <b> key ")
    assert "ghp_a" not in str(view)
    assert said(view, "quote").endswith("…")
    assert said(view, "quote_cut") == "Shortened here. The ticket will have the full quote."
    short = await opened(on, "It fails")
    assert said(short, "quote") == "It fails"
    assert said(short, "quote_cut") == ""
    assert said(await empty(on), "quote_label") == ""


async def test_below_the_requester_stands_who_that_is_in_plain(on_stage: Stage) -> None:
    on = on_stage
    cleo = on.slack.add_user("Cleo Lind", email="cleo@acme.example")
    drew = on.slack.add_user("Drew Hart")
    customer = on.plain.add_customer("Acme Support", "acme@acme.example")
    on.people.link([CustomerLink(on.slack.team, on.ben, customer.id)], by="cli")
    first = await opened(on)
    assert said(first, "in_plain") == ""
    shown = await later(on, first)
    assert said(shown, "in_plain") == f"<@{on.ben}> is the Plain customer Acme Support."
    assert inputs(shown) == inputs(first)
    for user, sentence in (
        (cleo, "{} isn't in Plain yet. A customer will be created with the ticket."),
        (drew, "We don't know which Plain customer {} is."),
        (on.ben, "{} is the Plain customer Acme Support."),
    ):
        await on.slack.choose(on.ada, first["id"], "requester", user)
        shown = await later(on, first)
        assert said(shown, "in_plain").startswith(sentence.format(f"<@{user}>"))
        assert inputs(shown) == inputs(first)
    assert on.plain.customers == [customer]


async def test_what_is_said_later_loses_nothing_that_was_typed(on_stage: Stage) -> None:
    on = on_stage
    view = await empty(on)
    await on.slack.choose(on.ada, view["id"], "title", "Typed at once")
    await on.slack.choose(on.ada, view["id"], "requester", on.ben)
    shown = await later(on, view)
    assert f"<@{on.ben}>" in said(shown, "in_plain")
    await on.slack.submit(on.ada, view["id"])
    (entry,) = await on.settled()
    assert (on.plain.threads[0].title, entry.requester) == ("Typed at once", on.ben)


@pytest.mark.parametrize("error", ["hash_conflict", "not_found"])
async def test_a_form_that_is_gone_is_left_alone(on_stage: Stage, error: str) -> None:
    on = on_stage
    on.slack.fail("views.update", error=error)
    view = await opened(on)
    assert said(await later(on, view), "in_plain") == ""
    await on.slack.submit(on.ada, view["id"])
    await on.threads(1)


# Whole threads, and places that the bot may not read


async def reply(on: Stage, channel: str, **more: Any) -> str:
    root = await on.slack.post(on.ben, channel, "It fails")
    return await on.slack.post(on.ben, channel, "It fails still", thread_ts=root, **more)


async def test_the_whole_thread_is_offered_where_there_is_one(on_stage: Stage) -> None:
    on = on_stage
    view = await opened_on(on, await reply(on, on.support))
    assert names(view) == [*INPUTS, "whole_thread"]
    assert said(await later(on, view), "closed") == ""
    await on.slack.submit(on.ada, view["id"], {"whole_thread": ["whole_thread"]})
    await on.settled()
    with on.database.reading() as connection:
        stored = connection.scalar(select(table.c.form))
    assert '"whole_thread":true' in str(stored)


async def test_where_the_bot_is_no_member_the_form_says_how_to_invite_it(on_stage: Stage) -> None:
    on = on_stage
    away = on.slack.add_channel("away", members=(on.ada, on.ben), bot_member=False)
    first = await opened_on(on, await reply(on, away, files=["log.txt"]), away)
    assert said(await later(on, first), "closed") == (
        "The ticket won't include the rest of the Slack thread and the message's files: the bridge "
        "isn't in this conversation, so Slack only shows it the message you chose. In a channel, "
        f"type /invite <@{on.slack.bot_user}> and reopen the form a minute later."
    )
    # Now that it is known, the box is not even offered.
    second = await opened_on(on, await reply(on, away), away)
    assert "whole_thread" not in names(second)
    assert said(second, "closed").startswith(
        "The ticket won't include the rest of the Slack thread:"
    )
    await on.slack.submit(on.ada, second["id"], {"description": "Since nine"})
    await on.settled()
    assert "It fails still" in str(on.plain.threads[0].components)
    assert [seen.channel for seen in on.slack.ephemerals(on.ada)] == [away]


async def test_a_direct_message_is_named_at_once_for_what_it_is(on_stage: Stage) -> None:
    on = on_stage
    dm = on.slack.add_dm(on.ada, on.ben)
    view = await opened_on(on, await reply(on, dm), dm)
    assert names(view) == INPUTS
    assert said(view, "closed") == (
        "The ticket won't include the rest of the Slack thread: in a direct message, Slack only "
        "shows the bridge the message you chose."
    )
    alone = await opened_on(on, await on.slack.post(on.ben, dm, "Just this"), dm)
    assert said(await later(on, alone), "closed") == ""


async def test_in_a_group_message_it_works_and_names_what_it_cannot_bring(
    on_stage: Stage,
) -> None:
    on = on_stage
    cleo = on.slack.add_user("Cleo Katz", email="cleo@acme.example")
    group = on.slack.add_group_dm({on.ada, on.ben, cleo})
    view = await opened_on(on, await reply(on, group, files=["log.txt"]), group)
    assert said(await later(on, view), "closed").startswith(
        "The ticket won't include the rest of the Slack thread and the message's files: the bridge "
        "isn't in this conversation"
    )
    await on.slack.submit(on.ada, view["id"], {"whole_thread": ["whole_thread"]})
    await on.settled()
    (thread,) = on.plain.threads
    told = str(thread.components)
    assert "It fails still" in told
    assert "The whole Slack thread was requested, but only this message is quoted" in told
    assert "log.txt" in told
    assert "the bridge cannot read it here" in told
    (answer,) = on.slack.ephemerals(on.ada)
    assert (answer.channel, answer.text[:18]) == (group, "Created ticket T-1")


# What becomes of it


async def test_submitted_twice_it_is_one_thread(on_stage: Stage) -> None:
    on = on_stage
    view = await opened(on)
    kept = on.slack.views[view["id"]]
    await on.slack.submit(on.ada, view["id"])
    on.slack.views[kept.id] = kept
    await on.slack.submit(on.ada, kept.id)
    await on.settled()
    assert len(on.plain.threads) == 1


async def test_where_no_address_is_open_any_more_the_answer_comes_as_a_direct_message(
    on_stage: Stage,
) -> None:
    """The bot is no member, and the half hour in which Slack takes an answer there is over."""
    on = on_stage
    dm = on.slack.add_dm(on.ada, on.ben)
    view = await opened_on(on, await on.slack.post(on.ben, dm, "Between us"), dm)
    on.slack.fail("response_url", error="expired_url")
    await on.slack.submit(on.ada, view["id"])
    await on.settled()
    (answer,) = on.slack.dms(on.ada)
    assert answer["text"].startswith("Created ticket T-1")
