"""How the bridge starts, is looked at, and works beside the other commands."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import logging
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from bot import build, telemetry
from bot.sandbox.plain import Plain
from bot.sandbox.slack import Slack
from bot.settings import load
from bot.store.database import Database
from bot.store.kv import KeyValueStore
from tests.postgres import execute
from tests.ways.stage import Stage, stage, until_readyz


def command(
    *arguments: str, folder: Path, database_url: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """`plain-bridge` with these arguments, as a process of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        cwd=folder,
        env={**kept, "NO_COLOR": "1", "DATABASE_URL": database_url, **variables},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


# Starting


async def test_the_bridge_starts_while_slack_is_away_if_it_has_been_there_before(
    sqlite_url: str, tmp_path: Path
) -> None:
    slack = Slack()
    async with slack.serving():
        async with stage(sqlite_url, tmp_path, slack=slack) as first:
            team = first.bridge.installation.team
        slack.down = True
        async with stage(sqlite_url, tmp_path, slack=slack) as on:
            assert on.bridge.installation.team == team
            assert (await on.ask()).status == 200
            (entry,) = on.entries()
            assert entry.state == "waiting"


async def test_a_first_start_waits_for_slack(sqlite_url: str, tmp_path: Path) -> None:
    slack = Slack()
    async with slack.serving():
        slack.fail("auth.test", status=503)
        async with stage(sqlite_url, tmp_path, slack=slack) as on:
            assert on.bridge.installation.team == slack.team


async def test_a_token_that_slack_refuses_ends_the_start_with_what_to_do(
    sqlite_url: str, tmp_path: Path
) -> None:
    slack = Slack()
    async with slack.serving():
        variables = {"SLACK_BOT_TOKEN": "xoxb-test-other"}
        with pytest.raises(build.TokenRefused, match="copy the Bot User OAuth Token"):
            async with stage(sqlite_url, tmp_path, slack=slack, variables=variables):
                pass


@pytest.mark.parametrize("name", ["worker", "run"])
def test_a_start_that_waits_for_slack_can_be_ended(tmp_path: Path, name: str) -> None:
    """`worker` took the signals for itself before it looked at them: only SIGKILL ended it."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with subprocess.Popen(
        [sys.executable, "-m", "bot", name],
        cwd=tmp_path,
        env={
            **kept,
            "SLACK_BOT_TOKEN": "xoxb-test",
            "SLACK_SIGNING_SECRET": "signing-secret-test",
            "SLACK_API_URL": "http://127.0.0.1:1/api/",
            "PLAIN_API_KEY": "plainApiKey_test",
            "PORT": "0",
        },
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            assert "slack_unreachable" in process.stderr.readline()
            process.terminate()
            process.wait(timeout=20)
        finally:
            process.kill()


async def test_a_second_run_on_one_sqlite_file_is_refused_with_the_reason(
    on_stage: Stage, tmp_path: Path
) -> None:
    ended = command(
        "run",
        folder=tmp_path,
        database_url=f"sqlite:///{on_stage.database.url.database}",
        SLACK_BOT_TOKEN="xoxb-test",
        SLACK_SIGNING_SECRET="signing-secret-test",
        PLAIN_API_KEY="plainApiKey_test",
    )
    assert ended.returncode == 1
    assert "another `plain-bridge run` or `worker` is using" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_run_names_everything_that_is_missing(tmp_path: Path) -> None:
    ended = command("run", folder=tmp_path, database_url="sqlite:///new.db")
    assert ended.returncode == 1
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "PLAIN_API_KEY"):
        assert f"{name} is not set" in ended.stderr


def test_postgresql_is_migrated_by_command_only(
    tmp_path: Path, postgres_url: Callable[[str], str]
) -> None:
    name = f"fresh_{os.getpid()}"
    execute(postgres_url("postgres"), f"CREATE DATABASE {name}")
    url = postgres_url(name)
    database = Database(url)
    with pytest.raises(build.NotAtHead, match="plain-bridge migrate"):
        build.prepare(database)
    first = command("migrate", folder=tmp_path, database_url=url)
    assert (first.returncode, first.stderr) == (0, "")
    assert "is now at" in first.stdout
    again = command("migrate", folder=tmp_path, database_url=url)
    assert "is already at" in again.stdout
    build.prepare(database)
    database.close()
    execute(postgres_url("postgres"), f"DROP DATABASE {name} WITH (FORCE)")


# Beside other commands


async def test_a_link_by_command_is_noticed_within_a_second(
    on_stage: Stage, tmp_path: Path
) -> None:
    on = on_stage
    nobody = on.slack.add_user("Nia", email=None)
    customer = on.plain.add_customer("Nia Stone", "nia@acme.example")
    ts = await on.slack.post(nobody, on.support, "Who am I?")
    await on.slack.react(on.ada, on.support, ts, "ticket")
    (entry,) = await on.settled()
    assert (entry.state, entry.reason) == ("on-hold", "no_customer")
    linked = command(
        "people",
        "link",
        nobody,
        "nia@acme.example",
        "--team",
        on.slack.team,
        folder=tmp_path,
        database_url=f"sqlite:///{on.database.url.database}",
    )
    assert (linked.returncode, linked.stderr) == (0, "")
    before = time.monotonic()
    await on.threads(1)
    assert time.monotonic() - before < 5  # a second, on a machine that has one to spare
    assert on.plain.threads[0].customer.id == customer.id


# Socket Mode


async def test_an_envelope_that_cannot_be_recorded_is_not_acknowledged_and_comes_again(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with stage(sqlite_url, tmp_path, transport="socket") as on:
        path = str(on.database.url.database)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            delivery = await on.ask()
            other.execute("ROLLBACK")
        assert delivery.status is None
        assert delivery.attempts > 1
        assert on.entries() == []
        await on.ask("And now?")
        await on.settled()
        assert len(on.plain.threads) == 1


# Who may ask, and how they hear


async def test_a_guest_is_told_by_command_and_not_for_a_reaction(on_stage: Stage) -> None:
    on = on_stage
    guest = on.slack.add_user("Gus", email="gus@other.example", guest=True)
    on.slack.channel(on.support).members.add(guest)
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    await on.slack.react(guest, on.support, ts, "ticket")
    await on.settled()
    assert on.seen_by(guest) == []
    await on.slack.command(guest, on.support, "/plain-ticket", "Please help")
    await on.settled()
    (told,) = on.seen_by(guest)
    assert "guest" in told
    assert [entry.state for entry in on.entries()] == ["rejected", "rejected"]
    # Somebody who may ask can ask for the same message.
    await on.slack.react(on.ada, on.support, ts, "ticket")
    await on.settled()
    assert len(on.plain.threads) == 1


@pytest.mark.parametrize("shared", [False, True])
async def test_confirming_in_the_thread_stays_private_where_others_can_read_it(
    sqlite_url: str, tmp_path: Path, shared: bool
) -> None:
    toml = '[escalation]\nconfirm = "thread"\n'
    async with stage(sqlite_url, tmp_path, toml=toml) as on:
        place = on.slack.add_channel("plans", shared=shared, members=(on.ada, on.ben))
        ts = await on.slack.post(on.ben, place, "The export fails")
        await on.slack.react(on.ada, place, ts, "ticket")
        await on.settled()
        openly = [m["text"] for m in on.slack.messages(place) if m.get("thread_ts") == ts]
        privately = on.seen_by(on.ada)
        assert bool(openly) is not shared
        assert bool(privately) is shared
        assert "Created ticket T-1" in str(openly + privately)


async def test_confirming_by_reaction_leaves_the_receipt(sqlite_url: str, tmp_path: Path) -> None:
    toml = '[escalation]\nconfirm = "reaction"\n'
    async with stage(sqlite_url, tmp_path, toml=toml) as on:
        ts = await on.slack.post(on.ben, on.support, "The export fails")
        await on.slack.react(on.ada, on.support, ts, "ticket")
        await on.settled()
        assert on.slack.reactions(on.support, ts) == {
            "ticket": [on.ada],
            "incoming_envelope": [on.slack.bot_user],
        }
        assert on.seen_by(on.ada) == []
        assert len(on.entries()) == 1  # the bridge's own reaction asks for nothing


# Looking at it


async def test_health_is_one_word(on_stage: Stage) -> None:
    async with httpx.AsyncClient(base_url=on_stage.url) as client:
        assert (await client.get("/healthz")).text == "ok"
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.text) == (200, "ready")


async def test_readiness_ends_with_the_database(on_stage: Stage) -> None:
    on = on_stage
    async with httpx.AsyncClient(base_url=on.url) as client:
        with closing(sqlite3.connect(str(on.database.url.database), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await until_readyz(client, 503, "unready")
            other.execute("ROLLBACK")
        await until_readyz(client, 200, "ready")


async def test_looks_at_readiness_write_to_the_database_once_a_second(on_stage: Stage) -> None:
    """60 clients in a loop made an acknowledgement take 170 ms instead of 20."""
    on = on_stage
    written = KeyValueStore(on.database, float)
    seen = set()
    async with httpx.AsyncClient(base_url=on.url) as client:
        started = time.monotonic()
        for _ in range(3):
            answers = await asyncio.gather(*(client.get("/readyz") for _ in range(20)))
            assert {answer.status_code for answer in answers} == {200}
            seen.add(written.recall("ready"))
        took = time.monotonic() - started
    assert len(seen) <= 1 + took


async def test_readiness_needs_the_socket(sqlite_url: str, tmp_path: Path) -> None:
    async with (
        stage(sqlite_url, tmp_path, transport="socket") as on,
        httpx.AsyncClient(base_url=on.url) as client,
    ):
        assert (await client.get("/readyz")).status_code == 200
        on.slack.down = True
        await on.slack.courier.sockets.close()
        await until_readyz(client, 503, "unready")


async def test_metrics_are_read_on_loopback_or_with_the_token(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with stage(sqlite_url, tmp_path) as on, httpx.AsyncClient(base_url=on.url) as client:
        await on.ask()
        await on.settled()
        read = await client.get("/metrics")
        wanted = 'plain_bridge_escalations_total{outcome="created",via="reaction"} 1.0'
        assert wanted in read.text
        assert 'operation="createThread",status="ok"' in read.text
    async with (
        stage(sqlite_url, tmp_path, variables={"HOST": "0.0.0.0"}) as on,  # noqa: S104
        httpx.AsyncClient(base_url=on.url) as client,
    ):
        assert (await client.get("/metrics")).status_code == 403
    async with (
        stage(sqlite_url, tmp_path, variables={"METRICS_TOKEN": "metrics-test"}) as on,
        httpx.AsyncClient(base_url=on.url) as client,
    ):
        assert (await client.get("/metrics")).status_code == 401
        bearer = {"authorization": "Bearer metrics-test"}
        assert (await client.get("/metrics", headers=bearer)).status_code == 200


async def test_plains_webhooks_are_verified_and_ignored(sqlite_url: str, tmp_path: Path) -> None:
    secret, body = "webhook-test", b'{"type":"thread.thread_created"}'
    good = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    async with (
        stage(sqlite_url, tmp_path, variables={"PLAIN_WEBHOOK_SECRET": secret}) as on,
        httpx.AsyncClient(base_url=on.url) as client,
    ):
        for signature, status in [(good, 200), ("0" * 64, 401), ("", 401), ("é", 401)]:
            headers = {b"plain-request-signature": signature.encode()}
            answer = await client.post("/plain/webhooks", content=body, headers=headers)
            assert answer.status_code == status
    async with stage(sqlite_url, tmp_path) as on, httpx.AsyncClient(base_url=on.url) as client:
        assert (await client.post("/plain/webhooks", content=body)).status_code == 404


async def test_without_a_signing_secret_there_is_no_door(sqlite_url: str, tmp_path: Path) -> None:
    async with (
        stage(sqlite_url, tmp_path, transport="socket") as on,
        httpx.AsyncClient(base_url=on.url) as client,
    ):
        assert (await client.post("/slack/events", content=b"{}")).status_code == 404


async def test_the_log_tells_outcomes_and_neither_texts_nor_addresses(
    sqlite_url: str, tmp_path: Path
) -> None:
    written = io.StringIO()
    plain = Plain()
    root = logging.getLogger()
    kept = root.level
    telemetry.set_up("INFO", "json", written)
    try:
        async with stage(sqlite_url, tmp_path, plain=plain) as on:
            await on.ask("Confidential words")
            nobody = on.slack.add_user("Nia", email=None)
            ts = await on.slack.post(nobody, on.support, "Confidential too")
            await on.slack.react(on.ada, on.support, ts, "ticket")
            await on.slack.command(on.ada, on.support, "/plain-ticket", "Confidential text")
            await on.slack.deliver_raw(b'{"text":"Confidential"}', "application/json")
            await on.slack.deliver_raw(b"Confidential", "text/plain", signature="bad")
            await on.settled()
            team = on.slack.team
    finally:
        for handler in [h for h in root.handlers if getattr(h, "stream", None) is written]:
            root.removeHandler(handler)
        root.setLevel(kept)
    log = written.getvalue()
    assert f'"key": "{team}:' in log
    assert '"event": "created"' in log
    assert '"reason": "no_customer"' in log
    for secret in ("Confidential", "@acme.example", "xoxb-test", "plainApiKey_test"):
        assert secret not in log


def test_settings_without_a_file_have_one_rule(tmp_path: Path) -> None:
    assert [rule.emoji for rule in load({}, tmp_path).rules] == [("ticket",)]
