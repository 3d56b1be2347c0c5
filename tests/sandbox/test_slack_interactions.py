"""Shortcuts, commands, buttons and answer addresses, with a real Bolt app behind them."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncApp

from bot.sandbox.slack import Json, Slack
from tests.conftest import Clock
from tests.sandbox.slack_app import FormApp, client, over_http, plain


async def test_a_message_shortcut_carries_the_message_even_where_the_bot_is_not() -> None:
    desk = FormApp()
    async with over_http(desk) as slack:
        ada, ben = slack.add_user("ada"), slack.add_user("ben")
        dm = slack.add_dm(ada, ben)
        root = await slack.post(ada, dm, "root")
        ts = await slack.post(ben, dm, "1 < 2 & 3", thread_ts=root, files=["log.txt"])
        delivery = await slack.use_shortcut(ada, dm, ts, "create")
        assert (delivery.status, delivery.body) == (200, None)
        assert delivery.view is not None
        assert slack.view(delivery.view["id"]) == delivery.view
        (body,) = desk.bodies
        assert body["channel"] == {"id": dm, "name": "directmessage"}
        assert body["message"]["text"] == "1 &lt; 2 &amp; 3"
        assert body["message"]["thread_ts"] == root
        assert body["message"]["files"][0]["name"] == "log.txt"
        assert body["response_url"].startswith(slack.base_url)


@pytest.mark.parametrize(("private", "name"), [(False, "support"), (True, "privategroup")])
async def test_channels_are_named_as_slack_names_them(private: bool, name: str) -> None:
    desk = FormApp()
    async with over_http(desk) as slack:
        ada = slack.add_user("ada")
        channel = slack.add_channel("support", private=private, members=[ada])
        await slack.use_shortcut(ada, channel, await slack.post(ada, channel, "x"), "create")
        await slack.command(ada, channel, "/say", "x")
    assert desk.bodies[0]["channel"]["name"] == desk.bodies[1]["channel_name"] == name


async def test_people_of_other_workspaces_have_no_shortcuts() -> None:
    async with over_http(FormApp()) as slack:
        pam = slack.add_user("pam", team="T00000002")
        channel = slack.add_channel("shared", shared=True, members=[pam])
        ts = await slack.post(pam, channel, "x")
        with pytest.raises(ValueError, match="another workspace"):
            await slack.use_shortcut(pam, channel, ts, "create")


async def test_what_fails_is_not_sent_again() -> None:
    async with over_http(FormApp()) as slack:
        ada = slack.add_user("ada")
        channel = slack.add_channel("support", members=[ada])
        shortcut = await slack.use_global_shortcut(ada, "broken")
        command = await slack.command(ada, channel, "/broken")
        for delivery in (shortcut, command):
            assert (delivery.status, delivery.attempts) == (500, 1)
            assert delivery.failure == "dispatch_failed"
        assert slack.ephemerals(ada) == []


async def test_a_commands_answer_is_seen_by_the_caller() -> None:
    desk = FormApp()
    async with over_http(desk) as slack:
        ada, ben = slack.add_user("ada"), slack.add_user("ben")
        channel = slack.add_channel("support", members=[ada], bot_member=False)
        delivery = await slack.command(ada, channel, "/say", f"a & <@{ben}> in <#{channel}>")
        assert delivery.ephemeral is not None
        assert slack.ephemerals(ada) == [delivery.ephemeral]
        said = desk.bodies[0]["text"]
        assert said == f"a &amp; <@{ben}|ben> in <#{channel}|support>"
        assert delivery.ephemeral.text == f"You said {said}"
        assert "thread_ts" not in desk.bodies[0]
        await slack.command(ada, channel, "/loud")
        assert [message["text"] for message in slack.messages(channel)] == ["hear"]


async def test_the_home_tab_is_published_for_one_person() -> None:
    slack = Slack()
    async with slack.serving():
        ada, ben = slack.add_user("ada"), slack.add_user("ben")
        home = {"type": "home", "blocks": [{"type": "divider"}]}
        await client(slack).views_publish(user_id=ada, view=home)
        shown = slack.home(ada)
        assert shown is not None
        assert shown["type"] == "home"
        assert slack.home(ben) is None


_BUTTON = {
    "type": "actions",
    "block_id": "row",
    "elements": [{"type": "button", "action_id": "press", "text": plain("Press"), "value": "v"}],
}


async def test_a_button_says_where_it_was_pressed() -> None:
    desk = FormApp()
    async with over_http(desk) as slack:
        ada = slack.add_user("ada")
        channel = slack.add_channel("support", members=[ada])
        web = client(slack)
        posted = await web.chat_postMessage(channel=channel, text="card", blocks=[_BUTTON])
        await slack.click(ada, "press", channel=channel, ts=posted["ts"])
        message = desk.bodies[-1]
        assert message["actions"][0]["value"] == "v"
        assert message["actions"][0]["block_id"] == "row"
        assert message["message"]["text"] == "card"
        assert message["container"]["is_ephemeral"] is False
        await web.chat_postEphemeral(channel=channel, user=ada, text="psst", blocks=[_BUTTON])
        (whisper,) = slack.ephemerals(ada)
        await slack.click(ada, "press", ephemeral=whisper)
        assert desk.bodies[-1]["container"]["is_ephemeral"] is True
        assert "message" not in desk.bodies[-1]
        await web.views_publish(user_id=ada, view={"type": "home", "blocks": [_BUTTON]})
        await slack.click(ada, "press")
        assert desk.bodies[-1]["view"]["type"] == "home"
        async with aiohttp.ClientSession() as session:
            url = message["response_url"]
            await session.post(url, json={"text": "changed", "replace_original": True})
        assert slack.message(channel, posted["ts"])["text"] == "changed"


async def test_a_button_in_a_thread_says_in_which() -> None:
    """https://github.com/slackapi/java-slack-sdk/issues/1200"""
    desk = FormApp()
    async with over_http(desk) as slack:
        ada = slack.add_user("ada")
        channel = slack.add_channel("support", members=[ada])
        web = client(slack)
        root = await slack.post(ada, channel, "root")
        posted = await web.chat_postMessage(
            channel=channel, thread_ts=root, text="card", blocks=[_BUTTON]
        )
        await slack.click(ada, "press", channel=channel, ts=posted["ts"])
        assert desk.bodies[-1]["container"]["thread_ts"] == root
        told = await web.chat_postEphemeral(
            channel=channel, thread_ts=root, user=ada, text="psst", blocks=[_BUTTON]
        )
        (whisper,) = slack.ephemerals(ada)
        await slack.click(ada, "press", ephemeral=whisper)
        container = desk.bodies[-1]["container"]
        assert (container["message_ts"], container["thread_ts"]) == (told["message_ts"], root)
        async with aiohttp.ClientSession() as session:
            url = desk.bodies[-1]["response_url"]
            await session.post(url, json={"text": "instead", "replace_original": True})
        (instead,) = slack.ephemerals(ada)
        assert (instead.text, instead.ts, instead.thread_ts) == ("instead", whisper.ts, root)


async def test_looking_at_the_home_tab_is_told_where_it_is_subscribed() -> None:
    events: list[Json] = []

    def listen(app: AsyncApp) -> None:
        async def on_home(event: Json) -> None:
            events.append(event)

        app.event("app_home_opened")(on_home)

    async with over_http(listen) as slack:
        ada = slack.add_user("ada")
        slack.subscriptions.discard("app_home_opened")
        assert await slack.open_home(ada) is None
        slack.subscriptions.add("app_home_opened")
        told = await slack.open_home(ada)
        assert told is not None
        assert told.status == 200
    (event,) = events
    assert (event["user"], event["tab"]) == (ada, "home")


async def test_an_answer_address_takes_five_answers_in_half_an_hour() -> None:
    clock = Clock()
    slack = Slack(clock=clock)
    async with slack.serving(), aiohttp.ClientSession() as session:
        ada, ben = slack.add_user("ada"), slack.add_user("ben")
        channel = slack.add_dm(ada, ben)
        url = slack.answers.give(ada, channel)

        async def answer(to: str, **said: Any) -> tuple[int, str]:
            async with session.post(to, json=said) as response:
                return response.status, await response.text()

        assert await answer(url, text="one") == (200, "ok")
        assert (await answer(url))[0] == 404
        assert (await answer(url, text="all", response_type="in_channel"))[0] == 200
        for _ in range(3):
            assert (await answer(url, text="more", replace_original=True))[0] == 200
        status, body = await answer(url, text="six")
        assert (status, json.loads(body)["error"]) == (404, "used_url")
        old = slack.answers.give(ada, channel)
        clock.now += 1801
        status, body = await answer(old, text="late")
        assert (status, json.loads(body)["error"]) == (404, "expired_url")
        assert [whisper.text for whisper in slack.ephemerals(ada)] == ["one", *["more"] * 3]
        assert [message["text"] for message in slack.messages(channel)] == ["all"]
        slack.fail("response_url", status=500)
        assert (await answer(slack.answers.give(ada, channel), text="x"))[0] == 500
