"""Who changed the lookup table, when, from what to what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.model import FORGOTTEN
from bot.store.customer_links import CustomerLink, CustomerLinks, LinkChange
from bot.store.database import Database
from bot.store.forgetting import forget
from tests.conftest import Clock

GUS = CustomerLink("T1", "U1", "c_1")
NOW = 1_700_000_000.0


@pytest.fixture
def people(database: Database) -> CustomerLinks:
    return CustomerLinks(database)


def test_what_people_said_is_noted_old_and_new(people: CustomerLinks, clock: Clock) -> None:
    people.link([GUS], by="UADA")
    clock.move(60)
    people.link([replace(GUS, customer="c_2")])
    clock.move(60)
    people.unlink("U1", by="UBEN")
    assert people.changes("U1") == [
        LinkChange("T1", "U1", NOW, "UADA", None, "c_1"),
        LinkChange("T1", "U1", NOW + 60, "cli", "c_1", "c_2"),
        LinkChange("T1", "U1", NOW + 120, "UBEN", "c_2", None),
    ]
    assert people.changes("U2") == []


def test_what_stays_the_same_is_no_change(people: CustomerLinks) -> None:
    people.link([GUS])
    people.link([replace(GUS, name="Gus")], by="UADA")
    people.unlink("U2")
    assert [one.by for one in people.changes("U1")] == ["cli"]


def test_what_the_bridge_found_out_is_old_and_never_noted_by_itself(people: CustomerLinks) -> None:
    people.link([replace(GUS, source="email")])
    people.forget(replace(GUS, source="email"))
    people.link([replace(GUS, customer="c_2")])
    assert [(one.old, one.new) for one in people.changes("U1")] == [(None, "c_1"), (None, "c_2")]


def test_each_team_has_its_own_line(people: CustomerLinks) -> None:
    people.link([GUS, replace(GUS, team="T2", customer="c_2")])
    people.unlink("U1")
    assert {(one.team, one.old, one.new) for one in people.changes("U1")} == {
        ("T1", None, "c_1"),
        ("T2", None, "c_2"),
        ("T1", "c_1", None),
        ("T2", "c_2", None),
    }


def test_many_at_once_are_all_noted(people: CustomerLinks) -> None:
    many = [replace(GUS, slack_user=f"U{number}") for number in range(1200)]
    people.link(many)
    people.link([replace(one, customer="c_2") for one in many])
    assert [(one.old, one.new) for one in people.changes("U1100")] == [
        (None, "c_1"),
        ("c_1", "c_2"),
    ]


def test_nothing_is_noted_of_what_was_not_written(people: CustomerLinks) -> None:
    broken = replace(GUS, slack_user="U2", customer=None)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="customer"):
        people.link([GUS, broken])
    assert people.changes("U1") == []


def test_a_forgotten_person_leaves_nothing(people: CustomerLinks, database: Database) -> None:
    people.link([GUS], by="UADA")
    people.link([replace(GUS, slack_user="U2")], by="U1")
    forget(database, "U1")
    assert people.changes("U1") == []
    (change,) = people.changes("U2")
    assert (change.by, change.new) == (FORGOTTEN, "c_1")
