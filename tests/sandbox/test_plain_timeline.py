"""A thread's timeline: events, notes and components, as they come back."""

from __future__ import annotations

from typing import Any

import pytest

from bot.sandbox.plain import Plain
from tests.sandbox.plain_client import CREATE_EVENT, QUOTE, TIMELINE, noon, opened, talking


@pytest.mark.parametrize(
    ("policy", "code", "stored"),
    [("allow", None, 2), ("refuse", "thread_event_already_exists_with_external_id", 1)],
)
async def test_a_second_event_with_an_external_id(
    policy: Any, code: str | None, stored: int
) -> None:
    plain = Plain(duplicate_external_id=policy)
    async with talking(plain) as talk:
        thread = await opened(plain, talk.http, talk.url)
        given = {"threadId": thread, "title": "More", "components": [QUOTE], "externalId": "e1"}
        first = await talk.mutate(CREATE_EVENT, given)
        second = await talk.mutate(CREATE_EVENT, given)
    assert first["threadEvent"] == {
        "id": plain.threads[0].events[0].id,
        "threadId": thread,
        "customerId": plain.customers[0].id,
        "title": "More",
        "components": [{"__typename": "ComponentText"}],
        "createdAt": {"iso8601": plain.threads[0].events[0].created_at.iso8601},
    }
    assert (second["error"] and second["error"]["code"]) == code
    assert len(plain.threads[0].events) == stored


async def test_the_timeline_holds_what_was_added() -> None:
    plain = Plain(clock=noon)
    note = """mutation($input: CreateNoteInput!) { createNote(input: $input) {
      note { id text customer { id } isDeleted } error { code } } }"""
    async with talking(plain) as talk:
        thread = await opened(plain, talk.http, talk.url)
        customer = plain.customers[0].id
        for number in (1, 2):
            event = {"threadId": thread, "title": f"More {number}", "externalId": f"e{number}"}
            event_at = {"timestamp": f"2025-10-09T09:0{number}:00Z"}
            await talk.mutate(CREATE_EVENT, {**event, **event_at, "components": []})
        noted = await talk.mutate(
            note, {"customerId": customer, "threadId": thread, "text": "Seen"}
        )
        whole = await talk.ask(TIMELINE, {"thread": thread})
        first = await talk.ask(TIMELINE, {"thread": thread, "first": 2})
        page = first["thread"]["timelineEntries"]
        after = {"thread": thread, "first": 2, "after": page["pageInfo"]["endCursor"]}
        second = await talk.ask(TIMELINE, after)
        only = {"thread": thread, "filters": {"entryTypes": ["THREAD_EVENT"]}}
        events = await talk.ask(TIMELINE, only)
    one, two = plain.threads[0].events
    shown = [
        {"__typename": "CustomEntry", "title": "Broken", "components": [{"text": "It *broke*"}]},
        {"__typename": "NoteEntry", "noteId": noted["note"]["id"], "text": "Seen"},
        {
            "__typename": "ThreadEventEntry",
            "externalId": "e1",
            "title": "More 1",
            "timelineEventId": one.id,
        },
        {
            "__typename": "ThreadEventEntry",
            "externalId": "e2",
            "title": "More 2",
            "timelineEventId": two.id,
        },
    ]
    assert entries(whole) == shown
    assert entries(first) + entries(second) == shown
    assert entries(events) == shown[2:]
    assert page["pageInfo"]["hasNextPage"] is True
    assert page["pageInfo"]["hasPreviousPage"] is False
    last = second["thread"]["timelineEntries"]["pageInfo"]
    assert (last["hasNextPage"], last["hasPreviousPage"]) == (False, True)
    assert plain.threads[0].notes[0].text == "Seen"


def entries(data: dict[str, Any]) -> list[Any]:
    return [edge["node"]["entry"] for edge in data["thread"]["timelineEntries"]["edges"]]


async def test_every_component_comes_back_as_its_own_type() -> None:
    plain = Plain()
    text = {"componentPlainText": {"plainText": "a"}}
    components = [
        QUOTE,
        text,
        {"componentDivider": {"dividerSpacingSize": "S"}},
        {"componentSpacer": {"spacerSize": "XL"}},
        {"componentLinkButton": {"linkButtonUrl": "https://a.example/b", "linkButtonLabel": "B"}},
        {"componentBadge": {"badgeLabel": "new", "badgeColor": "BLUE"}},
        {"componentCopyButton": {"copyButtonValue": "x", "copyButtonTooltipLabel": None}},
        {"componentRow": {"rowMainContent": [text], "rowAsideContent": [text, QUOTE]}},
    ]
    query = """query($id: ID!) { thread(threadId: $id) { timelineEntries(last: 1) { edges { node {
      actor { ... on MachineUserActor { machineUser { fullName } } }
      entry { ... on ThreadEventEntry { components { __typename
        ... on ComponentLinkButton { linkButtonUrl linkButtonLabel }
        ... on ComponentCopyButton { copyButtonValue copyButtonTooltipLabel }
        ... on ComponentSpacer { spacerSize }
        ... on ComponentRow {
          rowMainContent { ... on ComponentPlainText { plainText plainTextColor } }
          rowAsideContent { __typename } } } } } } } } } }"""
    async with talking(plain) as talk:
        thread = await opened(plain, talk.http, talk.url)
        event = {"threadId": thread, "title": "All", "components": components}
        await talk.mutate(CREATE_EVENT, event)
        data = await talk.ask(query, {"id": thread})
    node = data["thread"]["timelineEntries"]["edges"][0]["node"]
    assert node["actor"] == {"machineUser": {"fullName": "Plain Bridge"}}
    assert node["entry"]["components"] == [
        {"__typename": "ComponentText"},
        {"__typename": "ComponentPlainText"},
        {"__typename": "ComponentDivider"},
        {"__typename": "ComponentSpacer", "spacerSize": "XL"},
        {
            "__typename": "ComponentLinkButton",
            "linkButtonUrl": "https://a.example/b",
            "linkButtonLabel": "B",
        },
        {"__typename": "ComponentBadge"},
        {
            "__typename": "ComponentCopyButton",
            "copyButtonValue": "x",
            "copyButtonTooltipLabel": None,
        },
        {
            "__typename": "ComponentRow",
            "rowMainContent": [{"plainText": "a", "plainTextColor": None}],
            "rowAsideContent": [
                {"__typename": "ComponentPlainText"},
                {"__typename": "ComponentText"},
            ],
        },
    ]


async def test_a_note_is_refused_where_it_cannot_stand() -> None:
    plain = Plain()
    bob = plain.add_customer("Bob", "bob@example.com")
    note = """mutation($input: CreateNoteInput!) { createNote(input: $input) {
      note { id } error { code fields { field } } } }"""
    table: list[tuple[dict[str, str], str, str]] = [
        ({"customerId": "c_x"}, "not_found", "customerId"),
        ({"threadId": "th_x"}, "not_found", "threadId"),
        ({"text": " "}, "input_validation", "text"),
        ({"customerId": bob.id}, "not_found", "threadId"),
    ]
    async with talking(plain) as talk:
        thread = await opened(plain, talk.http, talk.url)
        ada = plain.customers[1].id
        for given, code, field in table:
            whole = {"customerId": ada, "threadId": thread, "text": "Seen", **given}
            output = await talk.mutate(note, whole)
            error = {"code": code, "fields": [{"field": field}]}
            assert output == {"note": None, "error": error}
    assert plain.threads[0].notes == []
