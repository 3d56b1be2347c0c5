"""`plain-bridge ledger forget` on a real database."""

from __future__ import annotations

import json

import pytest

from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.database import Database
from tests.cli.conftest import Run
from tests.nouns import TEAM, form, message
from tests.store.erasing import everything, recorded, settled, stored

GONE = "U0GONE"
STAYS = (
    "What is in Plain and Slack stays there. A name that someone typed as plain text isn't "
    "recognized; it is erased with the text it is in, after keep_text_days.\n"
)


@pytest.fixture
def three(bridge_database: Database) -> Database:
    """One request of the person, one for them, and a pending one with their message."""
    CustomerLinks(bridge_database).link([CustomerLink(TEAM, GONE, "c_9")])
    settled(bridge_database, 1, submitter=GONE)
    settled(bridge_database, 2, form=form(requester=GONE))
    recorded(bridge_database, 3, message=message(3, author=GONE))
    return bridge_database


def test_forget_asks_first(run: Run, three: Database) -> None:
    asked = run("ledger", "forget", "--user", GONE, input="n\n")
    assert asked.exit_code == 1
    assert "nothing was erased" in asked.stderr
    assert GONE in everything(three)


def test_forget_says_what_was_erased_and_what_stays(run: Run, three: Database) -> None:
    done = run("ledger", "forget", "--user", GONE, "--yes")
    assert done.stdout == (
        f"Erased {GONE}: 1 request, 1 link, 0 open forms.\n"
        "Also erased from 2 requests of others, 1 ticket.\n"
        "1 pending request was stopped.\n" + STAYS
    )
    assert GONE not in everything(three)
    assert stored(three, 1).key


def test_forget_of_nobody_known(run: Run, three: Database) -> None:
    done = run("ledger", "forget", "--user", "U0NOBODY", "--yes")
    assert done.stdout == "Erased U0NOBODY: 0 requests, 0 links, 0 open forms.\n" + STAYS


def test_forget_as_json(run: Run, three: Database) -> None:
    done = json.loads(run("ledger", "forget", "--user", GONE, "--yes", "--json").stdout)
    assert done == {
        "links": 1,
        "drafts": 0,
        "requests": 1,
        "others": 2,
        "ended": 1,
        "tickets": 1,
        "undos": 0,
    }


def test_forget_wants_a_user_id(run: Run, three: Database) -> None:
    assert "is not a Slack user id" in run("ledger", "forget", "--user", "ada", "--yes").stderr
