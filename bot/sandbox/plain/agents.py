"""What agents do in Plain: they answer, write notes, take threads and change their status."""

from __future__ import annotations

from bot.sandbox.plain.nouns import Actor as Who
from bot.sandbox.plain.nouns import (
    AssignmentTransition,
    Email,
    MachineUser,
    Note,
    StatusDetail,
    StatusTransition,
    Thread,
    ThreadEvent,
    TimelineEntry,
    User,
    UserActor,
)
from bot.sandbox.plain.world import World

_Entered = Thread | ThreadEvent | Note | Email | StatusTransition | AssignmentTransition


def answer(world: World, thread: Thread, text: str, agent: User) -> None:
    """An agent's answer, which goes to the customer by e-mail."""
    enter(world, thread, Email(world.ids.new("em"), thread.title, text), UserActor(agent))


def write_note(world: World, thread: Thread, text: str, agent: User) -> None:
    actor = UserActor(agent)
    note = Note(
        id=world.ids.new("n"),
        customer=thread.customer,
        thread_id=thread.id,
        text=text,
        **world.stamp(actor),
    )
    enter(world, thread, note, actor)


def assign(world: World, thread: Thread, to: User | MachineUser | None, by: Who) -> None:
    """Give the thread to somebody, or to nobody, whoever had it before."""
    before, thread.assigned_to = thread.assigned_to, to
    thread.assigned_at = world.now() if to else None
    enter(world, thread, AssignmentTransition(before, to), by)


def change_status(world: World, thread: Thread, status: str, detail: str, by: Who) -> None:
    """`status` is "TODO", "SNOOZED" or "DONE", `detail` a member of the union of details."""
    now, before = world.now(), thread.status
    thread.status = status
    thread.status_detail = StatusDetail(detail, now, thread.created_at)
    thread.status_changed_at, thread.status_changed_by = now, by
    enter(world, thread, StatusTransition(before, status), by)


def enter(world: World, thread: Thread, what: _Entered, by: Who) -> None:
    """Put an entry into the thread's timeline."""
    at = what.timestamp if isinstance(what, ThreadEvent) else world.now()
    entry = TimelineEntry(world.ids.new("t"), thread.customer.id, thread.id, at, by, what)
    thread.timeline.append(entry)
    thread.timeline.sort(key=lambda one: one.timestamp.at)
    thread.updated_at, thread.updated_by = world.now(), by
