"""Who is this? Somebody who may say it does, and the ticket that waited comes about by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.slack import Json
from bot.sandbox.slack.nouns import View
from bot.store.customer_links import CustomerLink
from tests.ways.linking import _actions, asked, buttons, fields, guest, last, on, opened, said
from tests.ways.stage import Stage, stage

__all__ = ["on"]


NOBODY = "is. Choose the customer and the ticket will be created automatically."


def typed(view: Json) -> dict[str, str | None]:
    return {name: view["state"]["values"][name]["value"]["value"] for name in ("name", "email")}


async def test_a_linker_is_asked_searches_links_and_the_ticket_comes_by_itself(on: Stage) -> None:
    acme = on.plain.add_customer("Acme Purchasing", "buy@acme.example")
    on.plain.add_customer("Other", "other@other.example")
    gus = guest(on)
    await asked(on, gus)
    refusal = last(on, on.ada)
    assert refusal.text.startswith("On hold: we don't know which")
    assert NOBODY in refusal.text
    (button,) = buttons(refusal)
    assert (button["action_id"], button["value"]) == ("link_person", "PB-1")
    view = await opened(on, on.ada)
    assert view["callback_id"] == "plain_link_form"
    assert said(view) == (
        f"Which Plain customer is *Gus Grant* (`{gus}`)? "
        "Slack doesn't show this person's e-mail address."
    )
    assert fields(view) == ["customer", "name", "email"]
    assert typed(view) == {"name": "Gus Grant", "email": None}
    options = await on.slack.suggest(on.ada, view["id"], "customer", "ACME")
    assert [(one["text"]["text"], one["value"]) for one in options] == [
        ("Acme Purchasing (buy@acme.example)", acme.id)
    ]
    sent = await on.slack.submit(on.ada, view["id"], {"customer": options[0]})
    assert sent.errors == {}
    assert said(sent.view) == (
        f"*Gus Grant* (`{gus}`) is now the Plain customer *Acme Purchasing*. "
        "1 pending request resumed. Whoever submitted it will be notified when the ticket is "
        "created."
    )
    await on.threads(1)
    await on.settled()
    assert on.plain.threads[0].customer.id == acme.id
    assert last(on, on.ada).text.startswith("Created ticket T-1")
    (line,) = on.people.all()
    assert line == CustomerLink(on.slack.team, gus, acme.id, name="Acme Purchasing")
    (change,) = on.people.changes(gus)
    assert (change.by, change.old, change.new) == (on.ada, None, acme.id)


async def test_the_answer_that_asked_is_replaced(on: Stage) -> None:
    """It shall not go on asking, below the ticket that came of it."""
    acme = on.plain.add_customer("Acme", "buy@acme.example")
    gus = guest(on)
    await asked(on, gus)
    view = await opened(on, on.ada)
    await on.slack.submit(on.ada, view["id"], {"customer": acme.id})
    await on.threads(1)
    await on.settled()
    now, created = on.slack.ephemerals(on.ada)
    assert now.text.startswith("*Gus Grant* (")
    assert buttons(now) == []
    assert created.text.startswith("Created ticket T-1")


async def test_an_answer_that_asks_late_is_replaced_too(on: Stage) -> None:
    other = on.plain.add_customer("Other", "other@other.example")
    gus = guest(on)
    await asked(on, gus)
    button = last(on, on.ada)
    on.people.link([CustomerLink(on.slack.team, gus, other.id)])
    await on.threads(1)
    await on.settled()
    await on.slack.click(on.ada, "link_person", ephemeral=button)
    await on.bridge.background.drain()
    now, _ = on.slack.ephemerals(on.ada)
    assert "`PB-1` is no longer on hold. Its ticket is T-1" in now.text
    assert buttons(now) == []


async def test_an_answer_that_can_no_longer_be_replaced_is_nobodys_loss(on: Stage) -> None:
    acme = on.plain.add_customer("Acme", "buy@acme.example")
    await asked(on, guest(on))
    view = await opened(on, on.ada)
    on.slack.fail("response_url", status=404)
    sent = await on.slack.submit(on.ada, view["id"], {"customer": acme.id})
    assert "1 pending request resumed" in said(sent.view)
    await on.threads(1)


async def test_it_is_the_same_over_socket_mode(sqlite_url: str, tmp_path: Path) -> None:
    async with stage(sqlite_url, tmp_path, transport="socket") as on:
        on.slack.users[on.ada].owner = True
        acme = on.plain.add_customer("Acme Purchasing", "buy@acme.example")
        await asked(on, guest(on))
        view = await opened(on, on.ada)
        (option,) = await on.slack.suggest(on.ada, view["id"], "customer", "purch")
        sent = await on.slack.submit(on.ada, view["id"], {"customer": option})
        assert "1 pending request resumed" in said(sent.view)
        await on.threads(1)
        assert on.plain.threads[0].customer.id == acme.id


async def test_both_requests_of_the_person_go_on(on: Stage) -> None:
    acme = on.plain.add_customer("Acme", "buy@acme.example")
    gus = guest(on)
    await asked(on, gus, text="One")
    await asked(on, gus, submitter=on.ben, text="Two")
    view = await opened(on, on.ada)
    sent = await on.slack.submit(on.ada, view["id"], {"customer": acme.id})
    assert "2 pending requests resumed. Whoever submitted them will" in said(sent.view)
    await on.threads(2)
    await on.settled()
    assert {thread.customer.id for thread in on.plain.threads} == {acme.id}
    assert last(on, on.ben).text.startswith("Created ticket")


async def test_a_new_customer_is_made_of_what_slack_knows(on: Stage) -> None:
    gus = guest(on, email="gus@grant.example")
    await asked(on, gus)
    view = await opened(on, on.ada)
    assert said(view).endswith(
        "knows about this person is filled in below, in case they're a new customer."
    )
    assert "gus@" not in said(view)
    assert typed(view) == {"name": "Gus Grant", "email": "gus@grant.example"}
    sent = await on.slack.submit(on.ada, view["id"], {"name": "Gus of Grant"})
    assert sent.errors == {}
    await on.threads(1)
    (customer,) = [one for one in on.plain.customers if one.full_name == "Gus of Grant"]
    assert (customer.email.email, customer.email.is_verified) == ("gus@grant.example", False)
    assert on.plain.threads[0].customer is customer


async def test_what_slack_filled_in_is_no_second_answer(on: Stage) -> None:
    acme = on.plain.add_customer("Acme", "buy@acme.example")
    gus = guest(on, email="gus@grant.example")
    await asked(on, gus)
    view = await opened(on, on.ada)
    both = await on.slack.submit(on.ada, view["id"], {"customer": acme.id, "name": "Another"})
    assert both.errors == {"name": "Choose a customer or enter a new one, not both."}
    sent = await on.slack.submit(on.ada, view["id"], {"name": "Gus Grant"})
    assert sent.errors == {}
    await on.threads(1)
    assert on.plain.threads[0].customer.id == acme.id
    assert all(one.email.email != "gus@grant.example" for one in on.plain.customers)


async def test_wrong_input_is_said_beside_its_field_and_changes_nothing(on: Stage) -> None:
    gus = guest(on)
    await asked(on, gus)
    view = await opened(on, on.ada)
    for values, wrong in [
        ({"name": ""}, ["customer"]),
        ({"name": "Gus"}, ["email"]),
        ({"name": "", "email": "gus@grant.example"}, ["name"]),
        ({"name": "Gus", "email": "gus at grant"}, ["email"]),
        ({"email": "", "name": "", "customer": "something"}, ["customer"]),
    ]:
        sent = await on.slack.submit(on.ada, view["id"], values)
        assert list(sent.errors) == wrong, values
    assert on.people.all() == []
    assert on.people.changes(gus) == []
    assert on.slack.view(view["id"]) is not None


@pytest.mark.parametrize("how", ["503", "hang"])
async def test_plain_that_fails_leaves_the_form_open(on: Stage, how: Any) -> None:
    gus = guest(on)
    await asked(on, gus)
    view = await opened(on, on.ada)
    on.plain.fail("upsertCustomer", how, seconds=20)
    values = {"name": "Gus", "email": "gus@grant.example"}
    sent = await on.slack.submit(on.ada, view["id"], values)
    assert sent.errors == {
        "email": "Nothing was linked: Plain didn't respond in time. Press “Link” again."
    }
    assert on.people.all() == []
    again = await on.slack.submit(on.ada, view["id"])
    assert again.errors == {}
    await on.threads(1)


async def test_the_button_works_wherever_it_stands(on: Stage) -> None:
    gus = guest(on)
    view = await on.slack.use_global_shortcut(on.ada, "new_plain_ticket")
    assert view.view is not None
    await on.slack.submit(on.ada, view.view["id"], {"title": "Help", "requester": gus})
    await on.settled()
    (posted,) = on.slack.dms(on.ada)  # where nothing was asked in a channel
    (channel,) = [one.id for one in on.slack.conversations.values() if one.kind == "im"]
    clicked = await on.slack.click(on.ada, "link_person", channel=channel, ts=posted["ts"])
    assert clicked.view is not None
    assert fields(clicked.view) == ["customer", "name", "email"]
    shape = {"id": "V0HOME", "type": "home", "blocks": [_actions("PB-1")]}
    on.slack.homes[on.ada] = View(on.ada, shape, {})
    clicked = await on.slack.click(on.ada, "link_person")
    assert clicked.view is not None
    values = {"name": "Gus", "email": "gus@grant.example"}
    sent = await on.slack.submit(on.ada, clicked.view["id"], values)
    assert "1 pending request resumed" in said(sent.view)
    await on.threads(1)
