"""The real SDK and a real Bolt app, against which the sandbox's Slack is tried."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.sandbox.serving import serving
from bot.sandbox.slack import Slack


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float = 1_760_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def client(slack: Slack, token: str = "xoxb-test") -> AsyncWebClient:  # noqa: S107
    return AsyncWebClient(token, base_url=slack.api_url, retry_handlers=[])


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
