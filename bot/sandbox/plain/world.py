"""Keep the workspace of the sandbox's Plain in memory, and find what is in it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, TypedDict, TypeVar

from bot.sandbox.plain.nouns import (
    Actor,
    Attachment,
    Customer,
    DateTime,
    EmailAddress,
    Ids,
    Input,
    LabelType,
    MachineUser,
    MachineUserActor,
    SystemActor,
    Tenant,
    Thread,
    ThreadEvent,
    User,
    Workspace,
)

Duplicates = Literal["refuse", "allow"]
"""What a second thread or event with the same external id meets; Plain does not document it."""

T = TypeVar("T", Customer, LabelType, Tenant, Thread, User)


class Stamp(TypedDict):
    """The fields of `nouns.Stamped`."""

    created_at: DateTime
    created_by: Actor
    updated_at: DateTime
    updated_by: Actor


class PlainWorld:
    """One workspace and its one machine user.

    `clock` gives Unix seconds. Ids are counted, so that the same requests give the same ids.
    """

    def __init__(self, clock: Callable[[], float], duplicate_external_id: Duplicates) -> None:
        self.clock = clock
        self.duplicate_external_id = duplicate_external_id
        self.ids = Ids()
        self.customers: list[Customer] = []
        self.label_types: list[LabelType] = []
        self.tenants: list[Tenant] = []
        self.users: list[User] = []
        self.threads: list[Thread] = []
        self.refs = (f"T-{number}" for number in itertools.count(1))
        self.attachments: list[Attachment] = []
        self.uploads_unseen = 0
        self.base_url = ""
        system = SystemActor(self.ids.new("sys"))
        self.machine_user = MachineUser(
            id=self.ids.new("mu"),
            full_name="Plain Bridge",
            public_name="Plain Bridge",
            **self.stamp(system),
        )
        self.workspace = Workspace(
            id=self.ids.new("w"), name="Sandbox", public_name="Sandbox", **self.stamp(system)
        )

    def now(self) -> DateTime:
        return DateTime(self.clock())

    @property
    def actor(self) -> Actor:
        """Return the machine user who acts through the API key."""
        return MachineUserActor(self.machine_user)

    def stamp(self, actor: Actor | None = None) -> Stamp:
        """Return a stamp of now, by the key's machine user unless another is named."""
        now, by = self.now(), actor or self.actor
        return Stamp(created_at=now, created_by=by, updated_at=now, updated_by=by)

    def add_customer(
        self, full_name: str, email: EmailAddress, external_id: str | None, short_name: str | None
    ) -> Customer:
        customer = Customer(
            id=self.ids.new("c"),
            full_name=full_name,
            short_name=short_name,
            email=email,
            external_id=external_id,
            **self.stamp(),
        )
        self.customers.append(customer)
        return customer

    def add_label_type(self, name: str, *, archived: bool) -> LabelType:
        label_type = LabelType(
            id=self.ids.new("lt"),
            name=name,
            position=f"{len(self.label_types):06}",
            is_archived=archived,
            archived_at=self.now() if archived else None,
            archived_by=self.actor if archived else None,
            **self.stamp(),
        )
        self.label_types.append(label_type)
        return label_type

    def add_user(self, email: str, full_name: str, *, deleted: bool) -> User:
        user = User(
            id=self.ids.new("u"),
            full_name=full_name,
            public_name=full_name,
            email=email,
            is_deleted=deleted,
            deleted_at=self.now() if deleted else None,
            **self.stamp(),
        )
        self.users.append(user)
        return user

    def add_tenant(self, external_id: str, name: str) -> Tenant:
        tenant = Tenant(id=self.ids.new("te"), external_id=external_id, name=name, **self.stamp())
        self.tenants.append(tenant)
        return tenant

    def by_id(self, among: Iterable[T], wanted: str | None) -> T | None:
        return next((one for one in among if one.id == wanted), None)

    def customer_by_email(self, email: str) -> Customer | None:
        """Return the customer with this address, ignoring case."""
        wanted = email.casefold()
        return next((one for one in self.customers if one.email.email.casefold() == wanted), None)

    def customer_by_external_id(self, external_id: str) -> Customer | None:
        return next((one for one in self.customers if one.external_id == external_id), None)

    def customer_named(self, identifier: Input) -> Customer | None:
        """Return the customer that an identifier with exactly one key names."""
        if (email := identifier.get("emailAddress")) is not None:
            return self.customer_by_email(email)
        if (external_id := identifier.get("externalId")) is not None:
            return self.customer_by_external_id(external_id)
        return self.by_id(self.customers, identifier.get("customerId"))

    def tenant_named(self, identifier: Input) -> Tenant | None:
        """Return the tenant that an identifier with exactly one key names."""
        if (external_id := identifier.get("externalId")) is not None:
            return next((one for one in self.tenants if one.external_id == external_id), None)
        return self.by_id(self.tenants, identifier.get("tenantId"))

    def assignee_named(self, identifier: Input) -> User | MachineUser | None:
        """Return the user or machine user that an identifier names; a deleted one is nobody."""
        if identifier.get("machineUserId") is not None:
            named = identifier["machineUserId"] == self.machine_user.id
            return self.machine_user if named else None
        user = self.by_id(self.users, identifier.get("userId"))
        return None if user is None or user.is_deleted else user

    def user_by_email(self, email: str) -> User | None:
        """Return the user with this address, even a deleted one, as Plain does."""
        wanted = email.casefold()
        return next((one for one in self.users if one.email.casefold() == wanted), None)

    def thread_by_external_id(self, customer_id: str, external_id: str) -> Thread | None:
        """Return the customer's first thread with this external id."""
        return next(
            (
                thread
                for thread in self.threads
                if thread.customer.id == customer_id and thread.external_id == external_id
            ),
            None,
        )

    def events(self) -> Iterator[ThreadEvent]:
        for thread in self.threads:
            yield from thread.events
