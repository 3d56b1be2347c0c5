"""One request as people and flows read it, with its ticket: without its texts and addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bot.core.faults import Rejection
from bot.core.model import Rule, Ticket, Via
from bot.core.refs import MessageRef, reference


class State(StrEnum):
    """What people are told of a request, and what `ledger list --state` takes."""

    WAITING = "waiting"
    ON_HOLD = "on-hold"
    """It resumes once somebody links its requester to a customer."""
    CREATED = "created"
    ADDED = "added"
    """Its message was added to the ticket of its Slack thread."""
    JOINED = "joined"
    """Its message had a ticket already."""
    REJECTED = "rejected"
    PARKED = "parked"
    """It failed for hours, while others succeeded."""
    IGNORED = "ignored"
    UNDONE = "undone"
    """Its ticket was undone, or it was withdrawn before there was one."""
    GONE = "gone"
    """Its ticket was deleted in Plain."""


class Evidence(StrEnum):
    """The evidence that identified the customer."""

    RULE = "rule"
    LINK = "link"
    """A person linked the requester."""
    IMPORT = "import"
    EMAIL = "email"
    """The requester's confirmed address in Slack."""
    SYNTHETIC = "synthetic"
    FALLBACK = "fallback"


@dataclass(frozen=True, slots=True)
class Record:
    """One request, with its ticket and what is due for it. Times are Unix seconds.

    `ref` is None if the request was about no message; `thread_ts` is the root that this message
    replies to. `rules` are those that may have applied. `reason` is a `Reason`'s value, or the
    word for why the request was ignored; `rejection` is None for the latter, and for a reason that
    only a newer release knows; `reason_data` is the stored form of it, for scripts. `found`: the
    reaction was found in Slack's history, not received as an event.

    `due`, `attempts` and `cause` (why the last attempt failed) are those of deciding or answering
    it; `attempts` is None if neither is due. `ticket` is the thread that it opened (`opened`),
    added to or joined; `customer`, `evidence`, `verify_at` (when the bridge looks for a duplicate
    thread), `duplicates` (the refs of those that it found), `undone_at` and `undone_by` are that
    ticket's. `is_undoing`: its undo has begun. `read_at`: when it was read, by the database's
    clock.
    """

    id: int
    key: str
    state: State
    via: Via
    team: str
    submitter: str
    created_at: float
    answer: str = "none"
    ref: MessageRef | None = None
    thread_ts: str | None = None
    channel: str | None = None
    emoji: str | None = None
    rules: tuple[Rule, ...] = ()
    requester: str | None = None
    attempts: int | None = None
    cause: str | None = None
    due: float | None = None
    ticket: Ticket | None = None
    opened: bool = False
    customer: str | None = None
    evidence: Evidence | None = None
    reason: str | None = None
    reason_data: Mapping[str, str] | None = None
    rejection: Rejection | None = None
    settled_at: float | None = None
    verify_at: float | None = None
    duplicates: tuple[str, ...] = ()
    is_undoing: bool = False
    undone_at: float | None = None
    undone_by: str | None = None
    found: bool = False
    read_at: float = field(default=0.0, compare=False)

    @property
    def reference(self) -> str:
        """Return what a person can quote: "PB-7"."""
        return reference(self.id)

    @property
    def age(self) -> float:
        """Return the seconds between settling (or the request, if unsettled) and the reading."""
        return self.read_at - (self.created_at if self.settled_at is None else self.settled_at)

    @property
    def is_on_hold(self) -> bool:
        """Return whether it resumes once somebody links its requester to a customer."""
        return self.state is State.ON_HOLD

    @property
    def undo_begun_by(self) -> str | None:
        """Return the Slack user whose undo was begun and is not finished."""
        return self.undone_by if self.is_undoing else None

    @property
    def may_assign(self) -> bool:
        """Return whether the bridge may have named an assignee when it created the thread."""
        return any(rule.assignee is not None for rule in self.rules)

    def as_dict(self) -> dict[str, object]:
        """Return what scripts read in `ledger list --json`, `show --json` and `export`."""
        is_undone = self.state is State.UNDONE
        return {
            "reference": self.reference,
            "key": self.key,
            "state": self.state.value,
            "answer": self.answer,
            "via": self.via.value,
            "team": self.team,
            "channel": self.channel,
            "submitter": self.submitter,
            "requester": self.requester,
            "attempts": self.attempts,
            "cause": self.cause,
            "customer": self.customer,
            "evidence": self.evidence.value if self.evidence else None,
            "thread_id": self.ticket.id if self.ticket else None,
            "thread_ref": self.ticket.ref if self.ticket else None,
            "thread_url": self.ticket.url if self.ticket else None,
            "opened": self.opened,
            "reason": self.reason,
            "reason_data": None if self.reason_data is None else dict(self.reason_data),
            "created_at": self.created_at,
            "due": self.due,
            "settled_at": self.settled_at,
            "verify_at": self.verify_at,
            "duplicates": list(self.duplicates) or None,
            "undone_at": self.undone_at if is_undone else None,
            "undone_by": self.undone_by if is_undone else None,
        }
