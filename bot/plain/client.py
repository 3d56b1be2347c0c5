"""The Plain client: paced requests for each operation, and their answers as values."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from math import inf
from typing import TypeVar

import httpx

from bot import failpoints
from bot.core.faults import Reason, Rejected, TryLater
from bot.core.model import Customer, EventDraft, LabelType, Tenant, ThreadDraft
from bot.core.undo import ThreadSnapshot
from bot.failpoints import Failpoint
from bot.flows.ports import PlainThread, ThreadSummary
from bot.plain import inputs, operations, protocol
from bot.plain.answers import Page, PlainWorkspace
from bot.plain.cached import Cached
from bot.plain.operations import Operation, Variables
from bot.plain.pace import Heard, Pace
from bot.plain.transport import ANSWER_SECONDS, CONNECT_SECONDS, READ_SECONDS, Transport

T = TypeVar("T")

Observe = Callable[[str, str, float], None]
"""Called for every request with the operation, "ok" or the fault's cause or reason, and seconds."""

LABEL_TYPES_SECONDS = 300.0
TENANTS_SECONDS = 900.0
"""Longer, because there may be fifty pages of them."""
PAGES = 50
"""The most pages that are read of one connection; a cursor in a circle ends there."""


class PlainClient:
    """A client of Plain at `url` with `api_key`; its methods raise TryLater and Rejected only.

    `http` and the seconds are as in `Transport`. `clock` returns Unix seconds. `pace` delays
    requests that the rate limit has no room for. Raise ValueError for an invalid key or `url`.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        http: httpx.AsyncClient | None = None,
        clock: Callable[[], float] = time.time,
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
        observe: Observe | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._transport = Transport(
            url,
            api_key,
            http=http,
            connect_seconds=connect_seconds,
            read_seconds=read_seconds,
            answer_seconds=answer_seconds,
        )
        self._clock = clock
        self._observe = observe
        self._turn = pace.request if pace else _unpaced
        self._label_types = Cached(
            lambda: self._all(operations.LABEL_TYPES, {}), lifetime=LABEL_TYPES_SECONDS, clock=clock
        )
        self._tenants = Cached(self._all_tenants, lifetime=TENANTS_SECONDS, clock=clock)
        self._workspace_id = Cached(
            lambda: self._ask(operations.WORKSPACE_ID, {}), lifetime=inf, clock=clock
        )

    async def aclose(self) -> None:
        """Cancel shared requests that are under way, and close the connections."""
        await self._label_types.forget()
        await self._tenants.forget()
        await self._workspace_id.forget()
        await self._transport.aclose()

    async def open_thread(self, draft: ThreadDraft) -> PlainThread:
        """Create the thread. Raises TryLater, with `outcome_unknown` if it may be there already."""
        return await self._ask(
            operations.CREATE_THREAD, inputs.create_thread(draft), customer=draft.customer
        )

    async def thread_by_external_id(self, customer: str, external_id: str) -> PlainThread | None:
        """Return the thread with this external id, which is unique within the customer."""
        return await self._ask(
            operations.THREAD_BY_EXTERNAL_ID, {"customerId": customer, "externalId": external_id}
        )

    async def threads_since(self, customer: str, since: float) -> Sequence[ThreadSummary]:
        """Return the customer's threads that were created since then (Unix seconds)."""
        moment = datetime.fromtimestamp(since, UTC).isoformat(timespec="seconds")
        asked = {"customerId": customer, "since": moment.replace("+00:00", "Z")}
        return list(await self._all(operations.CUSTOMER_THREADS, asked))

    async def add_event(self, draft: EventDraft) -> None:
        """Add to a thread. Raises TryLater, with `outcome_unknown` if it may be there already."""
        await self._ask(operations.CREATE_THREAD_EVENT, inputs.create_thread_event(draft))

    async def has_event(self, thread: str, external_id: str) -> bool:
        """Return True if the thread's timeline holds an event with this external id."""
        before = None
        for _ in range(PAGES):
            page = await self._ask(operations.THREAD_EVENTS, {"threadId": thread, "before": before})
            if external_id in page.items:
                return True
            before = page.cursor
            if before is None:
                break
        return False

    async def thread_snapshot(self, thread: str) -> ThreadSnapshot | None:
        """Return the thread with everything that was done in it; None if it is gone."""
        snapshot: ThreadSnapshot | None = None
        before = None
        for _ in range(PAGES):
            page = await self._ask(operations.THREAD_SEEN, {"threadId": thread, "before": before})
            if page is None:
                return None
            entries = snapshot.entries if snapshot else ()
            snapshot = replace(page.snapshot, entries=page.snapshot.entries + entries)
            before = page.cursor
            if before is None:
                return snapshot
        raise TryLater("plain_endless_pages")

    async def add_note(self, customer: str, thread: str, text: str) -> None:
        """Write a note on the thread; the customer does not see it."""
        await self._ask(operations.CREATE_NOTE, inputs.create_note(customer, thread, text))

    async def mark_ignored(self, thread: str) -> None:
        """Mark the thread as done without an answer; harmless twice."""
        await self._ask(operations.MARK_THREAD_AS_DONE, inputs.mark_ignored(thread))

    async def find_customer(self, name: str) -> Customer | None:
        """Return the customer named `c_…`, by e-mail address or `external:ID`; None if unknown."""
        if name.startswith("external:"):
            external_id = name.removeprefix("external:")
            return await self._find(operations.CUSTOMER_BY_EXTERNAL_ID, {"externalId": external_id})
        if "@" in name:
            return await self._find(operations.CUSTOMER_BY_EMAIL, {"email": name})
        if name.startswith("c_"):
            return await self._find(operations.CUSTOMER, {"customerId": name})
        return None

    async def search_customers(self, term: str, limit: int) -> Sequence[Customer]:
        """Return at most `limit` (1 to 100) customers, the most recently active first, with `term`
        in their name or e-mail address, in any case."""
        return await self._ask(operations.SEARCH_CUSTOMERS, {"term": term, "first": limit})

    async def upsert_customer(self, email: str, name: str, *, verified: bool) -> Customer:
        """Return the customer with this address; create it if needed, never change it."""
        variables = inputs.upsert_customer(email, name, verified=verified)
        try:
            return await self._ask(operations.UPSERT_CUSTOMER, variables, customer=email)
        except Rejected as refused:
            if refused.rejection.code != "customer_already_exists_with_email":
                raise
            found = await self._ask(operations.CUSTOMER_BY_EMAIL, {"email": email})
            if found is None:
                raise
            return found

    async def label_types(self) -> Sequence[LabelType]:
        """Return all label types that are not archived; five minutes old at most."""
        return await self._label_types.get()

    async def recent_label_types(self) -> Sequence[LabelType]:
        """Return the cached label types however old, and refresh them in the background."""
        return await self._label_types.recent()

    async def recent_tenants(self) -> Sequence[Tenant] | None:
        """Return all tenants that are not deleted, likewise; None if the key may not read them.

        The first 5,000, where there are more.
        """
        return await self._tenants.recent()

    def cached_label_types(self) -> Sequence[LabelType]:
        """Return the cached label types, none if there are none yet."""
        return self._label_types.peek(())

    def cached_tenants(self) -> Sequence[Tenant] | None:
        """Return the cached tenants; None once it is known that the key may not read them."""
        return self._tenants.peek(())

    async def user_by_email(self, email: str) -> str | None:
        """Return the id (`u_…`) of the user with this address; None also for a deleted one."""
        return await self._find(operations.USER_BY_EMAIL, {"email": email})

    async def workspace_id(self) -> str:
        """Return the id (`w_…`) of the key's workspace, requested once."""
        return await self._workspace_id.get()

    async def workspace(self) -> PlainWorkspace:
        """Return the key's workspace and permissions, requested each time."""
        return await self._ask(operations.WORKSPACE, {})

    async def ask(self, operation: Operation[T], variables: Variables) -> T:
        """Return the value of any operation, for those that only `doctor` runs."""
        return await self._ask(operation, variables)

    async def _all(self, operation: Operation[Page[T]], variables: Variables) -> tuple[T, ...]:
        found, after = await self._first(operation, variables)
        if after is not None:
            raise TryLater("plain_endless_pages")
        return found

    async def _all_tenants(self) -> tuple[Tenant, ...] | None:
        try:
            return (await self._first(operations.TENANTS, {}))[0]
        except Rejected as refused:
            if refused.reason is not Reason.PLAIN_FORBIDDEN:
                raise
            return None

    async def _first(
        self, operation: Operation[Page[T]], variables: Variables
    ) -> tuple[tuple[T, ...], str | None]:
        """Return the items of a connection's first pages, and the cursor of the next, if any."""
        found: list[T] = []
        after = None
        for _ in range(PAGES):
            page = await self._ask(operation, {**variables, "after": after})
            found += page.items
            after = page.cursor
            if after is None:
                break
        return tuple(found), after

    async def _find(self, operation: Operation[T | None], variables: Variables) -> T | None:
        """Look up a name that people wrote; one that Plain cannot parse names nobody."""
        try:
            return await self._ask(operation, variables)
        except Rejected as refused:
            if refused.rejection.code != "BAD_USER_INPUT":
                raise
            return None

    async def _ask(
        self, operation: Operation[T], variables: Variables, *, customer: str | None = None
    ) -> T:
        """Return the operation's value, once the pace has room for the request."""
        async with self._turn() as heard:
            return await self._observed(operation, variables, customer, heard)

    async def _observed(
        self, operation: Operation[T], variables: Variables, customer: str | None, heard: Heard
    ) -> T:
        """Return the operation's value, and report its request to `observe` however it ends."""
        started = time.monotonic()
        status = "abandoned"
        try:
            value = await self._answer(operation, variables, customer, heard)
            status = "ok"
        except TryLater as later:
            status = later.cause
            raise
        except Rejected as refused:
            status = refused.reason.value
            raise
        finally:
            if self._observe is not None:
                self._observe(operation.name, status, time.monotonic() - started)
        return value

    async def _answer(
        self, operation: Operation[T], variables: Variables, customer: str | None, heard: Heard
    ) -> T:
        write = operation.write
        body = protocol.request(operation.document, variables, operation.name)
        failpoints.hit(Failpoint.BEFORE_PLAIN, operation.name)
        try:
            answer = await self._transport.post(body, write=write)
        finally:
            failpoints.hit(Failpoint.AFTER_PLAIN, operation.name)
        heard(answer.status_code, answer.headers)
        data = protocol.response(
            answer.status_code, answer.headers, answer.content, write=write, now=self._clock()
        )
        request_id = protocol.request_id(answer.headers)
        output = data.get(operation.name) if operation.mutation else None
        if isinstance(output, dict):
            protocol.check(
                output.get("error"), write=write, customer=customer, request_id=request_id
            )
        try:
            return operation.read(data)
        except ValueError:
            raise TryLater(
                "plain_unexpected", outcome_unknown=write, request_id=request_id
            ) from None


@asynccontextmanager
async def _unpaced() -> AsyncIterator[Heard]:
    yield lambda _status, _headers: None
