"""What people may ask and see who are no members: guests that are let in, and who may not ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.slack import Json, payloads
from tests.ways.forms import opened_on
from tests.ways.stage import Stage, stage

LET_IN = '[escalation]\nwho = ["member", "guest"]\n[identity]\nwithout_email = "synthetic"\n'


def guest(on: Stage) -> str:
    gus = on.slack.add_user("Gus Guest", email="gus@guest.example", guest=True)
    on.slack.channel(on.support).members.add(gus)
    return gus


def inputs(view: Json) -> list[str]:
    return [block["block_id"] for block in view["blocks"] if block["type"] == "input"]


def said(view: Json) -> str:
    return str([block for block in view["blocks"] if block["type"] != "input"])


async def open_as(on: Stage, user: str, ts: str | None) -> Json:
    if ts is None:
        used = await on.slack.use_global_shortcut(user, "new_plain_ticket")
    else:
        used = await on.slack.use_shortcut(user, on.support, ts, "create_plain_ticket")
    assert used.view is not None
    await on.bridge.background.drain()
    shown = on.slack.view(used.view["id"])
    assert shown is not None
    return shown


async def forge(on: Stage, user: str, view: Json, values: dict[str, Any]) -> None:
    """Send the form with a state that its inputs would not give, as a client of one's own can."""
    opened = on.slack.views[view["id"]]
    sent = payloads.submission(on.slack, on.slack.person(user), opened)
    sent["view"]["state"]["values"] |= {name: {"value": value} for name, value in values.items()}
    delivery = await on.slack.courier.once("interactive", sent)
    assert delivery.status == 200
    await on.settled()


@pytest.mark.parametrize("on_a_message", [True, False])
async def test_a_guest_cannot_choose_the_requester_or_a_tenant(
    on_a_message: bool, sqlite_url: str, tmp_path: Path
) -> None:
    async with stage(sqlite_url, tmp_path, toml=LET_IN) as on:
        on.plain.add_tenant("beta", "Beta Ltd")
        gus = guest(on)
        ts = await on.slack.post(on.ben, on.support, "It burns") if on_a_message else None
        view = await open_as(on, gus, ts)
        requester = on.ben if on_a_message else gus
        assert {"requester", "tenant"}.isdisjoint(inputs(view))
        assert f"The ticket is for <@{requester}>." in said(view)
        assert "Plain" not in said(view)
        asked = payloads.block_suggestion(
            on.slack,
            on.slack.person(gus),
            on.slack.views[view["id"]],
            {"block_id": "tenant", "action_id": "value"},
            "",
        )
        offered = await on.slack.courier.once("interactive", asked)
        assert offered.body == {"options": []}
        await on.slack.submit(gus, view["id"], {"title": "It burns"})
        (entry,) = await on.settled()
        assert (entry.state, entry.requester) == ("created", requester)


async def test_whatever_a_guest_sends_it_is_for_nobody_else(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with stage(sqlite_url, tmp_path, toml=LET_IN) as on:
        on.plain.add_tenant("beta", "Beta Ltd")
        gus, victor = guest(on), on.slack.add_user("Victor", email="victor@beta.example")
        view = await open_as(on, gus, await on.slack.post(on.ben, on.support, "It burns"))
        chosen = {"type": "users_select", "selected_user": victor}
        await forge(on, gus, view, {"requester": chosen})
        (entry,) = on.entries()
        assert (entry.state, entry.reason) == ("rejected", "requester_not_allowed")
        assert "guests can only create tickets for themselves" in on.seen_by(gus)[0]
        assert on.plain.threads == []
        tenant = {"type": "external_select", "selected_option": {"value": "beta"}}
        mine = {"type": "users_select", "selected_user": gus}
        view = await open_as(on, gus, await on.slack.post(on.ben, on.support, "And smokes"))
        await forge(on, gus, view, {"tenant": tenant, "requester": mine})
        assert [entry.requester for entry in on.entries() if entry.state == "created"] == [gus]
        assert on.plain.threads[0].tenant is None


async def test_who_asks_for_somebody_else_stands_at_the_top(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with stage(sqlite_url, tmp_path, toml=LET_IN) as on:
        gus = guest(on)
        for submitter in (gus, on.ada, on.ben):
            ts = await on.slack.post(on.ben, on.support, f"For {submitter}")
            await on.slack.react(submitter, on.support, ts, "ticket")
            await on.settled()
        first, second, own = (str(thread.components[0]) for thread in on.plain.threads)
        assert "Submitted by Gus Guest (a guest in Slack) on behalf of Ben Ortiz" in first
        assert "Submitted by Ada Nowak on behalf of Ben Ortiz" in second
        assert "Submitted by" not in own


async def test_who_may_not_ask_is_told_nothing_of_a_ticket(on_stage: Stage) -> None:
    """Not by a reaction, the form, the command, the window or the Home."""
    on = on_stage
    gus = guest(on)
    ts = await on.slack.post(on.ben, on.support, "It burns")
    on.slack.users[gus].guest = False
    view = await open_as(on, gus, ts)  # while they still could
    await on.slack.react(on.ada, on.support, ts, "ticket")
    await on.settled()
    on.slack.users[gus].guest = True
    await on.bridge.listeners.tickets.form.slack.fresh_profile(gus)
    await on.slack.react(gus, on.support, ts, "ticket")
    await on.settled()
    assert on.slack.ephemerals(gus) == []
    assert on.slack.dms(gus) == []
    await on.slack.submit(gus, view["id"], {})
    await on.settled()
    await on.bridge.background.drain()
    (answer,) = on.seen_by(gus)
    assert answer.startswith("No ticket was created: guests can't create tickets here.")
    heard = [answer, said(await open_as(on, gus, ts))]
    mine = await on.slack.command(gus, on.support, "/plain-ticket", "mine")
    assert mine.ephemeral is not None
    assert "here can see them, and guests can't." in mine.ephemeral.text
    why = await on.slack.use_shortcut(gus, on.support, ts, "why_no_plain_ticket")
    assert why.view is not None
    await on.bridge.background.drain()
    shown = on.slack.view(why.view["id"])
    assert "here can see them, and guests can't." in str(shown)
    assert not any(word in f"{heard}{mine}{shown}" for word in ("T-1", "app.plain.com", "PB-1"))
    assert (await opened_on(on, ts))["blocks"][0]["text"]["text"].endswith("Plain ticket: T-1.")


async def test_a_deactivated_account_may_not_ask(on_stage: Stage) -> None:
    """Its reaction stays under the message, and Slack no longer says that it was a guest's."""
    on = on_stage
    ts = await on.slack.post(on.ben, on.support, "It burns")
    on.slack.users[on.ada].deleted = True
    await on.slack.react(on.ada, on.support, ts, "ticket")
    (entry,) = await on.settled()
    assert (entry.state, entry.reason) == ("rejected", "not_allowed")
    assert on.plain.threads == []
    assert on.slack.ephemerals(on.ada) == []
