"""Who has opened the Home, and who of them links people."""

from __future__ import annotations

from bot.store.database import Database
from bot.store.forgetting import forget
from bot.store.kv import KeyValueStore, ShownHome, ShownHomes


def test_what_was_shown_last(database: Database) -> None:
    homes = ShownHomes(database)
    assert homes.opened("U1") is None
    homes.keep("U1", ShownHome("a"))
    homes.keep("U1", ShownHome("b", is_linker=True))
    assert homes.opened("U1") == ShownHome("b", is_linker=True)


def test_those_who_link_people(database: Database) -> None:
    homes = ShownHomes(database)
    KeyValueStore(database, float).keep("ready", 1.0)
    homes.keep("U2", ShownHome("a", is_linker=True))
    homes.keep("U1", ShownHome("a", is_linker=True))
    homes.keep("U3", ShownHome("a"))
    assert homes.linkers() == ["U1", "U2"]


def test_who_is_forgotten_has_opened_nothing(database: Database) -> None:
    homes = ShownHomes(database)
    homes.keep("U1", ShownHome("a"))
    homes.keep("U2", ShownHome("a"))
    forget(database, "U1")
    assert (homes.opened("U1"), homes.opened("U2")) == (None, ShownHome("a"))
