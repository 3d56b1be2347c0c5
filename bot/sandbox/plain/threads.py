"""Run the mutations on threads, and what agents do with threads in Plain's own app."""

from __future__ import annotations

from typing import Any

from bot.sandbox.plain import attachments, rules
from bot.sandbox.plain.nouns import Actor as Who
from bot.sandbox.plain.nouns import (
    AssignmentTransition,
    Customer,
    Email,
    Input,
    Label,
    LabelType,
    MachineUser,
    Note,
    StatusDetail,
    StatusTransition,
    Tenant,
    Thread,
    ThreadEvent,
    TimelineEntry,
    User,
    UserActor,
)
from bot.sandbox.plain.rules import Findings, invalid, not_found
from bot.sandbox.plain.world import PlainWorld

LONGEST_PREVIEW = 250
_CHANNELS = frozenset({"API", "EMAIL", "CHAT", "INTERNAL"})
"""Those that a thread can be created for without the details of a channel."""


def create_thread(world: PlainWorld, given: Input) -> dict[str, Any]:
    """Create a thread in TODO for a customer who exists.

    https://www.plain.com/docs/graphql-reference/mutations/createThread
    """
    _check_thread(given)
    customer = _open_to_threads(world, given["customerIdentifier"])
    external_id = given.get("externalId")
    _refuse_second_thread(world, customer, external_id)
    label_types = _label_types(world, given.get("labelTypeIds") or ())
    tenant = _tenant(world, given.get("tenantIdentifier"))
    assignee = _assignee(world, given.get("assignedTo"), "assignedTo")
    attached = attachments.named(world, given.get("attachmentIds") or (), customer)
    components = given.get("components") or ()
    description = given.get("description") or rules.visible_text(components) or None
    now, stamp = world.now(), world.stamp()
    priority = given.get("priority")
    thread = Thread(
        id=world.ids.new("th"),
        ref=next(world.refs),
        customer=customer,
        title=given.get("title") or "",
        components=components,
        external_id=external_id,
        description=description,
        preview_text=description[:LONGEST_PREVIEW] if description else None,
        priority=2 if priority is None else priority,
        channel=given.get("channel") or "API",
        status_changed_at=now,
        status_changed_by=world.actor,
        status_detail=StatusDetail("ThreadStatusDetailCreated", now, now),
        assigned_to=assignee,
        assigned_at=now if assignee else None,
        labels=[
            Label(id=world.ids.new("l"), label_type=label_type, **stamp)
            for label_type in label_types
        ],
        attachments=attached,
        tenant=tenant,
        **stamp,
    )
    for attachment in attached:
        attachment.is_named = True
    if components:
        _enter_new(world, thread, thread)
    world.threads.append(thread)
    return {"thread": thread}


def _check_thread(given: Input) -> None:
    found = Findings()
    customer = given["customerIdentifier"]
    keys = ("customerId", "emailAddress", "externalId")
    rules.exactly_one(found, "customerIdentifier", customer, *keys)
    rules.optional_text(found, "title", given.get("title"))
    rules.optional_text(found, "externalId", given.get("externalId"))
    rules.priority(found, "priority", given.get("priority"))
    rules.components(found, "components", given.get("components") or ())
    if (tenant := given.get("tenantIdentifier")) is not None:
        rules.exactly_one(found, "tenantIdentifier", tenant, "tenantId", "externalId")
    if (assignee := given.get("assignedTo")) is not None:
        rules.exactly_one(found, "assignedTo", assignee, "userId", "machineUserId")
    if (channel := given.get("channel")) is not None and channel not in _CHANNELS:
        found.add("channel", f"A thread cannot be created for the channel {channel} this way.")
    found.settle()


def _open_to_threads(world: PlainWorld, identifier: Input) -> Customer:
    customer = world.customer_named(identifier)
    if customer is None:
        raise not_found("customer", "customerIdentifier")
    if customer.marked_as_spam_at is not None:
        raise invalid("customer_is_marked_as_spam", "The customer is marked as spam.")
    return customer


def _refuse_second_thread(world: PlainWorld, customer: Customer, external_id: str | None) -> None:
    if external_id is None or world.duplicate_external_id == "allow":
        return
    if world.thread_by_external_id(customer.id, external_id) is not None:
        code = "thread_already_exists_with_external_id"
        raise invalid(code, "The customer has a thread with this external id.")


def _refuse_second_event(world: PlainWorld, external_id: str | None) -> None:
    if external_id is None or world.duplicate_external_id == "allow":
        return
    if any(event.external_id == external_id for event in world.events()):
        code = "thread_event_already_exists_with_external_id"
        raise invalid(code, "There is an event with this external id.")


def _label_types(world: PlainWorld, wanted: list[str] | tuple[str, ...]) -> list[LabelType]:
    found = {wish: world.by_id(world.label_types, wish) for wish in dict.fromkeys(wanted)}
    known = [label_type for label_type in found.values() if label_type is not None]
    if len(known) < len(found):
        missing = [f"labelTypeIds.{wanted.index(wish)}" for wish in found if found[wish] is None]
        raise not_found("label type", *missing)
    if any(label_type.is_archived for label_type in known):
        code = "cannot_add_label_using_archived_label_type"
        raise invalid(code, "A label type that is archived cannot be used for a label.")
    return known


def _tenant(world: PlainWorld, identifier: Input | None) -> Tenant | None:
    if identifier is None:
        return None
    tenant = world.tenant_named(identifier)
    if tenant is None:
        raise not_found("tenant", "tenantIdentifier")
    return tenant


def _assignee(world: PlainWorld, identifier: Input | None, name: str) -> User | MachineUser | None:
    if identifier is None:
        return None
    assignee = world.assignee_named(identifier)
    if assignee is None:
        raise not_found("user", name)
    return assignee


def create_thread_event(world: PlainWorld, given: Input) -> dict[str, Any]:
    """Add an entry to a thread's timeline that the customer never sees."""
    found = Findings()
    rules.text(found, "title", given["title"])
    rules.optional_text(found, "externalId", given.get("externalId"))
    rules.components(found, "components", given["components"])
    timestamp = rules.timestamp(found, "timestamp", given.get("timestamp"))
    found.settle()
    thread = _thread(world, given["threadId"])
    external_id = given.get("externalId")
    _refuse_second_event(world, external_id)
    event = ThreadEvent(
        id=world.ids.new("tlev"),
        customer_id=thread.customer.id,
        thread_id=thread.id,
        title=given["title"],
        components=given["components"],
        timestamp=timestamp or world.now(),
        external_id=external_id,
        **world.stamp(),
    )
    _enter_new(world, thread, event)
    return {"thread_event": event}


def create_note(world: PlainWorld, given: Input) -> dict[str, Any]:
    """Add a note to a customer, and to a thread's timeline if a thread is named."""
    found = Findings()
    rules.text(found, "text", given["text"])
    found.settle()
    customer = world.by_id(world.customers, given["customerId"])
    if customer is None:
        raise not_found("customer", "customerId")
    thread_id = given.get("threadId")
    thread = None if thread_id is None else _thread(world, thread_id)
    if thread is not None and thread.customer is not customer:
        raise not_found("thread of this customer", "threadId")
    note = Note(
        id=world.ids.new("n"),
        customer=customer,
        thread_id=thread_id,
        text=given["text"],
        markdown=given.get("markdown"),
        **world.stamp(),
    )
    if thread is not None:
        _enter_new(world, thread, note)
    return {"note": note}


def assign_thread(world: PlainWorld, given: Input) -> dict[str, Any]:
    """Assign the thread to one user or machine user, whoever had it before."""
    found = Findings()
    rules.exactly_one(found, "userId", given, "userId", "machineUserId")
    found.settle()
    thread = _thread(world, given["threadId"])
    name = "userId" if given.get("userId") is not None else "machineUserId"
    assign(world, thread, _assignee(world, given, name), world.actor)
    return {"thread": thread}


def mark_thread_as_done(world: PlainWorld, given: Input) -> dict[str, Any]:
    thread = _thread(world, given["threadId"])
    kinds = {
        "IGNORED": "ThreadStatusDetailIgnored",
        "DONE_MANUALLY_SET": "ThreadStatusDetailDoneManuallySet",
        "DONE_AUTOMATICALLY_SET": "ThreadStatusDetailDoneAutomaticallySet",
    }
    kind = kinds[given.get("statusDetail") or "DONE_MANUALLY_SET"]
    change_status(world, thread, "DONE", kind, world.actor)
    return {"thread": thread}


def delete_thread(world: PlainWorld, given: Input) -> dict[str, Any]:
    """Delete a thread and everything in it; from then on it is unknown.

    Plain says so much and no more. That its external id is free again follows from it.
    """
    world.threads.remove(_thread(world, given["threadId"]))
    return {}


def _thread(world: PlainWorld, thread_id: str) -> Thread:
    thread = world.by_id(world.threads, thread_id)
    if thread is None:
        raise not_found("thread", "threadId")
    return thread


def _enter_new(world: PlainWorld, thread: Thread, what: Thread | ThreadEvent | Note) -> None:
    enter(world, thread, what, world.actor)


_Entered = Thread | ThreadEvent | Note | Email | StatusTransition | AssignmentTransition


def answer(world: PlainWorld, thread: Thread, text: str, agent: User) -> None:
    """Add an agent's reply, which goes to the customer by e-mail."""
    enter(world, thread, Email(world.ids.new("em"), thread.title, text), UserActor(agent))


def write_note(world: PlainWorld, thread: Thread, text: str, agent: User) -> None:
    actor = UserActor(agent)
    note = Note(
        id=world.ids.new("n"),
        customer=thread.customer,
        thread_id=thread.id,
        text=text,
        **world.stamp(actor),
    )
    enter(world, thread, note, actor)


def assign(world: PlainWorld, thread: Thread, to: User | MachineUser | None, by: Who) -> None:
    """Assign the thread to somebody or nobody, whoever had it before."""
    before, thread.assigned_to = thread.assigned_to, to
    thread.assigned_at = world.now() if to else None
    enter(world, thread, AssignmentTransition(before, to), by)


def change_status(world: PlainWorld, thread: Thread, status: str, detail: str, by: Who) -> None:
    """Change the status to "TODO", "SNOOZED" or "DONE"; `detail` is a member of its union."""
    now, before = world.now(), thread.status
    thread.status = status
    thread.status_detail = StatusDetail(detail, now, thread.created_at)
    thread.status_changed_at, thread.status_changed_by = now, by
    enter(world, thread, StatusTransition(before, status), by)


def enter(world: PlainWorld, thread: Thread, what: _Entered, by: Who) -> None:
    """Put an entry into the thread's timeline."""
    at = what.timestamp if isinstance(what, ThreadEvent) else world.now()
    entry = TimelineEntry(world.ids.new("t"), thread.customer.id, thread.id, at, by, what)
    thread.timeline.append(entry)
    thread.timeline.sort(key=lambda one: one.timestamp.at)
    thread.updated_at, thread.updated_by = world.now(), by
