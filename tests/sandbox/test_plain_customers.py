"""Customers and the other things that are looked up, over HTTP, answer by answer."""

from __future__ import annotations

from typing import Any

import pytest

from bot.sandbox.plain import Plain
from tests.sandbox.plain_client import UPSERT, noon, talking


def upsert(email: str, name: str = "Ada", **more: Any) -> dict[str, Any]:
    """The input that the bridge sends: made if there is none, left as it is if there is."""
    made = {"fullName": name, "email": {"email": email, "isVerified": True}}
    given = {"identifier": {"emailAddress": email}, "onCreate": made, "onUpdate": {}}
    return {**given, **more}


async def test_a_customer_is_made_once_and_then_left_alone() -> None:
    plain = Plain(clock=noon)
    async with talking(plain) as talk:
        made = await talk.mutate(UPSERT, upsert("ada@example.com"))
        again = await talk.mutate(UPSERT, upsert("ADA@example.com", "Somebody else"))
    customer = {
        "id": plain.customers[0].id,
        "externalId": None,
        "fullName": "Ada",
        "shortName": None,
        "email": {"email": "ada@example.com", "isVerified": True},
    }
    assert made == {"result": "CREATED", "customer": customer, "error": None}
    assert again == {"result": "NOOP", "customer": customer, "error": None}
    assert len(plain.customers) == 1


@pytest.mark.parametrize(
    ("changes", "result", "changed"),
    [
        pytest.param({}, "NOOP", {}, id="nothing"),
        pytest.param({"fullName": {"value": "Ada"}}, "NOOP", {}, id="the same name"),
        pytest.param(
            {"fullName": {"value": "Ada L"}}, "UPDATED", {"fullName": "Ada L"}, id="another name"
        ),
        pytest.param(
            {"shortName": {"value": "A"}, "externalId": {"value": None}},
            "UPDATED",
            {"shortName": "A", "externalId": None},
            id="an external id taken away",
        ),
        pytest.param(
            {"email": {"email": "ada@example.com", "isVerified": True}},
            "UPDATED",
            {"email": {"email": "ada@example.com", "isVerified": True}},
            id="the address verified",
        ),
        pytest.param(
            {"email": {"email": "ada@example.com", "isVerified": False}},
            "NOOP",
            {},
            id="the same address",
        ),
    ],
)
async def test_a_customer_is_changed_as_asked(
    changes: dict[str, Any], result: str, changed: dict[str, Any]
) -> None:
    plain = Plain()
    ada = plain.add_customer("Ada", "ada@example.com", "ada-1")
    before = {
        "id": ada.id,
        "externalId": "ada-1",
        "fullName": "Ada",
        "shortName": None,
        "email": {"email": "ada@example.com", "isVerified": False},
    }
    async with talking(plain) as talk:
        output = await talk.mutate(UPSERT, upsert("ada@example.com", onUpdate=changes))
    assert output == {"result": result, "customer": {**before, **changed}, "error": None}


CUSTOMER_QUERIES = {
    "customer": "query($v: ID!) { found: customer(customerId: $v) { id } }",
    "customerByEmail": "query($v: String!) { found: customerByEmail(email: $v) { id } }",
    "customerByExternalId": "query($v: ID!) { found: customerByExternalId(externalId: $v) { id } }",
}


@pytest.mark.parametrize(
    ("query", "known", "unknown"),
    [
        ("customer", None, "c_01SANDB0X00000000000000009"),
        ("customerByEmail", "ADA@example.com", "eve@example.com"),
        ("customerByExternalId", "ada-1", "ADA-1"),
    ],
)
async def test_a_customer_is_found_or_null(query: str, known: str | None, unknown: str) -> None:
    plain = Plain()
    ada = plain.add_customer("Ada", "ada@example.com", "ada-1")
    async with talking(plain) as talk:
        found = await talk.ask(CUSTOMER_QUERIES[query], {"v": known or ada.id})
        missing = await talk.ask(CUSTOMER_QUERIES[query], {"v": unknown})
    assert found == {"found": {"id": ada.id}}
    assert missing == {"found": None}
    assert plain.requests[0].operation == query


async def test_customers_are_searched_by_any_of_the_conditions() -> None:
    plain = Plain()
    for name in ("Ada", "Bob", "Cleo"):
        plain.add_customer(name, f"{name.lower()}@example.com", f"{name}-1")
    query = """query($or: [CustomerSearchCondition!]) {
      searchCustomers(searchQuery: {or: $or}, first: 10) { edges { node { fullName } } } }"""
    table: list[tuple[list[dict[str, Any]], list[str]]] = [
        ([{"fullName": {"caseInsensitiveContains": "AD"}}], ["Ada"]),
        ([{"email": {"caseInsensitiveContains": "example"}}], ["Ada", "Bob", "Cleo"]),
        (
            [
                {"fullName": {"caseInsensitiveContains": "ada"}},
                {"externalId": {"caseInsensitiveContains": "bob"}},
            ],
            ["Ada", "Bob"],
        ),
        ([{"shortName": {"caseInsensitiveContains": "a"}}], []),
    ]
    async with talking(plain) as talk:
        for conditions, names in table:
            data = await talk.ask(query, {"or": conditions})
            edges = data["searchCustomers"]["edges"]
            assert [edge["node"]["fullName"] for edge in edges] == names


async def test_a_user_is_found_though_deleted() -> None:
    plain = Plain()
    here = plain.add_user("here@example.com", "Here")
    gone = plain.add_user("gone@example.com", "Gone", deleted=True)
    query = "query($e: String!) { userByEmail(email: $e) { id fullName isDeleted } }"
    async with talking(plain) as talk:
        answers = [
            (await talk.ask(query, {"e": email}))["userByEmail"]
            for email in ("here@example.com", "gone@example.com", "nobody@example.com")
        ]
    assert answers == [
        {"id": here.id, "fullName": "Here", "isDeleted": False},
        {"id": gone.id, "fullName": "Gone", "isDeleted": True},
        None,
    ]


LABEL_TYPES = """
query($filters: LabelTypeFilter, $first: Int, $after: String, $last: Int, $before: String) {
  labelTypes(filters: $filters, first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { id name isArchived type parentLabelType { id } } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (None, ["Bug", "Old", "Bug"]),
        ({}, ["Bug", "Old", "Bug"]),
        ({"isArchived": False}, ["Bug", "Bug"]),
        ({"isArchived": True}, ["Old"]),
    ],
)
async def test_label_types_come_with_the_archived_ones_unless_filtered(
    filters: dict[str, bool] | None, names: list[str]
) -> None:
    plain = Plain()
    plain.add_label_type("Bug")
    plain.add_label_type("Old", archived=True)
    plain.add_label_type("Bug")
    async with talking(plain) as talk:
        data = await talk.ask(LABEL_TYPES, {"filters": filters})
    assert [edge["node"]["name"] for edge in data["labelTypes"]["edges"]] == names


async def test_pages_go_forward_and_backward_without_a_gap() -> None:
    plain = Plain()
    for number in range(60):
        plain.add_label_type(f"L{number:02}")
    every = [f"L{number:02}" for number in range(60)]
    async with talking(plain) as talk:
        default = (await talk.ask(LABEL_TYPES))["labelTypes"]
        forward = await walk(talk, {"first": 40}, "after", "endCursor", "hasNextPage")
        backward = await walk(talk, {"last": 40}, "before", "startCursor", "hasPreviousPage")
    assert len(default["edges"]) == 25
    assert forward == [every[:40], every[40:]]
    assert backward == [every[20:], every[:20]]


async def walk(talk: Any, size: dict[str, int], key: str, cursor: str, more: str) -> list[Any]:
    pages: list[list[str]] = []
    at: dict[str, str] = {}
    while True:
        found = (await talk.ask(LABEL_TYPES, {**size, **at}))["labelTypes"]
        pages.append([edge["node"]["name"] for edge in found["edges"]])
        if not found["pageInfo"][more]:
            return pages
        at = {key: found["pageInfo"][cursor]}


@pytest.mark.parametrize(
    "paging",
    [
        {"first": 0},
        {"first": -1},
        {"first": 101},
        {"last": 101},
        {"first": 1, "last": 1},
        {"first": 1, "before": "cursor:x"},
        {"after": "cursor:unknown"},
    ],
    ids=str,
)
async def test_a_page_that_cannot_be_is_bad_input(paging: dict[str, Any]) -> None:
    plain = Plain()
    plain.add_label_type("Bug")
    async with talking(plain) as talk:
        answer = await talk.post(LABEL_TYPES, paging)
    body = answer.json()
    assert body["data"] is None
    assert [error["extensions"]["code"] for error in body["errors"]] == ["BAD_USER_INPUT"]
    assert plain.requests[0].outcome == "BAD_USER_INPUT"


async def test_who_am_i() -> None:
    plain = Plain(permissions=["thread:create", "customer:read"])
    query = """{ myWorkspace { id name publicName isDemoWorkspace }
      myMachineUser { id fullName publicName } myPermissions { permissions } }"""
    async with talking(plain) as talk:
        data = await talk.ask(query)
    assert data == {
        "myWorkspace": {
            "id": plain.workspace.id,
            "name": "Sandbox",
            "publicName": "Sandbox",
            "isDemoWorkspace": False,
        },
        "myMachineUser": {
            "id": plain.machine_user.id,
            "fullName": "Plain Bridge",
            "publicName": "Plain Bridge",
        },
        "myPermissions": {"permissions": ["customer:read", "thread:create"]},
    }
    assert plain.requests == [("myWorkspace+myMachineUser+myPermissions", {}, "ok")]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (None, ["Acme", "Gone"]),
        ({}, ["Acme", "Gone"]),
        ({"isDeleted": False}, ["Acme"]),
        ({"isDeleted": True}, ["Gone"]),
    ],
)
async def test_tenants_come_with_the_deleted_ones_unless_filtered(
    filters: dict[str, bool] | None, names: list[str]
) -> None:
    plain = Plain()
    plain.add_tenant("acme", "Acme")
    plain.add_tenant("gone", "Gone").is_deleted = True
    query = """query($filters: TenantsFilter) {
      tenants(filters: $filters) { edges { node { name } } } }"""
    async with talking(plain) as talk:
        found = await talk.ask(query, {"filters": filters})
    assert [edge["node"]["name"] for edge in found["tenants"]["edges"]] == names


async def test_tenants_are_listed_and_found() -> None:
    plain = Plain()
    acme = plain.add_tenant("acme", "Acme")
    query = """query($id: ID!) { tenant(tenantId: $id) { externalId name }
      tenants { edges { node { id } } } }"""
    async with talking(plain) as talk:
        data = await talk.ask(query, {"id": acme.id})
    assert data == {
        "tenant": {"externalId": "acme", "name": "Acme"},
        "tenants": {"edges": [{"node": {"id": acme.id}}]},
    }


async def test_the_schema_can_be_asked_for() -> None:
    query = """{ __type(name: "CreateThreadInput") {
      inputFields(includeDeprecated: true) { name isDeprecated } } }"""
    async with talking(Plain()) as talk:
        data = await talk.ask(query)
    fields = {one["name"]: one["isDeprecated"] for one in data["__type"]["inputFields"]}
    assert fields["components"] is True
    assert fields["title"] is False


def test_what_is_seeded_twice_is_an_error() -> None:
    plain = Plain()
    plain.add_customer("Ada", "ada@example.com", "ada-1")
    for email, external_id in (("ADA@example.com", None), ("bob@example.com", "ada-1")):
        with pytest.raises(ValueError, match="already"):
            plain.add_customer("Bob", email, external_id)
