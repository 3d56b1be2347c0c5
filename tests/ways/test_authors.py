"""Who wrote it: a person through an app, an app, or a name that somebody made up."""

from __future__ import annotations

import pytest

from bot.sandbox.slack import Json
from tests.ways.forms import opened_on
from tests.ways.stage import Stage


def quoted(on: Stage) -> list[str]:
    """Each component's text of the newest thread, in order."""
    return [str(one) for one in on.plain.threads[-1].components]


async def through_an_app(on: Stage, thread_ts: str | None = None) -> str:
    """Post a message of Ben's with Ben's own token, as an app does that he let in."""
    desk = on.slack.add_bot("Voice Desk")
    text = "The lift is stuck again"
    return await on.slack.post(on.ben, on.support, text, bot_id=desk, thread_ts=thread_ts)


async def test_what_a_person_posts_through_an_app_is_that_persons(on_stage: Stage) -> None:
    on = on_stage
    ts = await through_an_app(on)
    await on.slack.react(on.ada, on.support, ts, "ticket")
    (entry,) = await on.settled()
    assert entry.requester == on.ben
    assert on.plain.threads[0].customer.email.email == "ben@acme.example"
    assert "Submitted by Ada Nowak on behalf of Ben Ortiz" in quoted(on)[0]
    assert "Ben Ortiz in #support" in quoted(on)[1]


async def test_the_form_for_it_offers_that_person(on_stage: Stage) -> None:
    on = on_stage
    view = await opened_on(on, await through_an_app(on))
    (requester,) = [block for block in view["blocks"] if block["block_id"] == "requester"]
    assert requester["element"]["initial_user"] == on.ben
    await on.slack.submit(on.ada, view["id"], {})
    (entry,) = await on.settled()
    assert entry.requester == on.ben


async def test_in_a_whole_thread_each_is_named_as_what_it_is(on_stage: Stage) -> None:
    on = on_stage
    root = await on.slack.post(on.ada, on.support, "It burns")
    alerts, made_up = on.slack.add_bot("Alerts"), "Cleo (CEO of BigCorp)"
    await through_an_app(on, thread_ts=root)
    for more in ({}, {"bot_name": made_up}):
        asked: Json = {"thread_ts": root, "bot_id": alerts, "bot_name": "Alerts"} | more
        await on.slack.post(None, on.support, "Pay us", **asked)
    view = await opened_on(on, root)
    await on.slack.submit(on.ada, view["id"], {"whole_thread": ["whole_thread"]})
    await on.settled()
    told = "\n".join(quoted(on))
    for who in ("Ada Nowak", "Ben Ortiz", "Alerts (app)"):
        assert f"**{who}** · " in told
    assert f"**Posted as “{made_up}” by the app Alerts** · " in told


@pytest.mark.parametrize(
    ("named", "who"),
    [
        (True, "Posted as “Cleo (CEO of BigCorp)” by the app Alerts in #support · "),
        (False, "Posted as “Cleo (CEO of BigCorp)” by an app in #support · "),
    ],
)
async def test_a_webhooks_made_up_name_is_shown_as_one(
    on_stage: Stage, named: bool, who: str
) -> None:
    on = on_stage
    name = "Cleo (CEO of BigCorp)"
    bot_id = on.slack.add_bot("Alerts") if named else None
    ts = await on.slack.post(None, on.support, "Pay us", bot_name=name, bot_id=bot_id)
    await on.slack.react(on.ada, on.support, ts, "ticket")
    (entry,) = await on.settled()
    assert entry.requester == on.ada
    assert who in quoted(on)[0]
