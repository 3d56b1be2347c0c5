"""A stored thread in the shape of Plain's API, for people to read and tests to compare."""

from __future__ import annotations

from typing import Any

from bot.sandbox.plain.nouns import Thread, ThreadEvent


def as_json(thread: Thread) -> dict[str, Any]:
    """Fields as the API names them; components and events as they were given."""
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
