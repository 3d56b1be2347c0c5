"""Rows of a real ledger in the state that a test needs."""

from __future__ import annotations

from typing import Any

from bot.core.faults import Rejection
from bot.core.model import Added, Created, Escalation, Outcome
from bot.store import rows
from bot.store.claims import Claim, load
from bot.store.conversations import Exists
from bot.store.database import Database
from bot.store.tickets import Ledger, NewTicket
from tests.nouns import escalation, message


def claimed(database: Database, requested: Escalation | None = None) -> Claim:
    """Record a request, and claim it."""
    ledger = Ledger(database)
    ledger.record(requested or escalation())
    (claim,) = load(database, ledger.claim("one", 1))
    return claim


def noted(database: Database, claim: Claim, customer: str = "c_1", **more: Any) -> Claim:
    """Note that the request's create is about to be sent."""
    key = claim.escalation.key
    values: dict[str, Any] = {
        "generation": 1,
        "external_id": key,
        "conversation_key": key,
        "customer": customer,
        "requester": "U0AUTHOR",
        "message": message(),
    }
    Ledger(database).note_thread(claim, NewTicket(**(values | more)))
    return claim


def settled(
    database: Database, outcome: Outcome, requested: Escalation | None = None, **more: Any
) -> Claim:
    """Record a request and settle it, answered; `more` is what was noted for a create."""
    ledger, claim = Ledger(database), claimed(database, requested)
    if isinstance(outcome, Created):
        noted(database, claim, **more)
    elif isinstance(outcome, Added):
        found = ledger.conversation(claim, rows.order_key(claim.escalation))
        assert isinstance(found, Exists)
        ledger.note_addition(claim, found, claim.escalation.key, None)
    ledger.settle(claim, outcome)
    if isinstance(outcome, Rejection):
        ledger.answered(claim, said=True)
    return claim
