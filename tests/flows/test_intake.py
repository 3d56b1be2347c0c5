"""What a listener waits for, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar

import pytest

from bot.core.model import Form, FormDraft, Ignored, Priority, Rule, Ticket, Via
from bot.flows import intake as flows_intake
from bot.flows.form import FormContext
from bot.flows.intake import Intake
from bot.store.claims import load
from bot.store.database import Database
from bot.store.drafts import Drafts
from bot.store.executor import Run
from bot.store.requests import GroupCommit, Requests
from bot.store.tickets import Ledger
from tests.flows import fakes
from tests.nouns import trigger

P = ParamSpec("P")
T = TypeVar("T")


class Meeting:
    """Opens a form, and keeps its draft, only once the other one of the two has begun."""

    def __init__(self) -> None:
        self._both = asyncio.Barrier(2)

    async def open_form(
        self, trigger_id: str, draft: FormDraft, beside: FormContext
    ) -> flows_intake.OpenedForm:
        await self._both.wait()
        return flows_intake.OpenedForm("V1")

    async def show_ticket(self, trigger_id: str, ticket: Ticket) -> None:
        raise NotImplementedError

    async def show_not_recorded(self, view_id: str) -> None:
        raise NotImplementedError

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        await self._both.wait()
        return work(*args, **kwargs)


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    opened = Database(sqlite_url)
    yield opened
    opened.close()


def draft(**more: Any) -> FormDraft:
    asked = trigger(via=Via.FORM, emoji=None, **more)
    return FormDraft("d1", asked, Form("", None, "U1", Priority.NORMAL))


class Opened:
    """Slack's side: what was opened."""

    def __init__(self) -> None:
        self.forms: list[str] = []

    async def open_form(
        self, trigger_id: str, draft: FormDraft, beside: FormContext
    ) -> flows_intake.OpenedForm:
        self.forms.append(trigger_id)
        return flows_intake.OpenedForm("V1")

    async def show_ticket(self, trigger_id: str, ticket: Ticket) -> None:
        raise NotImplementedError

    async def show_not_recorded(self, view_id: str) -> None:
        raise NotImplementedError


async def hangs(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    await asyncio.Event().wait()
    raise AssertionError


def intake(database: Database, run: Run, wake: Callable[[], None] = lambda: None) -> Intake:
    return Intake(
        record=GroupCommit(Requests(database), run).record,
        requests=Requests(database),
        drafts=Drafts(database),
        forms=Opened(),
        rules=(Rule(emoji=("ticket",)),),
        run=run,
        wake=wake,
    )


async def test_the_worker_is_woken_for_what_is_new_only(database: Database) -> None:
    woken: list[None] = []
    taking = intake(database, fakes.run, lambda: woken.append(None))
    await taking.take(trigger())
    await taking.take(trigger(2, request="Ev2"))
    assert len(woken) == 2
    ledger = Ledger(database)
    for claim in load(database, ledger.claim("one", 8)):
        ledger.settle(claim, Ignored("no_rule"))
    await taking.take(trigger())  # delivered once more
    assert len(woken) == 2


async def test_a_database_that_hangs_is_waited_for_no_longer_than_slack_waits(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flows_intake, "RECORD_SECONDS", 0.0)
    async with asyncio.timeout(10):
        with pytest.raises(TimeoutError):
            await intake(database, hangs).take(trigger())


async def test_a_form_opens_even_if_the_database_hangs(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the message has its ticket is not worth the trigger's three seconds."""
    monkeypatch.setattr(flows_intake, "RECORD_SECONDS", 0.0)
    asking = intake(database, hangs)
    async with asyncio.timeout(10):
        with pytest.raises(NotImplementedError):  # it says then that nothing was recorded
            await asking.open_form("trigger", draft())
    assert isinstance(asking.forms, Opened)
    assert asking.forms.forms == ["trigger"]


async def test_the_form_and_its_draft_go_out_together(database: Database) -> None:
    """One after the other would take twice the two seconds that a door has."""
    meeting = Meeting()
    both = replace(intake(database, meeting.run), forms=meeting)
    async with asyncio.timeout(10):
        await both.open_form("trigger", draft(ref=None))
    assert Drafts(database).load("d1") == draft(ref=None)
