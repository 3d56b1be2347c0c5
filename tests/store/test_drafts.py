"""Open forms, and what is remembered of other services."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from sqlalchemy import text

from bot.core.directory import Installation
from bot.core.model import FormDraft
from bot.store.database import Database
from bot.store.drafts import LONGEST_SECONDS, Drafts
from bot.store.kv import KeyValueStore
from bot.store.requests import Requests
from tests.conftest import Clock
from tests.nouns import TEAM, TICKET, escalation, form, message, trigger

DRAFT = FormDraft("d1", trigger(message=message()), form())


@pytest.fixture
def drafts(database: Database) -> Drafts:
    return Drafts(database)


def test_a_draft_comes_back_as_it_was_until_it_is_erased(drafts: Drafts) -> None:
    drafts.keep(DRAFT)
    assert drafts.load("d1") == DRAFT
    drafts.erase("d1")
    assert drafts.load("d1") is None


def test_a_draft_of_an_earlier_release_is_read(database: Database, drafts: Drafts) -> None:
    drafts.keep(DRAFT)
    with database.writing() as connection:
        body = json.loads(connection.execute(text("SELECT body FROM draft")).scalar_one())
        body["trigger"]["asker"] = body["trigger"].pop("submitter")
        earlier = {"body": json.dumps(body, separators=(",", ":"))}
        connection.execute(text("UPDATE draft SET body = :body"), earlier)
    assert drafts.load("d1") == DRAFT


def test_a_draft_of_an_earlier_release_names_no_ticket(database: Database, drafts: Drafts) -> None:
    drafts.keep(replace(DRAFT, adds_to=TICKET))
    assert drafts.load("d1") == replace(DRAFT, adds_to=TICKET)
    with database.writing() as connection:
        body = json.loads(connection.execute(text("SELECT body FROM draft")).scalar_one())
        del body["adds_to"], body["prefill"]["placement"]
        connection.execute(text("UPDATE draft SET body = :body"), {"body": json.dumps(body)})
    assert drafts.load("d1") == DRAFT


def test_what_somebody_typed_is_no_field_name(drafts: Drafts) -> None:
    typed = replace(DRAFT, prefill=replace(form(), title='{"submitter":"asker":1}'))
    drafts.keep(typed)
    assert drafts.load("d1") == typed


def test_a_draft_lives_for_a_day(drafts: Drafts, clock: Clock) -> None:
    drafts.keep(DRAFT)
    clock.move(LONGEST_SECONDS - 1)
    assert drafts.erase_old() == 0
    assert drafts.load("d1") == DRAFT
    clock.move(1)
    assert drafts.load("d1") is None
    assert drafts.erase_old() == 1


def test_a_form_whose_draft_is_erased_is_known_to_have_been_submitted(
    database: Database, drafts: Drafts
) -> None:
    drafts.keep(DRAFT)
    view = "V0001"
    assert not drafts.was_submitted(TEAM, view)
    Requests(database).record(escalation(request=view, message=message(), form=form()))
    drafts.erase("d1")
    assert drafts.load("d1") is None
    assert drafts.was_submitted(TEAM, view)
    assert not drafts.was_submitted("T9", view)


def test_memory_keeps_the_newest_value_of_a_name(database: Database) -> None:
    memory = KeyValueStore(database, Installation)
    assert memory.recall("slack") is None
    memory.keep("slack", Installation("T1", "https://one.slack.com/", "U1"))
    newest = Installation("T1", "https://two.slack.com/", "U1", "B1")
    memory.keep("slack", newest)
    assert memory.recall("slack") == newest
