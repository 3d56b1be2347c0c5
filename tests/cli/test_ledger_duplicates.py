"""`plain-bridge ledger show` names the duplicates that a later look-up found."""

from __future__ import annotations

import json

from bot.store.database import Database
from tests.cli.conftest import Run
from tests.store.rows import a_request, change_ticket


def test_duplicates_are_shown(run: Run, bridge_database: Database) -> None:
    a_request(bridge_database, 1, "created")
    assert "Duplicates" not in run("ledger", "show", "PB-1").stdout
    change_ticket(bridge_database, 1, duplicates='["T-8","T-9"]')
    shown = run("ledger", "show", "PB-1").stdout
    pairs = dict(line.split("  ", 1) for line in shown.splitlines())
    assert pairs["Duplicates"].strip() == "T-8, T-9"
    (found,) = json.loads(run("ledger", "show", "PB-1", "--json").stdout)
    assert found["duplicates"] == ["T-8", "T-9"]
