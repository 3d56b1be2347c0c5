"""A row in a worker's hands, and whose its conversation is."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.attachments import UploadedFiles
from bot.core.model import Continuation, Escalation, Outcome, Ticket
from bot.core.refs import generation_key


@dataclass(frozen=True, slots=True)
class RemainingParts:
    """What is to be added once the first piece is in Plain, in this order.

    `ticket` is None until that is sure; from then on all but the first of `sequels` were surely
    not sent yet. `added`: the first piece was an addition too. `missing`: so many were refused.
    """

    sequels: tuple[Continuation, ...]
    ticket: Ticket | None = None
    added: bool = False
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """A row in a worker's hands, as it stood when it was claimed.

    `now` is the ledger's clock then, `attempt` counts from 1. `token` fences: whoever lost
    the lease writes nothing more. `customer`, `sent_at` and `adding_to` are what earlier
    attempts froze: `customer` is that of the requester `frozen_for`, `sent_at` is when a create
    (or an addition to `adding_to`) was about to be sent without its outcome being known.
    `outcome` is set where only the answer is still due.
    `rest` is what the write that was sent leaves to be added, `kept` what became of its files.
    `lease` is for how many seconds the row is its worker's: from the claim, and anew from a freeze.
    `hopeless`: its leases ran out so often that it is to be parked, not delivered.
    """

    id: int
    token: str
    escalation: Escalation
    generation: int
    now: float
    attempt: int
    customer: str | None = None
    frozen_for: str | None = None
    sent_at: float | None = None
    adding_to: Ticket | None = None
    outcome: Outcome | None = None
    rest: RemainingParts | None = None
    kept: UploadedFiles | None = None
    lease: float = float("inf")
    hopeless: bool = False

    @property
    def external_id(self) -> str:
        """Plain's externalId for what this row creates."""
        return generation_key(self.escalation.key, self.generation)

    @property
    def reference(self) -> str:
        """What a person can quote; `ledger show` takes it."""
        return reference(self.id)


def reference(row_id: int) -> str:
    """What people call the row with this id."""
    return f"PB-{row_id}"


@dataclass(frozen=True, slots=True)
class Acquired:
    """The conversation is this row's: it may create the thread."""


@dataclass(frozen=True, slots=True)
class Pending:
    """Another row is creating the conversation's thread; how that ends is not known yet."""


@dataclass(frozen=True, slots=True)
class Exists:
    """The conversation has its ticket: add to it."""

    ticket: Ticket


Conversation = Acquired | Pending | Exists
