"""Every input that the sandbox's Plain refuses, with the code and the fields it names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from bot.sandbox.plain import Plain
from tests.sandbox.plain_client import CREATE_EVENT, CREATE_THREAD, UPSERT, PlainApi, talking

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLEF = "\N{MUSICAL SYMBOL G CLEF}"
"""One character, two UTF-16 units."""


@dataclass
class Scene:
    """One Plain for all these tests: what is refused changes nothing."""

    plain: Plain
    talk: PlainApi
    thread: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene() -> AsyncIterator[Scene]:
    plain = Plain(duplicate_external_id="refuse")
    plain.add_customer("Ada", "ada@example.com", "ada-1")
    plain.add_customer("Bob", "bob@example.com", "bob-1")
    plain.add_customer("Spam", "spam@example.com", spam=True)
    plain.add_label_type("Old", archived=True)
    plain.add_user("gone@example.com", "Gone", deleted=True)
    async with talking(plain) as talk:
        given = {"customerIdentifier": {"externalId": "ada-1"}, "externalId": "key"}
        created = await talk.mutate(CREATE_THREAD, given)
        yield Scene(plain, talk, created["thread"]["id"])


def nested(kind: str, **fields: Any) -> dict[str, Any]:
    """A thread's input with this one component."""
    return {"components": [{kind: fields}]}


INVALID, NOT_FOUND, REQUIRED = "VALIDATION", "NOT_FOUND", "REQUIRED"

THREADS: dict[str, tuple[dict[str, Any], str, list[tuple[str, str]]]] = {
    "no identifier": (
        {"customerIdentifier": {}},
        "input_validation",
        [("customerIdentifier", INVALID)],
    ),
    "two identifiers": (
        {"customerIdentifier": {"emailAddress": "ada@example.com", "externalId": "ada-1"}},
        "input_validation",
        [("customerIdentifier", INVALID)],
    ),
    "an unknown customer": (
        {"customerIdentifier": {"customerId": "c_01SANDB0X00000000000000009"}},
        "not_found",
        [("customerIdentifier", NOT_FOUND)],
    ),
    "a customer marked as spam": (
        {"customerIdentifier": {"emailAddress": "spam@example.com"}},
        "customer_is_marked_as_spam",
        [],
    ),
    "an empty title": ({"title": ""}, "input_validation", [("title", INVALID)]),
    "a blank title": ({"title": " \n"}, "input_validation", [("title", INVALID)]),
    "an empty external id": ({"externalId": ""}, "input_validation", [("externalId", INVALID)]),
    "an external id again": (
        {"externalId": "key"},
        "thread_already_exists_with_external_id",
        [],
    ),
    "a priority too high": ({"priority": 4}, "input_validation", [("priority", INVALID)]),
    "a priority too low": ({"priority": -1}, "input_validation", [("priority", INVALID)]),
    "a channel that needs details": (
        {"channel": "SLACK"},
        "input_validation",
        [("channel", INVALID)],
    ),
    "an unknown label type": (
        {"labelTypeIds": ["lt_01SANDB0X00000000000000001", "lt_x", "lt_y", "lt_x"]},
        "not_found",
        [("labelTypeIds.1", NOT_FOUND), ("labelTypeIds.2", NOT_FOUND)],
    ),
    "an archived label type": (
        {"labelTypeIds": ["lt_01SANDB0X00000000000000001"]},
        "cannot_add_label_using_archived_label_type",
        [],
    ),
    "an unknown tenant": (
        {"tenantIdentifier": {"externalId": "nobody"}},
        "not_found",
        [("tenantIdentifier", NOT_FOUND)],
    ),
    "a tenant named twice": (
        {"tenantIdentifier": {"externalId": "a", "tenantId": "b"}},
        "input_validation",
        [("tenantIdentifier", INVALID)],
    ),
    "an unknown assignee": (
        {"assignedTo": {"userId": "u_x"}},
        "not_found",
        [("assignedTo", NOT_FOUND)],
    ),
    "a deleted assignee": (
        {"assignedTo": {"userId": "u_01SANDB0X00000000000000001"}},
        "not_found",
        [("assignedTo", NOT_FOUND)],
    ),
    "an unknown machine user": (
        {"assignedTo": {"machineUserId": "mu_x"}},
        "not_found",
        [("assignedTo", NOT_FOUND)],
    ),
    "an assignee named twice": (
        {"assignedTo": {"userId": "u_x", "machineUserId": "mu_x"}},
        "input_validation",
        [("assignedTo", INVALID)],
    ),
    "a component of no kind": (
        {"components": [{}]},
        "input_validation",
        [("components.0", INVALID)],
    ),
    "a component of two kinds": (
        {"components": [{"componentText": {"text": "a"}, "componentDivider": {}}]},
        "input_validation",
        [("components.0", INVALID)],
    ),
    "an empty text": (
        nested("componentText", text=""),
        "input_validation",
        [("components.0.componentText.text", INVALID)],
    ),
    "a text too long": (
        nested("componentText", text="x" * 10_001),
        "input_validation",
        [("components.0.componentText.text", INVALID)],
    ),
    "a text too long in UTF-16 only": (
        nested("componentPlainText", plainText=CLEF * 5_001),
        "input_validation",
        [("components.0.componentPlainText.plainText", INVALID)],
    ),
    "a spacer without a size": (
        nested("componentSpacer"),
        "input_validation",
        [("components.0.componentSpacer.spacerSize", REQUIRED)],
    ),
    "a link button without anything": (
        nested("componentLinkButton"),
        "input_validation",
        [
            ("components.0.componentLinkButton.linkButtonLabel", REQUIRED),
            ("components.0.componentLinkButton.linkButtonUrl", REQUIRED),
        ],
    ),
    "a label too long": (
        nested("componentLinkButton", linkButtonLabel="x" * 501, linkButtonUrl="https://a.example"),
        "input_validation",
        [("components.0.componentLinkButton.linkButtonLabel", INVALID)],
    ),
    **{
        f"a link to {url!r}": (
            nested("componentLinkButton", linkButtonLabel="x", linkButtonUrl=url),
            "input_validation",
            [("components.0.componentLinkButton.linkButtonUrl", INVALID)],
        )
        for url in ("", "a.example", "javascript:alert(1)", "https://", "https://[", "https://a b")
    },
    "a badge without a label": (
        nested("componentBadge", badgeLabel=""),
        "input_validation",
        [("components.0.componentBadge.badgeLabel", INVALID)],
    ),
    "a copy button too long": (
        nested("componentCopyButton", copyButtonValue="x" * 1_001, copyButtonTooltipLabel=""),
        "input_validation",
        [
            ("components.0.componentCopyButton.copyButtonValue", INVALID),
            ("components.0.componentCopyButton.copyButtonTooltipLabel", INVALID),
        ],
    ),
    "an empty row": (
        nested(
            "componentRow", rowMainContent=[], rowAsideContent=[{"componentText": {"text": ""}}]
        ),
        "input_validation",
        [
            ("components.0.componentRow.rowMainContent", INVALID),
            ("components.0.componentRow.rowAsideContent.0.componentText.text", INVALID),
        ],
    ),
    "an empty container": (
        nested("componentContainer", containerContent=[]),
        "input_validation",
        [("components.0.componentContainer.containerContent", INVALID)],
    ),
    "all that is wrong at once": (
        {"title": "", "priority": 9, "components": [{"componentDivider": {}}, {}]},
        "input_validation",
        [("title", INVALID), ("priority", INVALID), ("components.1", INVALID)],
    ),
}


@pytest.mark.parametrize("case", THREADS)
async def test_a_thread_is_refused(scene: Scene, case: str) -> None:
    given, code, fields = THREADS[case]
    customer = {"customerIdentifier": {"emailAddress": "ada@example.com"}}
    output = await scene.talk.mutate(CREATE_THREAD, {**customer, **given})
    assert refusal(output) == ("VALIDATION", code, fields)
    assert output["thread"] is None
    assert len(scene.plain.threads) == 1
    assert scene.plain.requests[-1].outcome == code


def refusal(output: dict[str, Any]) -> tuple[str, str, list[tuple[str, str]]]:
    error = output["error"]
    assert error["message"]
    assert all(field["message"] for field in error["fields"])
    fields = [(field["field"], field["type"]) for field in error["fields"]]
    return error["type"], error["code"], fields


EVENTS: dict[str, tuple[dict[str, Any], str, list[tuple[str, str]]]] = {
    "an unknown thread": ({"threadId": "th_x"}, "not_found", [("threadId", NOT_FOUND)]),
    "an empty title": ({"title": ""}, "input_validation", [("title", INVALID)]),
    "an empty text": (
        {"components": [{"componentText": {"text": ""}}]},
        "input_validation",
        [("components.0.componentText.text", INVALID)],
    ),
    "a time of day": ({"timestamp": "noon"}, "input_validation", [("timestamp", INVALID)]),
}


@pytest.mark.parametrize("case", EVENTS)
async def test_an_event_is_refused(scene: Scene, case: str) -> None:
    given, code, fields = EVENTS[case]
    event = {"threadId": scene.thread, "title": "More", "components": [], **given}
    output = await scene.talk.mutate(CREATE_EVENT, event)
    assert refusal(output) == ("VALIDATION", code, fields)
    assert scene.plain.threads[0].events == []


ADDRESS = {"email": "new@example.com", "isVerified": False}
MADE = {"fullName": "New", "email": ADDRESS}

CUSTOMERS: dict[str, tuple[dict[str, Any], str, list[tuple[str, str]]]] = {
    "no identifier": ({"identifier": {}}, "input_validation", [("identifier", INVALID)]),
    "two identifiers": (
        {"identifier": {"emailAddress": "new@example.com", "externalId": "x"}},
        "input_validation",
        [("identifier", INVALID)],
    ),
    "no address": (
        {
            "identifier": {"emailAddress": "new"},
            "onCreate": {"fullName": "New", "email": {**ADDRESS, "email": "new@"}},
        },
        "input_validation",
        [("identifier.emailAddress", INVALID), ("onCreate.email.email", INVALID)],
    ),
    "no name": (
        {"onCreate": {**MADE, "fullName": " "}},
        "input_validation",
        [("onCreate.fullName", INVALID)],
    ),
    "no name and no address any more": (
        {"onUpdate": {"fullName": {"value": ""}, "email": {**ADDRESS, "email": ""}}},
        "input_validation",
        [("onUpdate.fullName.value", INVALID), ("onUpdate.email.email", INVALID)],
    ),
    "an unknown id": (
        {"identifier": {"customerId": "c_x"}},
        "not_found",
        [("identifier.customerId", NOT_FOUND)],
    ),
    "an unknown tenant": (
        {"onCreate": {**MADE, "tenantIdentifiers": [{"externalId": "nobody"}]}},
        "not_found",
        [("onCreate.tenantIdentifiers.0", NOT_FOUND)],
    ),
    "another's address": (
        {
            "identifier": {"externalId": "new-1"},
            "onCreate": {"fullName": "New", "email": {**ADDRESS, "email": "ADA@example.com"}},
        },
        "customer_already_exists_with_email",
        [],
    ),
    "another's external id": (
        {"onCreate": {**MADE, "externalId": "ada-1"}},
        "customer_already_exists_with_external_id",
        [],
    ),
    "a change to another's address": (
        {
            "identifier": {"externalId": "bob-1"},
            "onUpdate": {"email": {**ADDRESS, "email": "ada@example.com"}},
        },
        "customer_already_exists_with_email",
        [],
    ),
    "a change to another's external id": (
        {"identifier": {"externalId": "bob-1"}, "onUpdate": {"externalId": {"value": "ada-1"}}},
        "customer_already_exists_with_external_id",
        [],
    ),
}


@pytest.mark.parametrize("case", CUSTOMERS)
async def test_a_customer_is_refused(scene: Scene, case: str) -> None:
    given, code, fields = CUSTOMERS[case]
    customer = {
        "identifier": {"emailAddress": "new@example.com"},
        "onCreate": MADE,
        "onUpdate": {},
        **given,
    }
    output = await scene.talk.mutate(UPSERT, customer)
    assert refusal(output) == ("VALIDATION", code, fields)
    assert (output["customer"], output["result"]) == (None, None)
    assert [one.full_name for one in scene.plain.customers] == ["Ada", "Bob", "Spam"]


@pytest.mark.parametrize(
    "component",
    [
        pytest.param({"componentText": {"text": "x" * 10_000}}, id="a text"),
        pytest.param({"componentPlainText": {"plainText": CLEF * 5_000}}, id="a plain text"),
        pytest.param({"componentBadge": {"badgeLabel": "x" * 500}}, id="a badge"),
        pytest.param({"componentCopyButton": {"copyButtonValue": "x" * 1_000}}, id="a copy button"),
        pytest.param(
            {
                "componentLinkButton": {
                    "linkButtonLabel": "x" * 500,
                    "linkButtonUrl": "https://a.example/b?c=d#e",
                }
            },
            id="a link button",
        ),
    ],
)
async def test_what_is_just_short_enough_is_taken(component: dict[str, Any]) -> None:
    plain = Plain()
    plain.add_customer("Ada", "ada@example.com")
    given = {"customerIdentifier": {"emailAddress": "ada@example.com"}, "components": [component]}
    async with talking(plain) as talk:
        output = await talk.mutate(CREATE_THREAD, given)
    assert output["error"] is None
    assert plain.threads[0].components == [component]


async def test_an_event_takes_no_container(scene: Scene) -> None:
    container: dict[str, Any] = {"componentContainer": {"containerContent": []}}
    given = {"threadId": scene.thread, "title": "More", "components": [container]}
    answer = await scene.talk.post(CREATE_EVENT, {"input": given})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
