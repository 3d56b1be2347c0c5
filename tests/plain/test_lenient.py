"""What the bridge needs of each answer of Plain's: everything else may be missing or different."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from tests.plain.test_operations import OPERATIONS

CUSTOMER = {"id": "c_1", "fullName": "Ada", "email": {"email": "ada@example.com"}}
ACTOR = {"__typename": "UserActor", "userId": "u_1"}
FORWARD = {"hasNextPage": False, "endCursor": None}
BACKWARD = {"hasPreviousPage": False, "startCursor": None}


def edges(node: object, info: object) -> dict[str, object]:
    return {"edges": [{"node": node}], "pageInfo": info}


# The answer to each operation; the paths in it that the bridge needs; and those of which null has
# a meaning of its own (there is no such thing).
SAMPLES: dict[str, tuple[dict[str, Any], str, str]] = {
    "createThread": (
        {"createThread": {"thread": {"id": "th_1", "ref": "T-1", "status": "TODO"}, "error": None}},
        "createThread.thread.id createThread.thread.ref",
        "",
    ),
    "threadByExternalId": (
        {"threadByExternalId": {"id": "th_1", "ref": "T-1", "status": "TODO"}},
        "threadByExternalId.id threadByExternalId.ref",
        "threadByExternalId",
    ),
    "customerThreads": (
        {"threads": edges({"id": "th_1", "ref": "T-1", "externalId": "key"}, FORWARD)},
        (
            "threads.pageInfo.hasNextPage threads.edges.0.node.id threads.edges.0.node.ref "
            "threads.edges.0.node.externalId"
        ),
        "threads.edges.0.node.externalId",
    ),
    "threadSeen": (
        {
            "thread": {
                "status": "TODO",
                "statusDetail": {"__typename": "ThreadStatusDetailCreated"},
                "statusChangedBy": ACTOR,
                "assignedAt": {"iso8601": "2026-09-01T10:00:00.000Z"},
                "customer": {"id": "c_1"},
                "timelineEntries": edges(
                    {"actor": ACTOR, "entry": {"__typename": "NoteEntry"}}, BACKWARD
                ),
            },
            "myMachineUser": {"id": "mu_1"},
            "myPermissions": {"permissions": ["note:create"]},
        },
        (
            "thread.status thread.statusChangedBy.__typename thread.customer.id "
            "thread.timelineEntries.pageInfo.hasPreviousPage "
            "thread.timelineEntries.edges.0.node.actor.__typename "
            "thread.timelineEntries.edges.0.node.entry.__typename"
        ),
        "thread",
    ),
    "createNote": ({"createNote": {"note": {"id": "n_1"}, "error": None}}, "createNote.note", ""),
    "markThreadAsDone": (
        {"markThreadAsDone": {"thread": {"id": "th_1"}, "error": None}},
        "markThreadAsDone.thread",
        "",
    ),
    "createThreadEvent": (
        {"createThreadEvent": {"threadEvent": {"id": "te_1"}, "error": None}},
        "createThreadEvent.threadEvent",
        "",
    ),
    "threadEvents": (
        {"thread": {"timelineEntries": edges({"entry": {"externalId": "key"}}, BACKWARD)}},
        "thread.timelineEntries.pageInfo.hasPreviousPage thread.timelineEntries.edges.0.node",
        "thread",
    ),
    "upsertCustomer": (
        {"upsertCustomer": {"customer": CUSTOMER, "error": None}},
        "upsertCustomer.customer.id",
        "",
    ),
    "customer": ({"customer": CUSTOMER}, "customer.id", "customer"),
    "customerByEmail": (
        {"customerByEmail": CUSTOMER},
        "customerByEmail.id",
        "customerByEmail",
    ),
    "customerByExternalId": (
        {"customerByExternalId": CUSTOMER},
        "customerByExternalId.id",
        "customerByExternalId",
    ),
    "searchCustomers": (
        {"searchCustomers": edges(CUSTOMER, FORWARD)},
        "searchCustomers.edges.0.node",
        "searchCustomers.edges.0.node",
    ),
    "userByEmail": (
        {"userByEmail": {"id": "u_1", "isDeleted": False}},
        "userByEmail.id",
        "userByEmail",
    ),
    "labelTypes": (
        {"labelTypes": edges({"id": "lt_1", "name": "Bug"}, FORWARD)},
        "labelTypes.pageInfo.hasNextPage labelTypes.edges.0.node",
        "labelTypes.edges.0.node",
    ),
    "tenants": (
        {"tenants": edges({"id": "te_1", "name": "Acme", "externalId": "acme"}, FORWARD)},
        "tenants.pageInfo.hasNextPage tenants.edges.0.node",
        "tenants.edges.0.node",
    ),
    "workspaceId": ({"myWorkspace": {"id": "w_1"}}, "myWorkspace.id", ""),
    "workspace": (
        {
            "myWorkspace": {"id": "w_1", "name": "Acme"},
            "myMachineUser": {"id": "mu_1"},
            "myPermissions": {"permissions": ["thread:create"]},
        },
        "myWorkspace.id myPermissions.permissions",
        "",
    ),
    "createAttachmentUploadUrl": (
        {
            "createAttachmentUploadUrl": {
                "attachmentUploadUrl": {
                    "attachment": {"id": "att_1"},
                    "uploadFormUrl": "https://uploads.example/",
                    "uploadFormData": [{"key": "policy", "value": "x"}],
                    "expiresAt": {"iso8601": "2026-09-01T10:00:00.000Z"},
                },
                "error": None,
            }
        },
        (
            "createAttachmentUploadUrl.attachmentUploadUrl.attachment.id "
            "createAttachmentUploadUrl.attachmentUploadUrl.uploadFormUrl "
            "createAttachmentUploadUrl.attachmentUploadUrl.uploadFormData.0.key "
            "createAttachmentUploadUrl.attachmentUploadUrl.uploadFormData.0.value"
        ),
        "",
    ),
}

Path = tuple[str | int, ...]


def paths(value: object, under: Path = ()) -> Iterator[Path]:
    """Yield the path of every field in an answer, the outer ones first."""
    inside: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        inside = list(value.items())
        yield from ((*under, key) for key, _ in inside)
    elif isinstance(value, list):
        inside = list(enumerate(value))
    for key, inner in inside:
        yield from paths(inner, (*under, key))


def changed(data: dict[str, Any], path: Path, way: str) -> dict[str, Any]:
    data = copy.deepcopy(data)
    *outer, last = path
    holder: Any = data
    for key in outer:
        holder = holder[key]
    if way == "new":
        holder["new"] = {"new": "field"}
    elif way == "null":
        holder[last] = None
    else:
        value = holder.pop(last)
        if way == "renamed":
            holder[f"{last}V2"] = value
    return data


CASES = [
    pytest.param(name, path, way, id=f"{'.'.join(map(str, path))} {way}")
    for name, (data, _, _) in SAMPLES.items()
    for path in paths(data)
    for way in ("dropped", "null", "renamed", "new")
]


def test_every_operation_has_a_sample() -> None:
    assert SAMPLES.keys() == OPERATIONS.keys()


@pytest.mark.parametrize(("name", "path", "way"), CASES)
def test_only_what_the_bridge_needs_is_missed(name: str, path: Path, way: str) -> None:
    data, needed, nullable = SAMPLES[name]
    read, dotted = OPERATIONS[name][0].read, ".".join(map(str, path))
    is_needed = any(f"{one}.".startswith(f"{dotted}.") for one in needed.split())
    if way == "new" or not is_needed or (way == "null" and dotted in nullable.split()):
        read(changed(data, path, way))
    else:
        with pytest.raises(ValueError):  # noqa: PT011 — whatever says so
            read(changed(data, path, way))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_new_field_changes_nothing(name: str) -> None:
    data, read = SAMPLES[name][0], OPERATIONS[name][0].read
    assert all(read(changed(data, path, "new")) == read(data) for path in paths(data))


@pytest.mark.parametrize("name", ["labelTypes", "tenants", "searchCustomers"])
def test_what_cannot_be_read_of_a_list_is_left_out(name: str) -> None:
    data = copy.deepcopy(SAMPLES[name][0])
    edges = next(iter(data.values()))["edges"]
    edges.insert(0, {"node": {"id": "not an id", "name": None}})
    assert OPERATIONS[name][0].read(data) == OPERATIONS[name][0].read(SAMPLES[name][0])
