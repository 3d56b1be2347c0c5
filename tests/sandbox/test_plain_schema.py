"""The sandbox's schema is a true part of Plain's own, and all of it is served."""

from __future__ import annotations

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    is_introspection_type,
    is_required_argument,
    is_required_input_field,
    is_specified_scalar_type,
)

from bot.sandbox.plain.resolvers import (
    FIELD_PERMISSIONS,
    MUTATION_PERMISSIONS,
    SCHEMA,
    bound_schema,
)
from tests.contracts import Contract

CONTRACTS = ["plain-schema-2026-05.graphql", "plain-schema-2026-08.graphql"]


def differences(ours: GraphQLSchema, plains: GraphQLSchema) -> list[str]:
    """What `ours` says that `plains` does not, or says otherwise."""
    found: list[str] = []
    for name, one in ours.type_map.items():
        if is_introspection_type(one) or is_specified_scalar_type(one):
            continue
        other = plains.type_map.get(name)
        if other is None or type(other) is not type(one):
            found.append(f"{name} is no such type there")
        else:
            found.extend(f"{name}{what}" for what in within(one, other))
    return found


def within(one: GraphQLNamedType, other: GraphQLNamedType) -> list[str]:
    match one, other:
        case (GraphQLObjectType() | GraphQLInterfaceType() as a, b) if isinstance(b, type(a)):
            return fields(a, b)
        case GraphQLInputObjectType() as a, GraphQLInputObjectType() as b:
            return inputs(a, b)
        case GraphQLEnumType() as a, GraphQLEnumType() as b:
            return [f".{value} is unknown there" for value in a.values if value not in b.values]
        case GraphQLUnionType() as a, GraphQLUnionType() as b:
            known = {member.name for member in b.types}
            return [f" has no member {m.name} there" for m in a.types if m.name not in known]
        case _:
            return [" is of a kind that is not compared"]


def fields(
    one: GraphQLObjectType | GraphQLInterfaceType, other: GraphQLObjectType | GraphQLInterfaceType
) -> list[str]:
    found: list[str] = []
    for name, field in one.fields.items():
        twin = other.fields.get(name)
        if twin is None or str(twin.type) != str(field.type):
            found.append(f".{name}: {field.type}, there {twin and twin.type}")
            continue
        for key, argument in field.args.items():
            there = twin.args.get(key)
            if there is None or str(there.type) != str(argument.type):
                found.append(f".{name}({key}: {argument.type}), there {there and there.type}")
        missing = [k for k, v in twin.args.items() if is_required_argument(v)]
        found.extend(f".{name} lacks {key}" for key in missing if key not in field.args)
    known = {interface.name for interface in other.interfaces}
    found.extend(f" is no {i.name} there" for i in one.interfaces if i.name not in known)
    return found


def inputs(one: GraphQLInputObjectType, other: GraphQLInputObjectType) -> list[str]:
    found = []
    for name, field in one.fields.items():
        twin = other.fields.get(name)
        if twin is None or str(twin.type) != str(field.type):
            found.append(f".{name}: {field.type}, there {twin and twin.type}")
    missing = [k for k, v in other.fields.items() if is_required_input_field(v)]
    return found + [f" lacks {name}" for name in missing if name not in one.fields]


@pytest.mark.parametrize("name", CONTRACTS)
def test_everything_in_the_schema_is_plains(name: str, contract: Contract) -> None:
    plains = build_schema(contract(name).read_text(encoding="utf-8"), assume_valid=True)
    assert differences(bound_schema(), plains) == []


@pytest.mark.parametrize(
    ("plains", "difference"),
    [
        ("type Query { a: Int }", "Query.a: Int!, there Int"),
        ("type Query { b: Int! }", "Query.a: Int!, there None"),
        ("type Query { a(x: Int!): Int! }", "Query.a lacks x"),
    ],
)
def test_a_difference_is_seen(plains: str, difference: str) -> None:
    ours = build_schema("type Query { a: Int! }")
    assert differences(ours, build_schema(plains)) == [difference]


@pytest.mark.parametrize(
    ("ours", "plains", "difference"),
    [
        ("enum E { A B }", "enum E { A }", "E.B is unknown there"),
        ("input I { a: Int }", "input I { a: Int b: Int! }", "I lacks b"),
        ("input I { a: [ID!] }", "input I { a: [ID] }", "I.a: [ID!], there [ID]"),
        (
            "type A { a: Int } union U = A",
            "type A { a: Int } type B { a: Int } union U = B",
            "U has no member A there",
        ),
        ("enum E { A }", "input E { a: Int }", "E is no such type there"),
    ],
)
def test_a_difference_of_types_is_seen(ours: str, plains: str, difference: str) -> None:
    query = "type Query { q: Int } "
    found = differences(build_schema(query + ours), build_schema(query + plains))
    assert found == [difference]


def test_every_operation_is_resolved_and_says_what_it_needs() -> None:
    schema = bound_schema()
    assert schema.query_type is not None
    assert schema.mutation_type is not None
    operations = {**schema.query_type.fields, **schema.mutation_type.fields}
    assert [name for name, field in operations.items() if field.resolve is None] == []
    assert set(schema.mutation_type.fields) == set(MUTATION_PERMISSIONS)
    for type_name, field_name in FIELD_PERMISSIONS:
        named = schema.type_map[type_name]
        assert isinstance(named, GraphQLObjectType)
        assert field_name in named.fields


def test_the_schema_is_shipped_beside_the_code() -> None:
    assert SCHEMA.parent.name == "plain"
    assert SCHEMA.is_file()
