"""Decide who may undo a ticket, and whether somebody in Plain has acted on it since."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bot.core.directory import Profile, is_outsider
from bot.core.identity import Linkers
from bot.core.model import ReplyTo, Ticket

UNDO_SECONDS = 600.0
"""A ticket can be undone for this long after it was created."""

NEEDED = ("note:create", "thread:edit")
"""Permissions of the Plain key that only an undo needs."""


# What somebody wants undone


@dataclass(frozen=True, slots=True)
class UndoClick:
    """A click on Undo, or a reaction that was taken back, and where to answer it.

    `message_ts` is the message with the button; `is_ephemeral`: only the user sees that. `in_home`:
    the button is in the Home. `promised`: the user was told that the bridge goes on by itself.
    """

    reply_to: ReplyTo
    message_ts: str | None = None
    is_ephemeral: bool = False
    in_home: bool = False
    is_reaction: bool = False
    promised: bool = False


@dataclass(frozen=True, slots=True)
class UndoTarget:
    """The request that somebody wants undone, and its ticket. Times are Unix seconds.

    `state` and `ticket_state` are as the ledger has them ("created", "open"). `opened_by` is the
    request that opened the ticket. `thread_ts` is the root that the request's message replies to.
    `may_assign`: the bridge may have named an assignee when it created the thread. `undone_by` is
    set as soon as an undo begins.
    """

    id: int
    state: str
    submitter: str
    thread_ts: str | None = None
    may_assign: bool = False
    ticket_id: int | None = None
    ticket: Ticket | None = None
    ticket_state: str | None = None
    opened_by: int | None = None
    opened_at: float | None = None
    undone_at: float | None = None
    undone_by: str | None = None
    settled_at: float | None = None

    @property
    def waits(self) -> bool:
        """Return whether it may be withdrawn: nothing was settled yet, or it is on hold."""
        return self.state in ("waiting", "on_hold")


# Results


@dataclass(frozen=True, slots=True)
class Undone:
    """The ticket is marked as ignored in Plain; None if nothing had been sent yet."""

    ticket: Ticket | None


@dataclass(frozen=True, slots=True)
class AlreadyUndone:
    """The ticket was undone before."""

    ticket: Ticket | None


@dataclass(frozen=True, slots=True)
class TooLate:
    """The ten minutes are over."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class Acted:
    """Somebody in Plain acted on the thread, or the customer wrote."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class AddedTo:
    """Other messages were added to the ticket since, or are about to be."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class NotUndoable:
    """An addition: it cannot be taken out of Plain's timeline."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class NotYours:
    """The user is neither the submitter nor a linker."""


@dataclass(frozen=True, slots=True)
class Outsider:
    """The user is from another company, or Slack does not show them."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """The Plain key lacks permissions ("note:create"); empty if Plain did not say which."""

    ticket: Ticket
    permissions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unreached:
    """Plain, Slack or the database was not available.

    `goes_on`: the bridge finishes it later; otherwise it was given up. `after`: the seconds that
    Plain (Slack, if there is no ticket) asked to wait, if that is why.
    """

    ticket: Ticket | None
    goes_on: bool = False
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Declined:
    """Plain rejected it."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is no ticket to undo: the request is gone, rejected, or still in progress."""


Result = (
    Undone
    | AlreadyUndone
    | TooLate
    | Acted
    | AddedTo
    | NotUndoable
    | NotYours
    | Outsider
    | Lacking
    | Unreached
    | Declined
    | Nothing
)


# The request


def refusal(
    target: UndoTarget | None, by: Profile | None, linkers: Linkers, clicked_at: float
) -> Result | None:
    """Return why this person cannot undo this request's ticket; None if nothing prevents it.

    `clicked_at` (Unix seconds): an undo is as late as its click, however long it had to wait. Who
    joined another's ticket did not request it, and cannot undo it.
    """
    if by is None or is_outsider(by):
        return Outsider()
    is_own = target is not None and by.user == target.submitter and target.state != "joined"
    if not is_own and not linkers.include(by):
        return NotYours()
    if target is None:
        return Nothing()
    return _obstacle(target, clicked_at)


def _obstacle(target: UndoTarget, clicked_at: float) -> Result | None:
    match target.state, target.ticket_state, target.ticket:
        case "withdrawn", _, _:
            return AlreadyUndone(None)
        case (("created" | "added" | "joined"), "undone", Ticket() as ticket):
            return AlreadyUndone(ticket)
        case "added", ("open" | "undoing"), Ticket() as ticket:
            return NotUndoable(ticket)
        case (("created" | "joined"), "undoing", Ticket()):
            return None  # it was begun in time, and is finished: Plain may say "ignored" already
        case (("created" | "joined"), "open", Ticket() as ticket):
            is_late = clicked_at - (target.opened_at or 0.0) > UNDO_SECONDS
            return TooLate(ticket) if is_late else None
    return Nothing()


def was_undone_by(target: UndoTarget, by: str, clicked_at: float) -> Result | None:
    """Return the result of a click that was carried out already; None for any other one."""
    if target.state == "withdrawn" and clicked_at <= (target.settled_at or 0.0):
        return Undone(None)
    if target.ticket_state != "undone" or target.undone_by != by:
        return None
    return Undone(target.ticket) if clicked_at <= (target.undone_at or 0.0) else None


# The thread in Plain


class ActorKind(Enum):
    """The kinds of actors in Plain."""

    USER = "user"
    MACHINE_USER = "machine user"
    CUSTOMER = "customer"
    SYSTEM = "system"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Actor:
    """An actor in Plain; `id` is None if Plain did not give it."""

    kind: ActorKind
    id: str | None = None


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One entry of a thread's timeline; `kind` is its GraphQL type ("NoteEntry")."""

    actor: Actor
    kind: str


@dataclass(frozen=True, slots=True)
class ThreadSnapshot:
    """The current state of a thread in Plain.

    `status` is "TODO", "SNOOZED" or "DONE", `detail` the GraphQL type of its detail. `me` is the
    machine user of the bridge's key, `permissions` are the key's; None: unknown.
    """

    customer: str
    status: str
    detail: str | None
    changed_by: Actor
    assigned: bool
    entries: tuple[TimelineEntry, ...] = ()
    me: str | None = None
    permissions: frozenset[str] | None = None

    def is_mine(self, actor: Actor) -> bool:
        """Return whether the actor is the bridge itself."""
        return actor.kind is ActorKind.MACHINE_USER and self.me in (None, actor.id)

    @property
    def is_noted(self) -> bool:
        """Return whether the bridge's note is there; it writes one only for an undo."""
        return any(one.kind == "NoteEntry" and self.is_mine(one.actor) for one in self.entries)


class Look(Enum):
    """The result of looking for other people's actions on a thread."""

    FREE = "nobody acted on it"
    IGNORED = "the bridge marked it as ignored"
    ACTED = "somebody acted on it"


_IGNORED = "ThreadStatusDetailIgnored"
_ASSIGNMENT = "ThreadAssignmentTransitionedEntry"

# Entries that the bridge adds; which actor Plain gives them is not documented.
_OWN_KINDS = frozenset({"CustomEntry", "ThreadEventEntry"})


def look(snapshot: ThreadSnapshot, *, assigns: bool) -> Look:
    """Return whether somebody has acted on the thread since the bridge created it.

    Changes by the bridge and by Plain itself (workflows, service level agreements) do not count.
    `assigns`: the bridge may have named an assignee when it created the thread.
    """
    if (
        snapshot.status == "DONE"
        and snapshot.detail == _IGNORED
        and snapshot.is_mine(snapshot.changed_by)
    ):
        return Look.IGNORED
    if snapshot.status != "TODO" or _counts(snapshot, snapshot.changed_by):
        return Look.ACTED
    if any(_counts_as_act(snapshot, entry) for entry in snapshot.entries):
        return Look.ACTED
    explained = assigns or any(entry.kind == _ASSIGNMENT for entry in snapshot.entries)
    return Look.ACTED if snapshot.assigned and not explained else Look.FREE


def _counts_as_act(snapshot: ThreadSnapshot, entry: TimelineEntry) -> bool:
    if entry.actor.kind is ActorKind.CUSTOMER:
        return entry.kind not in _OWN_KINDS
    return _counts(snapshot, entry.actor)


def _counts(snapshot: ThreadSnapshot, actor: Actor) -> bool:
    """Return whether the actor is an agent, or another integration that acts for one."""
    if actor.kind is ActorKind.MACHINE_USER:
        return not snapshot.is_mine(actor)
    return actor.kind is ActorKind.USER


def lacking(snapshot: ThreadSnapshot) -> tuple[str, ...]:
    """Return the permissions that an undo needs and the key lacks, as far as known."""
    known = snapshot.permissions
    return () if known is None else tuple(one for one in NEEDED if one not in known)


def note(name: str, reference: str) -> str:
    """Return the note (plain text) that an undo leaves in Plain."""
    return (
        f"{' '.join(name.split())} undid this ticket in Slack, so it was marked as ignored. "
        f"Reference: {reference}"
    )
