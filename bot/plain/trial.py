"""Try the bridge's operations without writing anything, for `doctor`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.core.model import EventDraft, ThreadDraft
from bot.core.text.parts import TextPart
from bot.plain import inputs, operations
from bot.plain.operations import Operation, Variables
from bot.plain.protocol import Data

_NOTHING = "0" * 26

# For variables of these names; nothing in Plain goes by the values.
_VALUES: Mapping[str, object] = {
    "after": None,
    "before": None,
    "customerId": f"c_{_NOTHING}",
    "email": "nobody@plain-bridge.invalid",
    "externalId": "plain-bridge-doctor",
    "first": 1,
    "since": "2020-01-01T00:00:00Z",
    "term": "plain-bridge-doctor",
    "threadId": f"th_{_NOTHING}",
    "userId": f"u_{_NOTHING}",
}

_VARIABLE = re.compile(r"\$(\w+)\s*:\s*(\w+)")
_TEXT = (TextPart("text"),)

USER: Operation[bool] = Operation(
    "user",
    """query user($userId: ID!) {
  user(userId: $userId) { id isDeleted }
}""",
    lambda data: isinstance(data.get("user"), dict) and data["user"].get("isDeleted") is False,
)
"""Returns whether a Plain user with this id exists."""

_SAMPLES: Mapping[str, Variables] = {
    "createThread": inputs.create_thread(
        ThreadDraft(
            customer=f"c_{_NOTHING}",
            external_id="plain-bridge-doctor",
            title="title",
            parts=_TEXT,
            preview="text",
            label_types=(f"lt_{_NOTHING}",),
            tenant="tenant",
            assignee=f"u_{_NOTHING}",
            attachments=(f"att_{_NOTHING}",),
        )
    ),
    "createThreadEvent": inputs.create_thread_event(
        EventDraft(f"th_{_NOTHING}", "plain-bridge-doctor", "title", _TEXT)
    ),
    "upsertCustomer": inputs.upsert_customer("nobody@example.com", "name", verified=False),
}
"""Variables with every field that the bridge may set; never sent."""


def reads() -> tuple[Operation[Any], ...]:
    """Return the operations that change nothing."""
    return tuple(one for one in _all() if not one.mutation)


def variables(operation: Operation[Any]) -> Variables:
    """Return variables with which a read finds nothing. Raise KeyError for an unknown variable."""
    return {name: _VALUES[name] for name, _ in _declared(operation)}


@dataclass(frozen=True, slots=True)
class Mutation:
    """A mutation, with the type of its input and the fields of it that the bridge sets."""

    name: str
    input: str
    fields: frozenset[str]


def writes() -> tuple[Mutation, ...]:
    """Return the operations that change something."""
    return tuple(_write(one) for one in _all() if one.mutation)


@dataclass(frozen=True, slots=True)
class PlainSchema:
    """Plain's schema: its mutations, and the fields of input types by name."""

    mutations: frozenset[str]
    inputs: Mapping[str, frozenset[str]]


def schema() -> Operation[PlainSchema]:
    """Return the operation that reads the schema of `writes`; Plain may reject it.

    https://spec.graphql.org/October2021/#sec-Schema-Introspection
    """
    names = sorted({write.input for write in writes()})
    types = "\n".join(
        f'  {name}: __type(name: "{name}") {{ inputFields(includeDeprecated: true) {{ name }} }}'
        for name in names
    )
    document = f"""query schemaOfWrites {{
  mutations: __type(name: "Mutation") {{ fields(includeDeprecated: true) {{ name }} }}
{types}
}}"""
    return Operation("schemaOfWrites", document, lambda data: _schema(data, names))


def missing(write: Mutation, schema: PlainSchema) -> tuple[str, ...]:
    """Return what Plain no longer has of the write: its name, or fields of its input."""
    if write.name not in schema.mutations:
        return (write.name,)
    unknown = sorted(write.fields - schema.inputs[write.input])
    return tuple(f"{write.name}.{field}" for field in unknown)


def _all() -> tuple[Operation[Any], ...]:
    return tuple(one for one in vars(operations).values() if isinstance(one, Operation))


def _declared(operation: Operation[Any]) -> list[tuple[str, str]]:
    """Return the operation's variables with their types, without `!`."""
    return _VARIABLE.findall(operation.document.partition("{")[0])


def _write(operation: Operation[Any]) -> Mutation:
    ((_, type_),) = _declared(operation)
    given = _SAMPLES.get(operation.name, {}).get("input")
    return Mutation(operation.name, type_, frozenset(given if isinstance(given, dict) else ()))


def _schema(data: Data, names: list[str]) -> PlainSchema:
    return PlainSchema(
        _names(data, "mutations", "fields"),
        {name: _names(data, name, "inputFields") for name in names},
    )


def _names(data: Data, type_: str, of: str) -> frozenset[str]:
    found = data.get(type_)
    fields = found.get(of) if isinstance(found, dict) else None
    return frozenset(
        one["name"]
        for one in (fields if isinstance(fields, list) else ())
        if isinstance(one, dict) and isinstance(one.get("name"), str)
    )
