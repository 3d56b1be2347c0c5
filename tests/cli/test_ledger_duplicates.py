"""`plain-bridge ledger show` names the duplicates that a later look-up found."""

from __future__ import annotations

import json

from bot.core.model import Created
from bot.store.database import Database
from bot.store.deliveries import Ledger
from bot.store.duplicates import DuplicateChecks
from tests.cli.conftest import Run
from tests.nouns import TEAM, TICKET, escalation


def test_doubles_are_shown(run: Run, bridge_database: Database) -> None:
    ledger = Ledger(bridge_database, verify_after=0.0)
    ledger.record(escalation())
    for _ in range(2):
        (claim,) = ledger.claim("w", 1)
        ledger.freeze(
            claim,
            conversation_key="key",
            customer="c_1",
            requester="U0AUTHOR",
            message=None,
            person=None,
        )
        if claim.attempt == 1:
            ledger.retry_later(claim, 0.0, "plain_502", failed=True, outcome_unknown=True)
    ledger.settle(claim, Created(TICKET))
    assert "Duplicates" not in run("ledger", "show", "PB-1").stdout
    doubts = DuplicateChecks(bridge_database)
    (row,) = doubts.take_due(TEAM, 1)
    doubts.clear(row, ["T-8", "T-9"])
    shown = run("ledger", "show", "PB-1").stdout
    pairs = dict(line.split("  ", 1) for line in shown.splitlines())
    assert pairs["Duplicates"].strip() == "T-8, T-9"
    (found,) = json.loads(run("ledger", "show", "PB-1", "--json").stdout)
    assert found["doubles"] == ["T-8", "T-9"]
