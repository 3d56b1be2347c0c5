"""What `plain-bridge doctor` leaves out, and what it says where much is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from bot.cli.doctor import plain
from bot.cli.doctor.plain import OPTIONAL, Feature
from bot.core.faults import Reason, Rejection
from bot.store.schema import request
from tests.cli.conftest import Run
from tests.cli.prepared import RULES, HealthyBridge, examined, red
from tests.store.rows import a_request

# What is not looked at


def test_a_schema_that_is_not_told_is_no_failure(run: Run, bridge: HealthyBridge) -> None:
    bridge.world.plain.fail("schemaOfWrites", "500")
    _, checks = examined(run)
    assert checks["Plain writes"]["skipped"] is True
    assert "writes nothing to try it" in checks["Plain writes"]["detail"]


def test_nothing_is_written_to_plain(run: Run, bridge: HealthyBridge) -> None:
    examined(run)
    assert bridge.world.plain.threads == []
    assert [one.full_name for one in bridge.world.plain.customers] == ["Acme"]


def test_an_empty_ledger_has_heard_nothing_yet(run: Run, bridge: HealthyBridge) -> None:
    with bridge.database.writing() as connection:
        connection.execute(delete(request))
    _, checks = examined(run)
    assert checks["Slack events"]["skipped"] is True
    assert checks["backlog"]["detail"] == "nothing is waiting"


@pytest.mark.parametrize("features", [(), tuple(OPTIONAL), tuple(Feature)], ids=str)
def test_a_key_with_what_is_needed_and_no_more_is_enough(
    run: Run, bridge: HealthyBridge, features: tuple[Feature, ...]
) -> None:
    """A read that nothing asks for may be forbidden."""
    rules = '[[rule]]\nemoji = "ticket"\nlabels = "Bug"\n'
    if Feature.ADDITIONS not in features:
        rules += '[escalation]\none_thread_per = "message"\n'
    (bridge.folder / "plain-bridge.toml").write_text(
        RULES if Feature.ASSIGNEES in features else rules
    )
    granted = set(plain.needed(features))
    bridge.world.plain.permissions &= granted
    assert bridge.world.plain.permissions == granted
    status, checks = examined(run)
    assert (status, red(checks)) == (0, [])


def test_parked_work_is_told(run: Run, bridge: HealthyBridge) -> None:
    a_request(bridge.database, 2, "parked", reason=Rejection(Reason.GAVE_UP))
    _, checks = examined(run)
    assert checks["backlog"]["detail"] == (
        "nothing is waiting; 1 parked (`plain-bridge ledger list --state parked`)"
    )


def test_people_without_a_customer_are_counted_with_the_unconfirmed_among_them(
    run: Run, bridge: HealthyBridge
) -> None:
    ben = Rejection(Reason.NO_CUSTOMER, requester="U1", address_unconfirmed=True)
    a_request(bridge.database, 2, "on_hold", reason=ben)
    status, checks = examined(run)
    assert (status, red(checks)) == (0, [])
    check = checks["people to link"]
    assert check["detail"] == "1 waiting, 1 of them with an address that Slack hasn't confirmed"
    assert "plain-bridge people link" in check["fix"]


@pytest.mark.parametrize(
    ("identity", "detail", "warns"),
    [
        ("", "members only", False),
        (
            'trusted_domains = { T1 = ["a.example", "b.example"] }',
            "a.example, b.example of T1",
            False,
        ),
        ('trusted_teams = ["T1"]', "any address that T1 states", True),
    ],
)
def test_a_team_that_is_trusted_with_every_address_is_warned_of(
    run: Run, bridge: HealthyBridge, identity: str, detail: str, warns: bool
) -> None:
    (bridge.folder / "plain-bridge.toml").write_text(f"[identity]\n{identity}\n")
    status, checks = examined(run)
    check = checks["trusted addresses"]
    assert (status, check["ok"], check["detail"]) == (0, True, detail)
    assert bool(check["fix"]) is warns


def test_rules_without_names(run: Run, bridge: HealthyBridge) -> None:
    (bridge.folder / "plain-bridge.toml").write_text('[[rule]]\nemoji = "ticket"\n')
    status, checks = examined(run)
    assert status == 0
    skipped = {name for name, check in checks.items() if check["skipped"]}
    assert skipped >= {
        "Slack channels",
        "Plain labels",
        "Plain tenants",
        "Plain assignees",
        "Plain customers",
    }


def test_scopes_that_slack_does_not_tell(run: Run, bridge: HealthyBridge) -> None:
    bridge.world.slack.scopes.clear()
    _, checks = examined(run)
    assert checks["Slack scopes"]["detail"] == "Slack did not say which are granted"


def test_no_file_is_no_failure(run: Run, bridge: HealthyBridge) -> None:
    bridge.world.slack.conversations["C00000001"].messages.clear()
    _, checks = examined(run)
    assert checks["Slack files"]["detail"] == "the bot sees no files yet; the scope is granted"
    assert checks["Slack files"]["skipped"] is True


def test_a_limited_socket_is_no_failure(run: Run, bridge: HealthyBridge) -> None:
    bridge.world.slack.fail("apps.connections.open", retry_after=30)
    _, checks = examined(run)
    assert checks["Slack link"]["detail"] == (
        "Socket Mode; Slack limits this check to once a minute"
    )


# Whole surroundings that are not there


def test_in_words(run: Run, bridge: HealthyBridge) -> None:
    bridge.world.slack.scopes.discard("users:read.email")
    result = run("doctor")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == "ok     settings: read"
    failed = next(number for number, line in enumerate(lines) if line.startswith("failed"))
    assert lines[failed].startswith("failed Slack scopes: missing: users:read.email")
    assert lines[failed + 1].startswith("       → add them at https://api.slack.com/apps")
    assert lines[-1] == "22 checks, 1 failed."


def test_nothing_is_set(run: Run, folder: Path) -> None:
    status, checks = examined(run)
    assert status == 1
    assert red(checks) == ["Slack token", "Slack link", "Plain key"]
    assert checks["Slack token"]["detail"] == "SLACK_BOT_TOKEN is not set"
    assert "OAuth & Permissions" in checks["Slack token"]["fix"]
    assert checks["database"]["detail"] == (
        "plain-bridge.db does not exist yet; the first run creates it"
    )
    assert list(folder.iterdir()) == []


def test_no_token_is_ever_shown(run: Run, bridge: HealthyBridge) -> None:
    bridge.set("SLACK_BOT_TOKEN", "xoxb-other")
    bridge.set("SLACK_APP_TOKEN", "xapp-other")
    bridge.set("PLAIN_API_KEY", "plainApiKey_other")
    _, checks = examined(run)
    assert red(checks) == ["Slack token", "Slack link", "Plain key"]
    assert "-other" not in json.dumps(checks)
    assert "_other" not in json.dumps(checks)


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
    assert checks["Slack token"]["detail"] == "Slack could not be reached (unreachable)"
    assert checks["Slack link"]["detail"] == "HTTP, SLACK_SIGNING_SECRET is set"
    assert checks["Plain key"]["detail"].startswith("Plain could not be reached")
    assert checks["clock"]["skipped"] is True
    assert "postgresql+psycopg://u:***@127.0.0.1:1/x" in checks["database"]["detail"]
    assert "hush" not in json.dumps(checks)


# The database


def test_postgresql_without_its_driver(run: Run, folder: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    monkeypatch.setenv("DATABASE_URL", "postgresql://u@127.0.0.1:1/x")
    _, checks = examined(run)
    assert "install the wheel with its extra `postgres`" in checks["database"]["detail"]


def test_a_damaged_database_is_a_check_that_failed(
    run: Run, bridge: HealthyBridge, folder: Path, monkeypatch: Any
) -> None:
    """It ended the doctor with a traceback, and what else was wrong stayed unsaid."""
    (folder / "damaged.db").write_bytes(b"not what it should be " * 50)
    monkeypatch.setenv("DATABASE_URL", "sqlite:///damaged.db")
    _, checks = examined(run)
    assert red(checks) == ["database"]
    assert "file is not a database" in checks["database"]["detail"]


def test_a_postgresql_without_the_schema(
    run: Run, bridge: HealthyBridge, postgres_url: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres_url("postgres"))
    _, checks = examined(run)
    assert red(checks) == ["database schema"]
    assert checks["database schema"]["detail"].startswith("at no schema, this release needs ")
    assert checks["database schema"]["fix"] == "run `plain-bridge migrate`"
    listed = run("people", "list")
    assert listed.exit_code == 1
    assert "run `plain-bridge migrate` first" in listed.stderr


def test_a_folder_that_cannot_be_written(run: Run, folder: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///nowhere/bridge.db")
    _, checks = examined(run)
    assert checks["database"]["detail"] == "nowhere/bridge.db cannot be created"


def test_the_team_of_a_link_is_asked_from_slack(run: Run, bridge: HealthyBridge) -> None:
    linked = run("people", "link", "U1", "external:acme")
    assert linked.stdout.startswith("U1 of T00000001 is external:acme.\nIn Plain: Acme (")


def _fix(checks: list[dict[str, Any]], name: str) -> tuple[str, str]:
    (one,) = [check for check in checks if check["name"] == name]
    return one["detail"], one["fix"]


def test_what_is_not_there_is_named_with_its_rule_and_what_exists(
    run: Run, bridge: HealthyBridge
) -> None:
    bridge.world.plain.add_label_type("Feature")
    bridge.world.plain.add_tenant("acme-eu", "Acme EU")
    toml = """
[[rule]]
emoji = "fire"
labels = ["Bugg", "Bug"]
tenant = "acme-us"

[[rule]]
emoji = "ticket"
labels = "Bugg"
assignee = "nobody@example.com"
customer = "external:b"

[identity]
without_email = "fallback"
fallback_customer = "external:b"
"""
    (bridge.folder / "plain-bridge.toml").write_text(toml)
    checks = json.loads(run("doctor", "--json").stdout)
    assert _fix(checks, "Plain labels") == (
        "not found: Bugg (rule 1, line 4 and rule 2, line 9; did you mean Bug?)",
        "correct the name in the rule; Plain has Bug, Feature",
    )
    assert _fix(checks, "Plain tenants") == (
        "not found: acme-us (rule 1, line 5; did you mean acme-eu?)",
        "correct the name in the rule; Plain has acme, acme-eu",
    )
    assert _fix(checks, "Plain assignees")[0] == "not found: nobody@example.com (rule 2, line 10)"
    assert _fix(checks, "Plain customers")[0] == (
        "not found: external:b (rule 2, line 11 and [identity] fallback_customer)"
    )


def test_a_channel_that_is_not_there_is_not_one_without_the_bot(
    run: Run, bridge: HealthyBridge
) -> None:
    bridge.world.slack.add_channel("sales", bot_member=False)
    bridge.world.slack.add_channel("board", bot_member=False, private=True)
    toml = """
[[rule]]
emoji = "fire"
channels = ["#sales", "#suport", "#support"]

[[rule]]
emoji = "ticket"
channels = "#board"
"""
    (bridge.folder / "plain-bridge.toml").write_text(toml)
    checks = json.loads(run("doctor", "--json").stdout)
    detail, fix = _fix(checks, "Slack channels")
    assert detail == (
        "the bot is not in #sales (rule 1, line 4); there is no public channel #suport (rule 1, "
        "line 4; did you mean #support?), #board (rule 2, line 8)"
    )
    assert fix.endswith("correct the name in the rule; if the channel is private, invite the bot")


def test_where_slack_does_not_list_its_channels_nothing_is_said_of_them(
    run: Run, bridge: HealthyBridge
) -> None:
    (bridge.folder / "plain-bridge.toml").write_text(
        '[[rule]]\nemoji = "fire"\nchannels = ["#nope"]'
    )
    bridge.world.slack.fail("conversations.list", status=500)
    checks = json.loads(run("doctor", "--json").stdout)
    assert _fix(checks, "Slack channels")[0] == "the bot is not in #nope (rule 1, line 3)"


def test_a_proxy_that_cannot_be_used_is_said(run: Run, bridge: HealthyBridge) -> None:
    """It was a traceback."""
    bridge.patch.setenv("SLACK_API_URL", "https://slack.test/api/")
    bridge.patch.setenv("ALL_PROXY", "socks5://10.0.0.1:1080")
    for name in ("HTTPS_PROXY", "https_proxy", "all_proxy", "NO_PROXY", "no_proxy"):
        bridge.patch.delenv(name, raising=False)
    result = run("doctor")
    assert result.exit_code == 1
    assert "failed settings: environment: `ALL_PROXY` names a SOCKS proxy" in result.stdout
