"""What Slack and Plain saw of one request, told beside its row."""

from __future__ import annotations

import pytest

from bot.sandbox.page import ledger
from bot.sandbox.page.ledger import LedgerRow
from bot.sandbox.plain import Request
from bot.sandbox.slack import Sent

KEY = "T1:C1:1700000000.000100"
EVENT = {"type": "reaction_added", "item": {"channel": "C1", "ts": "1700000000.000100"}}


def row(external_id: str | None = KEY) -> LedgerRow:
    return LedgerRow(7, "E1", external_id, "reaction", "created", None, None, None, "T-3", None)


def created(outcome: str, key: str = KEY) -> Request:
    return Request("createThread", {"input": {"externalId": key}}, outcome)


def looked_up(outcome: str = "ok", key: str = KEY) -> Request:
    return Request("threadByExternalId", {"customerId": "c_1", "externalId": key}, outcome)


@pytest.mark.parametrize(
    ("requests", "told"),
    [
        pytest.param([created("ok")], "", id="as it mostly is"),
        pytest.param([], "", id="nothing yet"),
        pytest.param(
            [created("502, committed"), looked_up()],
            "502 · looked up · found T-3",
            id="committed and answered 502",
        ),
        pytest.param(
            [created("503"), looked_up(), created("ok")],
            "503 · looked up · not found · created",
            id="refused by a gateway",
        ),
        pytest.param(
            [created("ok"), looked_up()], "created · looked up · found T-3", id="killed after it"
        ),
        pytest.param(
            [created("drop, committed"), looked_up("502"), looked_up()],
            "connection lost · looked up · found T-3",
            id="a look-up that failed tells nothing",
        ),
        pytest.param([created("late, committed")], "", id="slow"),
        pytest.param([looked_up(), created("ok")], "", id="looked up first, after a restart"),
        pytest.param(
            [looked_up(), created("502, committed"), looked_up()],
            "502 · looked up · found T-3",
            id="looked up first, and then answered 502",
        ),
        pytest.param([created("502", "T1:C1:1"), looked_up(key="T1:C1:1")], "", id="another's"),
        pytest.param([Request("myWorkspace", {}, "ok"), created("ok")], "", id="other requests"),
    ],
)
def test_the_way_to_the_thread(requests: list[Request], told: str) -> None:
    assert ledger.plain_trail(row(), requests) == told


def test_a_later_generation_has_an_id_of_its_own() -> None:
    requests = [created("502, committed", f"{KEY}:2"), looked_up(key=f"{KEY}:2")]
    assert ledger.plain_trail(row(f"{KEY}:2"), requests) == "502 · looked up · found T-3"
    assert ledger.plain_trail(row(), requests) == ""
    assert ledger.plain_trail(row(None), [Request("createThread", {}, "502")]) == ""


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ([Sent("E1", EVENT, True)], ""),
        ([Sent("E1", EVENT, True)] * 2, "received 2×, one request"),
        ([Sent("E1", EVENT, False), Sent("E1", EVENT, True)], ""),
        ([Sent("E1", EVENT, True), Sent("E2", EVENT, True)], ""),
        ([Sent("E2", EVENT, True)] * 2, ""),
    ],
)
def test_an_event_that_came_more_than_once(sent: list[Sent], told: str) -> None:
    assert ledger.slack_trail(row(), sent) == told
