"""A bridge that has everything it needs, for `doctor` to look at once something was taken away."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.cli.doctor import slack
from bot.store.database import Database
from bot.store.ledger import Ledger
from tests.cli.surroundings import World
from tests.nouns import escalation

Checks = dict[str, Any]

RULES = """\
[[rule]]
emoji = "fire"
channels = ["#support", "C00000002"]
labels = ["Bug"]
tenant = "acme"
assignee = "grace@example.com"
customer = "external:acme"

[[rule]]
emoji = "ticket"
"""


@dataclass
class Patient:
    """A bridge that has everything, and what can be done to it."""

    world: World
    folder: Path
    database: Database
    patch: pytest.MonkeyPatch

    def set(self, name: str, value: str) -> None:
        self.patch.setenv(name, value)


@contextmanager
def healthy(folder: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Patient]:
    """One that everything is in order with, while the context lasts."""
    with World() as world:
        ada = world.slack.add_user("Ada", email="ada@acme.example")
        support = world.slack.add_channel("support", members=(ada,))
        world.do(world.slack.post(ada, support, "The log", files=["log.txt"]))
        world.slack.add_channel("incidents", members=(ada,), private=True)
        world.plain.add_label_type("Bug")
        world.plain.add_tenant("acme", "Acme")
        world.plain.add_user("grace@example.com", "Grace")
        world.plain.add_customer("Acme", "it@acme.example", "acme")
        (folder / "plain-bridge.toml").write_text(RULES)
        for name, value in (world.variables | {"DATABASE_URL": sqlite_url}).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(slack, "HELLO_SECONDS", 1.0)
        database = Database(sqlite_url)
        Ledger(database).record(escalation(1))
        with database.writing() as connection:
            connection.exec_driver_sql("UPDATE escalation SET due = NULL, state = 'created'")
        yield Patient(world, folder, database, monkeypatch)
        database.close()


def examined(run: Callable[..., Any]) -> tuple[int, Checks]:
    result = run("doctor", "--json")
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, {check["name"]: check for check in json.loads(result.stdout)}


def red(checks: Checks) -> list[str]:
    return [name for name, check in checks.items() if not check["ok"]]
