"""The Web API and the answer addresses over HTTP: tokens, bodies, scopes, faults."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from bot.sandbox.slack import files
from bot.sandbox.slack.answers import Answers
from bot.sandbox.slack.faults import Fault, Faults, RateLimits
from bot.sandbox.slack.methods import Method, need
from bot.sandbox.slack.news import News
from bot.sandbox.slack.nouns import Call, Json, SlackError
from bot.sandbox.slack.world import World

_JSON_ARGUMENTS = ("attachments", "blocks", "metadata", "view")


class WebApi:
    def __init__(
        self, world: World, table: Mapping[str, Method], answers: Answers, news: News
    ) -> None:
        self.faults = Faults()
        self._world = world
        self._table = table
        self._answers = answers
        self._news = news
        self._limits = RateLimits()

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._unless_down])
        app.router.add_route("*", "/api/{method}", self._call)
        app.router.add_post("/app/{team}/{name}", self._answer)
        app.router.add_get("/files-pri/{place}/{name:.+}", self._download)
        app.router.add_get("/link", self._world.courier.sockets.link)
        return app

    @web.middleware
    async def _unless_down(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self._world.down:
            return _dropped(request)
        answered: web.StreamResponse = await handler(request)
        return answered

    async def _call(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["method"]
        arguments = await _arguments(request)
        token = _token(request, arguments)
        self._world.calls.append(Call(name, arguments))
        fault = self.faults.next(name)
        if fault is None:
            return self._answered(name, token, arguments)
        if fault.delay is not None:
            await asyncio.sleep(fault.delay)
        answered = self._answered(name, token, arguments) if fault.after_commit else None
        if fault.drop:
            return _dropped(request)
        return self._faulty(fault) or answered or self._answered(name, token, arguments)

    def _faulty(self, fault: Fault) -> web.Response | None:
        if fault.retry_after is not None:
            return self._limited(fault.retry_after)
        if fault.status is not None:
            return web.Response(status=fault.status, text="upstream trouble")
        if fault.error is not None:
            return self._json({"ok": False, "error": fault.error})
        return None

    def _answered(self, name: str, token: str | None, arguments: Json) -> web.Response:
        """`ok: false` comes with status 200, as everything but a rate limit does."""
        method = self._table.get(name)
        if method is None:
            return self._json({"ok": False, "error": "unknown_method", "req_method": name})
        if self._world.limit_rates:
            channel = str(arguments.get("channel", ""))
            wait = self._limits.wait(name, channel, self._world.clock())
            if wait is not None:
                return self._limited(wait)
        try:
            self._check_token(method, token)
            need(self._world, *method.scopes)
            return self._json({"ok": True, **method.run(arguments)}, method)
        except SlackError as refused:
            return self._json({"ok": False, "error": refused.error, **refused.more}, method)

    def _check_token(self, method: Method, token: str | None) -> None:
        if token is None:
            raise SlackError("not_authed")
        tokens = {"bot": self._world.bot_token, "app": self._world.app_token}
        if token not in tokens.values():
            raise SlackError("invalid_auth")
        if token != tokens[method.caller]:
            raise SlackError("not_allowed_token_type")

    def _json(self, body: Json, method: Method | None = None) -> web.Response:
        headers = {"x-oauth-scopes": ",".join(sorted(self._world.scopes))}
        if method is not None and method.scopes:
            headers["x-accepted-oauth-scopes"] = ",".join(method.scopes)
        return web.json_response(body, headers=headers)

    async def _trouble(self, name: str, request: web.Request) -> web.Response | None:
        """What this request meets instead of an answer, if it was told to."""
        fault = self.faults.next(name)
        if fault is None:
            return None
        if fault.delay is not None:
            await asyncio.sleep(fault.delay)
        return _dropped(request) if fault.drop else self._faulty(fault)

    def _limited(self, seconds: int) -> web.Response:
        """https://docs.slack.dev/apis/web-api/rate-limits#responding-to-rate-limiting-conditions"""
        body = {"ok": False, "error": "ratelimited"}
        return web.json_response(body, status=429, headers={"Retry-After": str(seconds)})

    async def _download(self, request: web.Request) -> web.StreamResponse:
        """A file's bytes; it fails where "download" was told to."""
        faulty = await self._trouble("download", request)
        if faulty is not None:
            return faulty
        return files.served(self._world, request)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        """An answer to a `response_url`; it takes no token."""
        try:
            answer = json.loads(await request.text())
        except ValueError:
            return web.Response(status=400, text="invalid_payload")
        self._world.calls.append(Call("response_url", answer))
        faulty = await self._trouble("response_url", request)
        if faulty is not None:
            return faulty
        try:
            channel, posted = self._answers.take(request.match_info["name"], answer)
        except SlackError as refused:
            return web.json_response({"ok": False, "error": refused.error}, status=404)
        if posted is not None:
            self._news.spread_message(self._world.channel(channel), posted)
        return web.Response(text="ok")


async def _arguments(request: web.Request) -> Json:
    """Query, form and JSON bodies alike; nested values of a form are JSON."""
    arguments: Json = dict(request.query)
    if request.content_type == "application/json":
        try:
            body = json.loads(await request.text() or "{}")
        except ValueError:
            body = {}
        arguments |= body if isinstance(body, dict) else {}
    else:
        arguments |= dict(await request.post())
    for name in _JSON_ARGUMENTS:
        if isinstance(arguments.get(name), str):
            arguments[name] = _parsed(arguments[name])
    return arguments


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _token(request: web.Request, arguments: Json) -> str | None:
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    token = arguments.pop("token", None)
    return bearer if scheme == "Bearer" and bearer else token


def _dropped(request: web.Request) -> web.Response:
    """Close the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
