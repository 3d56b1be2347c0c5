"""Simulate Plain: a GraphQL server with Plain's schema, limits, permissions and failures."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Literal

from starlette.types import ASGIApp

from bot.sandbox.plain import resolvers as known
from bot.sandbox.plain import threads, timeline
from bot.sandbox.plain.nouns import (
    Attachment,
    Customer,
    EmailAddress,
    LabelType,
    MachineUser,
    SystemActor,
    Tenant,
    Thread,
    User,
    UserActor,
    Workspace,
)
from bot.sandbox.plain.server import Down, How, PlainFault, PlainServer, RateLimit, Request
from bot.sandbox.plain.world import Duplicates, PlainWorld

__all__ = ["Down", "Duplicates", "How", "Plain", "Request"]

PATH = "/graphql/v1"

Status = Literal["done", "ignored", "snoozed", "investigating", "todo"]

STATUSES: Mapping[Status, tuple[str, str]] = {
    "done": ("DONE", "ThreadStatusDetailDoneManuallySet"),
    "ignored": ("DONE", "ThreadStatusDetailIgnored"),
    "snoozed": ("SNOOZED", "ThreadStatusDetailWaitingForCustomer"),
    "investigating": ("TODO", "ThreadStatusDetailInProgress"),
    "todo": ("TODO", "ThreadStatusDetailCreated"),
}


class Plain:
    """One workspace with one API key.

    `clock` gives Unix seconds. `permissions` are those of the key, all if None; the set in the
    attribute of that name can be changed at any time. `rate_limit` is in requests a minute;
    None never refuses. `duplicate_external_id` is what a second thread of a customer, or a
    second event, with the same external id meets.
    """

    def __init__(
        self,
        api_key: str = "plainApiKey_test",
        *,
        clock: Callable[[], float] = time.time,
        permissions: Iterable[str] | None = None,
        rate_limit: int | None = None,
        duplicate_external_id: Duplicates = "allow",
    ) -> None:
        self.api_key = api_key
        self.permissions = set(known.ALL_PERMISSIONS if permissions is None else permissions)
        self._world = PlainWorld(clock, duplicate_external_id)
        self._server = PlainServer(
            self._world, api_key, self.permissions, RateLimit(rate_limit, clock)
        )

    @property
    def app(self) -> ASGIApp:
        """Return the ASGI app, for every path; only uvicorn can drop its connections."""
        return self._server.app

    @contextlib.asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[str]:
        """Serve on loopback while the context lasts; yield the API's full URL."""
        async with self._server.app.serving(port) as url:
            self._world.base_url = url
            yield url + PATH

    @property
    def workspace(self) -> Workspace:
        return self._world.workspace

    @property
    def machine_user(self) -> MachineUser:
        """Return the machine user who acts through the API key."""
        return self._world.machine_user

    @property
    def threads(self) -> list[Thread]:
        return self._world.threads

    @property
    def customers(self) -> list[Customer]:
        return self._world.customers

    @property
    def attachments(self) -> list[Attachment]:
        """Return every upload that was prepared, with or without its file."""
        return self._world.attachments

    def overlook_uploads(self, times: int) -> None:
        """Let the next `times` threads with attachments fail with `attachment_not_uploaded`."""
        self._world.uploads_unseen = times

    @property
    def requests(self) -> list[Request]:
        """Return every request so far in order of arrival, refused ones too."""
        return self._server.requests

    def add_customer(
        self, full_name: str, email: str, external_id: str | None = None, *, spam: bool = False
    ) -> Customer:
        """Add a customer. Raise ValueError if the address or the external id is taken."""
        taken = external_id is not None and self._world.customer_by_external_id(external_id)
        if taken or self._world.customer_by_email(email):
            raise ValueError(f"there is such a customer already: {email}, {external_id}")
        address = EmailAddress(email, is_verified=False)
        customer = self._world.add_customer(full_name, address, external_id, None)
        if spam:
            customer.marked_as_spam_at = self._world.now()
            customer.marked_as_spam_by = self._world.actor
        return customer

    def add_label_type(self, name: str, *, archived: bool = False) -> LabelType:
        """Add a label type; several may have the same name."""
        return self._world.add_label_type(name, archived=archived)

    def add_user(self, email: str, full_name: str, *, deleted: bool = False) -> User:
        return self._world.add_user(email, full_name, deleted=deleted)

    def add_tenant(self, external_id: str, name: str) -> Tenant:
        return self._world.add_tenant(external_id, name)

    # What agents do.

    def answer(self, thread: Thread, text: str, agent: User | None = None) -> None:
        """Let an agent reply to the customer by e-mail."""
        threads.answer(self._world, thread, text, agent or self._agent())

    def write_note(self, thread: Thread, text: str, agent: User | None = None) -> None:
        threads.write_note(self._world, thread, text, agent or self._agent())

    def assign(self, thread: Thread, to: User | None = None, by: User | None = None) -> None:
        """Let an agent assign the thread to somebody, or to themself."""
        agent = by or self._agent()
        threads.assign(self._world, thread, to or agent, UserActor(agent))

    def change_status(
        self, thread: Thread, status: Status, by: User | SystemActor | None = None
    ) -> None:
        """Let an agent, or Plain itself, change the status; "investigating" stays a TODO."""
        new, detail = STATUSES[status]
        actor = by if isinstance(by, SystemActor) else UserActor(by or self._agent())
        threads.change_status(self._world, thread, new, detail, actor)

    def delete(self, thread: Thread) -> None:
        """Let an agent delete the thread and everything in it."""
        threads.delete_thread(self._world, {"threadId": thread.id})

    def _agent(self) -> User:
        """Return somebody who works in Plain."""
        users = [user for user in self._world.users if not user.is_deleted]
        return users[0] if users else self.add_user("agent@plain.example", "Agnes Agent")

    def as_json(self, thread: Thread) -> dict[str, Any]:
        """Return the thread in the API's shape, with its components and events."""
        return timeline.as_json(thread)

    def fail(
        self,
        operation: str | None,
        how: How,
        times: int = 1,
        seconds: float | None = None,
        *,
        committed: bool = False,
    ) -> None:
        """Let the next `times` requests for `operation` (any, if None) fail.

        `operation` is a root field ("createThread") or the operation's own name. `seconds` is
        how long "hang" stays silent, "late" waits before it takes effect, and the Retry-After
        of a "429". `committed`: it takes effect before it fails ("late" always does).
        """
        self._server.faults.add(PlainFault(operation, how, times, seconds, committed))

    def heal(self) -> None:
        """Forget all failures and bring Plain up."""
        self._server.faults.clear()
        self._server.down = None

    @property
    def down(self) -> Down | None:
        """Refuse every request: "503" (True means this) or "drop", closing the connection."""
        return self._server.down

    @down.setter
    def down(self, how: Down | bool | None) -> None:
        self._server.down = ("503" if how else None) if isinstance(how, bool) else how
