"""An escalation as the ledger tells it to people: without its texts and addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bot.core.faults import Reason
from bot.core.model import Rule, Ticket, Via
from bot.core.refs import MessageRef


class State(StrEnum):
    """How an escalation stands."""

    WAITING = "waiting"
    CREATED = "created"
    ADDED = "added"
    REFUSED = "refused"
    PARKED = "parked"
    UNWANTED = "unwanted"
    UNDONE = "undone"


class Evidence(StrEnum):
    """What named the customer."""

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
    """One row. Times are Unix seconds; `reference` is what a person can quote.

    `ref` is None for what was no message. `rules` are those that may have applied. `reason` is a
    `Reason`'s value, or the word for why a row was unwanted; `data` is the reason's. `doubles`
    are refs of further threads with this row's external id. `found`: not heard as an event but
    found in Slack's history.
    """

    id: int
    reference: str
    key: str
    generation: int
    state: State
    via: Via
    submitter: str
    created_at: float
    asked_at: float
    ref: MessageRef | None = None
    channel: str | None = None
    emoji: str | None = None
    rules: tuple[Rule, ...] = ()
    requester: str | None = None
    attempts: int = 0
    cause: str | None = None
    due: float | None = None
    customer: str | None = None
    evidence: Evidence | None = None
    ticket: Ticket | None = None
    reason: str | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    settled_at: float | None = None
    undone_at: float | None = None
    undone_by: str | None = None
    doubles: tuple[str, ...] = ()
    found: bool = False

    @property
    def is_on_hold(self) -> bool:
        """Return whether it goes on by itself once somebody says who the requester is."""
        return is_on_hold(self.state, self.reason, self.data)


def is_on_hold(state: str, reason: str | None, data: Mapping[str, str] | None) -> bool:
    """Return whether a row waits for a link: its state is "refused", and a link mends its reason.

    A customer that a rule names (then `data` has no requester) is mended in the rule instead.
    """
    if state != State.REFUSED:
        return False
    by_person = "requester" in (data or {})
    return reason == Reason.NO_CUSTOMER or (reason == Reason.BROKEN_LINK and by_person)
