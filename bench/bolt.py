"""What is compared with: a Bolt app whose listeners do nothing and store nothing.

`python -m bench.bolt PORT` serves it. Nothing is imported that it does not need.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvicorn
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.authorization import AuthorizeResult
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.load import SIGNING_SECRET, TEAM


def application(app: AsyncApp) -> Starlette:
    """A Bolt app behind its own adapter."""
    handler = AsyncSlackRequestHandler(app)

    async def endpoint(request: Request) -> Response:
        return await handler.handle(request)

    return Starlette(routes=[Route("/slack/events", endpoint, methods=["POST"])])


async def authorize() -> AuthorizeResult:
    return AuthorizeResult(
        enterprise_id=None, team_id=TEAM, bot_token="xoxb-test", bot_user_id="U1", bot_id="B1"
    )


def bare() -> Starlette:
    app = AsyncApp(signing_secret=SIGNING_SECRET, authorize=authorize, process_before_response=True)

    async def on_reaction(body: dict[str, Any]) -> None:
        assert body["event"]["item"]["ts"]

    async def on_shortcut(body: dict[str, Any], ack: AsyncAck) -> None:
        assert body["message"]["ts"]
        await ack()

    app.event("reaction_added")(on_reaction)
    app.shortcut("create_plain_ticket")(on_shortcut)
    return application(app)


async def serve(app: Any, port: int) -> None:
    """Serve `app` until the process is ended, as the bridge serves its own."""
    config = uvicorn.Config(
        app, port=port, log_config=None, access_log=False, lifespan="off", log_level="error"
    )
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    asyncio.run(serve(bare(), int(sys.argv[1])))
