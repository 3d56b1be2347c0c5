"""The sandbox's deliveries, taken by a real Bolt app behind HTTP."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp

from tests.sandbox.slack_app import client, over_http, recording


class Heard:
    """A listener for reactions that fails as often as it is told to, and counts."""

    def __init__(self, fail: int = 0, slow: float = 0.0) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.retries: list[tuple[list[str], list[str]]] = []
        self._fail = fail
        self._slow = slow

    def __call__(self, app: AsyncApp) -> None:
        async def on_reaction(body: dict[str, Any], request: Any) -> None:
            self.bodies.append(body)
            headers = request.headers
            self.retries.append(
                (headers.get("x-slack-retry-num", []), headers.get("x-slack-retry-reason", []))
            )
            if len(self.bodies) <= self._fail:
                await asyncio.sleep(self._slow)
                raise RuntimeError("not now")

        app.event("reaction_added")(on_reaction)


async def test_a_reaction_reaches_the_app_as_slack_sends_it() -> None:
    heard = Heard()
    async with over_http(heard) as slack:
        ada, ben = slack.add_user("ada"), slack.add_user("ben")
        channel = slack.add_channel("support", members=[ada, ben])
        ts = await slack.post(ada, channel, "help")
        delivery = await slack.react(ben, channel, ts, "ticket")
        assert delivery is not None
        assert (delivery.status, delivery.attempts) == (200, 1)
        (body,) = heard.bodies
        assert body["event"].pop("event_ts") > ts
        assert body["event"] == {
            "type": "reaction_added",
            "user": ben,
            "reaction": "ticket",
            "item": {"type": "message", "channel": channel, "ts": ts},
            "item_user": ada,
        }
        assert body["type"] == "event_callback"
        assert body["authorizations"][0]["team_id"] == body["team_id"] == slack.team
        assert body["is_ext_shared_channel"] is False
        assert slack.reactions(channel, ts) == {"ticket": [ben]}


async def test_in_a_shared_channel_the_outer_team_is_the_senders() -> None:
    heard = Heard()
    async with over_http(heard) as slack:
        pam = slack.add_user("pam", team="T00000002")
        channel = slack.add_channel("shared", shared=True, members=[pam])
        ts = await slack.post(pam, channel, "help")
        await slack.react(pam, channel, ts, "ticket")
    (body,) = heard.bodies
    assert (body["team_id"], body["context_team_id"]) == ("T00000002", "T00000001")
    assert body["authorizations"][0]["team_id"] == "T00000001"
    assert body["is_ext_shared_channel"] is True


async def test_a_message_without_a_user_has_no_item_user() -> None:
    heard = Heard()
    async with over_http(heard) as slack:
        ada = slack.add_user("ada")
        channel = slack.add_channel("support", members=[ada])
        ts = await slack.post(None, channel, "alarm", bot_name="monitor")
        await slack.react(ada, channel, ts, "ticket")
    assert "item_user" not in heard.bodies[0]["event"]


async def test_where_the_bot_is_not_and_what_is_not_subscribed_is_not_heard() -> None:
    heard = Heard()
    async with over_http(heard) as slack:
        slack.subscriptions.discard("reaction_removed")
        ada = slack.add_user("ada")
        away = slack.add_channel("away", members=[ada], bot_member=False)
        here = slack.add_channel("here", members=[ada])
        assert await slack.react(ada, away, await slack.post(ada, away, "x"), "ticket") is None
        ts = await slack.post(ada, here, "x")
        assert await slack.react(ada, here, ts, "ticket", deliver=False) is None
        assert await slack.unreact(ada, here, ts, "ticket") is None
    assert heard.bodies == []


async def test_an_event_is_sent_again_until_it_is_taken() -> None:
    heard = Heard(fail=2)
    async with over_http(heard, retry_delays=(0, 0, 0)) as slack:
        ada = slack.add_user("ada")
        channel = slack.add_channel("support", members=[ada])
        ts = await slack.post(ada, channel, "help")
        delivery = await slack.react(ada, channel, ts, "ticket")
        assert delivery is not None
        assert (delivery.status, delivery.attempts) == (200, 3)
    assert len({body["event_id"] for body in heard.bodies}) == 1
    assert heard.retries == [([], []), (["1"], ["http_error"]), (["2"], ["http_error"])]


async def test_an_event_is_given_up_after_three_retries() -> None:
    heard = Heard(fail=9)
    async with over_http(heard, retry_delays=(0, 0, 0)) as slack:
        ada = slack.add_user("ada")
        channel = slack.add_channel("support", members=[ada])
        delivery = await slack.react(ada, channel, await slack.post(ada, channel, "x"), "ticket")
        assert delivery is not None
        assert (delivery.status, delivery.attempts) == (500, 4)


async def test_an_app_that_is_slow_or_away_is_asked_again() -> None:
    heard = Heard(fail=1, slow=0.4)
    async with over_http(heard, retry_delays=(0,), timeout=0.2) as slack:
        ada = slack.add_user("ada")
        channel = slack.add_channel("support", members=[ada])
        ts = await slack.post(ada, channel, "help")
        delivery = await slack.react(ada, channel, ts, "ticket")
        assert delivery is not None
        assert delivery.attempts == 2
        assert heard.retries[1] == (["1"], ["http_timeout"])
        slack.deliver_to("http://127.0.0.1:9/slack/events")
        gone = await slack.react(ada, channel, ts, "eyes")
        assert gone is not None
        assert (gone.status, gone.attempts, gone.ok) == (None, 2, False)


async def test_every_event_may_come_twice() -> None:
    heard = Heard()
    async with over_http(heard) as slack:
        slack.deliver_twice = True
        ada = slack.add_user("ada")
        channel = slack.add_channel("support", members=[ada])
        await slack.react(ada, channel, await slack.post(ada, channel, "x"), "ticket")
    assert len(heard.bodies) == 2
    assert heard.bodies[0] == heard.bodies[1]


async def test_messages_are_heard_where_they_are_subscribed() -> None:
    events: list[dict[str, Any]] = []

    def listen(app: AsyncApp) -> None:
        async def on_message(event: dict[str, Any]) -> None:
            events.append(event)

        app.event("message")(on_message)

    async with over_http(listen) as slack:
        ada = slack.add_user("ada")
        channel = slack.add_channel("secret", private=True, members=[ada])
        await slack.post(ada, channel, "not heard")
        slack.subscriptions.add("message")
        ts = await slack.post(ada, channel, "plain")
        await slack.post(ada, channel, files=["log.txt"])
        await slack.post(None, channel, "alarm", bot_name="monitor")
        await slack.edit(ada, channel, ts, "edited")
        await slack.delete(ada, channel, ts)
    assert [event.get("subtype") for event in events] == [
        None,
        "file_share",
        "bot_message",
        "message_changed",
        "message_deleted",
    ]
    assert {event["channel_type"] for event in events} == {"group"}
    assert events[3]["previous_message"]["text"] == "plain"
    assert events[4]["deleted_ts"] == ts


@pytest.mark.parametrize(
    ("signature", "status"), [("good", 200), ("bad", 401), ("stale", 401), ("none", 401)]
)
async def test_only_a_good_signature_is_taken(signature: Any, status: int) -> None:
    heard = Heard()
    async with over_http(heard) as slack:
        body = json.dumps(
            {"type": "event_callback", "event": {"type": "reaction_added"}, "team_id": "T1"}
        )
        delivery = await slack.deliver_raw(body.encode(), "application/json", signature=signature)
    assert (delivery.status, len(heard.bodies)) == (status, 1 if status == 200 else 0)


async def test_the_address_is_verified_by_a_challenge() -> None:
    async with over_http(Heard()) as slack:
        assert await slack.verify_url()


async def test_what_the_app_does_itself_is_told_to_it() -> None:
    async with recording(200) as (slack, bodies):
        slack.subscriptions.add("message")
        channel = slack.add_channel("support")
        web = client(slack)
        posted = await web.chat_postMessage(channel=channel, text="hello")
        await web.reactions_add(channel=channel, timestamp=posted["ts"], name="ticket")
        await slack.settled()
        events = {body["event"]["type"]: body["event"] for body in bodies}
        assert events["message"]["bot_id"] == slack.bot_id
        assert events["reaction_added"]["user"] == slack.bot_user


async def test_the_app_can_refuse_to_be_asked_again() -> None:
    async with recording(500, {"x-slack-no-retry": "1"}) as (slack, bodies):
        delivery = await slack.send_event({"type": "reaction_added"})
        assert (delivery.status, delivery.attempts, len(bodies)) == (500, 1, 1)
