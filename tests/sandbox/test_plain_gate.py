"""What stands before and around GraphQL: the key, the permissions, the limits, bad requests."""

from __future__ import annotations

from typing import Any

import pytest

from bot.sandbox.plain import Plain
from bot.sandbox.plain.resolvers import ALL_PERMISSIONS, MUTATION_PERMISSIONS
from tests.sandbox.plain_client import (
    CREATE_EVENT,
    CREATE_THREAD,
    NOON,
    TIMELINE,
    UPSERT,
    noon,
    talking,
)

ME = "{ myWorkspace { name } }"


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer wrong", "plainApiKey_test", "Basic plainApiKey_test"],
)
async def test_a_bad_key_is_turned_away_without_graphql(authorization: str) -> None:
    plain = Plain()
    async with talking(plain) as talk:
        answer = await talk.post(ME, headers={"Authorization": authorization})
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})
    assert answer.headers["apigw-requestid"]
    assert "x-ratelimit-limit" not in answer.headers
    assert plain.requests == [("myWorkspace", {}, "401")]


async def test_a_missing_key_is_turned_away_whatever_the_method() -> None:
    plain = Plain()
    async with talking(plain) as talk:
        del talk.http.headers["Authorization"]
        statuses = [
            (await talk.http.request(method, talk.url)).status_code for method in ("GET", "POST")
        ]
    assert statuses == [401, 401]


async def test_an_empty_user_agent_is_stopped_at_the_door() -> None:
    plain = Plain()
    async with talking(plain) as talk:
        answer = await talk.post(ME, headers={"User-Agent": ""})
    assert (answer.status_code, answer.text) == (403, "error code: 1010")
    assert plain.requests == [("myWorkspace", {}, "403")]


async def test_only_post_is_answered_and_on_every_path() -> None:
    plain = Plain()
    async with talking(plain) as talk:
        got = await talk.http.get(talk.url)
        elsewhere = await talk.http.post(
            talk.url.replace("/graphql/v1", "/elsewhere"), json={"query": ME}
        )
    assert (got.status_code, got.json()) == (404, {"message": "Not Found"})
    assert elsewhere.json() == {"data": {"myWorkspace": {"name": "Sandbox"}}}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"", "BAD_USER_INPUT", id="nothing"),
        pytest.param(b"\xff", "BAD_USER_INPUT", id="no text"),
        pytest.param(b"[]", "BAD_USER_INPUT", id="a list"),
        pytest.param(b"{}", "BAD_USER_INPUT", id="no query"),
        pytest.param(b'{"query": 1}', "BAD_USER_INPUT", id="a number"),
        pytest.param(b'{"query": "{a}", "variables": [1]}', "BAD_USER_INPUT", id="a list of them"),
        pytest.param(b'{"query": "{"}', "GRAPHQL_PARSE_FAILED", id="half a query"),
        pytest.param(b'{"query": ""}', "GRAPHQL_PARSE_FAILED", id="an empty query"),
        pytest.param(b'{"query": "{ nope }"}', "GRAPHQL_VALIDATION_FAILED", id="unknown field"),
        pytest.param(
            b'{"query": "{ labelTypes { edges { node { id } } nodes { id } } }"}',
            "GRAPHQL_VALIDATION_FAILED",
            id="nodes, which Plain does not have",
        ),
        pytest.param(
            b'{"query": "query($a: ID!) { thread(threadId: $a) { id } }"}',
            "BAD_USER_INPUT",
            id="a missing variable",
        ),
        pytest.param(
            b'{"query": "query a { myWorkspace { id } } query b { myWorkspace { id } }"}',
            "BAD_USER_INPUT",
            id="two operations and no name",
        ),
    ],
)
async def test_a_request_that_is_no_request(body: bytes, code: str) -> None:
    plain = Plain()
    async with talking(plain) as talk:
        answer = await talk.http.post(
            talk.url, content=body, headers={"Content-Type": "application/json"}
        )
    assert answer.status_code == 400
    found = answer.json()
    assert "data" not in found
    assert [error["extensions"]["code"] for error in found["errors"]] == [code]
    assert plain.requests[0].outcome == code


async def test_the_operation_that_is_named_is_the_one_executed() -> None:
    plain = Plain()
    query = "query a { myWorkspace { id } } query b { myMachineUser { id } }"
    async with talking(plain) as talk:
        answer = await talk.http.post(talk.url, json={"query": query, "operationName": "b"})
    assert answer.json() == {"data": {"myMachineUser": {"id": plain.machine_user.id}}}
    assert plain.requests == [("myMachineUser", {}, "ok")]


DOCUMENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "createThread": (CREATE_THREAD, {"customerIdentifier": {"emailAddress": "ada@example.com"}}),
    "createThreadEvent": (CREATE_EVENT, {"threadId": "th_x", "title": "a", "components": []}),
    "upsertCustomer": (
        UPSERT,
        {
            "identifier": {"emailAddress": "eve@example.com"},
            "onCreate": {
                "fullName": "E",
                "email": {"email": "eve@example.com", "isVerified": True},
            },
            "onUpdate": {},
        },
    ),
}


@pytest.mark.parametrize("operation", DOCUMENTS)
async def test_a_mutation_without_its_permissions_is_refused_as_data(operation: str) -> None:
    document, given = DOCUMENTS[operation]
    needed = MUTATION_PERMISSIONS[operation]
    plain = Plain()
    plain.add_customer("Ada", "ada@example.com")
    async with talking(plain) as talk:
        for missing in needed:
            plain.permissions.discard(missing)
            output = await talk.mutate(document, given)
            plain.permissions.add(missing)
            error = output["error"]
            assert (error["type"], error["code"], error["fields"]) == ("FORBIDDEN", "forbidden", [])
            assert missing in error["message"]
        plain.permissions.clear()
        error = (await talk.mutate(document, given))["error"]
    assert all(permission in error["message"] for permission in needed)
    assert plain.requests[-1].outcome == "forbidden"
    assert plain.threads == []
    assert len(plain.customers) == 1


@pytest.mark.parametrize(
    ("permission", "query", "data"),
    [
        (
            "customer:read",
            '{ customerByEmail(email: "a@b.example") { id } }',
            {"customerByEmail": None},
        ),
        ("thread:read", '{ thread(threadId: "th_x") { id } }', {"thread": None}),
        ("user:read", '{ userByEmail(email: "a@b.example") { id } }', {"userByEmail": None}),
        ("labelType:read", "{ labelTypes { edges { node { id } } } }", None),
        ("tenant:read", "{ tenants { edges { node { id } } } }", None),
    ],
)
async def test_a_query_without_its_permission_is_an_error(
    permission: str, query: str, data: object
) -> None:
    plain = Plain(permissions=ALL_PERMISSIONS - {permission})
    async with talking(plain) as talk:
        answer = await talk.post(query)
    body = answer.json()
    assert (answer.status_code, body["data"]) == (200, data)
    (error,) = body["errors"]
    assert error["extensions"] == {"code": "FORBIDDEN"}
    assert permission in error["message"]
    assert plain.requests[0].outcome == "FORBIDDEN"


@pytest.mark.parametrize(
    "permission",
    ["customer:read", "label:read", "labelType:read", "user:read", "tenant:read"],
)
async def test_a_selected_field_without_its_permission_fails_though_the_thread_is_created(
    permission: str,
) -> None:
    plain = Plain(permissions=ALL_PERMISSIONS - {permission})
    plain.add_customer("Ada", "ada@example.com")
    bug = plain.add_label_type("Bug")
    agent = plain.add_user("agent@example.com", "Agent")
    given = {
        "customerIdentifier": {"emailAddress": "ada@example.com"},
        "labelTypeIds": [bug.id],
        "assignedTo": {"userId": agent.id},
        "tenantIdentifier": {"tenantId": plain.add_tenant("acme", "Acme").id},
    }
    async with talking(plain) as talk:
        body = (await talk.post(CREATE_THREAD, {"input": given})).json()
    assert {error["extensions"]["code"] for error in body["errors"]} == {"FORBIDDEN"}
    assert permission in body["errors"][0]["message"]
    assert len(plain.threads) == 1


async def test_the_timeline_needs_its_own_permission() -> None:
    plain = Plain(permissions=ALL_PERMISSIONS - {"timeline:read"})
    plain.add_customer("Ada", "ada@example.com")
    given = {"customerIdentifier": {"emailAddress": "ada@example.com"}}
    async with talking(plain) as talk:
        created = await talk.mutate(CREATE_THREAD, given)
        body = (await talk.post(TIMELINE, {"thread": created["thread"]["id"]})).json()
    assert body["data"] == {"thread": None}
    assert "timeline:read" in body["errors"][0]["message"]


async def test_the_rate_limit_counts_down_refuses_and_opens_again() -> None:
    now = [NOON]
    plain = Plain(clock=lambda: now[0], rate_limit=2)
    async with talking(plain) as talk:
        answers = [await talk.post(ME) for _ in range(3)]
        now[0] += 60
        answers.append(await talk.post(ME))
    assert [answer.status_code for answer in answers] == [200, 200, 429, 200]
    assert answers[2].json() == {
        "errors": [
            {
                "message": "Too Many Requests - Rate limit exceeded",
                "extensions": {"code": "RATE_LIMITED"},
            }
        ]
    }
    names = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
    assert [tuple(answer.headers[name] for name in names) for answer in answers] == [
        ("2", "1", "2025-10-09T08:54:20.000Z"),
        ("2", "0", "2025-10-09T08:54:20.000Z"),
        ("2", "0", "2025-10-09T08:54:20.000Z"),
        ("2", "1", "2025-10-09T08:55:20.000Z"),
    ]
    assert [request.outcome for request in plain.requests] == ["ok", "ok", "429", "ok"]


async def test_without_a_limit_the_headers_show_the_highest_plan() -> None:
    plain = Plain(clock=noon)
    async with talking(plain) as talk:
        answer = await talk.post(ME)
    assert answer.headers["x-ratelimit-limit"] == "1000"
    assert answer.headers["x-ratelimit-remaining"] == "1000"


async def test_every_answer_has_its_own_request_id() -> None:
    plain = Plain()
    async with talking(plain) as talk:
        answers = [await talk.post(query) for query in (ME, "{", "{ nope }")]
        answers.append(await talk.post(ME, headers={"User-Agent": ""}))
        answers.append(await talk.post(ME, headers={"Authorization": "no"}))
        answers.append(await talk.http.get(talk.url))
        plain.down = "503"
        answers.append(await talk.post(ME))
    assert len({answer.headers["apigw-requestid"] for answer in answers}) == 7
