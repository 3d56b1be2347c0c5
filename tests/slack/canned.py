"""A local server that gives canned answers to Web API calls and keeps what it was sent.

The sandbox's Slack answers as a healthy Slack does. Here a test chooses the bytes, also those that
no Slack should send.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bot.core.directory import Installation
from bot.slack.answers import AnswerSettings
from bot.slack.calls import open_session, web_client
from bot.slack.client import SlackClient

INSTALLED = Installation(
    team="T1", url="https://acme.slack.com/", bot_user="UBOT", bot_id="B1", enterprise=None
)
NOW = 1_700_000_000.0
TOKEN = "xoxb-test"


@dataclass(frozen=True)
class Reply:
    """One canned HTTP answer; with `drop`, the connection is closed instead."""

    body: bytes = b'{"ok":true}'
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drop: bool = False


def ok(**said: Any) -> Reply:
    return Reply(json.dumps({"ok": True, **said}).encode())


def no(code: str, **said: Any) -> Reply:
    return Reply(json.dumps({"ok": False, "error": code, **said}).encode())


LIMITED = Reply(b'{"ok":false,"error":"ratelimited"}', status=429, headers={"Retry-After": "7"})


Answer = Reply | Sequence[Reply] | Callable[[dict[str, Any]], Reply]


@dataclass
class Canned:
    """Answers by method ("users.info") or "respond".

    A list is answered in turn, its last item for ever; a function is called with the arguments.
    """

    answers: dict[str, Answer]
    base: str = ""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def respond_url(self) -> str:
        return f"{self.base}/respond"

    def sent(self, method: str) -> list[dict[str, Any]]:
        return [params for name, params in self.calls if name == method]

    @property
    def methods(self) -> list[str]:
        return [name for name, _ in self.calls]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info.get("method", "respond")
        body = await request.read()
        params: dict[str, Any] = dict(request.query)
        if request.content_type == "application/json" and body:
            params |= json.loads(body)
        elif body:
            params |= dict(await request.post())
        self.calls.append((method, params))
        reply = self._reply(method, params)
        if reply.delay:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.over.wait(), reply.delay)
        if reply.drop and request.transport is not None:
            request.transport.close()
        return web.Response(
            body=reply.body,
            status=reply.status,
            content_type=reply.content_type,
            headers=reply.headers,
        )

    def _reply(self, method: str, params: dict[str, Any]) -> Reply:
        found = self.answers.get(method, no("unknown_method"))
        if isinstance(found, Reply):
            return found
        if callable(found):
            return found(params)
        nth = min(len(self.sent(method)), len(found)) - 1
        return found[nth]


@asynccontextmanager
async def talking(
    answers: Mapping[str, Answer],
    *,
    manner: AnswerSettings | None = None,
    installed: Installation | None = INSTALLED,
    clock: Callable[[], float] = lambda: NOW,
) -> AsyncIterator[tuple[SlackClient, Canned]]:
    """A SlackClient that talks to a server with these answers."""
    slack = Canned(dict(answers))
    app = web.Application()
    app.router.add_route("*", "/api/{method}", slack.handle)
    app.router.add_post("/respond", slack.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    slack.base = f"http://{host}:{port}"
    session = open_session()
    try:
        client = web_client(TOKEN, f"{slack.base}/api/", session)
        yield SlackClient(client, manner, installed=installed, clock=clock), slack
    finally:
        slack.over.set()
        await session.close()
        await runner.cleanup()
