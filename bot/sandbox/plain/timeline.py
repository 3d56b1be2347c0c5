"""Show a thread: its timeline entries as members of the schema's unions, and all of it as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.sandbox.plain.nouns import (
    AssignmentTransition,
    Email,
    Input,
    Note,
    StatusTransition,
    Thread,
    ThreadEvent,
    TimelineEntry,
)

_NESTED = frozenset({"rowMainContent", "rowAsideContent", "containerContent"})
_TYPES = {
    ThreadEvent: "THREAD_EVENT",
    Note: "NOTE",
    Email: "EMAIL",
    StatusTransition: "THREAD_STATUS_TRANSITIONED",
    AssignmentTransition: "THREAD_ASSIGNMENT_TRANSITIONED",
}


def type_of(entry: TimelineEntry) -> str:
    """Return the entry's kind as filters name it."""
    return _TYPES.get(type(entry.of), "CUSTOM")


def entry(source: TimelineEntry, _info: object) -> Mapping[str, Any]:
    """Return the member of the union Entry for what was entered."""
    of = source.of
    if isinstance(of, Note):
        return {
            "__typename": "NoteEntry",
            "noteId": of.id,
            "text": of.text,
            "markdown": of.markdown,
            "isEdited": of.is_edited,
        }
    if isinstance(of, ThreadEvent):
        return {
            "__typename": "ThreadEventEntry",
            "timelineEventId": of.id,
            "customerId": of.customer_id,
            "externalId": of.external_id,
            "title": of.title,
            "components": components(of.components),
        }
    if isinstance(of, Email):
        return {
            "__typename": "EmailEntry",
            "emailId": of.email_id,
            "subject": of.subject,
            "textContent": of.text_content,
        }
    if isinstance(of, StatusTransition):
        return {
            "__typename": "ThreadStatusTransitionedEntry",
            "previousStatus": of.previous_status,
            "nextStatus": of.next_status,
        }
    if isinstance(of, AssignmentTransition):
        return {
            "__typename": "ThreadAssignmentTransitionedEntry",
            "previousAssignee": of.previous_assignee,
            "nextAssignee": of.next_assignee,
        }
    return {
        "__typename": "CustomEntry",
        "title": of.title,
        "components": components(of.components),
    }


def components_of(source: ThreadEvent, _info: object) -> list[Mapping[str, Any]]:
    return components(source.components)


def components(given: Sequence[Input]) -> list[Mapping[str, Any]]:
    """Return component inputs as component objects: `componentText` becomes a ComponentText."""
    return [
        {"__typename": kind[0].upper() + kind[1:], **_fields(value)}
        for component in given
        for kind, value in component.items()
        if value is not None
    ]


def _fields(value: Input) -> dict[str, Any]:
    return {name: components(inner) if name in _NESTED else inner for name, inner in value.items()}


def as_json(thread: Thread) -> dict[str, Any]:
    """Return the thread with the API's field names; components and events as they were given."""
    customer, assignee, tenant = thread.customer, thread.assigned_to, thread.tenant
    return {
        "id": thread.id,
        "ref": thread.ref,
        "title": thread.title,
        "status": thread.status,
        "priority": thread.priority,
        "externalId": thread.external_id,
        "previewText": thread.preview_text,
        "labels": [
            {
                "id": label.id,
                "labelType": {"id": label.label_type.id, "name": label.label_type.name},
            }
            for label in thread.labels
        ],
        "customer": {
            "id": customer.id,
            "externalId": customer.external_id,
            "fullName": customer.full_name,
            "email": {"email": customer.email.email, "isVerified": customer.email.is_verified},
        },
        "assignedTo": {"id": assignee.id, "fullName": assignee.full_name} if assignee else None,
        "tenant": {"id": tenant.id, "externalId": tenant.external_id} if tenant else None,
        "createdAt": {"iso8601": thread.created_at.iso8601},
        "components": list(thread.components),
        "events": [_event(event) for event in thread.events],
    }


def _event(event: ThreadEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "title": event.title,
        "externalId": event.external_id,
        "timestamp": {"iso8601": event.timestamp.iso8601},
        "components": list(event.components),
    }
