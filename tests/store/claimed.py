"""A ledger, with rows claimed and frozen."""

from __future__ import annotations

import pytest

from bot.store.claims import Claim
from bot.store.database import Database
from bot.store.deliveries import Ledger
from tests.nouns import message


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


def claimed(ledger: Ledger, worker: str = "one") -> Claim:
    (claim,) = ledger.claim(worker, 8)
    return claim


def frozen(ledger: Ledger, claim: Claim, conversation: str = "conversation") -> object:
    return ledger.freeze(
        claim,
        conversation_key=conversation,
        customer="c_1",
        requester="U0AUTHOR",
        message=message(),
        person=None,
    )
