"""When Slack last sent an event."""

from __future__ import annotations

from typing import Any

import pytest
from slack_bolt import BoltResponse
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult

from bot.slack.listeners.last_event import LastEvent
from bot.store.database import Database
from bot.store.kv import KeyValueStore
from bot.store.records import HEARD, ledger_stats
from tests.conftest import Clock
from tests.flows.fakes import run


@pytest.fixture
def heard(database: Database, clock: Clock) -> LastEvent:
    return LastEvent(HEARD, KeyValueStore(database, float), run, clock)


async def note(heard: LastEvent, body: dict[str, Any]) -> None:
    passed: list[bool] = []

    async def go_on() -> BoltResponse:
        passed.append(True)
        return BoltResponse(status=200)

    await heard.note(body, go_on)
    assert passed == [True]


async def test_the_newest_event_is_kept(heard: LastEvent, database: Database, clock: Clock) -> None:
    await heard.keep()
    assert ledger_stats(database).heard_at is None
    await note(heard, {"type": "event_callback"})
    clock.move(5)
    await note(heard, {"type": "event_callback"})
    clock.move(5)
    await note(heard, {"type": "block_actions"})
    await heard.keep()
    assert ledger_stats(database).heard_at == clock.now - 5


async def test_what_another_process_heard_later_stays(
    heard: LastEvent, database: Database, clock: Clock
) -> None:
    await note(heard, {"type": "event_callback"})
    KeyValueStore(database, float).keep(HEARD, clock.now + 60)
    await heard.keep()
    assert ledger_stats(database).heard_at == clock.now + 60


async def test_bolt_passes_every_event_through_it(
    heard: LastEvent, database: Database, clock: Clock
) -> None:
    async def authorize() -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=None, team_id="T1", bot_token="xoxb-test")

    app = AsyncApp(
        authorize=authorize,
        process_before_response=True,
        request_verification_enabled=False,
        signing_secret="",
    )
    heard.register(app)
    seen: list[str] = []

    async def on_reaction(event: dict[str, Any]) -> None:
        seen.append(event["reaction"])

    app.event("reaction_added")(on_reaction)
    item = {"type": "message", "channel": "C1", "ts": "1.000100"}
    event = {"type": "reaction_added", "user": "U1", "reaction": "a", "item": item}
    body = {"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": event}
    answer = await app.async_dispatch(AsyncBoltRequest(body=body, mode="socket_mode"))
    assert (answer.status, seen) == (200, ["a"])
    await heard.keep()
    assert ledger_stats(database).heard_at == clock.now
