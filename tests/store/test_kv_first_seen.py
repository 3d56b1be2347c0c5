"""When each channel was first listed: the moment stays, and a channel that went is forgotten."""

from __future__ import annotations

from bot.store.database import Database
from bot.store.kv import FirstLoaded, FirstSeen
from tests.conftest import Clock
from tests.nouns import TEAM


def test_the_first_moment_stays(database: Database, clock: Clock) -> None:
    seen, began = FirstSeen(database), clock.now
    assert seen.note(TEAM, ["C1"]) == {"C1": began}
    clock.move(100)
    assert seen.note(TEAM, ["C1", "C2"]) == {"C1": began, "C2": began + 100}
    assert seen.known(TEAM, ["C1", "C2", "C3"]) == {"C1": began, "C2": began + 100}


def test_a_channel_that_comes_back_is_new(database: Database, clock: Clock) -> None:
    seen, began = FirstSeen(database), clock.now
    seen.note(TEAM, ["C1", "C2"])
    seen.note(TEAM, ["C2"])
    assert seen.known(TEAM, ["C1"]) == {}
    clock.move(100)
    assert seen.note(TEAM, ["C1", "C2"]) == {"C1": began + 100, "C2": began}


def test_the_only_channel_that_comes_back_is_new(database: Database, clock: Clock) -> None:
    FirstLoaded(database).load(["rule"])
    seen = FirstSeen(database)
    seen.note(TEAM, ["C1"])
    clock.move(100)
    assert seen.note(TEAM, []) == {}
    assert seen.note(TEAM, ["C1"]) == {"C1": clock.now}


def test_channels_of_the_first_listing_count_since_the_oldest_rule(
    database: Database, clock: Clock
) -> None:
    """An earlier release has run here, and noted no channels."""
    began = clock.now
    FirstLoaded(database).load(["old"])
    clock.move(100)
    FirstLoaded(database).load(["old", "new"])
    clock.move(100)
    seen = FirstSeen(database)
    assert seen.known(TEAM, ["C1"]) == {"C1": began}
    assert seen.note(TEAM, ["C1"]) == {"C1": began}
    assert seen.note(TEAM, ["C1", "C2"]) == {"C1": began, "C2": began + 200}


def test_a_first_listing_without_channels_counts_too(database: Database, clock: Clock) -> None:
    FirstLoaded(database).load(["rule"])
    seen = FirstSeen(database)
    assert seen.note(TEAM, []) == {}
    clock.move(100)
    assert seen.known(TEAM, ["C1"]) == {}
    assert seen.note(TEAM, ["C1"]) == {"C1": clock.now}


def test_each_workspace_has_its_own(database: Database, clock: Clock) -> None:
    seen, began = FirstSeen(database), clock.now
    seen.note("T1", ["C1"])
    seen.note("T10", ["C1"])
    clock.move(100)
    seen.note("T1", ["C2"])
    assert seen.known("T10", ["C1", "C2"]) == {"C1": began}
    assert seen.known("T1", ["C1", "C2"]) == {"C2": began + 100}


def test_rules_and_channels_are_kept_apart(database: Database, clock: Clock) -> None:
    seen, rules = FirstSeen(database), FirstLoaded(database)
    rules.load(["rule"])
    seen.note(TEAM, ["C1"])
    rules.load([])
    assert rules.known() == {}
    assert seen.known(TEAM, ["C1"]) == {"C1": clock.now}


def test_a_clock_that_was_ahead_makes_no_channel_younger(database: Database, clock: Clock) -> None:
    clock.move(100)
    FirstLoaded(database).load(["rule"])
    clock.move(-100)
    assert FirstSeen(database).note(TEAM, ["C1"]) == {"C1": clock.now}
