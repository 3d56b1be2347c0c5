"""A real Bolt app and the real SDK, which the sandbox's Slack is tested against.

They are the other side of the sandbox's Slack, and independent of it: what Slack's own libraries
accept proves more than what the sandbox says about itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.sandbox.serving import serving
from bot.sandbox.slack import Json, Slack


def client(slack: Slack, token: str = "xoxb-test") -> AsyncWebClient:  # noqa: S107
    return AsyncWebClient(token, base_url=slack.api_url, retry_handlers=[])


async def error_of(call: Awaitable[object]) -> SlackApiError:
    """The error that a call of the SDK's fails with."""
    with pytest.raises(SlackApiError) as caught:
        await call
    return caught.value


def word_of(error: SlackApiError) -> str:
    word = error.response["error"]
    assert isinstance(word, str)
    return word


def bolt(slack: Slack) -> AsyncApp:
    async def authorize(**_: Any) -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=None,
            team_id=slack.team,
            bot_user_id=slack.bot_user,
            bot_id=slack.bot_id,
            bot_token="xoxb-test",
        )

    return AsyncApp(
        signing_secret="signing-secret-test",
        client=client(slack),
        authorize=authorize,
        process_before_response=True,
    )


@asynccontextmanager
async def over_http(listen: Callable[[AsyncApp], None], **options: Any) -> AsyncIterator[Slack]:
    """A Slack whose app is a Bolt app behind HTTP."""
    slack = Slack(**options)
    async with slack.serving():
        app = bolt(slack)
        listen(app)
        handler = AsyncSlackRequestHandler(app)
        web = Starlette(routes=[Route("/slack/events", handler.handle, methods=["POST"])])
        async with serving(web) as url:
            slack.deliver_to(f"{url}/slack/events")
            yield slack


@asynccontextmanager
async def recording(
    status: int, headers: dict[str, str] | None = None
) -> AsyncIterator[tuple[Slack, list[dict[str, Any]]]]:
    """A Slack whose app writes down what it is sent and answers with one status."""
    bodies: list[dict[str, Any]] = []

    async def take(request: Request) -> Response:
        bodies.append(await request.json())
        return Response(status_code=status, headers=headers)

    slack = Slack()
    app = Starlette(routes=[Route("/slack/events", take, methods=["POST"])])
    async with slack.serving(), serving(app) as url:
        slack.deliver_to(f"{url}/slack/events")
        yield slack, bodies


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def field(block_id: str, element: Json, *, optional: bool = False) -> Json:
    return {
        "type": "input",
        "block_id": block_id,
        "label": plain(block_id),
        "optional": optional,
        "element": {"action_id": "value", **element},
    }


def options(*values: str) -> list[Json]:
    return [{"text": plain(value.title()), "value": value} for value in values]


def ticket_form(**more: Any) -> Json:
    priority = options("high", "normal")
    return {
        "type": "modal",
        "callback_id": "ticket",
        "title": plain("New ticket"),
        "submit": plain("Create"),
        "private_metadata": "draft-1",
        "notify_on_close": True,
        "blocks": [
            field("title", {"type": "plain_text_input", "initial_value": "Prefilled"}),
            field("more", {"type": "plain_text_input", "multiline": True}, optional=True),
            field("who", {"type": "users_select"}, optional=True),
            field(
                "priority",
                {"type": "static_select", "options": priority, "initial_option": priority[1]},
            ),
            field(
                "labels",
                {"type": "multi_static_select", "options": options("bug", "idea")},
                optional=True,
            ),
        ],
        **more,
    }


class FormApp:
    """A Bolt app that opens a form for whatever asks, and keeps what it is sent."""

    def __init__(self, **submitted: Any) -> None:
        self.bodies: list[Json] = []
        self.form = ticket_form()
        self.on_submit = submitted

    def __call__(self, app: AsyncApp) -> None:
        async def open_form(ack: Any, body: Json, client: Any) -> None:
            self.bodies.append(body)
            await client.views_open(trigger_id=body["trigger_id"], view=self.form)
            await ack()

        async def on_command(ack: Any, body: Json) -> None:
            self.bodies.append(body)
            await ack(f"You said {body['text']}")

        async def on_loud_command(ack: Any) -> None:
            await ack({"text": "hear", "response_type": "in_channel"})

        async def on_submit(ack: Any, body: Json) -> None:
            self.bodies.append(body)
            await ack(**self.on_submit)

        async def on_other(ack: Any, body: Json) -> None:
            self.bodies.append(body)
            await ack()

        async def on_options(ack: Any, body: Json) -> None:
            self.bodies.append(body)
            await ack(options=options(body["value"]))

        async def fail() -> None:
            raise RuntimeError("broken")

        app.shortcut("create")(open_form)
        app.shortcut("broken")(fail)
        app.command("/say")(on_command)
        app.command("/loud")(on_loud_command)
        app.command("/broken")(fail)
        app.view("ticket")(on_submit)
        app.view_closed("ticket")(on_other)
        app.action("press")(on_other)
        app.action("value")(on_other)
        app.options("value")(on_options)


async def opened_form(slack: Slack) -> tuple[str, Json]:
    ada = slack.add_user("ada")
    delivery = await slack.use_global_shortcut(ada, "create")
    assert delivery.view is not None
    return ada, delivery.view
