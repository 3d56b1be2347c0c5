"""A link that is not made: who may not say it, and what changed meanwhile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from bot.sandbox.slack import Json
from bot.store.customer_links import CustomerLink
from tests.ways.linking import _actions, asked, buttons, fields, guest, last, on, opened, said
from tests.ways.locking import locked
from tests.ways.stage import Stage, stage, until

__all__ = ["on"]


# Who may


async def test_who_may_not_say_it_reads_whom_to_ask(on: Stage) -> None:
    gus = guest(on)
    await asked(on, gus, submitter=on.ben)
    refusal = last(on, on.ben)
    assert (
        "Ask an owner or admin of this workspace to choose the customer in the Home tab of "
        f"<@{on.slack.bot_user}>, or whoever runs the bridge to run "
        f"`plain-bridge people link {gus} CUSTOMER`, where"
    ) in refusal.text
    assert buttons(refusal) == []


async def test_named_linkers_are_named_and_owners_are_none(sqlite_url: str, tmp_path: Path) -> None:
    async with stage(sqlite_url, tmp_path, toml='[identity]\nlinkers = ["U00000003"]') as on:
        assert on.ben == "U00000003"
        on.slack.users[on.ada].owner = True
        gus = guest(on)
        await asked(on, gus)
        assert f"Ask <@{on.ben}> to choose the customer in" in last(on, on.ada).text
        assert buttons(last(on, on.ada)) == []
        await asked(on, gus, submitter=on.ben)
        assert fields(await opened(on, on.ben)) == ["customer", "name", "email"]


async def test_people_of_other_companies_are_asked_nothing(sqlite_url: str, tmp_path: Path) -> None:
    toml = '[escalation]\nwho = ["member", "external"]\n[identity]\nlinkers = ["U00000004"]'
    async with stage(sqlite_url, tmp_path, toml=toml) as on:
        eve = on.slack.add_user("Eve", team="T99999999", admin=True, owner=True)
        assert eve == "U00000004"
        on.slack.conversations[on.support].members.add(eve)
        await asked(on, eve, submitter=eve)
        refusal = last(on, eve)
        assert (
            "Ask someone from the workspace that runs the bridge to choose the customer."
            in refusal.text
        )
        assert "plain-bridge people" not in refusal.text
        assert buttons(refusal) == []
        on.slack.whispers.append((eve, refusal._replace(blocks=[_actions("PB-1")])))
        view = await opened(on, eve)
        assert fields(view) == []
        assert "only people from the workspace" in said(view)
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
    assert said(view).startswith("Nothing was changed: you aren't allowed to link people")
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
    on.people.link([CustomerLink(on.slack.team, gus, "external:gone")])
    await asked(on, gus)
    assert "is linked to `external:gone`, which isn't a customer in Plain. Choose the" in (
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
    on.people.link([CustomerLink(on.slack.team, gus, other.id)])
    await on.threads(1)
    await on.settled()
    sent = await on.slack.submit(on.ada, view["id"], {"customer": acme.id})
    assert said(sent.view).startswith(
        "Nothing was changed: `PB-1` is no longer on hold. Its ticket is T-1"
    )
    assert [one.customer for one in on.people.all()] == [other.id]
    clicked = await on.slack.click(on.ada, "link_person", ephemeral=button)
    assert fields(clicked.view or {"blocks": [None]}) == []


@pytest.mark.parametrize("value", ["PB-99", "PB-", "", "x" * 2000, "PB-" + "9" * 30])
async def test_a_button_of_no_request_is_answered(on: Stage, value: str) -> None:
    await asked(on, guest(on))
    on.slack.whispers.append((on.ada, last(on, on.ada)._replace(blocks=[_actions(value)])))
    view = await opened(on, on.ada)
    assert said(view) == "Nothing was changed: this request no longer exists."


async def test_a_form_that_does_not_open_is_said(on: Stage) -> None:
    await asked(on, guest(on))
    on.slack.fail("views.open", error="expired_trigger_id")
    await on.slack.click(on.ada, "link_person", ephemeral=last(on, on.ada))
    await until(lambda: last(on, on.ada).text.startswith("The form couldn't be opened, and"))


async def test_what_cannot_be_checked_or_recorded_leaves_the_form_open(on: Stage) -> None:
    acme = on.plain.add_customer("Acme", "buy@acme.example")
    await asked(on, guest(on))
    view = await opened(on, on.ada)
    not_saved = {
        "customer": "Nothing was linked: Slack or the bridge's database didn't respond "
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
