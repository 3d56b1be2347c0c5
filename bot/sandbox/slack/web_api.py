"""Serve the Web API: tokens, bodies, scopes, files, rate limits and injected faults."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import web

from bot.sandbox.slack.modals import ResponseUrls
from bot.sandbox.slack.nouns import Call, Conversation, Json, SlackError
from bot.sandbox.slack.payloads import Events
from bot.sandbox.slack.world import SlackWorld

_JSON_ARGUMENTS = ("attachments", "blocks", "metadata", "view")


class WebApi:
    def __init__(
        self, world: SlackWorld, table: Mapping[str, Method], answers: ResponseUrls, news: Events
    ) -> None:
        self.faults = SlackFaults()
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

    def _faulty(self, fault: SlackFault) -> web.Response | None:
        if fault.retry_after is not None:
            return self._limited(fault.retry_after)
        if fault.status is not None:
            return web.Response(status=fault.status, text="upstream trouble")
        if fault.error is not None:
            return self._json({"ok": False, "error": fault.error})
        return None

    def _answered(self, name: str, token: str | None, arguments: Json) -> web.Response:
        """Return the HTTP answer; `ok: false` has status 200, like everything but a rate limit."""
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
        """Return the fault that this request meets instead of an answer, if any."""
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
        """Return a file's bytes, or fail if "download" is set to."""
        faulty = await self._trouble("download", request)
        if faulty is not None:
            return faulty
        return served(self._world, request)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        """Take an answer to a `response_url`, without a token."""
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
    """Return the arguments of a query, form or JSON body; nested values of a form are JSON."""
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


@dataclass(frozen=True)
class Method:
    """`scopes`: at least one of them is needed; `caller`: whose token it takes."""

    run: Callable[[Json], Json]
    scopes: tuple[str, ...] = ()
    caller: Literal["bot", "app"] = "bot"


KINDS = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}


def of_kinds(what: str) -> tuple[str, ...]:
    """Return the scopes for each kind of conversation: "channels:read", "groups:read", …"""
    return tuple(f"{kind}:{what}" for kind in KINDS.values())


def need(world: SlackWorld, *scopes: str) -> None:
    """https://docs.slack.dev/authentication/installing-with-oauth: the error names both sides."""
    if scopes and not world.scopes.intersection(scopes):
        raise SlackError(
            "missing_scope", needed=",".join(scopes), provided=",".join(sorted(world.scopes))
        )


def need_for(world: SlackWorld, channel: Conversation, what: str) -> None:
    need(world, f"{KINDS[channel.kind]}:{what}")


def text_of(arguments: Json, name: str) -> str:
    """Return a required text argument."""
    if arguments.get(name) in (None, ""):
        message = f"[ERROR] missing required field: {name}"
        raise SlackError("invalid_arguments", response_metadata={"messages": [message]})
    return str(arguments[name])


def flag(value: Any) -> bool:
    """Return a boolean argument, which forms and queries carry as a word."""
    return value in (True, 1, "1", "true", "True")


def number(value: Any, default: int) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return default


_LOGIN = "<!DOCTYPE html><html><head><title>Slack</title></head><body>Sign in</body></html>"


class FileMethods:
    def __init__(self, world: SlackWorld) -> None:
        self._world = world

    def table(self) -> dict[str, Method]:
        return {"files.info": Method(self.info, ("files:read",))}

    def info(self, arguments: Json) -> Json:
        """https://docs.slack.dev/reference/methods/files.info"""
        upload = self._world.uploads.get(text_of(arguments, "file"))
        if upload is None or not _is_seen_by_bot(self._world, upload.shape["id"]):
            raise SlackError("file_not_found")
        if upload.shape["mode"] == "tombstone":
            raise SlackError("file_deleted")
        return {"file": dict(upload.shape), "comments": []}


def served(world: SlackWorld, request: web.Request) -> web.StreamResponse:
    """Return the file's bytes, or the login page with status 200 if the token may not read it."""
    upload = world.uploads.get(request.match_info["place"].partition("-")[2])
    if upload is None:
        return web.Response(status=404, text="not found")
    may = (
        request.headers.get("Authorization") == f"Bearer {world.bot_token}"
        and "files:read" in world.scopes
        and _is_seen_by_bot(world, upload.shape["id"])
    )
    if not may:
        return web.Response(text=_LOGIN, content_type="text/html")
    if upload.leads_to is not None:
        return web.Response(status=302, headers={"Location": upload.leads_to})
    return web.Response(body=upload.content, content_type=upload.shape["mimetype"])


def _is_seen_by_bot(world: SlackWorld, file_id: str) -> bool:
    """Return True if the file is in a conversation of the bot's, also as a forwarded one."""
    return any(
        _holds(message, file_id)
        for place in world.conversations.values()
        if world.bot_user in place.members
        for message in place.messages
    )


def _holds(message: Json, file_id: str) -> bool:
    carried = [message]
    for attachment in message.get("attachments") or []:
        whole = (one.get("message", {}) for one in attachment.get("message_blocks", []))
        carried += [attachment, *whole]
    return any(file.get("id") == file_id for one in carried for file in one.get("files") or [])


# The tiers of the methods that are served.
# https://docs.slack.dev/apis/web-api/rate-limits
TIERS = {
    "auth.test": "SpecialTier_auth_test",
    "users.info": "Tier4",
    "bots.info": "Tier3",
    "team.info": "Tier3",
    "conversations.info": "Tier3",
    "conversations.list": "Tier2",
    "users.conversations": "Tier2",
    "conversations.history": "Tier3",
    "conversations.replies": "Tier3",
    "conversations.open": "Tier3",
    "conversations.members": "Tier4",
    "reactions.get": "Tier3",
    "reactions.add": "Tier3",
    "reactions.remove": "Tier2",
    "chat.postMessage": "SpecialTier_chat_postMessage",
    "chat.postEphemeral": "Tier4",
    "chat.update": "Tier3",
    "chat.getPermalink": "SpecialTier_chat_getPermalink",
    "usergroups.list": "Tier2",
    "files.list": "Tier3",
    "views.open": "Tier4",
    "views.update": "Tier4",
    "views.publish": "Tier4",
    "apps.connections.open": "Tier1",
}
_PER_MINUTE = {"Tier1": 1, "Tier2": 20, "Tier3": 50, "Tier4": 100}
_SPECIAL_PER_MINUTE = 300
"""Slack says no more than "several hundred"."""


class RateLimits:
    """The calls of the last minute by method; a channel also takes one message a second."""

    def __init__(self) -> None:
        self._calls: defaultdict[str, deque[float]] = defaultdict(deque)

    def wait(self, method: str, channel: str, now: float) -> int | None:
        """Return the seconds to wait after too many calls; else count the call."""
        allowed = _PER_MINUTE.get(TIERS[method], _SPECIAL_PER_MINUTE)
        waits = [self._wait(method, allowed, 60, now)]
        if method == "chat.postMessage":
            waits.append(self._wait(f"{method} {channel}", 1, 1, now))
        longest = max(waits)
        if longest > 0:
            return int(longest) + 1
        self._calls[method].append(now)
        self._calls[f"{method} {channel}"].append(now)
        return None

    def _wait(self, key: str, allowed: int, seconds: int, now: float) -> float:
        calls = self._calls[key]
        while calls and calls[0] <= now - seconds:
            calls.popleft()
        return calls[0] + seconds - now if len(calls) >= allowed else 0.0


@dataclass
class SlackFault:
    """A failure of the next `times` calls of a method; see `Slack.fail`."""

    error: str | None = None
    status: int | None = None
    delay: float | None = None
    drop: bool = False
    retry_after: int | None = None
    after_commit: bool = False
    times: int = 1


class SlackFaults:
    def __init__(self) -> None:
        self._faults: defaultdict[str, deque[SlackFault]] = defaultdict(deque)

    def add(self, method: str, fault: SlackFault) -> None:
        self._faults[method].append(fault)

    def next(self, method: str) -> SlackFault | None:
        """Return the fault of this call, set for its method or for all ("*")."""
        for name in (method, "*"):
            faults = self._faults[name]
            if faults:
                faults[0].times -= 1
                return faults.popleft() if faults[0].times <= 0 else faults[0]
        return None

    def clear(self) -> None:
        self._faults.clear()
