"""`plain-bridge doctor` against a local Slack, a local Plain and real databases."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.cli.checks import plain, slack
from bot.sandbox.plain import Plain
from bot.sandbox.slack import Slack
from bot.settings import load
from tests.cli.conftest import Run

Checks = dict[str, Any]


class World:
    """Both services at work in a thread of their own, for the command has its own event loop."""

    def __init__(self) -> None:
        self.slack = Slack()
        self.plain = Plain()
        self.variables: dict[str, str] = {}
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    async def _serve(self) -> None:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.slack.serving())
            self.variables = {
                "SLACK_API_URL": self.slack.api_url,
                "SLACK_BOT_TOKEN": self.slack.bot_token,
                "SLACK_APP_TOKEN": self.slack.app_token,
                "PLAIN_API_URL": await stack.enter_async_context(self.plain.serving()),
                "PLAIN_API_KEY": self.plain.api_key,
            }
            self._ready.set()
            await self._ended.wait()

    def __enter__(self) -> World:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture
def world(folder: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Everything that a bridge needs, in order."""
    with World() as world:
        for name, value in (world.variables | {"DATABASE_URL": sqlite_url}).items():
            monkeypatch.setenv(name, value)
        yield world


def examined(run: Run) -> tuple[int, Checks]:
    result = run("doctor", "--json")
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, {check["name"]: check for check in json.loads(result.stdout)}


def test_all_is_well(run: Run, world: World) -> None:
    status, checks = examined(run)
    assert [(name, check["ok"]) for name, check in checks.items()] == [
        ("settings", True),
        ("Slack token", True),
        ("Slack scopes", True),
        ("clock", True),
        ("Slack link", True),
        ("Plain key", True),
        ("Plain permissions", True),
        ("database", True),
        ("database schema", True),
        ("database writable", True),
    ]
    assert status == 0
    assert checks["Slack token"]["detail"] == "workspace T00000001 (https://sandbox.slack.com/)"
    assert all(check["fix"] is None for check in checks.values())


def test_in_words(run: Run, world: World) -> None:
    world.slack.scopes.discard("users:read.email")
    result = run("doctor")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == "ok     settings: read"
    failed = next(number for number, line in enumerate(lines) if line.startswith("failed"))
    assert lines[failed] == (
        "failed Slack scopes: not granted: users:read.email (which customer the author is)"
    )
    assert lines[failed + 1].startswith("       → add them at https://api.slack.com/apps")


def test_nothing_is_set(run: Run, folder: Path) -> None:
    status, checks = examined(run)
    assert status == 1
    assert [name for name, check in checks.items() if not check["ok"]] == [
        "Slack token",
        "Slack link",
        "Plain key",
    ]
    assert checks["Slack token"]["detail"] == "SLACK_BOT_TOKEN is not set"
    assert "OAuth & Permissions" in checks["Slack token"]["fix"]
    assert checks["database"]["detail"] == (
        "plain-bridge.db is not there yet; the first run makes it"
    )
    assert list(folder.iterdir()) == []


def test_wrong_settings(run: Run, folder: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("PORT", "x")
    status, checks = examined(run)
    assert status == 1
    assert checks["settings"]["detail"].startswith("environment: `PORT`")


def test_tokens_that_are_not_taken(run: Run, world: World, monkeypatch: Any) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-other")
    monkeypatch.setenv("SLACK_APP_TOKEN", "xapp-other")
    monkeypatch.setenv("PLAIN_API_KEY", "plainApiKey_other")
    status, checks = examined(run)
    assert status == 1
    assert checks["Slack token"]["detail"] == "Slack does not take it (invalid_auth)"
    assert checks["Slack link"]["detail"] == "Slack does not take it (invalid_auth)"
    assert checks["Plain key"]["detail"] == "Plain does not take it"
    assert "Slack scopes" not in checks
    assert "other" not in json.dumps(checks)


def test_services_that_are_not_there(run: Run, folder: Path, monkeypatch: Any) -> None:
    for name, value in {
        "SLACK_API_URL": "http://127.0.0.1:1/api/",
        "SLACK_BOT_TOKEN": "xoxb-test",
        "SLACK_SIGNING_SECRET": "signing-secret-test",
        "PLAIN_API_URL": "http://127.0.0.1:1/graphql/v1",
        "PLAIN_API_KEY": "plainApiKey_test",
        "DATABASE_URL": "postgresql://u:hush@127.0.0.1:1/x",
    }.items():
        monkeypatch.setenv(name, value)
    status, checks = examined(run)
    assert status == 1
    assert checks["Slack token"]["detail"] == "Slack was not reached (unreachable)"
    assert checks["Slack link"]["detail"] == "HTTP, SLACK_SIGNING_SECRET is set"
    assert checks["Plain key"]["detail"].startswith("Plain was not reached")
    assert "postgresql+psycopg://u:***@127.0.0.1:1/x" in checks["database"]["detail"]
    assert "hush" not in json.dumps(checks)


def test_scopes_that_slack_does_not_tell(run: Run, world: World) -> None:
    world.slack.scopes.clear()
    _, checks = examined(run)
    assert checks["Slack scopes"]["detail"] == "Slack did not say which are granted"


def test_postgresql_without_its_driver(run: Run, folder: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.setenv("DATABASE_URL", "postgresql://u@127.0.0.1:1/x")
    _, checks = examined(run)
    assert checks["database"]["detail"].endswith("install `plain-bridge[postgres]`")


def test_permissions_that_are_missing(run: Run, world: World) -> None:
    world.plain.permissions -= {"thread:create", "timeline:read", "user:read"}
    _, checks = examined(run)
    assert checks["Plain permissions"]["detail"] == (
        "not granted: thread:create (threads), timeline:read (adding a message to its ticket once)"
    )


@pytest.mark.parametrize(
    ("date", "ok", "detail"),
    [
        ("Tue, 14 Nov 2023 22:13:20 GMT", True, "0 s ahead of Slack's"),
        ("Tue, 14 Nov 2023 22:13:50 GMT", True, "30 s behind Slack's"),
        ("Tue, 14 Nov 2023 22:12:10 GMT", False, "70 s ahead of Slack's"),
        ("Tue, 14 Nov 2023 23:13:20 GMT", False, "3600 s behind Slack's"),
        ("", True, "Slack did not say what time it is"),
        ("soon", True, "Slack did not say what time it is"),
    ],
)
def test_the_clock(date: str, ok: bool, detail: str) -> None:
    check = slack.clock(date, 1_700_000_000.0)
    assert (check.ok, check.detail, check.fix is None) == (ok, detail, ok)


def test_a_database_that_cannot_be_written(
    run: Run, world: World, sqlite_url: str, monkeypatch: Any
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///file:{sqlite_url[10:]}?mode=ro&uri=true")
    status, checks = examined(run)
    assert status == 1
    assert checks["database writable"]["ok"] is False
    assert "readonly" in checks["database writable"]["detail"]


def test_a_damaged_database_is_a_check_that_failed(
    run: Run, world: World, folder: Path, monkeypatch: Any
) -> None:
    """It ended the doctor with a traceback, and what else was wrong stayed unsaid."""
    (folder / "damaged.db").write_bytes(b"not what it should be " * 50)
    monkeypatch.setenv("DATABASE_URL", "sqlite:///damaged.db")
    status, checks = examined(run)
    assert status == 1
    assert checks["Slack token"]["ok"] is True
    assert "file is not a database" in checks["database"]["detail"]


def test_a_postgresql_without_the_schema(
    run: Run, world: World, postgres_url: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres_url("postgres"))
    status, checks = examined(run)
    assert status == 1
    assert checks["database schema"]["detail"].startswith("at no schema, this release needs ")
    assert checks["database schema"]["fix"] == "run `plain-bridge migrate`"
    listed = run("people", "list")
    assert listed.exit_code == 1
    assert "run `plain-bridge migrate` first" in listed.stderr


def test_a_folder_that_cannot_be_written(run: Run, folder: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///nowhere/bridge.db")
    _, checks = examined(run)
    assert checks["database"]["detail"] == "nowhere/bridge.db cannot be made"


def test_the_team_of_a_link_is_asked_from_slack(run: Run, world: World) -> None:
    linked = run("people", "link", "U1", "external:acme")
    assert linked.stdout == "U1 of T00000001 is external:acme.\n"


# What is needed


def test_the_scopes_are_those_of_the_manifest() -> None:
    path = Path(__file__).resolve().parents[2] / "manifest.yml"
    manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert set(slack.SCOPES) == set(manifest["oauth_config"]["scopes"]["bot"])


@pytest.mark.parametrize(
    ("toml", "unneeded"),
    [
        ("", {"reactions:write"}),
        ('[escalation]\nconfirm = "reaction"', set()),
        ("rule = []", {"reactions:read", "reactions:write"}),
    ],
)
def test_needed_scopes(tmp_path: Path, toml: str, unneeded: set[str]) -> None:
    (tmp_path / "plain-bridge.toml").write_text(toml)
    assert slack.needed_scopes(load({}, tmp_path)) == set(slack.SCOPES) - unneeded


@pytest.mark.parametrize(
    ("toml", "more"),
    [
        ('[escalation]\none_thread_per = "message"', set()),
        ("", {"threadEvent:create", "threadEvent:read", "timeline:read"}),
        (
            """
            escalation.one_thread_per = "message"
            rule = [{ emoji = "a", assignee = "a@b.example", tenant = "x" }]
            """,
            {"thread:assign", "user:read", "tenant:read"},
        ),
    ],
)
def test_needed_permissions(tmp_path: Path, toml: str, more: set[str]) -> None:
    (tmp_path / "plain-bridge.toml").write_text(toml)
    assert set(plain.needed_permissions(load({}, tmp_path))) == set(plain.ALWAYS) | more
