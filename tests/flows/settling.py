"""Rows of a real ledger in the state that a test needs."""

from __future__ import annotations

from typing import Any

from bot.core.faults import Rejection
from bot.core.model import Added, Created, Escalation, Outcome
from bot.store.claims import Claim
from bot.store.database import Database
from bot.store.deliveries import Ledger
from tests.nouns import escalation, message


def claimed(database: Database, requested: Escalation | None = None) -> Claim:
    """Record a request, and claim its row."""
    ledger = Ledger(database)
    ledger.record(requested or escalation())
    (claim,) = ledger.claim("one", 1)
    return claim


def frozen(database: Database, claim: Claim, customer: str = "c_1", **more: Any) -> Claim:
    """Note that the row's create is about to be sent."""
    values: dict[str, Any] = {
        "conversation_key": claim.external_id,
        "customer": customer,
        "requester": "U0AUTHOR",
        "message": message(),
        "person": None,
    }
    Ledger(database).freeze(claim, **(values | more))
    return claim


def settled(
    database: Database, outcome: Outcome, requested: Escalation | None = None, **more: Any
) -> Claim:
    """Record a request and settle its row, answered; `more` is what was frozen for a create."""
    ledger, claim = Ledger(database), claimed(database, requested)
    if isinstance(outcome, Created):
        frozen(database, claim, **more)
    elif isinstance(outcome, Added):
        ledger.freeze_addition(claim, outcome.ticket, None)
    ledger.settle(claim, outcome)
    if isinstance(outcome, Rejection):
        ledger.answered(claim, said=True)
    return claim
