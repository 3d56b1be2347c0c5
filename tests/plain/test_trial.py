"""What `doctor` tries of Plain: documents that are valid, and variables for every read."""

from __future__ import annotations

import pytest
from graphql import (
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    graphql_sync,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values

from bot.plain import trial
from tests.contracts import Contract

READS = {one.name: one for one in (*trial.reads(), trial.USER)}
WRITES = {one.name: one for one in trial.writes()}


@pytest.fixture(scope="module")
def schema(contract: Contract) -> GraphQLSchema:
    return build_schema(contract("plain-schema-2026-08.graphql").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def told(schema: GraphQLSchema) -> trial.PlainSchema:
    """Return what Plain's schema tells a bridge that asks about it."""
    asked = graphql_sync(schema, trial.schema().document)
    assert asked.errors is None
    assert asked.data is not None
    return trial.schema().read(asked.data)


@pytest.mark.parametrize("name", READS)
def test_every_read_can_be_tried(name: str, schema: GraphQLSchema) -> None:
    document = parse(READS[name].document)
    assert validate(schema, document) == []
    (definition,) = document.definitions
    assert isinstance(definition, OperationDefinitionNode)
    given = dict(trial.variables(READS[name]))
    coerced = get_variable_values(schema, definition.variable_definitions or (), given)
    assert not isinstance(coerced, list), coerced


def test_no_read_is_a_mutation() -> None:
    for operation in trial.reads():
        (definition,) = parse(operation.document).definitions
        assert isinstance(definition, OperationDefinitionNode)
        assert definition.operation.value == "query"


@pytest.mark.parametrize("name", WRITES)
def test_every_write_stands_in_the_schema(name: str, told: trial.PlainSchema) -> None:
    assert trial.missing(WRITES[name], told) == ()


def test_what_the_bridge_uses_and_plain_dropped_is_named(told: trial.PlainSchema) -> None:
    write = WRITES["createThread"]
    fields = told.inputs["CreateThreadInput"] - {"components", "title"}
    less = trial.PlainSchema(told.mutations, {**told.inputs, "CreateThreadInput": fields})
    assert trial.missing(write, less) == ("createThread.components", "createThread.title")
    none = trial.PlainSchema(told.mutations - {"createThread"}, told.inputs)
    assert trial.missing(write, none) == ("createThread",)


@pytest.mark.parametrize("data", [{}, {"mutations": None}, {"mutations": {"fields": 1}}])
def test_a_schema_that_is_not_told(data: dict[str, object]) -> None:
    assert trial.schema().read(data).mutations == frozenset()
