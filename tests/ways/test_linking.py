"""Who is this? Somebody who may say it does, and the ticket that waited comes about by itself."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from bot.flows.ports import Person
from bot.sandbox.slack import Ephemeral, Json
from bot.sandbox.slack.nouns import View
from tests.ways.stage import Stage, stage, until
from tests.ways.test_doors import locked

NOBODY = "is. Say it with the button below. The ticket is created by itself after that."


@pytest.fixture
async def on(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Ada is an admin; Gus is a guest, whom Slack's e-mail address does not prove."""
    async with stage(sqlite_url, tmp_path) as set_up:
        set_up.slack.users[set_up.ada].admin = True
        yield set_up


def guest(on: Stage, name: str = "Gus Grant", email: str | None = None) -> str:
    user = on.slack.add_user(name, email=email, guest=True)
    on.slack.conversations[on.support].members.add(user)
    return user


async def asked(on: Stage, author: str, asker: str | None = None, text: str = "Help") -> None:
    """Somebody writes, and `asker` (Ada) wants a ticket of it."""
    ts = await on.slack.post(author, on.support, text)
    await on.slack.react(asker or on.ada, on.support, ts, "ticket")
    await on.settled()


def last(on: Stage, user: str) -> Ephemeral:
    return on.slack.ephemerals(user)[-1]


async def opened(on: Stage, user: str) -> Json:
    """The form, by the button below the last answer to this person."""
    clicked = await on.slack.click(user, "link_person", ephemeral=last(on, user))
    assert clicked.status == 200
    assert clicked.view is not None
    return clicked.view


def said(view: Json | None) -> str:
    assert view is not None
    return str(view["blocks"][0]["text"]["text"])


def fields(view: Json) -> list[str]:
    return [block["block_id"] for block in view["blocks"] if block["type"] == "input"]


def typed(view: Json) -> dict[str, str | None]:
    return {name: view["state"]["values"][name]["value"]["value"] for name in ("name", "email")}


def buttons(answer: Ephemeral) -> list[Json]:
    return [one for block in answer.blocks for one in block.get("elements", [])]


async def test_a_linker_is_asked_searches_links_and_the_ticket_comes_by_itself(on: Stage) -> None:
    acme = on.plain.add_customer("Acme Purchasing", "buy@acme.example")
    on.plain.add_customer("Other", "other@other.example")
    gus = guest(on)
    await asked(on, gus)
    refusal = last(on, on.ada)
    assert refusal.text.startswith("No ticket was created, because nothing says which Plain")
    assert NOBODY in refusal.text
    (button,) = buttons(refusal)
    assert (button["action_id"], button["value"]) == ("link_person", "PB-1")
    view = await opened(on, on.ada)
    assert view["callback_id"] == "plain_link_form"
    assert said(view) == (
        f"Which Plain customer is *Gus Grant* (`{gus}`)? "
        "Slack shows no e-mail address of this person."
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
        f"*Gus Grant* (`{gus}`) is now the Plain customer *Acme Purchasing (buy@acme.example)*. "
        "1 waiting request goes on; who asked hears when its ticket is there."
    )
    await on.threads(1)
    await on.settled()
    assert on.plain.threads[0].customer.id == acme.id
    assert last(on, on.ada).text.startswith("Created ticket T-1")
    (line,) = on.people.all()
    assert line == Person(on.slack.team, gus, acme.id, name="Gus Grant")
    (change,) = on.people.changes(gus)
    assert (change.by, change.old, change.new) == (on.ada, None, acme.id)


async def test_it_is_the_same_over_socket_mode(sqlite_url: str, tmp_path: Path) -> None:
    async with stage(sqlite_url, tmp_path, transport="socket") as on:
        on.slack.users[on.ada].owner = True
        acme = on.plain.add_customer("Acme Purchasing", "buy@acme.example")
        await asked(on, guest(on))
        view = await opened(on, on.ada)
        (option,) = await on.slack.suggest(on.ada, view["id"], "customer", "purch")
        sent = await on.slack.submit(on.ada, view["id"], {"customer": option})
        assert "1 waiting request goes on" in said(sent.view)
        await on.threads(1)
        assert on.plain.threads[0].customer.id == acme.id


async def test_both_requests_of_the_person_go_on(on: Stage) -> None:
    acme = on.plain.add_customer("Acme", "buy@acme.example")
    gus = guest(on)
    await asked(on, gus, text="One")
    await asked(on, gus, asker=on.ben, text="Two")
    view = await opened(on, on.ada)
    sent = await on.slack.submit(on.ada, view["id"], {"customer": acme.id})
    assert "2 waiting requests go on; who asked hears" in said(sent.view)
    await on.threads(2)
    await on.settled()
    assert {thread.customer.id for thread in on.plain.threads} == {acme.id}
    assert last(on, on.ben).text.startswith("Created ticket")


async def test_a_new_customer_is_made_of_what_slack_knows(on: Stage) -> None:
    gus = guest(on, email="gus@grant.example")
    await asked(on, gus)
    view = await opened(on, on.ada)
    assert said(view).endswith("Slack shows an e-mail address of this person.")
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
    assert both.errors == {"name": "Choose a customer or fill in a new one, not both."}
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
        "email": "Nothing was linked, because Plain did not answer in time. Press “Link” again."
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
    assert "1 waiting request goes on" in said(sent.view)
    await on.threads(1)


# Who may


async def test_who_may_not_say_it_reads_whom_to_ask(on: Stage) -> None:
    gus = guest(on)
    await asked(on, gus, asker=on.ben)
    refusal = last(on, on.ben)
    assert (
        f"Ask an owner or admin of this workspace to say it in <@{on.slack.bot_user}>'s Home, or "
        f"whoever runs the bridge to run `plain-bridge people link {gus} CUSTOMER`, where"
    ) in refusal.text
    assert buttons(refusal) == []


async def test_named_linkers_are_named_and_owners_are_none(sqlite_url: str, tmp_path: Path) -> None:
    async with stage(sqlite_url, tmp_path, toml='[identity]\nlinkers = ["U00000003"]') as on:
        assert on.ben == "U00000003"
        on.slack.users[on.ada].owner = True
        gus = guest(on)
        await asked(on, gus)
        assert f"Ask <@{on.ben}> to say it in" in last(on, on.ada).text
        assert buttons(last(on, on.ada)) == []
        await asked(on, gus, asker=on.ben)
        assert fields(await opened(on, on.ben)) == ["customer", "name", "email"]


async def test_people_of_other_companies_are_asked_nothing(sqlite_url: str, tmp_path: Path) -> None:
    toml = '[escalation]\nwho = ["member", "external"]\n[identity]\nlinkers = ["U00000004"]'
    async with stage(sqlite_url, tmp_path, toml=toml) as on:
        eve = on.slack.add_user("Eve", team="T99999999", admin=True, owner=True)
        assert eve == "U00000004"
        on.slack.conversations[on.support].members.add(eve)
        await asked(on, eve, asker=eve)
        refusal = last(on, eve)
        assert "Ask somebody of the workspace that runs the bridge to say it." in refusal.text
        assert "plain-bridge people" not in refusal.text
        assert buttons(refusal) == []
        on.slack.whispers.append((eve, refusal._replace(blocks=[_actions("PB-1")])))
        view = await opened(on, eve)
        assert fields(view) == []
        assert "only people of the workspace" in said(view)
        assert eve not in said(view)


@pytest.mark.parametrize("when", ["before it opens", "before it is sent"])
async def test_who_lost_the_right_is_refused(on: Stage, when: str) -> None:
    on.plain.add_customer("Acme", "buy@acme.example")
    gus = guest(on)
    await asked(on, gus)
    if when == "before it opens":
        on.slack.users[on.ada].admin = False
        view = await opened(on, on.ada)
    else:
        form = await opened(on, on.ada)
        on.slack.users[on.ada].admin = False
        sent = await on.slack.submit(on.ada, form["id"], {"customer": on.plain.customers[0].id})
        assert sent.view is not None
        view = sent.view
    assert fields(view) == []
    assert said(view).startswith("Nothing was changed: you may not say which Plain customer")
    assert f"`plain-bridge people link {gus} CUSTOMER`" in said(view)
    await on.settled()
    assert on.people.all() == []
    assert on.plain.threads == []


async def test_only_who_may_link_sees_customers(on: Stage) -> None:
    on.plain.add_customer("Acme", "buy@acme.example")
    await asked(on, guest(on))
    view = await opened(on, on.ada)
    assert len(await on.slack.suggest(on.ada, view["id"], "customer", "acme")) == 1
    assert await on.slack.suggest(on.ada, view["id"], "customer", "ac") == []
    on.slack.views[view["id"]].user = on.ben
    assert await on.slack.suggest(on.ben, view["id"], "customer", "acme") == []


# What changed meanwhile


async def test_a_link_to_nobody_is_replaced_and_both_are_noted(on: Stage) -> None:
    acme = on.plain.add_customer("Acme", "buy@acme.example")
    gus = guest(on)
    on.people.link([Person(on.slack.team, gus, "external:gone")])
    await asked(on, gus)
    assert "is linked to the customer `external:gone`, which Plain does not know. Say it with" in (
        last(on, on.ada).text
    )
    view = await opened(on, on.ada)
    await on.slack.submit(on.ada, view["id"], {"customer": acme.id})
    await on.threads(1)
    changes = [(one.by, one.old, one.new) for one in on.people.changes(gus)]
    assert changes == [("cli", None, "external:gone"), (on.ada, "external:gone", acme.id)]
    assert len(on.people.all()) == 1


async def test_a_form_that_came_too_late_changes_nothing(on: Stage) -> None:
    acme = on.plain.add_customer("Acme", "buy@acme.example")
    other = on.plain.add_customer("Other", "other@other.example")
    gus = guest(on)
    await asked(on, gus)
    button, view = last(on, on.ada), await opened(on, on.ada)
    on.people.link([Person(on.slack.team, gus, other.id)])
    await on.threads(1)
    await on.settled()
    sent = await on.slack.submit(on.ada, view["id"], {"customer": acme.id})
    assert said(sent.view).startswith(
        "Nothing was changed: `PB-1` no longer waits for this. Its ticket is T-1"
    )
    assert [one.customer for one in on.people.all()] == [other.id]
    clicked = await on.slack.click(on.ada, "link_person", ephemeral=button)
    assert fields(clicked.view or {"blocks": [None]}) == []


@pytest.mark.parametrize("value", ["PB-99", "PB-", "", "x" * 2000, "PB-" + "9" * 30])
async def test_a_button_of_no_request_is_answered(on: Stage, value: str) -> None:
    await asked(on, guest(on))
    on.slack.whispers.append((on.ada, last(on, on.ada)._replace(blocks=[_actions(value)])))
    view = await opened(on, on.ada)
    assert said(view) == "Nothing was changed: the bridge knows no such request any more."


async def test_a_form_that_does_not_open_is_said(on: Stage) -> None:
    await asked(on, guest(on))
    on.slack.fail("views.open", error="expired_trigger_id")
    await on.slack.click(on.ada, "link_person", ephemeral=last(on, on.ada))
    await until(lambda: last(on, on.ada).text.startswith("The form could not be opened, and"))


async def test_what_cannot_be_checked_or_recorded_leaves_the_form_open(on: Stage) -> None:
    acme = on.plain.add_customer("Acme", "buy@acme.example")
    await asked(on, guest(on))
    view = await opened(on, on.ada)
    not_saved = {
        "customer": "Nothing was linked, because Slack or the bridge's database did not answer "
        "in time. Press “Link” again."
    }
    on.slack.fail("users.info", status=503)
    sent = await on.slack.submit(on.ada, view["id"], {"customer": acme.id})
    assert sent.errors == not_saved
    with locked(on):
        sent = await on.slack.submit(on.ada, view["id"])
    assert sent.errors == not_saved
    assert on.people.all() == []
    sent = await on.slack.submit(on.ada, view["id"])
    assert sent.errors == {}
    await on.threads(1)


@pytest.mark.parametrize("how", ["503", "hang"])
async def test_a_search_that_plain_fails_finds_nobody(on: Stage, how: Any) -> None:
    await asked(on, guest(on))
    view = await opened(on, on.ada)
    on.plain.add_customer("Acme", "buy@acme.example")
    on.plain.fail("searchCustomers", how, seconds=20)
    assert await on.slack.suggest(on.ada, view["id"], "customer", "acme") == []
    assert len(await on.slack.suggest(on.ada, view["id"], "customer", "acme")) == 1


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "block_suggestion", "user": {"id": "U1"}, "action_id": "link_customer"},
        {"type": "block_suggestion", "user": "U1", "action_id": "link_customer", "value": 7},
        {"type": "block_suggestion", "user": {"id": "U1"}, "value": "acme"},
        {"type": "block_actions", "user": {"id": "U1"}, "actions": [{"action_id": "link_person"}]},
        {"type": "block_actions", "actions": [{"action_id": "link_person", "type": "button"}]},
        {
            "type": "view_submission",
            "user": {"id": "U1"},
            "view": {"callback_id": "plain_link_form", "state": {"values": []}},
        },
    ],
)
async def test_junk_is_refused_or_ignored_and_never_an_error_of_ours(
    on: Stage, payload: Json
) -> None:
    body = urlencode({"payload": json.dumps(payload)}).encode()
    answer = await on.slack.deliver_raw(body, "application/x-www-form-urlencoded")
    assert answer.status is not None
    assert 200 <= answer.status < 500


def _actions(value: str) -> Json:
    text = {"type": "plain_text", "text": "Say"}
    button = {"type": "button", "action_id": "link_person", "value": value, "text": text}
    return {"type": "actions", "block_id": "b", "elements": [button]}
