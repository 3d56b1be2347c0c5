"""Plain's API on HTTP: the key, the limits and the failures that stand before GraphQL."""

from __future__ import annotations

from collections.abc import Mapping, Set
from http import HTTPStatus
from typing import Any, Literal, NamedTuple

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.sandbox.plain import attachments
from bot.sandbox.plain.api import Answer, Api, Asked, answer, read
from bot.sandbox.plain.faults import Fault, Faults, failure
from bot.sandbox.plain.limits import RateLimit
from bot.sandbox.plain.wire import Wire
from bot.sandbox.plain.world import World

Down = Literal["503", "drop"]

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Request(NamedTuple):
    """What was asked: the root fields joined by "+", the variables, and what came of it.

    `outcome` is "ok", the code of an error, an HTTP status, or the failure that was asked for
    (with ", committed" where the operation took effect); "waiting" until there is one.
    """

    operation: str
    variables: Mapping[str, Any]
    outcome: str


class Server:
    """`key` is the one API key, `permissions` what it may do; `down` refuses every request."""

    def __init__(self, world: World, key: str, permissions: Set[str], limit: RateLimit) -> None:
        self.limit = limit
        self.faults = Faults()
        self.down: Down | None = None
        self.requests: list[Request] = []
        self._key = key
        self._api = Api(world, permissions)
        self._world = world
        self._answered = 0
        bucket = Route("/uploads/{attachment}", self._upload, methods=["POST"])
        route = Route("/{path:path}", self._endpoint, methods=list(_METHODS))
        self.app = Wire(Starlette(routes=[bucket, route]))

    async def _endpoint(self, request: HttpRequest) -> Response:
        try:
            asked = read(await request.body())
        except ClientDisconnect:
            return Response()  # it died in the middle of asking: nothing was asked
        place = len(self.requests)
        record = Request("+".join(asked.fields), asked.variables, "waiting")
        self.requests.append(record)
        given = self._refusal(request) or await self._limited(request, asked)
        self.requests[place] = record._replace(outcome=given.outcome)
        self._answered += 1
        given.response.headers["apigw-requestid"] = f"Sandbox{self._answered:08}="
        return given.response

    async def _upload(self, request: HttpRequest) -> Response:
        """A file's form; it fails where "upload" was told to."""
        if self.down is not None:
            return failure(self.down, self.down).response
        fault = self.faults.next({"upload"})
        if fault is None:
            try:
                return await attachments.take(self._world, request)
            except ClientDisconnect:
                return Response()
        if fault.how in ("hang", "late"):
            await self.app.pause(fault.seconds or 0, request.receive)
        return failure(fault.how, fault.outcome).response

    def _refusal(self, request: HttpRequest) -> Answer | None:
        """What stands before the API says no: the outage, Cloudflare, the gateway."""
        if self.down is not None:
            return failure(self.down, self.down)
        if not request.headers.get("user-agent"):
            return Answer(PlainTextResponse("error code: 1010", HTTPStatus.FORBIDDEN), "403")
        if request.headers.get("authorization") != f"Bearer {self._key}":
            return answer({"message": "Unauthorized"}, HTTPStatus.UNAUTHORIZED, "401")
        if request.method != "POST":
            return answer({"message": "Not Found"}, HTTPStatus.NOT_FOUND, "404")
        return None

    async def _limited(self, request: HttpRequest, asked: Asked) -> Answer:
        taken = self.limit.take()
        given = await self._answer(request, asked) if taken else failure("429", "429")
        headers = self.limit.headers()
        if given.response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            headers["x-ratelimit-remaining"] = "0"
        given.response.headers.update(headers)
        return given

    async def _answer(self, request: HttpRequest, asked: Asked) -> Answer:
        fault = self.faults.next(asked.names)
        if fault is None:
            return self._api.execute(asked)
        if fault.how == "late":
            return await self._late(asked, fault)
        if fault.committed:
            self._api.execute(asked)
        if fault.how == "hang":
            await self.app.pause(fault.seconds or 0, request.receive)
        given = failure(fault.how, fault.outcome)
        if fault.how == "429" and fault.seconds is not None:
            given.response.headers["retry-after"] = f"{fault.seconds:g}"
        return given

    async def _late(self, asked: Asked, fault: Fault) -> Answer:
        """Takes effect after the delay, whether or not somebody still waits for the answer."""
        if not await self.app.pause(fault.seconds or 0):
            return failure("late", "late")
        given = self._api.execute(asked)
        return Answer(given.response, "late, committed")
