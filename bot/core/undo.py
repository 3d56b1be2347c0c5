"""What can be undone, by whom, and what came of trying."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

from bot.core.directory import Profile, UserKind
from bot.core.identity import Linkers
from bot.core.model import Ticket

UNDO_SECONDS = 600.0
"""For how long a ticket can be undone, counted from when it was created."""

NEEDED = ("note:create", "thread:edit")
"""The permissions of the Plain key that nothing but an undo needs."""


# What came of it


@dataclass(frozen=True, slots=True)
class Undone:
    """The ticket is marked as ignored in Plain; None where nothing had been sent yet."""

    ticket: Ticket | None


@dataclass(frozen=True, slots=True)
class AlreadyUndone:
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
    """Neither the person who asked nor a linker."""


@dataclass(frozen=True, slots=True)
class Outsider:
    """A person of another company, or one whom Slack does not show."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """The Plain key lacks permissions: "note:create"; empty where Plain did not say which."""

    ticket: Ticket
    permissions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unreached:
    """Plain, Slack or the database did not do its part. `goes_on`: the bridge goes on by itself,
    else nothing was changed. `after`: seconds that Plain (Slack, where there is no ticket) asked
    to wait, if that is why."""

    ticket: Ticket | None
    goes_on: bool = False
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Declined:
    """Plain did not accept it."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is no ticket to undo: the row is gone, refused, or still on its way."""


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


# The row


class State(StrEnum):
    """How a row stands, as far as undoing it goes."""

    WAITING = "waiting"
    CREATED = "created"
    ADDED = "added"
    UNDONE = "undone"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Row:
    """An escalation that is to be undone. `age`: seconds since it was settled, by the ledger.

    `begun_by`: who began to undo it, where that was begun and not finished. `emoji`: the one
    that asked for it, where a reaction did. `assigns`: a rule may have named an assignee.
    `thread_ts`: the root of the Slack thread in which its message is a reply.
    """

    id: int
    state: State
    submitter: str
    age: float
    ticket: Ticket | None = None
    begun_by: str | None = None
    emoji: str | None = None
    assigns: bool = False
    thread_ts: str | None = None


def refusal(row: Row, by: Profile | None, linkers: Linkers) -> Result | None:
    """Why this person cannot undo this row now; None where nothing speaks against it."""
    if by is None or by.standing in (UserKind.EXTERNAL, UserKind.BOT):
        return Outsider()
    if by.user != row.submitter and not linkers.include(by):
        return NotYours()
    match row.state, row.ticket:
        case State.UNDONE, ticket:
            return AlreadyUndone(ticket)
        case State.ADDED, Ticket() as ticket:
            return NotUndoable(ticket)
        case State.CREATED, Ticket() as ticket:
            # What was begun is finished, however late: Plain may say "ignored" already.
            late = row.begun_by is None and row.age > UNDO_SECONDS
            return TooLate(ticket) if late else None
    return Nothing()


# The thread in Plain


class Kind(Enum):
    """Who acted in Plain."""

    USER = "user"
    MACHINE_USER = "machine user"
    CUSTOMER = "customer"
    SYSTEM = "system"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Actor:
    """`id` is None where Plain did not tell it."""

    kind: Kind
    id: str | None = None


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One entry of a thread's timeline; `kind` is its GraphQL type ("NoteEntry")."""

    actor: Actor
    kind: str


@dataclass(frozen=True, slots=True)
class ThreadSnapshot:
    """A thread as it stands in Plain. `status` is "TODO", "SNOOZED" or "DONE", `detail` the
    GraphQL type of its detail; `me` is the machine user of the bridge's key (None: unknown),
    `permissions` are the key's (None: unknown)."""

    customer: str
    status: str
    detail: str | None
    changed_by: Actor
    assigned: bool
    entries: tuple[TimelineEntry, ...] = ()
    me: str | None = None
    permissions: frozenset[str] | None = None

    def is_mine(self, actor: Actor) -> bool:
        """Whether the bridge itself acted."""
        return actor.kind is Kind.MACHINE_USER and self.me in (None, actor.id)

    @property
    def is_noted(self) -> bool:
        """Whether the bridge's note stands there: it writes none but for an undo."""
        return any(one.kind == "NoteEntry" and self.is_mine(one.actor) for one in self.entries)


class Look(Enum):
    """What a look at the thread says."""

    FREE = "nobody acted on it"
    IGNORED = "the bridge marked it as ignored"
    ACTED = "somebody acted on it"


_IGNORED = "ThreadStatusDetailIgnored"
_ASSIGNMENT = "ThreadAssignmentTransitionedEntry"

# What the bridge itself puts in; whom Plain names as its actor is not documented.
_OWN_KINDS = frozenset({"CustomEntry", "ThreadEventEntry"})


def look(seen: ThreadSnapshot, *, assigns: bool) -> Look:
    """Whether somebody acted on the thread since the bridge created it.

    What the bridge did does not count, nor what Plain does by itself (workflows, service level
    agreements). `assigns`: the bridge may have named an assignee when it created the thread.
    """
    if seen.status == "DONE" and seen.detail == _IGNORED and seen.is_mine(seen.changed_by):
        return Look.IGNORED
    if seen.status != "TODO" or _counts(seen, seen.changed_by):
        return Look.ACTED
    if any(_counts_as_act(seen, entry) for entry in seen.entries):
        return Look.ACTED
    explained = assigns or any(entry.kind == _ASSIGNMENT for entry in seen.entries)
    return Look.ACTED if seen.assigned and not explained else Look.FREE


def _counts_as_act(seen: ThreadSnapshot, entry: TimelineEntry) -> bool:
    if entry.actor.kind is Kind.CUSTOMER:
        return entry.kind not in _OWN_KINDS
    return _counts(seen, entry.actor)


def _counts(seen: ThreadSnapshot, actor: Actor) -> bool:
    """An agent, or another integration that acts for one."""
    if actor.kind is Kind.MACHINE_USER:
        return not seen.is_mine(actor)
    return actor.kind is Kind.USER


def lacking(seen: ThreadSnapshot) -> tuple[str, ...]:
    """The permissions that the key would need for an undo and lacks, as far as it is known."""
    known = seen.permissions
    return () if known is None else tuple(one for one in NEEDED if one not in known)


def note(name: str, reference: str) -> str:
    """The note that an undo leaves in Plain; plain text."""
    return (
        f"{' '.join(name.split())} undid this ticket in Slack, so it was marked as ignored. "
        f"Reference: {reference}"
    )
