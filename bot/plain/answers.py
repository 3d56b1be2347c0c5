"""Read Plain's answers into values, leniently: what the bridge does not need may be missing.

A reader raises ValueError if the data lacks what the bridge needs, which the client turns into
TryLater. What it needs is named in `tests/plain/test_lenient.py`, operation by operation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from bot.core.model import Customer, LabelType, Tenant
from bot.core.undo import Actor, ActorKind, ThreadSnapshot, TimelineEntry
from bot.flows.attachments import UploadForm
from bot.flows.ports import PlainThread, ThreadSummary
from bot.plain.protocol import Data

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PlainWorkspace:
    """The workspace (`w_…`) of an API key, with the key's permissions, like `thread:create`.

    `machine_user` (`mu_…`) is None for a key that is not a machine user's.
    """

    id: str
    name: str
    machine_user: str | None
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a connection; `cursor` leads to the next one, None on the last."""

    items: tuple[T, ...]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class ThreadPage:
    """A thread with one page of its timeline; `cursor` leads to older entries."""

    snapshot: ThreadSnapshot
    cursor: str | None = None


def at(data: Data, *path: str) -> Any:
    """Return the value at the end of `path`; ValueError if the data does not go that far."""
    value: Any = data
    for name in path:
        if not isinstance(value, dict) or name not in value:
            raise ValueError(f"no {name}")
        value = value[name]
    return value


def _half_surrogates(value: object) -> object:
    """Replace half a surrogate pair, as a text cut in the middle of an emoji has, by `?`."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _text_or_none(value: object) -> object:
    return _half_surrogates(value) if isinstance(value, str) else None


_Text = Annotated[str, BeforeValidator(_half_surrogates)]
_MaybeText = Annotated[str | None, BeforeValidator(_text_or_none)]

# Opaque, but no id has a blank or a control character; a database may not even take one.
_Id = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,255}$")]


class _Node(BaseModel):
    """Read Plain's camelCase, ignore unknown fields, and keep values out of error messages."""

    model_config = ConfigDict(
        alias_generator=to_camel, frozen=True, hide_input_in_errors=True, defer_build=True
    )


class _PageInfo(_Node):
    has_next_page: bool = False
    end_cursor: str | None = None
    has_previous_page: bool = False
    start_cursor: str | None = None

    @property
    def cursor(self) -> str | None:
        """Return where the connection goes on, in whichever direction it was asked for."""
        if self.has_next_page:
            return self.end_cursor
        return self.start_cursor if self.has_previous_page else None


def _page(connection: object, read: Callable[[object], T], direction: str) -> Page[T]:
    """Return one page of a connection; that it has an end (`direction`) is to be said."""
    found = connection if isinstance(connection, dict) else {}
    if not isinstance(at(found, "pageInfo", direction), bool):
        raise ValueError(f"{direction} is no boolean")
    info = _PageInfo.model_validate(found["pageInfo"])
    return Page(tuple(map(read, _nodes(found))), info.cursor)


def _nodes(connection: object) -> list[object]:
    edges = at(connection if isinstance(connection, dict) else {}, "edges")
    if not isinstance(edges, list):
        raise ValueError("edges is no list")
    return [at(edge, "node") for edge in edges]


def _readable(read: Callable[[object], T]) -> Callable[[object], T | None]:
    """Return `read` with None for a node that lacks what the bridge needs of it."""

    def read_or_none(node: object) -> T | None:
        try:
            return read(node)
        except ValidationError:
            return None

    return read_or_none


def _readable_page(connection: object, read: Callable[[object], T]) -> Page[T]:
    """Return one page of a list to choose from: what cannot be read cannot be chosen."""
    page = _page(connection, _readable(read), "hasNextPage")
    return Page(tuple(item for item in page.items if item is not None), page.cursor)


# Threads


class _Thread(_Node):
    id: _Id
    ref: _Id


def _thread(node: object) -> PlainThread:
    thread = _Thread.model_validate(node)
    return PlainThread(thread.id, thread.ref)


def created_thread(data: Data) -> PlainThread:
    """Read `CREATE_THREAD`."""
    return _thread(at(data, "createThread", "thread"))


def found_thread(data: Data) -> PlainThread | None:
    """Read `THREAD_BY_EXTERNAL_ID`: None only if Plain says null, not if the field is missing."""
    found = at(data, "threadByExternalId")
    return None if found is None else _thread(found)


class _ThreadSummary(_Thread):
    external_id: str | None


def customer_threads(data: Data) -> Page[ThreadSummary]:
    """Read `CUSTOMER_THREADS`."""

    def read(node: object) -> ThreadSummary:
        thread = _ThreadSummary.model_validate(node)
        return ThreadSummary(thread.id, thread.ref, thread.external_id)

    return _page(at(data, "threads"), read, "hasNextPage")


def done(mutation: str, result: str) -> Callable[[Data], None]:
    """Return a reader of a mutation whose `result` is not needed, only that there is one."""

    def read(data: Data) -> None:
        if not isinstance(at(data, mutation, result), dict):
            raise ValueError(f"no {result}")

    return read


class _EventEntry(_Node):
    """An entry of a timeline; only events have an external id."""

    external_id: str | None = Field(None, validation_alias=AliasPath("entry", "externalId"))


def event_external_ids(data: Data) -> Page[str]:
    """Read `THREAD_EVENTS`: one page of external ids; nothing if the thread is gone."""
    if at(data, "thread") is None:
        return Page(())
    entries = at(data, "thread", "timelineEntries")
    page = _page(
        entries, lambda node: _EventEntry.model_validate(node).external_id, "hasPreviousPage"
    )
    return Page(tuple(id_ for id_ in page.items if id_ is not None), page.cursor)


# A thread's state, which decides an undo. The status's detail, the assignment, the machine user and
# its permissions may be missing; everything else is needed.

_KINDS = {
    "UserActor": ActorKind.USER,
    "MachineUserActor": ActorKind.MACHINE_USER,
    "CustomerActor": ActorKind.CUSTOMER,
    "DeletedCustomerActor": ActorKind.CUSTOMER,
    "SystemActor": ActorKind.SYSTEM,
}


class _Typed(_Node):
    typename: str = Field(validation_alias="__typename")


class _Actor(_Typed):
    user_id: _MaybeText = None
    machine_user_id: _MaybeText = None
    customer_id: _MaybeText = None
    system_id: _MaybeText = None

    def value(self) -> Actor:
        """Return the actor; one of an unknown kind if the schema has grown another one."""
        id_ = self.user_id or self.machine_user_id or self.customer_id or self.system_id
        return Actor(_KINDS.get(self.typename, ActorKind.UNKNOWN), id_)


class _TimelineEntry(_Node):
    actor: _Actor
    entry: _Typed


class _ThreadState(_Node):
    status: str
    status_detail: _MaybeText = Field(
        None, validation_alias=AliasPath("statusDetail", "__typename")
    )
    status_changed_by: _Actor
    assigned_at: _MaybeText = Field(None, validation_alias=AliasPath("assignedAt", "iso8601"))
    customer: str = Field(validation_alias=AliasPath("customer", "id"))


class _Key(_Node):
    me: _MaybeText = Field(None, validation_alias=AliasPath("myMachineUser", "id"))
    permissions: tuple[str, ...] | None = Field(
        None, validation_alias=AliasPath("myPermissions", "permissions")
    )


def thread_page(data: Data) -> ThreadPage | None:
    """Read `THREAD_SEEN`: None only if Plain says null."""
    if at(data, "thread") is None:
        return None

    def read(node: object) -> TimelineEntry:
        entry = _TimelineEntry.model_validate(node)
        return TimelineEntry(entry.actor.value(), entry.entry.typename)

    thread = _ThreadState.model_validate(at(data, "thread"))
    page = _page(at(data, "thread", "timelineEntries"), read, "hasPreviousPage")
    key = _Key.model_validate(data)
    snapshot = ThreadSnapshot(
        customer=thread.customer,
        status=thread.status,
        detail=thread.status_detail,
        changed_by=thread.status_changed_by.value(),
        assigned=thread.assigned_at is not None,
        entries=page.items,
        me=key.me,
        permissions=None if key.permissions is None else frozenset(key.permissions),
    )
    return ThreadPage(snapshot, page.cursor)


# Files


class _FormField(_Node):
    key: str
    value: str


class _UploadForm(_Node):
    attachment: _Id = Field(validation_alias=AliasPath("attachment", "id"))
    upload_form_url: str
    upload_form_data: tuple[_FormField, ...]


def upload_form(data: Data) -> UploadForm:
    """Read `CREATE_UPLOAD`."""
    found = _UploadForm.model_validate(at(data, "createAttachmentUploadUrl", "attachmentUploadUrl"))
    fields = tuple((field.key, field.value) for field in found.upload_form_data)
    return UploadForm(found.attachment, found.upload_form_url, fields)


# Customers and people


class _Customer(_Node):
    id: _Id
    full_name: _MaybeText = None
    email: _MaybeText = Field(None, validation_alias=AliasPath("email", "email"))


def _customer(node: object) -> Customer:
    """Return the customer, named by the e-mail address or the id if Plain gives no name."""
    found = _Customer.model_validate(node)
    return Customer(found.id, found.full_name or found.email or found.id, found.email)


def upserted_customer(data: Data) -> Customer:
    """Read `UPSERT_CUSTOMER`."""
    return _customer(at(data, "upsertCustomer", "customer"))


def found_customer(field: str) -> Callable[[Data], Customer | None]:
    """Return a reader of the customer, or null, in `field`."""

    def read(data: Data) -> Customer | None:
        found = at(data, field)
        return None if found is None else _customer(found)

    return read


def searched_customers(data: Data) -> tuple[Customer, ...]:
    """Read `SEARCH_CUSTOMERS`."""
    found = map(_readable(_customer), _nodes(at(data, "searchCustomers")))
    return tuple(customer for customer in found if customer is not None)


class _User(_Node):
    id: _Id


def present_user(data: Data) -> str | None:
    """Read `USER_BY_EMAIL`: the user's id; None also for a user that was deleted."""
    found = at(data, "userByEmail")
    if found is None:
        return None
    user = _User.model_validate(found)
    return None if found.get("isDeleted") is True else user.id


# What a thread can be given


class _LabelType(_Node):
    id: _Id
    name: _Text


def label_types(data: Data) -> Page[LabelType]:
    """Read `LABEL_TYPES`."""

    def read(node: object) -> LabelType:
        found = _LabelType.model_validate(node)
        return LabelType(found.id, found.name)

    return _readable_page(at(data, "labelTypes"), read)


class _Tenant(_Node):
    id: _MaybeText = None
    name: _MaybeText = None
    external_id: _Text


def tenants(data: Data) -> Page[Tenant]:
    """Read `TENANTS`; threads name a tenant by its external id."""

    def read(node: object) -> Tenant:
        found = _Tenant.model_validate(node)
        return Tenant(found.id or "", found.name or found.external_id, found.external_id)

    return _readable_page(at(data, "tenants"), read)


# The key


class _Workspace(_Node):
    id: _Id
    name: _MaybeText = None


class _Me(_Node):
    machine_user: _MaybeText = Field(None, validation_alias=AliasPath("myMachineUser", "id"))
    permissions: tuple[str, ...] = Field(validation_alias=AliasPath("myPermissions", "permissions"))


def workspace_id(data: Data) -> str:
    """Read `WORKSPACE_ID`."""
    return _Workspace.model_validate(at(data, "myWorkspace")).id


def workspace(data: Data) -> PlainWorkspace:
    """Read `WORKSPACE`."""
    found = _Workspace.model_validate(at(data, "myWorkspace"))
    me = _Me.model_validate(data)
    return PlainWorkspace(found.id, found.name or "", me.machine_user, frozenset(me.permissions))
