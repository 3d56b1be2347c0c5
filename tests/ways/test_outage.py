"""Slack or Plain away, the database gone or full, the process asked to end: nothing is lost."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection, event, text

from bot import app
from bot.flows import delay_notices
from bot.sandbox import process
from bot.sandbox.plain import Plain
from bot.sandbox.slack import Slack
from bot.store.database import Database
from bot.store.records import Records
from tests.ways.stage import Stage, stage, until, until_readyz


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """People hear after a fraction of a second that it takes longer."""
    monkeypatch.setattr(delay_notices, "NOTICE_SECONDS", 0.3)
    monkeypatch.setattr(app, "DELAY_NOTICE_SECONDS", 0.05)


@pytest.mark.usefixtures("impatient")
async def test_while_plain_is_down_people_hear_once_that_it_waits_and_then_of_their_tickets(
    on_stage: Stage,
) -> None:
    on = on_stage
    on.plain.down = True
    for number in range(5):
        await on.ask(f"Question {number}")
    await until(lambda: len(on.seen_by(on.ada)) == 5)
    await asyncio.sleep(0.3)
    assert all("will take longer than usual" in said for said in on.seen_by(on.ada))
    assert {entry.state for entry in on.entries()} == {"waiting"}
    on.plain.heal()
    await on.settled()
    assert len(on.plain.threads) == 5
    said = Counter(text.split(" ", 2)[0] for text in on.seen_by(on.ada))
    assert said == {"Your": 5, "Created": 5}


async def test_while_slacks_api_is_down_what_was_accepted_waits(on_stage: Stage) -> None:
    on = on_stage
    on.slack.down = True
    for number in range(3):
        await on.ask(f"Question {number}")
    await until(lambda: all((entry.attempts or 0) > 1 for entry in on.entries()))
    assert on.plain.threads == []
    on.slack.down = False
    await on.settled()
    assert len(on.plain.threads) == 3
    assert len(on.seen_by(on.ada)) == 3


async def test_a_ticket_whose_answer_slack_does_not_take_is_told_later_and_once(
    on_stage: Stage,
) -> None:
    on = on_stage
    on.slack.fail("chat.postEphemeral", retry_after=1)
    await on.ask()
    await on.threads(1)
    await until(lambda: on.seen_by(on.ada))
    await on.settled()
    assert len(on.seen_by(on.ada)) == 1


@pytest.fixture
def full_disk(on_stage: Stage) -> Iterator[None]:
    """The database file may not grow: what SQLite meets on a full disk."""
    engine = on_stage.bridge.worker.ledger._database.engine

    def allow_no_more_pages(connection: Connection) -> None:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        raw.execute("PRAGMA max_page_count = 1")

    event.listen(engine, "begin", allow_no_more_pages)
    yield
    event.remove(engine, "begin", allow_no_more_pages)


async def test_a_full_disk_is_an_answer_not_a_hang(
    on_stage: Stage, full_disk: None, request: pytest.FixtureRequest
) -> None:
    on = on_stage
    long = "My precious text " * 400
    said = await on.slack.command(on.ada, on.support, "/plain-ticket", long)
    while said.ephemeral is None:  # until the file's free pages are used up
        said = await on.slack.command(on.ada, on.support, "/plain-ticket", long)
    assert "couldn't be saved" in said.ephemeral.text
    assert "My precious text" in said.ephemeral.text


async def test_the_bridge_goes_on_when_postgresql_comes_back(
    database_url: str, tmp_path: Path
) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite has no server to go away")
    name = database_url.partition("?")[0].rpartition("/")[2]
    admin = Database(database_url.replace(f"/{name}", "/postgres", 1))
    async with stage(database_url, tmp_path) as on, httpx.AsyncClient(base_url=on.url) as client:
        await on.ask("Before")
        await on.settled()
        _admit(admin, name, allowed=False)
        assert (await on.ask("Meanwhile")).status == 500
        said = await on.slack.command(on.ada, on.support, "/plain-ticket", "Meanwhile this")
        assert said.ephemeral is not None
        assert "couldn't be saved" in said.ephemeral.text
        await until_readyz(client, 503, "unready")
        _admit(admin, name, allowed=True)
        await on.ask("After")
        await on.settled()
        assert [thread.title for thread in on.plain.threads] == ["Before", "After"]
        await until_readyz(client, 200, "ready")
    admin.close()


def _admit(admin: Database, name: str, *, allowed: bool) -> None:
    with admin.reading() as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}"))
        if not allowed:
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :n"),
                {"n": name},
            )


QUESTIONS = 150
"""More than a bridge delivers before it has heard that it is to end."""


async def test_sigterm_under_load_loses_nothing_doubles_nothing_and_leaves_no_lease(
    database_url: str,
) -> None:
    slack, plain = Slack(), Plain()
    ada = slack.add_user("Ada Nowak", email="ada@acme.example")
    support = slack.add_channel("support", members=(ada,))
    asked = [await slack.post(ada, support, f"Question {number}") for number in range(QUESTIONS)]
    with tempfile.TemporaryDirectory() as folder:
        async with slack.serving(), plain.serving() as plain_url:
            variables = {
                "SLACK_BOT_TOKEN": "xoxb-test",
                "SLACK_SIGNING_SECRET": slack.signing_secret,
                "SLACK_API_URL": slack.api_url,
                "PLAIN_API_KEY": plain.api_key,
                "PLAIN_API_URL": plain_url,
                "DATABASE_URL": database_url,
            }
            accepted: set[str] = set()

            async def react(ts: str) -> None:
                delivery = await slack.react(ada, support, ts, "ticket")
                if delivery is not None and delivery.status == 200:
                    accepted.add(ts)

            database = Database(database_url)
            history = Records(database)
            async with process.bridge(variables, Path(folder)) as first:
                slack.deliver_to(f"{first.url}/slack/events")
                asking = asyncio.gather(*map(react, asked))
                await until(lambda: len(plain.threads) >= 5)
                first.process.send_signal(signal.SIGTERM)
                assert await asyncio.wait_for(first.process.wait(), 30) == 0
                await asking
            assert len(plain.threads) < QUESTIONS
            # What is left is there for the next one at once: no lease has to run out.
            async with process.bridge(variables, Path(folder)) as second:
                slack.deliver_to(f"{second.url}/slack/events")
                await until(
                    lambda: all(entry.due is None for entry in history.newest(QUESTIONS)), 60
                )
                made = Counter(thread.external_id for thread in plain.threads)
                assert set(made.values()) == {1}
                assert {key.rpartition(":")[2] for key in map(str, made)} >= accepted
            database.close()
