"""What an undo reads of a thread, as values; ValueError where the schema would not allow it."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import AliasPath, Field

from bot.core.undo import Actor, Kind, ThreadSnapshot, TimelineEntry
from bot.plain.answers import Node, Who, at
from bot.plain.protocol import Data


@dataclass(frozen=True, slots=True)
class SeenPage:
    """A thread with one page of its timeline; `cursor` leads to the entries before."""

    seen: ThreadSnapshot
    cursor: str | None = None


def seen_thread(data: Data) -> SeenPage | None:
    """None only where Plain says null."""
    if at(data, "thread") is None:
        return None
    return _SeenData.model_validate(data).value()


def created_note(data: Data) -> None:
    """Nothing but the certainty that it was created."""
    if not isinstance(at(data, "createNote", "note", "id"), str):
        raise ValueError("no id of a note")


def marked_thread(data: Data) -> None:
    """Nothing but the certainty that it was marked."""
    if not isinstance(at(data, "markThreadAsDone", "thread", "id"), str):
        raise ValueError("no id of a thread")


_KINDS = {
    "UserActor": Kind.USER,
    "MachineUserActor": Kind.MACHINE_USER,
    "CustomerActor": Kind.CUSTOMER,
    "DeletedCustomerActor": Kind.CUSTOMER,
    "SystemActor": Kind.SYSTEM,
}


class _Typed(Node):
    typename: str = Field(validation_alias="__typename")


class _SeenActor(Who):
    typename: str = Field(validation_alias="__typename")

    def seen(self) -> Actor:
        """Of an unknown kind where the schema has grown another one."""
        return Actor(_KINDS.get(self.typename, Kind.UNKNOWN), self.value())


class _SeenEntry(Node):
    actor: _SeenActor
    entry: _Typed


class _SeenEdge(Node):
    node: _SeenEntry


class _SeenEntries(Node):
    edges: tuple[_SeenEdge, ...]
    has_previous_page: bool = Field(validation_alias=AliasPath("pageInfo", "hasPreviousPage"))
    start_cursor: str | None = Field(None, validation_alias=AliasPath("pageInfo", "startCursor"))


class _SeenThread(Node):
    status: str
    status_detail: _Typed | None = None
    status_changed_by: _SeenActor
    assigned_at: str | None = Field(None, validation_alias=AliasPath("assignedAt", "iso8601"))
    customer: str = Field(validation_alias=AliasPath("customer", "id"))
    timeline_entries: _SeenEntries


class _SeenData(Node):
    thread: _SeenThread
    me: str | None = Field(None, validation_alias=AliasPath("myMachineUser", "id"))
    permissions: tuple[str, ...] | None = Field(
        None, validation_alias=AliasPath("myPermissions", "permissions")
    )

    def value(self) -> SeenPage:
        thread, timeline = self.thread, self.thread.timeline_entries
        seen = ThreadSnapshot(
            customer=thread.customer,
            status=thread.status,
            detail=thread.status_detail.typename if thread.status_detail else None,
            changed_by=thread.status_changed_by.seen(),
            assigned=thread.assigned_at is not None,
            entries=tuple(
                TimelineEntry(edge.node.actor.seen(), edge.node.entry.typename)
                for edge in timeline.edges
            ),
            me=self.me,
            permissions=None if self.permissions is None else frozenset(self.permissions),
        )
        return SeenPage(seen, timeline.start_cursor if timeline.has_previous_page else None)
