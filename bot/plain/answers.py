"""What the data of an answer says, as values; ValueError where the schema would not allow it."""

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
)
from pydantic.alias_generators import to_camel

from bot.core.model import Customer, LabelType, Tenant
from bot.flows.attachments import UploadForm
from bot.flows.ports import PlainThread, ThreadSummary
from bot.plain.protocol import Data

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Workspace:
    """What the key belongs to and may do: `id` is `w_…`, a permission is like `thread:create`.

    `machine_user` (`mu_…`) is None for a key that is not a machine user's.
    """

    id: str
    name: str
    machine_user: str | None
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a connection; `cursor` leads to the next one, None where there is none."""

    items: tuple[T, ...]
    cursor: str | None = None


def created_thread(data: Data) -> PlainThread:
    return _Thread.model_validate(at(data, "createThread", "thread")).value()


def found_thread(data: Data) -> PlainThread | None:
    """None only where Plain says null: a field that is missing does not mean "no thread"."""
    found = at(data, "threadByExternalId")
    return None if found is None else _Thread.model_validate(found).value()


def customer_threads(data: Data) -> Page[ThreadSummary]:
    found = _Threads.model_validate(at(data, "threads"))
    items = tuple(edge.node.value() for edge in found.edges)
    return Page(items, found.end_cursor if found.has_next_page else None)


def created_event(data: Data) -> None:
    """Nothing but the certainty that it was created."""
    if not isinstance(at(data, "createThreadEvent", "threadEvent", "id"), str):
        raise ValueError("no id of a thread event")


def event_external_ids(data: Data) -> Page[str]:
    """The external ids of one page of a thread's events; nothing where the thread is gone."""
    if at(data, "thread") is None:
        return Page(())
    found = _Events.model_validate(at(data, "thread", "timelineEntries"))
    ids = tuple(edge.external_id for edge in found.edges if edge.external_id is not None)
    return Page(ids, found.start_cursor if found.has_previous_page else None)


def upload_form(data: Data) -> UploadForm:
    found = at(data, "createAttachmentUploadUrl", "attachmentUploadUrl")
    return _UploadForm.model_validate(found).value()


def upserted_customer(data: Data) -> Customer:
    return _Customer.model_validate(at(data, "upsertCustomer", "customer")).value()


def found_customer(field: str) -> Callable[[Data], Customer | None]:
    """Reads the customer, or null, that stands in `field`."""

    def read(data: Data) -> Customer | None:
        found = at(data, field)
        return None if found is None else _Customer.model_validate(found).value()

    return read


def searched_customers(data: Data) -> tuple[Customer, ...]:
    found = _Customers.model_validate(at(data, "searchCustomers"))
    return tuple(edge.node.value() for edge in found.edges)


def present_user(data: Data) -> str | None:
    """The user's id; Plain also gives back users that were deleted."""
    found = at(data, "userByEmail")
    user = None if found is None else _User.model_validate(found)
    return None if user is None or user.is_deleted else user.id


def label_types(data: Data) -> Page[LabelType]:
    found = _LabelTypes.model_validate(at(data, "labelTypes"))
    items = tuple(edge.node.value() for edge in found.edges)
    return Page(items, found.end_cursor if found.has_next_page else None)


def tenants(data: Data) -> Page[Tenant]:
    found = _Tenants.model_validate(at(data, "tenants"))
    items = tuple(edge.node.value() for edge in found.edges)
    return Page(items, found.end_cursor if found.has_next_page else None)


def workspace_id(data: Data) -> str:
    return _Workspace.model_validate(at(data, "myWorkspace")).id


def workspace(data: Data) -> Workspace:
    me = _Me.model_validate(data)
    return Workspace(
        me.workspace.id, me.workspace.name or "", me.machine_user, frozenset(me.permissions)
    )


def at(data: Data, *path: str) -> Any:
    """What stands at the end of `path`; ValueError where the way does not exist."""
    value: Any = data
    for name in path:
        if not isinstance(value, dict) or name not in value:
            raise ValueError(f"no {name}")
        value = value[name]
    return value


def _whole(value: object) -> object:
    """Half a surrogate pair, as a preview cut in the middle of an emoji has, becomes `?`."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


_Text = Annotated[str, BeforeValidator(_whole)]

# Opaque, but no id has a blank or a control character; a database may not even take one.
_Id = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,255}$")]


class Node(BaseModel):
    """Reads Plain's camelCase, ignores what it does not know, and keeps values out of errors."""

    model_config = ConfigDict(
        alias_generator=to_camel, frozen=True, hide_input_in_errors=True, defer_build=True
    )


class _Customer(Node):
    id: _Id
    full_name: _Text
    email: str | None = Field(None, validation_alias=AliasPath("email", "email"))

    def value(self) -> Customer:
        return Customer(self.id, self.full_name, self.email)


class _CustomerEdge(Node):
    node: _Customer


class _Customers(Node):
    edges: tuple[_CustomerEdge, ...]


class _LabelType(Node):
    id: _Id
    name: _Text

    def value(self) -> LabelType:
        return LabelType(self.id, self.name)


class _Label(Node):
    label_type: _LabelType


class Who(Node):
    user_id: str | None = None
    machine_user_id: str | None = None
    customer_id: str | None = None
    system_id: str | None = None

    def value(self) -> str | None:
        """None where the schema has grown another kind of actor."""
        return self.user_id or self.machine_user_id or self.customer_id or self.system_id


class _Thread(Node):
    id: _Id
    ref: _Id
    title: _Text | None = None
    status: str
    priority: int
    external_id: str | None = None
    preview_text: _Text | None = None
    customer: _Customer
    labels: tuple[_Label, ...] = ()
    assignee: str | None = Field(None, validation_alias=AliasPath("assignedTo", "id"))
    created_at: str = Field(validation_alias=AliasPath("createdAt", "iso8601"))
    created_by: Who | None = None

    def value(self) -> PlainThread:
        return PlainThread(
            id=self.id,
            ref=self.ref,
            title=self.title,
            external_id=self.external_id,
        )


class _ThreadSummary(Node):
    id: _Id
    ref: _Id
    external_id: str | None

    def value(self) -> ThreadSummary:
        return ThreadSummary(self.id, self.ref, self.external_id)


class _ThreadSummaryEdge(Node):
    node: _ThreadSummary


class _Threads(Node):
    edges: tuple[_ThreadSummaryEdge, ...]
    has_next_page: bool = Field(validation_alias=AliasPath("pageInfo", "hasNextPage"))
    end_cursor: str | None = Field(None, validation_alias=AliasPath("pageInfo", "endCursor"))


class _User(Node):
    id: _Id
    is_deleted: bool


class _LabelTypeEdge(Node):
    node: _LabelType


class _LabelTypes(Node):
    edges: tuple[_LabelTypeEdge, ...]
    has_next_page: bool = Field(validation_alias=AliasPath("pageInfo", "hasNextPage"))
    end_cursor: str | None = Field(None, validation_alias=AliasPath("pageInfo", "endCursor"))


class _Tenant(Node):
    id: _Id
    name: _Text
    external_id: _Text

    def value(self) -> Tenant:
        return Tenant(self.id, self.name, self.external_id)


class _TenantEdge(Node):
    node: _Tenant


class _Tenants(Node):
    edges: tuple[_TenantEdge, ...]
    has_next_page: bool = Field(validation_alias=AliasPath("pageInfo", "hasNextPage"))
    end_cursor: str | None = Field(None, validation_alias=AliasPath("pageInfo", "endCursor"))


class _EventEdge(Node):
    """An entry of the timeline; only events have an external id."""

    external_id: str | None = Field(None, validation_alias=AliasPath("node", "entry", "externalId"))


class _Events(Node):
    edges: tuple[_EventEdge, ...]
    has_previous_page: bool = Field(validation_alias=AliasPath("pageInfo", "hasPreviousPage"))
    start_cursor: str | None = Field(None, validation_alias=AliasPath("pageInfo", "startCursor"))


class _FormField(Node):
    key: str
    value: str


class _UploadForm(Node):
    attachment: _Id = Field(validation_alias=AliasPath("attachment", "id"))
    upload_form_url: str
    upload_form_data: tuple[_FormField, ...]

    def value(self) -> UploadForm:
        fields = tuple((field.key, field.value) for field in self.upload_form_data)
        return UploadForm(self.attachment, self.upload_form_url, fields)


class _Workspace(Node):
    id: _Id
    name: _Text | None = None


class _Me(Node):
    workspace: _Workspace = Field(validation_alias="myWorkspace")
    machine_user: str | None = Field(None, validation_alias=AliasPath("myMachineUser", "id"))
    permissions: tuple[str, ...] = Field(validation_alias=AliasPath("myPermissions", "permissions"))
