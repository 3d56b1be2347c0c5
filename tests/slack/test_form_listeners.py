"""The ticket form while it is open, and its button that opens it again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bot.core.directory import UserKind
from bot.core.model import Customer, FormDraft, Placement, Ticket, Via
from bot.flows.form import Choices, FormContexts
from bot.flows.intake import Intake
from bot.flows.workspace import Policy, Runtime, Workspace
from bot.slack.background import BackgroundTasks
from bot.slack.listeners.form import MOST_FORMS, FormListeners
from bot.store.database import Database
from bot.store.drafts import Drafts
from bot.store.executor import in_place as run
from bot.store.records import Records
from bot.store.tickets import Ledger
from tests.conftest import Clock
from tests.flows.fakes import FakePlain
from tests.nouns import TEAM, TICKET, form, message, trigger
from tests.slack.canned import INSTALLED, NOW, Answer, Canned, Reply, no, ok, talking
from tests.store.rows import a_request

DRAFT = FormDraft("d1", trigger(message=message()), form())
OPEN_AGAIN = {
    "type": "block_actions",
    "user": {"id": "U0ASKER"},
    "trigger_id": "1.2.x",
    "actions": [{"action_id": "reopen_form", "value": "PB-1"}],
}


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    opened = Database(sqlite_url, Clock())
    yield opened
    opened.close()


@dataclass
class Plain(FakePlain):
    """Finds every customer, those in `gates` once their gate is open."""

    gates: dict[str, asyncio.Event] = field(default_factory=dict)

    async def find_customer(self, name: str) -> Customer | None:
        if name in self.gates:
            await self.gates[name].wait()
        return Customer("c_1", name)


def user_info(asked: dict[str, Any], **more: Any) -> Reply:
    """Anybody is a member, whose address is made of their id."""
    id_ = asked["user"]
    profile = {"real_name": id_, "email": f"{id_.lower()}@example.com"}
    return ok(
        user={"id": id_, "team_id": TEAM, "is_email_confirmed": True, "profile": profile} | more
    )


@asynccontextmanager
async def listening(
    database: Database, plain: Plain | None = None, **user: Any
) -> AsyncIterator[tuple[FormListeners, Canned]]:
    answers: dict[str, Answer] = {
        "users.info": lambda asked: user_info(asked, **user),
        "views.update": ok(view={"id": "V1", "hash": "hash.2"}),
        "views.open": ok(view={"id": "V2"}),
        "chat.postMessage": ok(channel="D1", ts="1700000000.000100"),
    }
    members = frozenset({UserKind.MEMBER})
    installed = replace(INSTALLED, team=TEAM)
    async with talking(answers, installed=installed) as (slack, canned):
        drafts, ledger = Drafts(database), Ledger(database)
        workspace = Workspace(installed, slack, plain or Plain(), Policy(members))
        listeners = FormListeners(
            workspace=workspace,
            intake=Intake(None, ledger, drafts, slack, (), run, lambda: None),  # type: ignore[arg-type]
            contexts=FormContexts(workspace, Runtime(database, ledger)),
            choices=Choices(workspace),
            drafts=drafts,
            records=Records(database),
            slack=slack,
            run=run,
            clock=lambda: NOW,
            background=BackgroundTasks(),
        )
        yield listeners, canned


async def no_ack() -> None:
    return


async def choose(on: FormListeners, user: str | None, view: str = "V1", draft: str = "d1") -> None:
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


def blocks(view: dict[str, Any]) -> set[str | None]:
    return {block.get("block_id") for block in view["blocks"]}


async def test_an_answer_that_comes_late_does_not_replace_a_later_one(database: Database) -> None:
    Drafts(database).keep(DRAFT)
    gate = asyncio.Event()
    plain = Plain(gates={"u0slow@example.com": gate})
    async with listening(database, plain) as (on, slack):
        await choose(on, "U0SLOW")
        await choose(on, "U0FAST")
        while not slack.sent("views.update"):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        gate.set()
        await on.background.drain()
        (changed,) = slack.sent("views.update")
    view = changed["view"]
    assert (changed["view_id"], "hash" in changed) == ("V1", False)
    assert "u0fast@example.com" in json.dumps(view)
    assert "initial_user" not in json.dumps(view)
    assert "tenant" in blocks(view)
    assert "whole_thread" not in blocks(view)


async def test_without_a_choice_it_is_who_stood_there_first(database: Database) -> None:
    Drafts(database).keep(DRAFT)
    async with listening(database) as (on, slack):
        await choose(on, None)
        await on.background.drain()
        (changed,) = slack.sent("views.update")
    assert "u0author@example.com" in json.dumps(changed["view"])


# Whether it adds to a ticket

PLACED = replace(DRAFT, adds_to=TICKET)


async def press(
    on: FormListeners, wanted: Placement, *, draft: str = "d1", view: str = "V1"
) -> None:
    """Press the button of the form that says the opposite."""
    is_separate = wanted is Placement.ADD
    shown = ["title", "whole_thread", *(["requester", "tenant"] if is_separate else [])]
    body: dict[str, Any] = {
        "user": {"id": "U0ASKER"},
        "actions": [{"action_id": "place_form", "value": wanted.value}],
        "view": {
            "id": view,
            "hash": "hash.1",
            "callback_id": "plain_ticket_form",
            "private_metadata": f"{draft}\n{'separate' if is_separate else 'add'}",
            "blocks": [{"block_id": one, "element": {}} for one in shown],
        },
    }
    await on.on_placement(body, no_ack)  # type: ignore[arg-type]


async def test_the_form_becomes_one_for_a_separate_ticket_whatever_this_replica_remembers(
    database: Database,
) -> None:
    """Another one opened it: the draft knows the ticket, and the view what it is."""
    Drafts(database).keep(PLACED)
    async with listening(database) as (on, slack):
        await press(on, Placement.SEPARATE)
        await on.background.drain()
        first, second = slack.sent("views.update")
    assert (first["view_id"], first["hash"]) == ("V1", "hash.1")
    assert first["view"]["private_metadata"] == "d1\nseparate"
    assert {"requester", "priority", "labels", "tenant", "whole_thread"} <= blocks(first["view"])
    # Then who the requester is in Plain, unless the form has changed since.
    assert second["hash"] == "hash.2"
    assert "in_plain" in blocks(second["view"])
    assert second["view"]["private_metadata"] == "d1\nseparate"


async def test_the_form_adds_to_the_ticket_again(database: Database) -> None:
    Drafts(database).keep(PLACED)
    async with listening(database) as (on, slack):
        await press(on, Placement.ADD)
        await on.background.drain()
        (changed,) = slack.sent("views.update")
    assert changed["view"]["private_metadata"] == "d1\nadd"
    assert changed["view"]["submit"]["text"] == "Add to T-1"
    assert not {"requester", "priority", "labels", "tenant", "in_plain"} & blocks(changed["view"])


async def test_a_choice_in_a_form_for_a_separate_ticket_leaves_it_one(database: Database) -> None:
    Drafts(database).keep(PLACED)
    async with listening(database) as (on, slack):
        await choose(on, "U0FAST", draft="d1\nseparate")
        await on.background.drain()
        (changed,) = slack.sent("views.update")
    assert changed["view"]["private_metadata"] == "d1\nseparate"
    assert "placement" in blocks(changed["view"])
    assert "u0fast@example.com" in json.dumps(changed["view"])


async def test_a_look_that_ends_late_does_not_bring_the_other_form_back(
    database: Database,
) -> None:
    """Its update has no hash: it would make a separate ticket of what was to be added."""
    Drafts(database).keep(PLACED)
    gate = asyncio.Event()
    async with listening(database, Plain(gates={"u0slow@example.com": gate})) as (on, slack):
        await choose(on, "U0SLOW", draft="d1\nseparate")
        await press(on, Placement.ADD)
        while not slack.sent("views.update"):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        gate.set()
        await on.background.drain()
        (changed,) = slack.sent("views.update")
    assert changed["view"]["private_metadata"] == "d1\nadd"


async def test_a_form_that_changed_meanwhile_stays_as_it_is(database: Database) -> None:
    """A double click, or one that comes late."""
    Drafts(database).keep(PLACED)
    async with listening(database) as (on, slack):
        slack.answers["views.update"] = no("hash_conflict")
        await press(on, Placement.SEPARATE)
        await on.background.drain()
        assert len(slack.sent("views.update")) == 1


@pytest.mark.parametrize("draft", ["gone", "d2"])
async def test_a_form_that_has_no_ticket_to_add_to_does_not_change(
    database: Database, draft: str
) -> None:
    Drafts(database).keep(replace(DRAFT, id="d2"))
    async with listening(database) as (on, slack):
        await press(on, Placement.SEPARATE, draft=draft)
        await on.background.drain()
        assert slack.sent("views.update") == []


async def test_a_form_that_nobody_knows_any_more_is_left_alone(database: Database) -> None:
    async with listening(database) as (on, slack):
        await choose(on, "U0FAST", draft="gone")
        await on.background.drain()
    assert slack.calls == []


async def test_no_more_forms_are_looked_after_than_there_is_room_for(database: Database) -> None:
    async with listening(database) as (on, _):
        for number in range(MOST_FORMS + 10):
            await choose(on, "U0FAST", view=f"V{number}", draft="gone")
        await on.background.drain()
        assert len(on._latest) == MOST_FORMS


@pytest.mark.parametrize("ticket", [TICKET, None])
@pytest.mark.parametrize("guest", [False, True])
async def test_who_may_not_ask_is_told_of_no_ticket(
    database: Database, ticket: Ticket | None, guest: bool
) -> None:
    """Opening a form again whose ticket is there by now."""
    a_request(database, 1, "created" if ticket else "waiting", via=Via.SHORTCUT)
    async with listening(database, is_restricted=guest) as (on, slack):
        await on.on_reopen(OPEN_AGAIN, no_ack)  # type: ignore[arg-type]
        await on.background.drain()
    if guest:
        (said,) = slack.sent("chat.postMessage")
        assert said["text"].startswith("No ticket was created: guests can't create tickets")
        assert slack.sent("views.open") == []
    elif ticket is not None:
        (opened,) = slack.sent("views.open")
        assert ticket.ref in json.dumps(opened["view"])
    else:
        (said,) = slack.sent("chat.postMessage")
        assert "already being created" in said["text"]
