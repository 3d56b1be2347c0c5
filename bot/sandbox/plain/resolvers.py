"""Bind Plain's schema to the workspace: what each operation returns, to which permissions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLAbstractType,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    build_schema,
    execute_sync,
)

from bot.sandbox.plain import attachments, customers, threads, timeline
from bot.sandbox.plain.nouns import (
    Customer,
    Input,
    StatusDetail,
    Thread,
)
from bot.sandbox.plain.rules import Refusal, forbidden, lacking
from bot.sandbox.plain.world import PlainWorld

SCHEMA = Path(__file__).with_name("schema.graphql")


@dataclass
class Session:
    """One request: what its key may do; `codes` gathers the codes of refused mutations."""

    world: PlainWorld
    permissions: Set[str]
    codes: list[str] = field(default_factory=list)


if TYPE_CHECKING:
    # Generic only since graphql-core 3.3.
    Info = GraphQLResolveInfo[Session]


@cache
def bound_schema() -> GraphQLSchema:
    """Return the sandbox's schema with the resolvers in it.

    One for all workspaces of the process, since building it takes longer than a whole story: what
    belongs to a workspace is in each request's `Session`.
    """
    schema = build_schema(SCHEMA.read_text(encoding="utf-8"))
    for name, query in _QUERIES.items():
        _object(schema, "Query").fields[name].resolve = query
    for name, mutation in _MUTATIONS.items():
        _object(schema, "Mutation").fields[name].resolve = _mutation(name, mutation)
    thread = _object(schema, "Thread")
    thread.fields["timelineEntries"].resolve = _timeline_entries
    thread.fields["assignedTo"].resolve = _assigned_to
    _object(schema, "TimelineEntry").fields["entry"].resolve = timeline.entry
    _object(schema, "ThreadEvent").fields["components"].resolve = timeline.components_of
    return schema


def _object(schema: GraphQLSchema, name: str) -> GraphQLObjectType:
    found = schema.type_map[name]
    assert isinstance(found, GraphQLObjectType)  # noqa: S101 — narrows the type
    return found


def run(
    schema: GraphQLSchema,
    session: Session,
    document: DocumentNode,
    variables: dict[str, Any],
    operation_name: str | None,
) -> ExecutionResult:
    """Execute a valid document; every error in the result has a code."""
    result = execute_sync(
        schema,
        document,
        context_value=session,
        variable_values=variables,
        operation_name=operation_name,
        field_resolver=_field,
        type_resolver=_type_name,
    )
    for error in result.errors or ():
        if not (error.extensions or {}).get("code"):
            # Without a path the request itself could not be executed, with one a resolver broke.
            code = "INTERNAL_SERVER_ERROR" if error.path else "BAD_USER_INPUT"
            error.extensions = {"code": code}
    return result


def _needs(info: Info, *needed: str) -> None:
    session: Session = info.context
    missing = [permission for permission in needed if permission not in session.permissions]
    if missing:
        raise GraphQLError(lacking(missing), extensions={"code": "FORBIDDEN"})


def _field(source: Any, info: Info, **_arguments: Any) -> Any:
    """Return the attribute or key of the field's name if the API key may read it; null always."""
    value = _value(source, info.field_name)
    needed = FIELD_PERMISSIONS.get((info.parent_type.name, info.field_name))
    if needed is not None and value is not None:
        _needs(info, needed)
    return value


def _value(source: Any, name: str) -> Any:
    if isinstance(source, Mapping):
        return source.get(name, source.get(_snake(name)))
    return getattr(source, _snake(name))


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _type_name(value: Any, _info: Info, _abstract: GraphQLAbstractType) -> str:
    if isinstance(value, StatusDetail):
        return value.kind
    if isinstance(value, Mapping):
        return str(value["__typename"])
    return type(value).__name__


Query = Callable[..., Any]


def _reads(read: Callable[..., Any]) -> Query:
    """Return a resolver that calls a query with `world` and the field's arguments in snake case."""

    def resolve(_source: Any, info: Info, **arguments: Any) -> Any:
        needed = FIELD_PERMISSIONS.get((info.parent_type.name, info.field_name))
        if needed is not None:
            _needs(info, needed)
        session: Session = info.context
        return read(session.world, **{_snake(name): value for name, value in arguments.items()})

    return resolve


def _search_customers(world: PlainWorld, search_query: Input, **paging: Any) -> dict[str, Any]:
    conditions: Sequence[Input] = search_query.get("or") or ()
    found = [
        customer
        for customer in world.customers
        if any(_meets(customer, condition) for condition in conditions)
    ]
    return page(found, **paging)


def _meets(customer: Customer, condition: Input) -> bool:
    texts = {
        "fullName": customer.full_name,
        "shortName": customer.short_name,
        "email": customer.email.email,
        "externalId": customer.external_id,
    }
    return all(
        (expression.get("caseInsensitiveContains") or "").casefold()
        in (texts[name] or "").casefold()
        for name, expression in condition.items()
        if expression is not None
    )


def _label_types(world: PlainWorld, filters: Input | None = None, **paging: Any) -> dict[str, Any]:
    wanted = (filters or {}).get("isArchived")
    return page(
        [one for one in world.label_types if wanted is None or one.is_archived is wanted], **paging
    )


def _tenants(world: PlainWorld, filters: Input | None = None, **paging: Any) -> dict[str, Any]:
    wanted = (filters or {}).get("isDeleted")
    return page(
        [one for one in world.tenants if wanted is None or one.is_deleted is wanted], **paging
    )


def _threads(world: PlainWorld, filters: Input | None = None, **paging: Any) -> dict[str, Any]:
    wanted = filters or {}
    customers, made = wanted.get("customerIds"), wanted.get("createdAt") or {}
    first, last = (_moment(made.get(end)) for end in ("after", "before"))
    found = [
        thread
        for thread in world.threads
        if (customers is None or thread.customer.id in customers)
        and (first is None or thread.created_at.at >= first)
        and (last is None or thread.created_at.at < last)
    ]
    return page(found, **paging)


def _moment(text: str | None) -> float | None:
    try:
        return None if text is None else datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise GraphQLError("Invalid date.", extensions={"code": "BAD_USER_INPUT"}) from None


def _my_permissions(_source: Any, info: Info) -> dict[str, Any]:
    session: Session = info.context
    return {"permissions": sorted(session.permissions)}


_QUERIES: Mapping[str, Query] = {
    "customer": _reads(lambda world, customer_id: world.by_id(world.customers, customer_id)),
    "customerByEmail": _reads(PlainWorld.customer_by_email),
    "customerByExternalId": _reads(PlainWorld.customer_by_external_id),
    "searchCustomers": _reads(_search_customers),
    "thread": _reads(lambda world, thread_id: world.by_id(world.threads, thread_id)),
    "threads": _reads(_threads),
    "threadByExternalId": _reads(PlainWorld.thread_by_external_id),
    "labelType": _reads(lambda world, label_type_id: world.by_id(world.label_types, label_type_id)),
    "labelTypes": _reads(_label_types),
    "tenant": _reads(lambda world, tenant_id: world.by_id(world.tenants, tenant_id)),
    "tenants": _reads(_tenants),
    "user": _reads(lambda world, user_id: world.by_id(world.users, user_id)),
    "userByEmail": _reads(PlainWorld.user_by_email),
    "myWorkspace": _reads(lambda world: world.workspace),
    "myMachineUser": _reads(lambda world: world.machine_user),
    "myPermissions": _my_permissions,
}

Mutation = Callable[[PlainWorld, Input], dict[str, Any]]

_MUTATIONS: Mapping[str, Mutation] = {
    "createAttachmentUploadUrl": attachments.create_upload_url,
    "upsertCustomer": customers.upsert_customer,
    "createThread": threads.create_thread,
    "createThreadEvent": threads.create_thread_event,
    "createNote": threads.create_note,
    "assignThread": threads.assign_thread,
    "markThreadAsDone": threads.mark_thread_as_done,
    "deleteThread": threads.delete_thread,
}


def _mutation(name: str, act: Mutation) -> Callable[..., dict[str, Any]]:
    def resolve(_source: Any, info: Info, **arguments: Any) -> dict[str, Any]:
        session: Session = info.context
        missing = [one for one in MUTATION_PERMISSIONS[name] if one not in session.permissions]
        try:
            if missing:
                raise Refusal(forbidden(missing))
            return act(session.world, arguments["input"])
        except Refusal as refusal:
            session.codes.append(refusal.error.code)
            return {"error": refusal.error}

    return resolve


def _assigned_to(thread: Thread, info: Info) -> Any:
    if thread.assigned_to is not None:
        _needs(info, ASSIGNEE_PERMISSIONS[type(thread.assigned_to).__name__])
    return thread.assigned_to


def _timeline_entries(
    thread: Thread, info: Info, filters: Input | None = None, **paging: Any
) -> dict[str, Any]:
    _needs(info, FIELD_PERMISSIONS["Thread", "timelineEntries"])
    wanted = (filters or {}).get("entryTypes")
    return page(
        [one for one in thread.timeline if wanted is None or timeline.type_of(one) in wanted],
        **paging,
    )


MUTATION_PERMISSIONS: Mapping[str, tuple[str, ...]] = {
    "createAttachmentUploadUrl": ("attachment:create",),
    "upsertCustomer": ("customer:create", "customer:edit"),
    "createThread": ("thread:create", "thread:read"),
    "createThreadEvent": ("threadEvent:create", "threadEvent:read"),
    "createNote": ("note:create",),
    "assignThread": ("thread:assign", "thread:read"),
    "markThreadAsDone": ("thread:edit", "thread:read"),
    "deleteThread": ("thread:delete",),
}
"""Missing ones are told as data, a MutationError of type FORBIDDEN."""

FIELD_PERMISSIONS: Mapping[tuple[str, str], str] = {
    ("Query", "customer"): "customer:read",
    ("Query", "customerByEmail"): "customer:read",
    ("Query", "customerByExternalId"): "customer:read",
    ("Query", "searchCustomers"): "customer:read",
    ("Query", "thread"): "thread:read",
    ("Query", "threads"): "thread:read",
    ("Query", "threadByExternalId"): "thread:read",
    ("Query", "labelType"): "labelType:read",
    ("Query", "labelTypes"): "labelType:read",
    ("Query", "tenant"): "tenant:read",
    ("Query", "tenants"): "tenant:read",
    ("Query", "user"): "user:read",
    ("Query", "userByEmail"): "user:read",
    ("UpsertCustomerOutput", "customer"): "customer:read",
    ("CustomerActor", "customer"): "customer:read",
    ("Note", "customer"): "customer:read",
    ("Thread", "customer"): "customer:read",
    ("Thread", "labels"): "label:read",
    ("Thread", "tenant"): "tenant:read",
    ("Thread", "timelineEntries"): "timeline:read",
    ("Label", "labelType"): "labelType:read",
    ("UserActor", "user"): "user:read",
    ("MachineUserActor", "machineUser"): "machineUser:read",
}
"""A missing one is a GraphQL error with the code FORBIDDEN, wherever the field is selected.

Plain documents those of the operations. That a selected field needs the permission to read what
it holds is inferred from its guides, which ask for more where their examples select more.
"""

ASSIGNEE_PERMISSIONS: Mapping[str, str] = {"User": "user:read", "MachineUser": "machineUser:read"}
"""What selecting a thread's assignee needs, by who it is."""

_OTHER_PERMISSIONS = (
    "customerTenantMembership:create",
    "label:create",
    "label:delete",
    "tenant:create",
    "thread:reply",
    "thread:unassign",
    "webhookTarget:read",
)

ALL_PERMISSIONS: frozenset[str] = frozenset(
    [
        *(permission for needed in MUTATION_PERMISSIONS.values() for permission in needed),
        *FIELD_PERMISSIONS.values(),
        *ASSIGNEE_PERMISSIONS.values(),
        *_OTHER_PERMISSIONS,
    ]
)
"""What a key with every permission that the sandbox knows holds."""


DEFAULT_PAGE = 25
LARGEST_PAGE = 100
"""https://www.plain.com/docs/graphql/pagination"""


def page(
    nodes: Sequence[Any],
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> dict[str, Any]:
    """Return a connection over `nodes`. Raise GraphQLError for an impossible page."""
    forward, backward = (first, after), (last, before)
    if forward != (None, None) and backward != (None, None):
        raise _bad("first and after cannot be combined with last and before")
    size = _size(first if backward == (None, None) else last)
    if backward == (None, None):
        start = 0 if after is None else _position(nodes, after) + 1
        end = min(start + size, len(nodes))
    else:
        end = len(nodes) if before is None else _position(nodes, before)
        start = max(end - size, 0)
    edges = [{"cursor": _cursor(node), "node": node} for node in nodes[start:end]]
    return {
        "edges": edges,
        "page_info": {
            "has_previous_page": start > 0,
            "has_next_page": end < len(nodes),
            "start_cursor": edges[0]["cursor"] if edges else None,
            "end_cursor": edges[-1]["cursor"] if edges else None,
        },
    }


def _size(wanted: int | None) -> int:
    if wanted is None:
        return DEFAULT_PAGE
    if not 1 <= wanted <= LARGEST_PAGE:
        raise _bad(f"a page holds 1 to {LARGEST_PAGE}")
    return wanted


def _cursor(node: Any) -> str:
    return f"cursor:{node.id}"


def _position(nodes: Sequence[Any], cursor: str) -> int:
    for index, node in enumerate(nodes):
        if _cursor(node) == cursor:
            return index
    raise _bad("the cursor is unknown")


def _bad(why: str) -> GraphQLError:
    return GraphQLError(f"Invalid pagination: {why}.", extensions={"code": "BAD_USER_INPUT"})
