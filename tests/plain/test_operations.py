"""Every document and every variable against Plain's published schemas and the sandbox's."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLSchema,
    NoDeprecatedCustomRule,
    OperationDefinitionNode,
    build_schema,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.values import get_variable_values

from bot.core.faults import Reason, Rejected
from bot.core.model import EventDraft, File, Priority, ThreadDraft
from bot.core.text.parts import DividerPart, LinkPart, Part, PlainTextPart, TextPart, Tone
from bot.plain import inputs, operations
from bot.plain.operations import Operation, Variables
from bot.store.rejections import to_data

SANDBOX = Path(operations.__file__).parents[1] / "sandbox" / "plain" / "schema.graphql"
SCHEMAS = [
    pytest.param("plain-schema-2026-05.graphql", marks=pytest.mark.contracts),
    pytest.param("plain-schema-2026-08.graphql", marks=pytest.mark.contracts),
    "sandbox",
]

PARTS: tuple[Part, ...] = (
    TextPart("Ada, in *#support*", Tone.MUTED, small=True),
    TextPart("It burns"),
    PlainTextPart("as it is", Tone.WARNING),
    PlainTextPart("as small as it is", small=True),
    DividerPart(),
    LinkPart("Open in Slack", "https://example.slack.com/archives/C1/p1"),
)
DRAFT = ThreadDraft(
    customer="c_1",
    external_id="T1:C1:1700000000.000100",
    title="Printer on fire",
    parts=PARTS,
    preview="It burns",
    priority=Priority.URGENT,
    label_types=("lt_1", "lt_2"),
    tenant="acme",
    assignee="u_1",
    attachments=("att_1", "att_2"),
)
BARE = ThreadDraft("c_1", "T1:C1:1.000100", "Printer on fire", (TextPart("It burns"),))
EVENT = EventDraft("th_1", "T1:C1:1700000001.000100", "Also from Slack", PARTS)

EXAMPLES: list[tuple[Operation[Any], list[Variables]]] = [
    (
        operations.CREATE_THREAD,
        [inputs.create_thread(DRAFT), inputs.create_thread(BARE)],
    ),
    (
        operations.CREATE_UPLOAD,
        [
            inputs.create_upload("c_1", File("F1", "a.png", size=5)),
            inputs.create_upload("c_1", File("F1", size=5)),
        ],
    ),
    (operations.THREAD_BY_EXTERNAL_ID, [{"customerId": "c_1", "externalId": "T1:C1:1"}]),
    (
        operations.CUSTOMER_THREADS,
        [
            {"customerId": "c_1", "since": "2026-09-01T10:00:00Z", "after": None},
            {"customerId": "c_1", "since": "2026-09-01T10:00:00Z", "after": "cursor"},
        ],
    ),
    (
        operations.THREAD_SEEN,
        [{"threadId": "th_1", "before": None}, {"threadId": "th_1", "before": "cursor"}],
    ),
    (operations.CREATE_NOTE, [inputs.create_note("c_1", "th_1", "Ada undid this")]),
    (operations.MARK_THREAD_AS_DONE, [inputs.mark_ignored("th_1")]),
    (operations.CREATE_THREAD_EVENT, [inputs.create_thread_event(EVENT)]),
    (
        operations.THREAD_EVENTS,
        [{"threadId": "th_1", "before": None}, {"threadId": "th_1", "before": "cursor"}],
    ),
    (
        operations.UPSERT_CUSTOMER,
        [inputs.upsert_customer("ada@example.com", "Ada Byron", verified=True)],
    ),
    (operations.CUSTOMER, [{"customerId": "c_1"}]),
    (operations.CUSTOMER_BY_EMAIL, [{"email": "ada@example.com"}]),
    (operations.CUSTOMER_BY_EXTERNAL_ID, [{"externalId": "42"}]),
    (operations.SEARCH_CUSTOMERS, [{"term": "ada", "first": 10}]),
    (operations.USER_BY_EMAIL, [{"email": "grace@example.com"}]),
    (operations.LABEL_TYPES, [{"after": None}, {"after": "cursor"}]),
    (operations.TENANTS, [{"after": None}, {"after": "cursor"}]),
    (operations.WORKSPACE_ID, [{}]),
    (operations.WORKSPACE, [{}]),
]
OPERATIONS = {operation.name: (operation, variables) for operation, variables in EXAMPLES}


@cache
def built(path: Path) -> GraphQLSchema:
    return build_schema(path.read_text(encoding="utf-8"))


@pytest.fixture(params=SCHEMAS)
def schema(request: pytest.FixtureRequest) -> GraphQLSchema:
    if request.param == "sandbox":
        return built(SANDBOX)
    return built(request.getfixturevalue("contract")(request.param))


def test_every_operation_is_checked() -> None:
    written = [value for value in vars(operations).values() if isinstance(value, Operation)]
    assert {operation.name for operation in written} == set(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_documents_are_valid_and_use_nothing_deprecated(name: str, schema: GraphQLSchema) -> None:
    document = parse(OPERATIONS[name][0].document)
    assert validate(schema, document, [*specified_rules, NoDeprecatedCustomRule]) == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_variables_are_of_the_input_types(name: str, schema: GraphQLSchema) -> None:
    operation, examples = OPERATIONS[name]
    (definition,) = parse(operation.document).definitions
    assert isinstance(definition, OperationDefinitionNode)
    definitions = definition.variable_definitions or ()
    declared = {one.variable.name.value for one in definitions}
    for variables in examples:
        assert set(variables) == declared
        coerced = get_variable_values(schema, definitions, dict(variables))
        assert not isinstance(coerced, list), coerced


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_document_says_its_name_and_kind(name: str) -> None:
    operation = OPERATIONS[name][0]
    (definition,) = parse(operation.document).definitions
    assert isinstance(definition, OperationDefinitionNode)
    assert definition.name is not None
    assert definition.name.value == name
    assert (definition.operation.value == "mutation") == operation.mutation
    assert operation.mutation or not operation.write


COMPONENTS = [
    {"componentText": {"text": "Ada, in *#support*", "textSize": "S", "textColor": "MUTED"}},
    {"componentText": {"text": "It burns", "textSize": "M", "textColor": "NORMAL"}},
    {
        "componentPlainText": {
            "plainText": "as it is",
            "plainTextSize": "M",
            "plainTextColor": "WARNING",
        }
    },
    {
        "componentPlainText": {
            "plainText": "as small as it is",
            "plainTextSize": "S",
            "plainTextColor": "NORMAL",
        }
    },
    {"componentDivider": {"dividerSpacingSize": "S"}},
    {
        "componentLinkButton": {
            "linkButtonLabel": "Open in Slack",
            "linkButtonUrl": "https://example.slack.com/archives/C1/p1",
        }
    },
]


def test_a_full_draft() -> None:
    assert inputs.create_thread(DRAFT) == {
        "input": {
            "customerIdentifier": {"customerId": "c_1"},
            "externalId": "T1:C1:1700000000.000100",
            "title": "Printer on fire",
            "components": COMPONENTS,
            "priority": 0,
            "description": "It burns",
            "labelTypeIds": ["lt_1", "lt_2"],
            "attachmentIds": ["att_1", "att_2"],
            "tenantIdentifier": {"externalId": "acme"},
            "assignedTo": {"userId": "u_1"},
        }
    }


def test_a_bare_draft_says_nothing_about_what_it_does_not_have() -> None:
    assert inputs.create_thread(BARE) == {
        "input": {
            "customerIdentifier": {"customerId": "c_1"},
            "externalId": "T1:C1:1.000100",
            "title": "Printer on fire",
            "components": [
                {"componentText": {"text": "It burns", "textSize": "M", "textColor": "NORMAL"}}
            ],
            "priority": 2,
        }
    }


def test_an_event() -> None:
    assert inputs.create_thread_event(EVENT) == {
        "input": {
            "threadId": "th_1",
            "externalId": "T1:C1:1700000001.000100",
            "title": "Also from Slack",
            "components": COMPONENTS,
        }
    }


@pytest.mark.parametrize("verified", [True, False])
def test_an_upsert_leaves_an_existing_customer_alone(verified: bool) -> None:
    assert inputs.upsert_customer("ada@example.com", "Ada", verified=verified) == {
        "input": {
            "identifier": {"emailAddress": "ada@example.com"},
            "onCreate": {
                "fullName": "Ada",
                "email": {"email": "ada@example.com", "isVerified": verified},
            },
            "onUpdate": {},
        }
    }


def test_empty_texts_are_left_out() -> None:
    parts = (TextPart(""), PlainTextPart(" \n"), DividerPart())
    assert inputs.components(parts) == [{"componentDivider": {"dividerSpacingSize": "S"}}]


@pytest.mark.parametrize(
    ("priority", "number"),
    [(Priority.URGENT, 0), (Priority.HIGH, 1), (Priority.NORMAL, 2), (Priority.LOW, 3)],
)
def test_priorities_count_from_urgent(priority: Priority, number: int) -> None:
    draft = ThreadDraft("c_1", "key", "title", (), priority=priority)
    assert inputs.create_thread(draft)["input"]["priority"] == number  # type: ignore[index]


@pytest.mark.parametrize(
    ("assignee", "assigned"),
    [("u_1", {"userId": "u_1"}), ("mu_1", {"machineUserId": "mu_1"})],
)
def test_an_assignee_is_a_user_or_a_machine_user(assignee: str, assigned: object) -> None:
    draft = ThreadDraft("c_1", "key", "title", (), assignee=assignee)
    assert inputs.create_thread(draft)["input"]["assignedTo"] == assigned  # type: ignore[index]


def test_another_assignee_is_refused() -> None:
    with pytest.raises(Rejected) as caught:
        inputs.create_thread(ThreadDraft("c_1", "key", "title", (), assignee="x_1"))
    assert caught.value.reason is Reason.UNKNOWN_ASSIGNEE
    assert to_data(caught.value.rejection) == {"assignee": "x_1"}
