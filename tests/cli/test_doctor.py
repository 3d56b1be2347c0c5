"""`plain-bridge doctor`: a table of faults, each of which turns one check red."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import GraphQLSchema

from bot.cli.doctor import configuration
from bot.sandbox.plain.resolvers import bound_schema
from bot.store.jobs import Kind
from tests.cli.conftest import Run
from tests.cli.prepared import RULES, HealthyBridge, examined, red
from tests.store.rows import a_request, a_ticket, change_job


def test_all_is_well(run: Run, bridge: HealthyBridge) -> None:
    status, checks = examined(run)
    assert red(checks) == []
    assert status == 0
    assert [name for name, check in checks.items() if not check["skipped"]] == [
        "settings",
        "trusted addresses",
        "Slack token",
        "Slack scopes",
        "Slack link",
        "Slack channels",
        "Slack files",
        "Plain key",
        "Plain permissions",
        "Plain labels",
        "Plain tenants",
        "Plain assignees",
        "Plain customers",
        "Plain reads",
        "Plain writes",
        "database",
        "database schema",
        "database writable",
        "Slack events",
        "backlog",
        "people to link",
        "clock",
    ]
    assert checks["Slack token"]["detail"] == (
        "workspace Sandbox T00000001 (https://sandbox.slack.com/)"
    )
    assert all(check["fix"] is None for check in checks.values())
    assert checks["Plain reads"]["seconds"] > 0
    assert sum(check["seconds"] for check in checks.values()) < 60


# Each fault alone


def _other_token(bridge: HealthyBridge) -> None:
    bridge.set("SLACK_BOT_TOKEN", "xoxb-other")


def _scope(bridge: HealthyBridge) -> None:
    bridge.world.slack.scopes.discard("users:read.email")


def _scope_of_files(bridge: HealthyBridge) -> None:
    bridge.world.slack.scopes.discard("files:read")


def _other_app_token(bridge: HealthyBridge) -> None:
    bridge.set("SLACK_APP_TOKEN", "xapp-other")


def _deaf(bridge: HealthyBridge) -> None:
    bridge.world.slack.deaf = True


def _another_app(bridge: HealthyBridge) -> None:
    bridge.world.slack.courier.sockets.app_id = "A99999999"


def _not_in_channel(bridge: HealthyBridge) -> None:
    slack = bridge.world.slack
    slack.conversations["C00000001"].members.discard(slack.bot_user)


def _login_page(bridge: HealthyBridge) -> None:
    """What a token gets that may not: here of an address that leads elsewhere."""
    (upload,) = bridge.world.slack.uploads.values()
    bridge.world.slack.redirect_file(upload.shape["id"], "https://login.example/")


def _files_unreached(bridge: HealthyBridge) -> None:
    bridge.world.slack.fail("download", drop=True, times=9)


def _no_events(bridge: HealthyBridge) -> None:
    """Reconciliation finds what Slack did not deliver."""
    found = "reconcile:C0001:1700000002.000100:a"
    later = {"created_at": time.time() + 60}
    ticket_id = a_ticket(bridge.database, 2)
    a_request(bridge.database, 2, "created", ticket_id=ticket_id, request=found, columns=later)


def _other_key(bridge: HealthyBridge) -> None:
    bridge.set("PLAIN_API_KEY", "plainApiKey_other")


def _permission(bridge: HealthyBridge) -> None:
    bridge.world.plain.permissions.discard("thread:create")


def _permission_to_read(bridge: HealthyBridge) -> None:
    bridge.world.plain.permissions.discard("labelType:read")


def _label(bridge: HealthyBridge) -> None:
    bridge.world.plain.add_label_type("bug")  # one of the two is meant, and nobody knows which


def _rule(old: str, new: str) -> Callable[[HealthyBridge], None]:
    def change(bridge: HealthyBridge) -> None:
        (bridge.folder / "plain-bridge.toml").write_text(RULES.replace(old, new))

    return change


def _own_schema(bridge: HealthyBridge) -> GraphQLSchema:
    """Give this Plain a schema of its own to change: the other one serves the whole process."""
    own = bound_schema.__wrapped__()
    bridge.world.plain._server._api._schema = own
    return own


def _read_is_gone(bridge: HealthyBridge) -> None:
    schema = _own_schema(bridge)
    assert schema.query_type is not None
    del schema.query_type.fields["customerByEmail"]


def _write_is_gone(bridge: HealthyBridge) -> None:
    schema: Any = _own_schema(bridge)
    del schema.type_map["CreateThreadInput"].fields["components"]


def _clock(bridge: HealthyBridge) -> None:
    truth = time.time
    bridge.patch.setattr(configuration, "time", SimpleNamespace(time=lambda: truth() + 3600))


def _read_only(bridge: HealthyBridge) -> None:
    file = bridge.database.url.database
    bridge.set("DATABASE_URL", f"sqlite:///file:{file}?mode=ro&uri=true")


def _backlog(bridge: HealthyBridge) -> None:
    waiting = a_request(bridge.database, 2)
    change_job(bridge.database, Kind.DECIDE, waiting, created_at=time.time() - 3600)


def _settings(bridge: HealthyBridge) -> None:
    bridge.set("PORT", "x")


FAULTS: list[tuple[str, Callable[[HealthyBridge], None], str]] = [
    ("settings", _settings, "environment: `PORT`"),
    ("Slack token", _other_token, "Slack rejects it (invalid_auth)"),
    (
        "Slack scopes",
        _scope,
        "missing: users:read.email (which customer the author is)",
    ),
    ("Slack scopes", _scope_of_files, "missing: files:read (files of a message)"),
    ("Slack link", _other_app_token, "Slack rejects it (invalid_auth)"),
    ("Slack link", _deaf, "Socket Mode: the connection was opened, but no hello came"),
    (
        "Slack link",
        _another_app,
        "SLACK_APP_TOKEN belongs to the app A99999999, SLACK_BOT_TOKEN to A00000001",
    ),
    ("Slack channels", _not_in_channel, "the bot is not in #support"),
    ("Slack channels", _rule("C00000002", "C00000009"), "there is no public channel C00000009"),
    ("Slack files", _login_page, "Slack delivers something other than the file"),
    ("Slack files", _files_unreached, "a file could not be downloaded (slack_file_unreached)"),
    ("Slack events", _no_events, "no event since "),
    ("Plain key", _other_key, "Plain rejects it"),
    ("Plain permissions", _permission, "missing: thread:create (threads)"),
    ("Plain permissions", _permission_to_read, "missing: labelType:read (labels)"),
    ("Plain labels", _label, "not found: Bug (rule 1, line 4; 2 label types have this name: use"),
    (
        "Plain labels",
        _rule('"Bug"', '"Bogus", "lt_1"'),
        "not found: Bogus (rule 1, line 4), lt_1",
    ),
    ("Plain tenants", _rule('"acme"', '"bcme"'), "not found: bcme"),
    ("Plain assignees", _rule("grace@", "nobody@"), "not found: nobody@example.com"),
    ("Plain assignees", _rule("grace@example.com", "u_1"), "not found: u_1"),
    ("Plain customers", _rule("external:acme", "external:b"), "not found: external:b"),
    ("Plain reads", _read_is_gone, "no longer valid: customerByEmail ("),
    ("Plain writes", _write_is_gone, "Plain no longer has createThread.components"),
    ("clock", _clock, "360"),
    ("database writable", _read_only, "attempt to write a readonly database"),
    ("backlog", _backlog, "1 waiting, the oldest for "),
]


@pytest.mark.parametrize(
    ("name", "fault", "detail"), FAULTS, ids=[f"{one[0]}:{one[2][:40]}" for one in FAULTS]
)
def test_a_fault_turns_its_own_check_red(
    run: Run, bridge: HealthyBridge, name: str, fault: Callable[[HealthyBridge], None], detail: str
) -> None:
    fault(bridge)
    status, checks = examined(run)
    assert red(checks) == [name]
    assert status == 1
    assert checks[name]["detail"].startswith(detail)
    assert checks[name]["fix"]


def test_ten_different_checks_are_broken_at_least() -> None:
    assert len({name for name, _, _ in FAULTS}) >= 10
