"""What stands below the requester follows the choice that was made last."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from bot.core.model import Customer, FormDraft, ReplyTo
from bot.flows.form import FormContext, FormContexts, Known
from bot.flows.intake import Intake, OpenedForm
from bot.flows.workspace import Runtime
from bot.slack.background import BackgroundTasks
from bot.slack.listeners.form import MOST_FORMS, FormOpener
from bot.slack.views.kit import Answer
from bot.store.database import Database
from bot.store.deliveries import Ledger
from bot.store.drafts import Drafts
from tests.flows.fakes import FakePlain, FakeSlack, run, workspace
from tests.nouns import form, message, trigger

DRAFT = FormDraft("d1", trigger(message=message()), form())


@dataclass
class Slack(FakeSlack):
    """Keeps what a form was changed to."""

    updates: list[tuple[OpenedForm, FormContext]] = field(default_factory=list)

    async def update_form(self, opened: OpenedForm, draft: FormDraft, beside: FormContext) -> None:
        self.updates.append((opened, beside))

    async def say_privately(self, reply_to: ReplyTo, said: Answer) -> None:
        raise NotImplementedError


@dataclass
class Plain(FakePlain):
    """Finds every customer, those in `gates` once their gate is open."""

    gates: dict[str, asyncio.Event] = field(default_factory=dict)

    async def find_customer(self, name: str) -> Customer | None:
        if name in self.gates:
            await self.gates[name].wait()
        return Customer("c_1", name)


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    database = Database(sqlite_url)
    Drafts(database).keep(DRAFT)
    yield database
    database.close()


def opening(database: Database, slack: Slack, plain: Plain) -> FormOpener:
    drafts = Drafts(database)
    return FormOpener(
        intake=Intake(None, None, drafts, None, (), run, lambda: None),  # type: ignore[arg-type]
        surroundings=FormContexts(workspace(slack, plain), Runtime(database, Ledger(database))),
        drafts=drafts,
        slack=slack,
        run=run,
        later=BackgroundTasks(),
    )


async def choose(on: FormOpener, user: str | None, view: str = "V1", draft: str = "d1") -> None:
    state = {"requester": {"value": {"type": "users_select", "selected_user": user}}}
    body: dict[str, Any] = {
        "user": {"id": "U0ASKER"},
        "view": {
            "id": view,
            "callback_id": "plain_ticket_form",
            "private_metadata": draft,
            "blocks": [{"block_id": "tenant", "element": {}}],
            "state": {"values": state},
        },
    }
    acknowledged = []

    async def ack() -> None:
        acknowledged.append(True)

    await on.on_requester(body, ack)  # type: ignore[arg-type]
    assert acknowledged


async def test_an_answer_that_comes_late_does_not_replace_a_later_one(database: Database) -> None:
    gate = asyncio.Event()
    slack, plain = Slack(), Plain(gates={"u0slow@example.com": gate})
    on = opening(database, slack, plain)
    await choose(on, "U0SLOW")
    await choose(on, "U0FAST")
    while not slack.updates:  # noqa: ASYNC110
        await asyncio.sleep(0)
    gate.set()
    await on.later.rest()
    ((opened, beside),) = slack.updates
    assert opened == OpenedForm("V1", is_preset=False)
    assert (beside.requester, beside.customer) == ("U0FAST", Known("u0fast@example.com"))
    assert (beside.offers_thread, beside.offers_tenants) == (False, True)


async def test_without_a_choice_it_is_who_stood_there_first(database: Database) -> None:
    slack = Slack()
    on = opening(database, slack, Plain())
    await choose(on, None)
    await on.later.rest()
    assert [beside.requester for _, beside in slack.updates] == ["U0AUTHOR"]


async def test_a_form_that_nobody_knows_any_more_is_left_alone(database: Database) -> None:
    slack = Slack()
    on = opening(database, slack, Plain())
    await choose(on, "U0FAST", draft="gone")
    await on.later.rest()
    assert slack.updates == []


async def test_no_more_forms_are_looked_after_than_there_is_room_for(database: Database) -> None:
    on = opening(database, Slack(), Plain())
    for number in range(MOST_FORMS + 10):
        await choose(on, "U0FAST", view=f"V{number}")
        await on.later.rest()
    assert len(on._latest) == MOST_FORMS
