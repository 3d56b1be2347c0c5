"""Opening a form again where its ticket is there, by somebody who may not ask any more."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from bot.core.directory import UserKind
from bot.core.model import Created, InProgress, Remark, ReplyTo, Ticket, Via
from bot.flows.admission import Gate
from bot.slack.background import BackgroundTasks
from bot.slack.listeners.reopening import ReopenListeners
from bot.slack.views.kit import Answer
from bot.store.database import Database
from bot.store.deliveries import Ledger
from bot.store.records import Records
from tests.flows.fakes import FakeSlack, profile, run
from tests.nouns import TEAM, TICKET, escalation

CLICK = {
    "type": "block_actions",
    "user": {"id": "U0ASKER"},
    "trigger_id": "1.2.x",
    "actions": [{"action_id": "reopen_form", "value": "PB-1"}],
}


@dataclass
class Said:
    """Keeps what the click is answered with."""

    shown: list[object] = field(default_factory=list)

    async def show_ticket(self, trigger_id: str, ticket: Ticket) -> None:
        self.shown.append(ticket)

    async def remark(self, reply_to: ReplyTo, remark: Remark) -> None:
        self.shown.append(remark)

    async def say_privately(self, reply_to: ReplyTo, said: Answer) -> None:
        self.shown.append(said.text)


@pytest.mark.parametrize("ticket", [TICKET, None])
@pytest.mark.parametrize("standing", [UserKind.MEMBER, UserKind.GUEST])
async def test_who_may_not_ask_is_told_of_no_ticket(
    database: Database, ticket: Ticket | None, standing: UserKind
) -> None:
    ledger = Ledger(database)
    ledger.record(escalation(via=Via.SHORTCUT))
    if ticket is not None:
        (claim,) = ledger.claim("one", 1)
        ledger.settle(claim, Created(ticket))

    async def ack() -> None:
        return

    said = Said()
    people = FakeSlack(profiles={"U0ASKER": profile("U0ASKER", standing=standing)})
    reopening = ReopenListeners(
        team=TEAM,
        records=Records(database),
        opening=None,  # type: ignore[arg-type]
        slack=said,
        gate=Gate(people, frozenset({UserKind.MEMBER})),
        run=run,
        clock=lambda: 0.0,
        later=BackgroundTasks(),
    )
    await reopening.on_click(CLICK, ack)  # type: ignore[arg-type]
    await reopening.later.rest()
    (shown,) = said.shown
    if standing is UserKind.MEMBER:
        assert shown == (ticket or InProgress())
    else:
        assert str(shown).startswith("No ticket was created: guests can't create tickets here.")
