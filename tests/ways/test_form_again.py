"""The form, opened again from a refusal with all that was typed."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, update

from bot.sandbox.slack import Ephemeral, Json
from bot.store.customer_links import CustomerLink
from bot.store.schema import request as table
from tests.ways.forms import empty, opened, opened_on, texts
from tests.ways.stage import Stage


async def refused(on: Stage, view: Json, **values: Any) -> Ephemeral | Json:
    """Submit the form for somebody whom nobody is linked to; the answer with its button."""
    drew = on.slack.add_user("Drew Hart")
    before = len(on.slack.ephemerals(on.ada)) + len(on.slack.dms(on.ada))
    await on.slack.submit(on.ada, view["id"], {"requester": drew, **values})
    await on.settled()
    answers: list[Ephemeral | Json] = [*on.slack.ephemerals(on.ada), *on.slack.dms(on.ada)]
    assert len(answers) == before + 1
    assert on.entries()[0].reason == "no_customer"
    return answers[-1]


async def click(on: Stage, answer: Ephemeral | Json, user: str | None = None) -> Json | None:
    """The view that a click on the answer's button opens."""
    if isinstance(answer, Ephemeral):
        done = await on.slack.click(user or on.ada, "reopen_form", ephemeral=answer)
    else:
        channel = on.slack.add_dm(on.ada, on.slack.bot_user)
        done = await on.slack.click(user or on.ada, "reopen_form", channel=channel, ts=answer["ts"])
    assert done.ok
    return done.view


def state(view: Json) -> dict[str, Any]:
    return {block: held["value"] for block, held in view["state"]["values"].items()}


@pytest.mark.parametrize("door", ["message", "empty"])
async def test_what_was_typed_is_not_typed_again(on_stage: Stage, door: str) -> None:
    on = on_stage
    label = on.plain.add_label_type("Bug")
    on.plain.add_tenant("acme", "Acme Ltd")
    view = await opened(on) if door == "message" else await empty(on)
    await on.bridge.background.drain()
    answer = await refused(
        on,
        view,
        title="Exports fail",
        description="Since nine",
        priority="high",
        labels=await on.slack.suggest(on.ada, view["id"], "labels", ""),
        tenant=(await on.slack.suggest(on.ada, view["id"], "tenant", ""))[0],
    )
    again = await click(on, answer)
    assert again is not None
    held = state(again)
    assert held["title"]["value"] == "Exports fail"
    assert held["description"]["value"] == "Since nine"
    assert held["priority"]["selected_option"]["value"] == "high"
    assert texts(held["labels"]["selected_options"]) == ["Bug"]
    assert held["tenant"]["selected_option"]["text"]["text"] == "Acme Ltd"
    await on.slack.submit(on.ada, again["id"], {"requester": on.ben})
    entry, earlier = await on.settled()
    assert (entry.state, entry.requester) == ("created", on.ben)
    assert (earlier.state, earlier.reason) == ("ignored", "form_submitted_again")
    (thread,) = on.plain.threads
    assert thread.title == "Exports fail"
    assert "Since nine" in str(thread.components)
    assert [one.label_type.id for one in thread.labels] == [label.id]


async def test_a_link_that_comes_after_makes_no_second_thread(on_stage: Stage) -> None:
    """The request on hold would go on once its requester is linked; the new one took its place."""
    on = on_stage
    answer = await refused(on, await empty(on), title="Exports fail")
    drew = on.entries()[0].requester
    again = await click(on, answer)
    assert again is not None
    assert drew is not None
    await on.slack.submit(on.ada, again["id"], {"requester": on.ben})
    await on.settled()
    customer = on.plain.add_customer("Drew", "drew@acme.example")
    on.people.link([CustomerLink(on.slack.team, drew, customer.id)], by="cli")
    await on.settled()
    assert len(on.plain.threads) == 1
    assert [one.state for one in on.entries()] == ["created", "ignored"]


async def test_one_that_is_submitted_again_for_the_same_person_is_one_ticket(
    on_stage: Stage,
) -> None:
    on = on_stage
    answer = await refused(on, await opened(on), title="Exports fail")
    again = await click(on, answer)
    assert again is not None
    await on.slack.submit(on.ada, again["id"], {"description": "Since nine"})
    await on.settled()
    assert [one.state for one in on.entries()] == ["on-hold", "ignored"]
    drew, customer = on.entries()[0].requester, on.plain.add_customer("Drew", "drew@acme.example")
    assert drew is not None
    on.people.link([CustomerLink(on.slack.team, drew, customer.id)], by="cli")
    await on.settled()
    (thread,) = on.plain.threads
    assert (thread.title, thread.events) == ("Exports fail", [])
    assert "Since nine" in str(thread.components)


async def test_a_form_that_is_opened_again_ends_nobody_elses_request(on_stage: Stage) -> None:
    on = on_stage
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    answer = await refused(on, await opened_on(on, ts))
    drew = on.entries()[0].requester
    used = await on.slack.use_shortcut(on.ben, on.support, ts, "create_plain_ticket")
    assert used.view is not None
    await on.slack.submit(on.ben, used.view["id"], {"requester": drew, "title": "Ben's words"})
    await on.settled()
    again = await click(on, answer)
    assert again is not None
    await on.slack.submit(on.ada, again["id"], {"requester": on.ada})
    await on.settled()
    assert [one.state for one in on.entries()] == ["created", "on-hold", "ignored"]


async def test_only_who_asked_may_open_it_again(on_stage: Stage) -> None:
    on = on_stage
    answer = await refused(on, await opened(on))
    assert await click(on, answer, on.ben) is None
    await on.bridge.background.drain()
    assert on.seen_by(on.ben) == ["Only the person who requested this ticket can reopen its form."]


@pytest.mark.parametrize("door", ["message", "empty"])
async def test_a_click_that_comes_late_leads_to_the_ticket(on_stage: Stage, door: str) -> None:
    on = on_stage
    view = await opened(on) if door == "message" else await empty(on)
    answer = await refused(on, view, title="Exports fail")
    again = await click(on, answer)
    assert again is not None
    await on.slack.submit(on.ada, again["id"], {"requester": on.ben})
    await on.settled()
    late = await click(on, answer)
    assert late is not None
    assert "This message already has a Plain ticket: T-1." in str(late["blocks"])


async def test_once_its_texts_are_erased_it_opens_without_them(on_stage: Stage) -> None:
    on = on_stage
    answer = await refused(on, await opened(on), title="Secret matter")
    with on.database.writing() as connection:
        connection.execute(update(table).values(message=None, form=None, reply_to=None))
    again = await click(on, answer)
    assert again is not None
    assert state(again)["title"]["value"] is None
    values = {"title": "The export fails", "requester": on.ben}
    await on.slack.submit(on.ada, again["id"], values)
    assert [one.state for one in await on.settled()] == ["created", "ignored"]
    assert "The export fails" in str(on.plain.threads[0].components)


async def test_a_request_that_nobody_knows_any_more_says_so(on_stage: Stage) -> None:
    on = on_stage
    answer = await refused(on, await opened(on))
    with on.database.writing() as connection:
        connection.execute(delete(table))
    assert await click(on, answer) is None
    await on.bridge.background.drain()
    assert "This request no longer exists" in on.seen_by(on.ada)[-1]


async def test_only_a_form_has_such_a_button(on_stage: Stage) -> None:
    """A reaction brought nothing that could be lost."""
    on = on_stage
    drew = on.slack.add_user("Drew Hart")
    on.slack.channel(on.support).members.add(drew)
    ts = await on.slack.post(drew, on.support, "The export fails")
    await on.slack.react(on.ada, on.support, ts, "ticket")
    await on.settled()
    (answer,) = on.slack.ephemerals(on.ada)
    assert "reopen_form" not in str(answer.blocks)
