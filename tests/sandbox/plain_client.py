"""A client of the sandbox's Plain that knows nothing but GraphQL over HTTP.

Independent of the bridge's own client, so that the two cannot be wrong in the same way."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx

from bot.sandbox.plain import Plain

NOON = 1_760_000_000.0
"""2025-10-09T08:53:20Z, the time in these tests."""

CREATE_THREAD = """
mutation createThread($input: CreateThreadInput!) {
  createThread(input: $input) {
    thread {
      id ref title status priority externalId previewText channel
      customer { id fullName email { email isVerified } }
      labels { id labelType { id name } }
      assignedTo { __typename ... on User { id } ... on MachineUser { id } }
      tenant { externalId }
      createdAt { iso8601 unixTimestamp }
      createdBy { __typename ... on MachineUserActor { machineUserId } }
    }
    error { message type code fields { field message type } }
  }
}
"""

CREATE_EVENT = """
mutation createThreadEvent($input: CreateThreadEventInput!) {
  createThreadEvent(input: $input) {
    threadEvent { id threadId customerId title components { __typename } createdAt { iso8601 } }
    error { message type code fields { field message type } }
  }
}
"""

UPSERT = """
mutation upsertCustomer($input: UpsertCustomerInput!) {
  upsertCustomer(input: $input) {
    result
    customer { id externalId fullName shortName email { email isVerified } }
    error { message type code fields { field message type } }
  }
}
"""

TIMELINE = """
query timeline($thread: ID!, $first: Int, $after: String, $filters: ThreadTimelineEntriesFilter) {
  thread(threadId: $thread) {
    timelineEntries(first: $first, after: $after, filters: $filters) {
      edges {
        cursor
        node {
          timestamp { iso8601 }
          entry {
            __typename
            ... on ThreadEventEntry { externalId title timelineEventId }
            ... on CustomEntry { title components { ... on ComponentText { text } } }
            ... on NoteEntry { noteId text }
          }
        }
      }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
}
"""


class PlainApi:
    """One client with the right key; `post` gives the answer, `ask` its data."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self.http = http
        self.url = url

    async def post(
        self, query: str, variables: Mapping[str, Any] | None = None, **more: Any
    ) -> httpx.Response:
        body = {"query": query, "variables": variables or {}}
        return await self.http.post(self.url, json=body, **more)

    async def ask(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        answer = await self.post(query, variables)
        body: dict[str, Any] = answer.json()
        assert answer.status_code == 200, body
        assert "errors" not in body, body
        data: dict[str, Any] = body["data"]
        return data

    async def mutate(self, query: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The output of the one mutation in `query`."""
        (output,) = (await self.ask(query, {"input": given})).values()
        found: dict[str, Any] = output
        return found


def noon() -> float:
    return NOON


@contextlib.asynccontextmanager
async def talking(plain: Plain) -> AsyncIterator[PlainApi]:
    """Serve `plain` and talk to it."""
    headers = {"Authorization": f"Bearer {plain.api_key}"}
    async with (
        plain.serving() as url,
        httpx.AsyncClient(headers=headers, timeout=5, trust_env=False) as http,
    ):
        yield PlainApi(http, url)


QUOTE = {"componentText": {"text": "It *broke*", "textColor": "NORMAL"}}


async def opened(plain: Plain, http: httpx.AsyncClient, url: str) -> str:
    """A fresh thread with one component, for a customer of its own."""
    customer = plain.add_customer("Ada", f"ada{len(plain.customers)}@example.com")
    given = {
        "customerIdentifier": {"customerId": customer.id},
        "title": "Broken",
        "components": [QUOTE],
    }
    body = {"query": CREATE_THREAD, "variables": {"input": given}}
    answer = (await http.post(url, json=body)).json()
    found: str = answer["data"]["createThread"]["thread"]["id"]
    return found
