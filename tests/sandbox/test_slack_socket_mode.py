"""Socket Mode of the sandbox's Slack, with Bolt's own handler at the other end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp

from bot.sandbox.slack import Slack
from tests.sandbox.slack_app import bolt, client
from tests.working import until


@asynccontextmanager
async def _connected(slack: Slack, app: AsyncApp) -> AsyncIterator[AsyncSocketModeHandler]:
    handler = AsyncSocketModeHandler(app, "xapp-test", web_client=client(slack))
    before = slack.connections
    await handler.connect_async()  # type: ignore[no-untyped-call]
    await until(lambda: slack.connections > before, 3)
    try:
        yield handler
    finally:
        await asyncio.wait_for(handler.close_async(), 2)  # type: ignore[no-untyped-call]


def _listening(slack: Slack, bodies: list[Any], fail: int = 0) -> AsyncApp:
    app = bolt(slack)

    async def on_reaction(body: dict[str, Any]) -> None:
        bodies.append(body)
        if len(bodies) <= fail:
            raise RuntimeError("not now")

    async def on_command(ack: Any, body: dict[str, Any]) -> None:
        bodies.append(body)
        await ack(f"You said {body['text']}")

    async def on_shortcut(ack: Any, body: dict[str, Any], client: Any) -> None:
        title = {"type": "plain_text", "text": "Form"}
        view = {"type": "modal", "title": title, "blocks": [{"type": "divider"}]}
        await client.views_open(trigger_id=body["trigger_id"], view=view)
        await ack()

    app.event("reaction_added")(on_reaction)
    app.command("/say")(on_command)
    app.shortcut("create")(on_shortcut)
    return app


async def _react(slack: Slack) -> Any:
    ada = slack.add_user("ada")
    channel = slack.add_channel("support", members=[ada])
    return await slack.react(ada, channel, await slack.post(ada, channel, "x"), "ticket")


async def test_everything_comes_over_the_socket() -> None:
    slack, bodies = Slack(), list[Any]()
    async with slack.serving(), _connected(slack, _listening(slack, bodies)):
        delivery = await _react(slack)
        assert (delivery.status, delivery.attempts) == (200, 1)
        ada = slack.add_user("ada")
        channel = slack.add_channel("other", members=[ada])
        said = await slack.command(ada, channel, "/say", "hi")
        assert said.ephemeral is not None
        assert said.ephemeral.text == "You said hi"
        opened = await slack.use_global_shortcut(ada, "create")
        assert opened.view is not None
        assert opened.view["title"]["text"] == "Form"
        assert slack.courier.sockets.unacknowledged == []
        assert len(slack.courier.sockets.acknowledged) == 3


async def test_an_event_that_is_not_acknowledged_comes_again() -> None:
    slack, bodies = Slack(timeout=0.1, retry_delays=(0, 0, 0)), list[Any]()
    async with slack.serving(), _connected(slack, _listening(slack, bodies, fail=1)):
        delivery = await _react(slack)
        assert (delivery.status, delivery.attempts) == (200, 2)
    assert len({body["event_id"] for body in bodies}) == 1
    assert len(bodies) == 2


async def test_each_envelope_goes_to_one_connection() -> None:
    slack = Slack()
    first, second = list[Any](), list[Any]()
    async with (
        slack.serving(),
        _connected(slack, _listening(slack, first)),
        _connected(slack, _listening(slack, second)),
    ):
        assert slack.connections == 2
        for _ in range(4):
            await _react(slack)
    assert (len(first), len(second)) == (2, 2)


async def test_a_deaf_connection_delivers_nothing() -> None:
    slack, bodies = Slack(timeout=0.05, retry_delays=()), list[Any]()
    async with slack.serving(), _connected(slack, _listening(slack, bodies)):
        slack.deaf = True
        delivery = await _react(slack)
        assert (delivery.status, delivery.failure) == (None, "operation_timeout")
        slack.deaf = False
        assert (await _react(slack)).status == 200
    assert len(bodies) == 1


async def test_a_refreshed_connection_comes_again() -> None:
    slack, bodies = Slack(), list[Any]()
    async with slack.serving(), _connected(slack, _listening(slack, bodies)):
        await slack.refresh_sockets()
        assert slack.connections == 0
        await until(lambda: slack.connections == 1, 3)
        assert (await _react(slack)).status == 200
    assert len(bodies) == 1


async def test_a_ticket_is_good_for_one_connection_and_there_are_ten() -> None:
    slack = Slack()
    async with slack.serving(), aiohttp.ClientSession() as session:
        web = client(slack, "xapp-test")
        url = (await web.apps_connections_open(app_token="xapp-test"))["url"]
        assert url.startswith("ws://127.0.0.1:")
        async with session.ws_connect(url) as link:
            hello = await link.receive_json()
            assert (hello["type"], hello["num_connections"]) == ("hello", 1)
            async with session.get(url) as again:
                assert again.status == 401
            links = []
            for _ in range(9):
                url = (await web.apps_connections_open(app_token="xapp-test"))["url"]
                links.append(await session.ws_connect(url))
                await links[-1].receive_json()
            url = (await web.apps_connections_open(app_token="xapp-test"))["url"]
            async with session.ws_connect(url) as eleventh:
                told = await eleventh.receive_json()
                assert (told["type"], told["reason"]) == ("disconnect", "too_many_websockets")
            for one in links:
                await one.close()


async def test_what_a_lost_connection_had_goes_to_another() -> None:
    slack, bodies = Slack(retry_delays=(0, 0)), list[Any]()
    async with (
        slack.serving(),
        aiohttp.ClientSession() as session,
        _connected(slack, _listening(slack, bodies)),
    ):
        web = client(slack, "xapp-test")
        url = (await web.apps_connections_open(app_token="xapp-test"))["url"]
        async with session.ws_connect(url) as silent:
            await silent.receive_json()
            tasks = [asyncio.create_task(_react(slack)) for _ in range(2)]
            envelope = await silent.receive_json()
            assert envelope["type"] == "events_api"
            assert envelope["accepts_response_payload"] is False
            assert envelope["retry_attempt"] == 0
        async with asyncio.timeout(2):  # at once: Slack's three seconds are not waited for
            deliveries = await asyncio.gather(*tasks)
    assert sorted(delivery.attempts for delivery in deliveries) == [1, 2]
    assert [delivery.status for delivery in deliveries] == [200, 200]
