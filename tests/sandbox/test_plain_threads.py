"""Threads and what is added to them, over HTTP, answer by answer."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bot.sandbox.plain import Plain
from tests.sandbox.plain_client import CREATE_EVENT, CREATE_THREAD, QUOTE, noon, opened, talking


async def test_a_thread_has_all_that_was_asked_for() -> None:
    plain = Plain(clock=noon)
    ada = plain.add_customer("Ada", "ada@example.com", "ada-1")
    bug = plain.add_label_type("Bug")
    agent = plain.add_user("agent@example.com", "Agent")
    plain.add_tenant("acme", "Acme")
    given = {
        "customerIdentifier": {"customerId": ada.id},
        "title": "Broken",
        "components": [QUOTE, {"componentDivider": {}}],
        "labelTypeIds": [bug.id],
        "assignedTo": {"userId": agent.id},
        "externalId": "T1:C1:1.000100",
        "priority": 1,
        "tenantIdentifier": {"externalId": "acme"},
    }
    async with talking(plain) as talk:
        output = await talk.mutate(CREATE_THREAD, given)
    (stored,) = plain.threads
    assert output == {
        "thread": {
            "id": stored.id,
            "ref": "T-1",
            "title": "Broken",
            "status": "TODO",
            "priority": 1,
            "externalId": "T1:C1:1.000100",
            "previewText": "It *broke*",
            "channel": "API",
            "customer": {
                "id": ada.id,
                "fullName": "Ada",
                "email": {"email": "ada@example.com", "isVerified": False},
            },
            "labels": [{"id": stored.labels[0].id, "labelType": {"id": bug.id, "name": "Bug"}}],
            "assignedTo": {"__typename": "User", "id": agent.id},
            "tenant": {"externalId": "acme"},
            "createdAt": {
                "iso8601": "2025-10-09T08:53:20.000Z",
                "unixTimestamp": "1760000000000",
            },
            "createdBy": {
                "__typename": "MachineUserActor",
                "machineUserId": plain.machine_user.id,
            },
        },
        "error": None,
    }
    assert stored.components == given["components"]
    assert plain.requests == [("createThread", {"input": given}, "ok")]


async def test_the_least_that_makes_a_thread() -> None:
    plain = Plain()
    plain.add_customer("Ada", "ada@example.com")
    async with talking(plain) as talk:
        given = {"customerIdentifier": {"emailAddress": "ADA@example.com"}, "title": "Hello"}
        output = await talk.mutate(CREATE_THREAD, given)
        missing = await talk.ask('{ thread(threadId: "th_no") { id } }')
    thread = output["thread"]
    assert (thread["priority"], thread["previewText"], thread["labels"]) == (2, None, [])
    assert (thread["assignedTo"], thread["externalId"]) == (None, None)
    assert missing == {"thread": None}


async def test_ids_are_of_plains_form_and_the_same_each_time() -> None:
    runs = []
    for _ in range(2):
        plain = Plain(clock=noon)
        customer = plain.add_customer("Ada", "ada@example.com")
        label = plain.add_label_type("Bug")
        async with talking(plain) as talk:
            for _ in range(12):
                given = {
                    "customerIdentifier": {"customerId": customer.id},
                    "labelTypeIds": [label.id, label.id],
                }
                await talk.mutate(CREATE_THREAD, given)
        ids = [thread.id for thread in plain.threads]
        ids += [one.id for thread in plain.threads for one in thread.labels]
        ids += [customer.id, label.id, plain.workspace.id, plain.machine_user.id]
        assert [thread.ref for thread in plain.threads] == [f"T-{n}" for n in range(1, 13)]
        runs.append(ids)
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 28
    for one in runs[0]:
        assert re.fullmatch(r"[a-zA-Z]+_[0-9A-HJKMNP-TV-Z]{26}", one)


@pytest.mark.parametrize(
    ("policy", "code", "stored"),
    [("allow", None, 2), ("refuse", "thread_already_exists_with_external_id", 1)],
)
async def test_a_second_thread_with_an_external_id(
    policy: Any, code: str | None, stored: int
) -> None:
    plain = Plain(duplicate_external_id=policy)
    ada = plain.add_customer("Ada", "ada@example.com")
    bob = plain.add_customer("Bob", "bob@example.com")
    lookup = (
        "query($c: ID!, $e: ID!) { threadByExternalId(customerId: $c, externalId: $e) { ref } }"
    )
    async with talking(plain) as talk:
        given = {"customerIdentifier": {"customerId": ada.id}, "externalId": "key"}
        first = await talk.mutate(CREATE_THREAD, given)
        second = await talk.mutate(CREATE_THREAD, given)
        found = await talk.ask(lookup, {"c": ada.id, "e": "key"})
        of_bob = await talk.ask(lookup, {"c": bob.id, "e": "key"})
        other = {"customerIdentifier": {"customerId": bob.id}, "externalId": "key"}
        bobs = await talk.mutate(CREATE_THREAD, other)
    assert first["error"] is None
    assert (second["error"] and second["error"]["code"]) == code
    assert len([one for one in plain.threads if one.customer is ada]) == stored
    assert found == {"threadByExternalId": {"ref": "T-1"}}
    assert of_bob == {"threadByExternalId": None}
    assert bobs["error"] is None


async def test_a_thread_is_assigned_and_done() -> None:
    plain = Plain(clock=noon)
    agent = plain.add_user("agent@example.com", "Agent")
    shown = """fragment shown on Thread {
      status statusDetail { __typename } assignedTo { __typename } assignedAt { iso8601 } }"""
    rest = "thread { ...shown } error { code fields { field type } } } }" + shown
    assign = "mutation($input: AssignThreadInput!) { assignThread(input: $input) { " + rest
    done = "mutation($input: MarkThreadAsDoneInput!) { markThreadAsDone(input: $input) { " + rest
    async with talking(plain) as talk:
        thread = await opened(plain, talk.http, talk.url)
        to_agent = await talk.mutate(assign, {"threadId": thread, "userId": agent.id})
        me = {"threadId": thread, "machineUserId": plain.machine_user.id}
        to_me = await talk.mutate(assign, me)
        to_both = await talk.mutate(assign, {**me, "userId": agent.id})
        to_nobody = await talk.mutate(assign, {"threadId": thread, "userId": "u_no"})
        ended = await talk.mutate(done, {"threadId": thread, "statusDetail": "IGNORED"})
        nothing = await talk.mutate(done, {"threadId": "th_no"})
    assert to_agent["thread"] == {
        "status": "TODO",
        "statusDetail": {"__typename": "ThreadStatusDetailCreated"},
        "assignedTo": {"__typename": "User"},
        "assignedAt": {"iso8601": "2025-10-09T08:53:20.000Z"},
    }
    assert to_me["thread"]["assignedTo"] == {"__typename": "MachineUser"}
    assert to_both["error"]["code"] == "input_validation"
    assert to_nobody["error"] == {
        "code": "not_found",
        "fields": [{"field": "userId", "type": "NOT_FOUND"}],
    }
    assert ended["thread"]["status"] == "DONE"
    assert ended["thread"]["statusDetail"] == {"__typename": "ThreadStatusDetailIgnored"}
    assert nothing["error"]["fields"] == [{"field": "threadId", "type": "NOT_FOUND"}]


async def test_a_deleted_thread_is_unknown_and_its_ref_is_not_used_again() -> None:
    plain = Plain(clock=noon)
    delete = (
        "mutation($input: DeleteThreadInput!) { deleteThread(input: $input) "
        "{ error { code fields { field type } } } }"
    )
    async with talking(plain) as talk:
        thread = await opened(plain, talk.http, talk.url)
        deleted = await talk.mutate(delete, {"threadId": thread})
        again = await talk.mutate(delete, {"threadId": thread})
        event = {"threadId": thread, "title": "More", "components": [QUOTE]}
        added = await talk.mutate(CREATE_EVENT, event)
        found = await talk.ask("query($id: ID!) { thread(threadId: $id) { id } }", {"id": thread})
        customer = {"customerId": plain.customers[0].id}
        other = await talk.mutate(CREATE_THREAD, {"customerIdentifier": customer})
        plain.permissions.discard("thread:delete")
        forbidden = await talk.mutate(delete, {"threadId": other["thread"]["id"]})
    missing = {"code": "not_found", "fields": [{"field": "threadId", "type": "NOT_FOUND"}]}
    assert deleted["error"] is None
    assert again["error"] == missing
    assert added["error"]["code"] == "not_found"
    assert found == {"thread": None}
    assert [one.ref for one in plain.threads] == ["T-2"]
    assert forbidden["error"]["code"] == "forbidden"


async def test_a_thread_is_printed_in_the_apis_shape() -> None:
    plain = Plain(clock=noon)
    ada = plain.add_customer("Ada", "ada@example.com")
    bug = plain.add_label_type("Bug")
    async with talking(plain) as talk:
        given = {
            "customerIdentifier": {"customerId": ada.id},
            "title": "Broken",
            "externalId": "key",
            "components": [QUOTE],
            "labelTypeIds": [bug.id],
        }
        created = await talk.mutate(CREATE_THREAD, given)
        thread = created["thread"]["id"]
        event = {"threadId": thread, "title": "More", "components": [QUOTE], "externalId": "e1"}
        await talk.mutate(CREATE_EVENT, event)
    (stored,) = plain.threads
    assert plain.as_json(stored) == {
        "id": thread,
        "ref": "T-1",
        "title": "Broken",
        "status": "TODO",
        "priority": 2,
        "externalId": "key",
        "previewText": "It *broke*",
        "labels": created["thread"]["labels"],
        "customer": {**created["thread"]["customer"], "externalId": None},
        "assignedTo": None,
        "tenant": None,
        "createdAt": {"iso8601": "2025-10-09T08:53:20.000Z"},
        "components": [QUOTE],
        "events": [
            {
                "id": stored.events[0].id,
                "title": "More",
                "externalId": "e1",
                "timestamp": {"iso8601": "2025-10-09T08:53:20.000Z"},
                "components": [QUOTE],
            }
        ],
    }


async def test_the_preview_is_the_description_or_what_the_components_say() -> None:
    plain = Plain()
    customer = plain.add_customer("Ada", "ada@example.com")
    text = {"componentPlainText": {"plainText": "b"}}
    row = {"componentRow": {"rowMainContent": [text], "rowAsideContent": [QUOTE]}}
    components = [
        {"componentDivider": {}},
        QUOTE,
        {"componentContainer": {"containerContent": [row]}},
    ]
    table: list[tuple[dict[str, Any], str | None]] = [
        ({}, None),
        ({"components": components}, "It *broke*\nb\nIt *broke*"),
        ({"components": components, "description": "In short"}, "In short"),
        ({"description": "x" * 300}, "x" * 250),
    ]
    async with talking(plain) as talk:
        for given, preview in table:
            whole = {"customerIdentifier": {"customerId": customer.id}, **given}
            output = await talk.mutate(CREATE_THREAD, whole)
            assert output["thread"]["previewText"] == preview
