"""Serve Plain's GraphQL over HTTP: the key, the rate limit, injected failures, then the schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Literal, NamedTuple, get_args

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    parse,
    validate,
)
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.sandbox.plain import attachments, resolvers
from bot.sandbox.plain.nouns import DateTime
from bot.sandbox.plain.world import PlainWorld
from bot.sandbox.serving import Dropped, Wire

Down = Literal["503", "drop"]

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Request(NamedTuple):
    """A request: the root fields joined by "+", the variables, and the outcome.

    `outcome` is "ok", the code of an error, an HTTP status, or the failure that was asked for
    (with ", committed" where the operation took effect); "waiting" until there is one.
    """

    operation: str
    variables: Mapping[str, Any]
    outcome: str


class PlainServer:
    """`key` is the one API key, `permissions` what it may do; `down` refuses every request."""

    def __init__(
        self, world: PlainWorld, key: str, permissions: Set[str], limit: RateLimit
    ) -> None:
        self.limit = limit
        self.faults = PlainFaults()
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
        """Take a file's form, or fail if "upload" is set to."""
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

    def _refusal(self, request: HttpRequest) -> GraphQLAnswer | None:
        """Return the refusal by what is in front of the API: an outage, Cloudflare, the gateway."""
        if self.down is not None:
            return failure(self.down, self.down)
        if not request.headers.get("user-agent"):
            return GraphQLAnswer(PlainTextResponse("error code: 1010", HTTPStatus.FORBIDDEN), "403")
        if request.headers.get("authorization") != f"Bearer {self._key}":
            return answer({"message": "Unauthorized"}, HTTPStatus.UNAUTHORIZED, "401")
        if request.method != "POST":
            return answer({"message": "Not Found"}, HTTPStatus.NOT_FOUND, "404")
        return None

    async def _limited(self, request: HttpRequest, asked: GraphQLRequest) -> GraphQLAnswer:
        taken = self.limit.take()
        given = await self._answer(request, asked) if taken else failure("429", "429")
        headers = self.limit.headers()
        if given.response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            headers["x-ratelimit-remaining"] = "0"
        given.response.headers.update(headers)
        return given

    async def _answer(self, request: HttpRequest, asked: GraphQLRequest) -> GraphQLAnswer:
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

    async def _late(self, asked: GraphQLRequest, fault: PlainFault) -> GraphQLAnswer:
        """Take effect after the delay, whether or not somebody still waits for the answer."""
        if not await self.app.pause(fault.seconds or 0):
            return failure("late", "late")
        given = self._api.execute(asked)
        return GraphQLAnswer(given.response, "late, committed")


@dataclass
class GraphQLRequest:
    """The parsed body of a request; `error` says why it could not be parsed.

    `fields` are the root fields of the operation that is to be executed, `names` these and the
    operation's own name.
    """

    document: DocumentNode | None = None
    variables: dict[str, Any] = field(default_factory=dict)
    operation_name: str | None = None
    fields: tuple[str, ...] = ()
    names: set[str] = field(default_factory=set)
    error: GraphQLError | None = None
    query: str = ""


@dataclass
class GraphQLAnswer:
    """`outcome` is "ok", the code of an error, or the HTTP status where there is no code."""

    response: Response
    outcome: str


def answer(body: object, status: int, outcome: str) -> GraphQLAnswer:
    response = Response(json.dumps(body), status, media_type="application/json")
    return GraphQLAnswer(response, outcome)


def read(body: bytes) -> GraphQLRequest:
    """Return the request in `body`: `{"query", "variables", "operationName"}`."""
    try:
        sent = json.loads(body)
        query, variables, name = sent["query"], sent.get("variables"), sent.get("operationName")
    except (ValueError, TypeError, KeyError, AttributeError):
        return GraphQLRequest(error=_unreadable())
    if not isinstance(query, str) or not isinstance(variables, dict | None):
        return GraphQLRequest(error=_unreadable())
    try:
        document = _parsed(query)
    except GraphQLSyntaxError as error:
        error.extensions = {"code": "GRAPHQL_PARSE_FAILED"}
        return GraphQLRequest(variables=variables or {}, error=error)
    operation = _operation(document, name)
    return GraphQLRequest(document, variables or {}, name, *_names(operation), query=query)


def _unreadable() -> GraphQLError:
    return GraphQLError("The body holds no GraphQL query.", extensions={"code": "BAD_USER_INPUT"})


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    """Return the operation called `name`, else the first."""
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    named = [one for one in operations if one.name is not None and one.name.value == name]
    return next(iter(named or operations), None)


def _names(operation: OperationDefinitionNode | None) -> tuple[tuple[str, ...], set[str]]:
    """Return the operation's root fields, and all its names: these and its own."""
    if operation is None:
        return (), set()
    chosen = operation.selection_set.selections
    fields = tuple(one.name.value for one in chosen if isinstance(one, FieldNode))
    return fields, {*fields, *([operation.name.value] if operation.name else [])}


class Api:
    """The schema over one workspace, for a key with these permissions."""

    def __init__(self, world: PlainWorld, permissions: Set[str]) -> None:
        self._world = world
        self._permissions = permissions
        self._schema = resolvers.bound_schema()

    def execute(self, asked: GraphQLRequest) -> GraphQLAnswer:
        """Execute a request; answer 400 if it cannot be executed, else 200."""
        if asked.document is None:
            return _errors([asked.error or _unreadable()], HTTPStatus.BAD_REQUEST)
        if invalid := _mistakes(self._schema, asked.query):
            return _errors(invalid, HTTPStatus.BAD_REQUEST)
        session = resolvers.Session(self._world, self._permissions)
        variables, name = asked.variables, asked.operation_name
        result = resolvers.run(self._schema, session, asked.document, variables, name)
        if not result.errors:
            code = session.codes[0] if session.codes else "ok"
            return answer({"data": result.data}, HTTPStatus.OK, code)
        if any(error.path is None for error in result.errors):
            return _errors(result.errors, HTTPStatus.BAD_REQUEST)
        return _errors(result.errors, HTTPStatus.OK, data=result.data)


# Clients send the same few documents again and again, and reading or checking one takes longer than
# executing it.
@lru_cache(maxsize=128)
def _parsed(query: str) -> DocumentNode:
    return parse(query)


@lru_cache(maxsize=128)
def _mistakes(schema: GraphQLSchema, query: str) -> tuple[GraphQLError, ...]:
    """Return what makes a document invalid against a schema."""
    invalid = validate(schema, _parsed(query))
    for error in invalid:
        error.extensions = {"code": "GRAPHQL_VALIDATION_FAILED"}
    return tuple(invalid)


def _errors(errors: Sequence[GraphQLError], status: int, **more: Any) -> GraphQLAnswer:
    code = str((errors[0].extensions or {})["code"])
    return answer({**more, "errors": [error.formatted for error in errors]}, status, code)


How = Literal["500", "502", "503", "429", "html", "drop", "hang", "late"]
"""A status; an HTML page with 200; a connection closed without an answer; no answer for a while
and then a gateway's 503; processed only after a while, though the client may have gone."""

_PAGE = "<!DOCTYPE html><html><title>Plain</title><p>We will be back in a moment.</p></html>"


@dataclass
class PlainFault:
    """`operation` is a root field ("createThread") or an operation's name; None means any.

    `seconds` is how long a "hang" or "late" waits, and the Retry-After of a "429".
    """

    operation: str | None
    how: How
    times: int
    seconds: float | None
    committed: bool

    @property
    def outcome(self) -> str:
        return f"{self.how}, committed" if self.committed else self.how


class PlainFaults:
    """The failures that are still to come, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._pending: list[PlainFault] = []

    def add(self, fault: PlainFault) -> None:
        """Add a failure. Raise ValueError for one that is impossible."""
        if fault.how not in get_args(How):
            raise ValueError(f"no such failure: {fault.how}")
        if fault.how == "429" and fault.committed:
            raise ValueError("a rate limited request was never processed")
        if fault.how in {"hang", "late"} and fault.seconds is None:
            raise ValueError(f"{fault.how} needs seconds")
        self._pending.append(fault)

    def clear(self) -> None:
        self._pending.clear()

    def next(self, names: Collection[str]) -> PlainFault | None:
        """Return and use up the failure for a request whose operation has one of `names`."""
        for fault in self._pending:
            if fault.operation is None or fault.operation in names:
                fault.times -= 1
                if fault.times < 1:
                    self._pending.remove(fault)
                return fault
        return None


def failure(how: How, outcome: str) -> GraphQLAnswer:
    """Return the answer to a request that fails in this way."""
    match how:
        case "html":
            return GraphQLAnswer(HTMLResponse(_PAGE), outcome)
        case "502":
            return GraphQLAnswer(HTMLResponse(_PAGE, HTTPStatus.BAD_GATEWAY), outcome)
        case "drop":
            return GraphQLAnswer(Dropped(), outcome)
        case "500":
            error = _error("Internal server error", "INTERNAL_SERVER_ERROR")
            return answer(error, HTTPStatus.INTERNAL_SERVER_ERROR, outcome)
        case "429":
            error = _error("Too Many Requests - Rate limit exceeded", "RATE_LIMITED")
            return answer(error, HTTPStatus.TOO_MANY_REQUESTS, outcome)
        case "503" | "hang" | "late":
            body = {"message": "Service Unavailable"}
            return answer(body, HTTPStatus.SERVICE_UNAVAILABLE, outcome)


def _error(message: str, code: str) -> dict[str, object]:
    return {"errors": [{"message": message, "extensions": {"code": code}}]}


WINDOW = 60.0
"""Seconds."""
UNLIMITED = 1_000
"""What an unlimited workspace shows: the highest plan's requests a minute."""


class RateLimit:
    """So many requests in each minute that a request opens; None never refuses.

    Plain's help centre, "Understanding rate limits": 450 to 1,000 a minute by plan, told in
    three headers of which `x-ratelimit-reset` is ISO 8601.
    """

    def __init__(self, per_minute: int | None, clock: Callable[[], float]) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._opened = clock()
        self._used = 0

    def take(self) -> bool:
        """Return True and count the request if one more fits."""
        if self._clock() >= self._opened + WINDOW:
            self._opened, self._used = self._clock(), 0
        if self.per_minute is None:
            return True
        if self._used >= self.per_minute:
            return False
        self._used += 1
        return True

    def headers(self) -> dict[str, str]:
        limit = UNLIMITED if self.per_minute is None else self.per_minute
        return {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(max(0, limit - self._used)),
            "x-ratelimit-reset": DateTime(self._opened + WINDOW).iso8601,
        }
