"""When each rule was first loaded: the first moment stays, and a rule that went is forgotten."""

from __future__ import annotations

from bot.store.database import Database
from bot.store.kv import FirstLoaded
from tests.conftest import Clock


def test_the_first_moment_stays(database: Database, clock: Clock) -> None:
    first, began = FirstLoaded(database), clock.now
    assert first.load(["a"]) is False
    clock.move(100)
    assert first.load(["a", "b"]) is True
    assert first.known() == {"a": began, "b": began + 100}


def test_a_rule_that_comes_back_is_new(database: Database, clock: Clock) -> None:
    first, began = FirstLoaded(database), clock.now
    first.load(["a", "b"])
    first.load(["b"])
    clock.move(100)
    first.load(["a", "b"])
    assert first.known() == {"a": began + 100, "b": began}


def test_only_other_rules_were_known(database: Database) -> None:
    first = FirstLoaded(database)
    first.load(["a"])
    assert first.load(["b"]) is False


def test_noting_forgets_nothing(database: Database, clock: Clock) -> None:
    first, began = FirstLoaded(database), clock.now
    first.load(["a"])
    clock.move(100)
    assert first.note(["b"]) == {"b": began + 100}
    clock.move(100)
    assert first.note(["a", "b", "b"]) == {"a": began, "b": began + 100}
    assert first.known() == {"a": began, "b": began + 100}


def test_nothing_was_loaded(database: Database) -> None:
    assert FirstLoaded(database).known() == {}
    assert FirstLoaded(database).load([]) is False
