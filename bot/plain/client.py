"""The Plain port: each operation asked for in its turn, and its answer read."""

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
from bot.plain.answers import Page, Workspace
from bot.plain.operations import Operation, Variables
from bot.plain.pace import Heard, Pace
from bot.plain.remembered import Remembered
from bot.plain.transport import ANSWER_SECONDS, CONNECT_SECONDS, READ_SECONDS, Transport

T = TypeVar("T")

Observe = Callable[[str, str, float], None]
"""Told of every request: the operation, "ok" or the fault's cause or reason, and the seconds."""

LABEL_TYPES_SECONDS = 300.0
TENANTS_SECONDS = 900.0
"""Longer, for they may be thousands, and fifty pages of them."""
PAGES = 50
"""The most pages of one connection that are read; a cursor that leads in a circle ends there."""


class PlainClient:
    """Asks Plain at `url` with `api_key`; raises TryLater and Rejected, nothing else.

    `http` and the seconds as in `Transport`. `clock` is Unix seconds. `pace` lets each request go
    in its turn. ValueError for a key or a `url` that cannot be one.
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
        self._label_types = Remembered(
            lambda: self._all(operations.LABEL_TYPES, {}), lifetime=LABEL_TYPES_SECONDS, clock=clock
        )
        self._tenants = Remembered(self._all_tenants, lifetime=TENANTS_SECONDS, clock=clock)
        self._workspace_id = Remembered(
            lambda: self._ask(operations.WORKSPACE_ID, {}), lifetime=inf, clock=clock
        )

    async def aclose(self) -> None:
        """Give up what is under way for everybody, and the connections."""
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
        """The customer's thread with this external id, which is unique within the customer."""
        return await self._ask(
            operations.THREAD_BY_EXTERNAL_ID, {"customerId": customer, "externalId": external_id}
        )

    async def threads_since(self, customer: str, since: float) -> Sequence[ThreadSummary]:
        """The customer's threads that were created since then (Unix seconds)."""
        moment = datetime.fromtimestamp(since, UTC).isoformat(timespec="seconds")
        asked = {"customerId": customer, "since": moment.replace("+00:00", "Z")}
        return list(await self._all(operations.CUSTOMER_THREADS, asked))

    async def add_event(self, draft: EventDraft) -> None:
        """Add to a thread. Raises TryLater, with `outcome_unknown` if it may be there already."""
        await self._ask(operations.CREATE_THREAD_EVENT, inputs.create_thread_event(draft))

    async def has_event(self, thread: str, external_id: str) -> bool:
        """Whether the thread's timeline holds an event with this external id, newest first."""
        before = None
        for _ in range(PAGES):
            page = await self._ask(operations.THREAD_EVENTS, {"threadId": thread, "before": before})
            if external_id in page.items:
                return True
            before = page.cursor
            if before is None:
                break
        return False

    async def seen(self, thread: str) -> ThreadSnapshot | None:
        """The thread as it stands, with who did what in it; None where it is gone."""
        seen: ThreadSnapshot | None = None
        before = None
        for _ in range(PAGES):
            page = await self._ask(operations.THREAD_SEEN, {"threadId": thread, "before": before})
            if page is None:
                return None
            entries = seen.entries if seen else ()
            seen = replace(page.seen, entries=page.seen.entries + entries)
            before = page.cursor
            if before is None:
                return seen
        raise TryLater("plain_endless_pages")

    async def add_note(self, customer: str, thread: str, text: str) -> None:
        """Write a note on the thread; the customer does not see it."""
        await self._ask(operations.CREATE_NOTE, inputs.create_note(customer, thread, text))

    async def mark_ignored(self, thread: str) -> None:
        """Mark the thread as done, for it needs no answer; harmless twice."""
        await self._ask(operations.MARK_THREAD_AS_DONE, inputs.mark_ignored(thread))

    async def find_customer(self, name: str) -> Customer | None:
        """The customer named `c_…`, by e-mail address or as `external:ID`; None for no such."""
        if name.startswith("external:"):
            external_id = name.removeprefix("external:")
            return await self._find(operations.CUSTOMER_BY_EXTERNAL_ID, {"externalId": external_id})
        if "@" in name:
            return await self._find(operations.CUSTOMER_BY_EMAIL, {"email": name})
        if name.startswith("c_"):
            return await self._find(operations.CUSTOMER, {"customerId": name})
        return None

    async def search_customers(self, term: str, limit: int) -> Sequence[Customer]:
        """Customers with `term` in their name or e-mail address, in any case; the most recently
        active first, at most `limit` (1 to 100)."""
        return await self._ask(operations.SEARCH_CUSTOMERS, {"term": term, "first": limit})

    async def upsert_customer(self, email: str, name: str, *, verified: bool) -> Customer:
        """The customer with this address, made if there is none; an existing one stays as it is."""
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
        """All label types that are not archived; five minutes old at most."""
        return await self._label_types.get()

    async def recent_label_types(self) -> Sequence[LabelType]:
        """The same at once, however old, while they are asked for anew."""
        return await self._label_types.recent()

    async def recent_tenants(self) -> Sequence[Tenant] | None:
        """All tenants that are not deleted, in the same way; None where the key may not read them.

        The first 5,000, where there are more.
        """
        return await self._tenants.recent()

    def label_types_at_hand(self) -> Sequence[LabelType]:
        """What is known of them without asking."""
        return self._label_types.at_hand(())

    def tenants_at_hand(self) -> Sequence[Tenant] | None:
        """What is known of them without asking; None once it is known that the key may not."""
        return self._tenants.at_hand(())

    async def user_by_email(self, email: str) -> str | None:
        """The id (`u_…`) of the Plain user with this address; None also for a deleted one."""
        return await self._find(operations.USER_BY_EMAIL, {"email": email})

    async def workspace_id(self) -> str:
        """The id (`w_…`) of the workspace that the key belongs to (asked once)."""
        return await self._workspace_id.get()

    async def workspace(self) -> Workspace:
        """What the key belongs to and what it may do, asked anew each time."""
        return await self._ask(operations.WORKSPACE, {})

    async def ask(self, operation: Operation[T], variables: Variables) -> T:
        """Any operation's value, for those that only `doctor` tries."""
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
        """What stands on a connection's first pages, and where it goes on, if it does."""
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
        """A look-up by a name that people wrote: one that Plain cannot read names nobody."""
        try:
            return await self._ask(operation, variables)
        except Rejected as refused:
            if refused.rejection.code != "BAD_USER_INPUT":
                raise
            return None

    async def _ask(
        self, operation: Operation[T], variables: Variables, *, customer: str | None = None
    ) -> T:
        """The operation's value, once it is this request's turn."""
        async with self._turn() as heard:
            return await self._observed(operation, variables, customer, heard)

    async def _observed(
        self, operation: Operation[T], variables: Variables, customer: str | None, heard: Heard
    ) -> T:
        """The operation's value, with its request observed whatever comes of it."""
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
