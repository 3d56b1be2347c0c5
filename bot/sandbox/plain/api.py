"""GraphQL over HTTP as Plain answers it: a body in; data, or errors that carry codes, out."""

from __future__ import annotations

import json
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from typing import Any

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
from starlette.responses import Response

from bot.sandbox.plain import resolvers
from bot.sandbox.plain.world import World


@dataclass
class Asked:
    """What a body asks for, as far as it could be read; `error` says why it could not.

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
class Answer:
    """`outcome` is "ok", the code of an error, or the HTTP status where there is no code."""

    response: Response
    outcome: str


def answer(body: object, status: int, outcome: str) -> Answer:
    response = Response(json.dumps(body), status, media_type="application/json")
    return Answer(response, outcome)


def read(body: bytes) -> Asked:
    """The request in `body`: `{"query", "variables", "operationName"}`."""
    try:
        sent = json.loads(body)
        query, variables, name = sent["query"], sent.get("variables"), sent.get("operationName")
    except (ValueError, TypeError, KeyError, AttributeError):
        return Asked(error=_unreadable())
    if not isinstance(query, str) or not isinstance(variables, dict | None):
        return Asked(error=_unreadable())
    try:
        document = _parsed(query)
    except GraphQLSyntaxError as error:
        error.extensions = {"code": "GRAPHQL_PARSE_FAILED"}
        return Asked(variables=variables or {}, error=error)
    operation = _operation(document, name)
    return Asked(document, variables or {}, name, *_names(operation), query=query)


def _unreadable() -> GraphQLError:
    return GraphQLError("The body holds no GraphQL query.", extensions={"code": "BAD_USER_INPUT"})


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    """The operation that `name` chooses, else the first."""
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    named = [one for one in operations if one.name is not None and one.name.value == name]
    return next(iter(named or operations), None)


def _names(operation: OperationDefinitionNode | None) -> tuple[tuple[str, ...], set[str]]:
    """The operation's root fields, and all that it goes by: these and its own name."""
    if operation is None:
        return (), set()
    chosen = operation.selection_set.selections
    fields = tuple(one.name.value for one in chosen if isinstance(one, FieldNode))
    return fields, {*fields, *([operation.name.value] if operation.name else [])}


class Api:
    """The schema over one workspace, for a key with these permissions."""

    def __init__(self, world: World, permissions: Set[str]) -> None:
        self._world = world
        self._permissions = permissions
        self._schema = resolvers.bound_schema()

    def execute(self, asked: Asked) -> Answer:
        """Requests that cannot be executed are answered 400, all others 200."""
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


def _errors(errors: Sequence[GraphQLError], status: int, **more: Any) -> Answer:
    code = str((errors[0].extensions or {})["code"])
    return answer({**more, "errors": [error.formatted for error in errors]}, status, code)
