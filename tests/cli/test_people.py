"""`plain-bridge people` on a real database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.core.directory import Installation
from bot.core.faults import Reason, Rejection
from bot.core.model import Form, Priority, Via
from bot.sandbox.plain import Plain
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.database import Database
from bot.store.kv import KeyValueStore
from tests.cli.conftest import Run
from tests.cli.prepared import LocalServices
from tests.store.rows import a_request

ANN = CustomerLink("T1", "U1", "ann@example.com")


def on_hold(database: Database, requester: str) -> None:
    """A request that waits for its requester's customer."""
    form = Form("Title", None, requester, Priority.NORMAL)
    nobody = Rejection(Reason.NO_CUSTOMER, requester=requester)
    a_request(database, 1, "on_hold", reason=nobody, via=Via.SHORTCUT, form=form)


def test_link_list_unlink(run: Run, bridge_database: Database) -> None:
    linked = run("people", "link", "U1", "ann@example.com", "--team", "T1")
    assert (linked.exit_code, linked.stdout) == (0, "U1 of T1 is ann@example.com.\n")
    assert CustomerLinks(bridge_database).all() == [ANN]
    listed = run("people", "list").stdout.splitlines()
    assert [line.split() for line in listed] == [
        ["Team", "User", "Customer", "E-mail", "Name", "Source"],
        ["T1", "U1", "ann@example.com", "link"],
    ]
    assert json.loads(run("people", "list", "--json").stdout) == [
        {
            "team": "T1",
            "user": "U1",
            "customer": "ann@example.com",
            "email": None,
            "name": None,
            "source": "link",
        }
    ]
    assert run("people", "unlink", "U1").stdout == "U1 is no longer linked.\n"
    assert CustomerLinks(bridge_database).all() == []


def test_what_a_command_changes_is_noted_as_such(
    run: Run, bridge_database: Database, folder: Path
) -> None:
    run("people", "link", "U1", "c_1", "--team", "T1")
    (folder / "people.csv").write_text("user,customer,team\nU1,c_2,T1\n")
    run("people", "import", "people.csv")
    run("people", "unlink", "U1")
    changes = CustomerLinks(bridge_database).changes("U1")
    assert [(one.by, one.old, one.new) for one in changes] == [
        ("cli", None, "c_1"),
        ("cli", "c_1", "c_2"),
        ("cli", "c_2", None),
    ]


def test_linking_opens_what_waited_for_it(run: Run, bridge_database: Database) -> None:
    on_hold(bridge_database, "U1")
    linked = run("people", "link", "U1", "external:acme", "--team", "T1")
    assert linked.stdout == "U1 of T1 is external:acme. 1 pending request resumed.\n"


def test_linking_before_the_first_run_makes_the_database(run: Run, folder: Path) -> None:
    assert run("people", "link", "U1", "external:acme", "--team", "T1").exit_code == 0
    assert (folder / "plain-bridge.db").exists()
    assert "external:acme" in run("people", "list").stdout


def test_reading_makes_no_database(run: Run, folder: Path) -> None:
    listed = run("people", "list")
    assert listed.exit_code == 1
    assert listed.stdout == ""
    assert listed.stderr.startswith("there is no database plain-bridge.db here yet")
    assert list(folder.iterdir()) == []


def test_the_team_is_what_an_earlier_start_learnt(run: Run, bridge_database: Database) -> None:
    here = Installation("T9", "https://x.slack.com/", "UBOT")
    KeyValueStore(bridge_database, Installation).keep("slack.installation.0123", here)
    assert run("people", "link", "U1", "external:acme").stdout == "U1 of T9 is external:acme.\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("link", "ann", "external:a"), "ann is not a Slack user id, which begins with U or W"),
        (("link", "U1", "acme"), "acme is not a customer: use c_…, an e-mail address"),
        (("link", "U1", "external:a", "--team", "acme"), "acme is not a Slack team id"),
        (("link", "U1", "external:a"), "the workspace's team id is unknown: set SLACK_BOT_TOKEN"),
        (("unlink", "U1"), "U1 is not linked"),
        (("unlink", "U1", "--team", "T1"), "U1 is not linked in T1"),
    ],
)
def test_what_cannot_be_done_is_said(
    run: Run, bridge_database: Database, arguments: tuple[str, ...], words: str
) -> None:
    result = run("people", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(words)
    assert "Traceback" not in result.stderr


def test_import_from_standard_input(run: Run, bridge_database: Database) -> None:
    on_hold(bridge_database, "U2")
    content = "user,customer,name\nU1,ann@example.com,Ann\nU2,external:acme,\n"
    imported = run("people", "import", "-", "--team", "T1", input=content)
    assert imported.stdout == "2 imported. 1 pending request resumed.\n"
    assert CustomerLinks(bridge_database).all() == [
        CustomerLink("T1", "U1", "ann@example.com", name="Ann", source="import"),
        CustomerLink("T1", "U2", "external:acme", source="import"),
    ]


def test_import_from_a_file_as_json(run: Run, bridge_database: Database, folder: Path) -> None:
    (folder / "people.csv").write_text("team,user,customer\nT1,U1,ann@example.com\n")
    assert json.loads(run("people", "import", "people.csv", "--json").stdout) == {
        "imported": 1,
        "unchanged": 0,
        "opened": 0,
        "replaced": [],
    }


def test_nothing_is_half_imported(run: Run, bridge_database: Database) -> None:
    content = "team,user,customer\nT1,U1,external:a\nT1,nobody,external:a\nT1,U3,x\n"
    imported = run("people", "import", "-", input=content)
    assert (imported.exit_code, imported.stdout) == (1, "")
    first, *mistakes = imported.stderr.splitlines()
    assert first == "nothing was imported because of 2 mistakes:"
    assert [mistake[:7] for mistake in mistakes] == ["line 3:", "line 4:"]
    assert CustomerLinks(bridge_database).all() == []


def test_a_team_said_twice(run: Run, bridge_database: Database) -> None:
    content = "team,user,customer\nT1,U1,external:a\n,U1,external:b\n"
    imported = run("people", "import", "-", "--team", "T1", input=content)
    assert imported.exit_code == 1
    assert imported.stderr == (
        "nothing was imported because of 1 mistake:\n"
        "line 3: U1 is already in line 2, with the team T1, which is the same\n"
    )
    assert CustomerLinks(bridge_database).all() == []


def test_a_team_said_twice_is_told_beside_other_mistakes(
    run: Run, bridge_database: Database
) -> None:
    content = "team,user,customer\n,U1,external:a\nT1,U2,acme\nT1,U1,external:b\nT2,U9,acme\n"
    here = Installation("T1", "https://x.slack.com/", "UBOT")
    KeyValueStore(bridge_database, Installation).keep("slack.installation.0123", here)
    for arguments in ((), ("--team", "T1")):
        imported = run("people", "import", "-", *arguments, input=content)
        first, *mistakes = imported.stderr.splitlines()
        assert first == "nothing was imported because of 3 mistakes:"
        assert [mistake[:7] for mistake in mistakes] == ["line 3:", "line 4:", "line 5:"]
        assert "U1 is already in line 2, without the team T1" in mistakes[1]


def test_an_import_says_whom_it_links_to_another(run: Run, bridge_database: Database) -> None:
    CustomerLinks(bridge_database).link([ANN, CustomerLink("T1", "U2", "external:acme")])
    content = "user,customer\nU1,external:b\nU2,external:acme\nU3,external:c\n"
    imported = run("people", "import", "-", "--team", "T1", input=content)
    assert imported.stdout.splitlines()[1:] == ["U1 of T1 is external:b, was ann@example.com."]
    again = run("people", "import", "-", "--team", "T1", "--json", input="user,customer\nU1,c_1\n")
    assert json.loads(again.stdout)["replaced"] == [
        {"team": "T1", "user": "U1", "old": "external:b", "new": "c_1"}
    ]


def test_linking_says_whom_it_replaces(run: Run, bridge_database: Database) -> None:
    CustomerLinks(bridge_database).link([ANN])
    linked = run("people", "link", "U1", "external:acme", "--team", "T1")
    assert linked.stdout == "U1 of T1 is external:acme, was ann@example.com.\n"
    assert "was" not in run("people", "link", "U1", "external:acme", "--team", "T1").stdout


# What Plain knows


@pytest.fixture
def plain(
    folder: Path, bridge_database: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Plain]:
    with LocalServices() as world:
        world.plain.add_customer("Ann Example", "ann@example.com")
        for name in ("PLAIN_API_URL", "PLAIN_API_KEY"):
            monkeypatch.setenv(name, world.variables[name])
        yield world.plain


def test_linking_says_what_plain_knows(run: Run, plain: Plain) -> None:
    linked = run("people", "link", "U1", "ann@example.com", "--team", "T1")
    assert linked.stdout.splitlines()[1].startswith("In Plain: Ann Example (ann@example.com, c_")
    stranger = run("people", "link", "U2", "nobody@x.example", "--team", "T1")
    assert stranger.exit_code == 0
    assert "Plain has no customer nobody@x.example: requests for this person" in stranger.stdout
    assert len(run("people", "link", "U2", "a@x.example", "--team", "T1", "--no-check").stdout) < 60


def test_linking_only_whom_plain_knows(run: Run, plain: Plain, bridge_database: Database) -> None:
    result = run("people", "link", "U1", "nobody@x.example", "--team", "T1", "--check")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "not linked: Plain has no customer nobody@x.example\n"
    assert CustomerLinks(bridge_database).all() == []


def test_linking_goes_on_where_plain_is_away(
    run: Run, bridge_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAIN_API_URL", "http://127.0.0.1:1/graphql")
    monkeypatch.setenv("PLAIN_API_KEY", "plainApiKey_test")
    linked = run("people", "link", "U1", "ann@example.com", "--team", "T1")
    assert linked.exit_code == 0
    assert "was not looked up in Plain: Plain could not be reached (unreachable)." in linked.stdout
    assert run("people", "link", "U1", "c_1", "--team", "T1", "--check").exit_code == 1
    assert CustomerLinks(bridge_database).all() == [ANN]


def test_an_import_of_those_only_whom_plain_knows(
    run: Run, plain: Plain, bridge_database: Database
) -> None:
    CustomerLinks(bridge_database).link(
        [CustomerLink("T1", "U9", "gone@x.example", source="import")]
    )
    content = "user,customer\nU1,ann@example.com\nU2,nobody@x.example\nU3,external:x\n"
    old = "U9,gone@x.example\n"
    result = run("people", "import", "-", "--team", "T1", "--check", input=content + old)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[1:] == [
        "line 3: Plain has no customer nobody@x.example",
        "line 4: Plain has no customer external:x",
    ]
    assert len(CustomerLinks(bridge_database).all()) == 1
    kept = "user,customer\nU1,ann@example.com\n" + old
    imported = run("people", "import", "-", "--team", "T1", "--check", input=kept)
    assert imported.stdout == "1 imported, 1 unchanged.\n"


def test_an_export_comes_back_as_it_was(run: Run, bridge_database: Database) -> None:
    lines = [
        CustomerLink("T1", "U1", "c_01ARZ3NDEKTSV4RRFFQ69G5FAV", "a@b.example", "Ann", "email"),
        CustomerLink("T1", "U2", "external:acme", source="link"),
    ]
    CustomerLinks(bridge_database).link(lines)
    exported = run("people", "export").stdout
    assert exported.splitlines() == [
        "team,user,customer,email,name,source",
        "T1,U1,c_01ARZ3NDEKTSV4RRFFQ69G5FAV,a@b.example,Ann,email",
        "T1,U2,external:acme,,,link",
    ]
    assert run("people", "import", "-", input=exported).stdout == ("0 imported, 2 unchanged.\n")
    assert CustomerLinks(bridge_database).all() == lines


def test_a_line_changed_by_a_person_counts_as_imported(run: Run, bridge_database: Database) -> None:
    CustomerLinks(bridge_database).link([CustomerLink("T1", "U1", "a@b.example", source="email")])
    content = "team,user,customer,source\nT1,U1,external:acme,email\n"
    run("people", "import", "-", input=content)
    assert CustomerLinks(bridge_database).all() == [
        CustomerLink("T1", "U1", "external:acme", source="import")
    ]


def test_many_rows_are_imported_in_one_go(run: Run, bridge_database: Database) -> None:
    rows = "".join(f"T1,U{number},external:{number}\n" for number in range(1001))
    imported = run("people", "import", "-", input=f"team,user,customer\n{rows}")
    assert (imported.stdout, imported.stderr) == ("1001 imported.\n", "")
    assert len(CustomerLinks(bridge_database).all()) == 1001


def test_a_file_that_is_not_there_is_a_usage_error(run: Run, folder: Path) -> None:
    assert run("people", "import", "gone.csv").exit_code == 2


def test_what_others_wrote_moves_no_cursor(run: Run, bridge_database: Database) -> None:
    CustomerLinks(bridge_database).link(
        [CustomerLink("T1", "U1", "external:a", name="\x1b[2J[red]x")]
    )
    assert " [2J[red]x" in run("people", "list").stdout


def test_wrong_settings_are_told(run: Run, monkeypatch: Any) -> None:
    monkeypatch.setenv("PORT", "x")
    result = run("people", "list")
    assert result.exit_code == 1
    assert result.stderr == 'environment: `PORT` is "x", but it must be a whole number\n'


def test_an_unreachable_database_is_told(run: Run, monkeypatch: Any) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:hush@127.0.0.1:1/x")
    result = run("people", "list")
    assert result.exit_code == 1
    assert result.stderr.startswith("the database cannot be used: ")
    assert "hush" not in result.stderr
