"""Which permissions of an API key each operation and each field needs."""

from __future__ import annotations

from collections.abc import Mapping

MUTATIONS: Mapping[str, tuple[str, ...]] = {
    "createAttachmentUploadUrl": ("attachment:create",),
    "upsertCustomer": ("customer:create", "customer:edit"),
    "createThread": ("thread:create", "thread:read"),
    "createThreadEvent": ("threadEvent:create", "threadEvent:read"),
    "createNote": ("note:create",),
    "assignThread": ("thread:assign", "thread:read"),
    "markThreadAsDone": ("thread:edit", "thread:read"),
}
"""Missing ones are told as data, a MutationError of type FORBIDDEN."""

FIELDS: Mapping[tuple[str, str], str] = {
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

ASSIGNEES: Mapping[str, str] = {"User": "user:read", "MachineUser": "machineUser:read"}
"""What selecting a thread's assignee needs, by who it is."""

_OTHERS = (
    "customerTenantMembership:create",
    "label:create",
    "label:delete",
    "tenant:create",
    "thread:reply",
    "thread:unassign",
    "webhookTarget:read",
)

ALL: frozenset[str] = frozenset(
    [
        *(permission for needed in MUTATIONS.values() for permission in needed),
        *FIELDS.values(),
        *ASSIGNEES.values(),
        *_OTHERS,
    ]
)
"""What a key with every permission that the sandbox knows holds."""
