"""The lookup table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.store.customer_links import CustomerLink, CustomerLinks, LearnedLinks
from bot.store.database import Database

BY_HAND = CustomerLink("T1", "U1", "c_1", "ada@example.com", "Ada", "link")
BY_ITSELF = replace(BY_HAND, customer="c_2", source="email")


@pytest.fixture
def people(database: Database) -> CustomerLinks:
    return CustomerLinks(database)


def test_a_line_is_found_in_the_first_team_that_has_one(people: CustomerLinks) -> None:
    elsewhere = replace(BY_HAND, team="T2", customer="c_9")
    people.link([BY_HAND, elsewhere])
    assert people.find("U1", ["T2", "T1"]) == elsewhere
    assert people.find("U1", ["T3", "T1"]) == BY_HAND
    assert people.find("U1", ["T3"]) is None
    assert people.find("U2", ["T1"]) is None


def test_a_new_link_replaces_the_old_one(people: CustomerLinks) -> None:
    people.link([BY_ITSELF])
    people.link([BY_HAND])
    assert people.all() == [BY_HAND]


def test_what_the_bridge_found_out_never_replaces_what_a_person_said(
    people: CustomerLinks, database: Database
) -> None:
    people.link([BY_HAND])
    with database.writing() as connection:
        LearnedLinks(database).write(connection, BY_ITSELF)
    assert people.all() == [BY_HAND]


def test_all_lines_are_written_or_none(people: CustomerLinks) -> None:
    broken = replace(BY_HAND, slack_user="U2", customer=None)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="customer"):
        people.link([BY_HAND, broken])
    assert people.all() == []


def test_unlinking_takes_one_team_or_all(people: CustomerLinks) -> None:
    people.link([BY_HAND, replace(BY_HAND, team="T2"), replace(BY_HAND, team="T3")])
    assert people.unlink("U1", "T2") == 1
    assert people.unlink("U1") == 2
    assert people.unlink("U1") == 0


def test_a_line_that_changed_meanwhile_is_not_forgotten(people: CustomerLinks) -> None:
    people.link([BY_HAND])
    people.forget(BY_ITSELF)
    assert people.all() == [BY_HAND]
    people.forget(BY_HAND)
    assert people.all() == []
