"""What runs before every listener: whose a request is, and when Slack last sent an event."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from slack_bolt import BoltResponse
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult

from bot.core.directory import Installation
from bot.slack.listeners.middleware import EventMonitor, foreign
from bot.store.backlog import HEARD, ledger_stats
from bot.store.database import Database
from bot.store.kv import KeyValueStore
from tests.conftest import Clock
from tests.flows.fakes import run
from tests.slack.canned import INSTALLED


@pytest.fixture
def heard(database: Database, clock: Clock) -> EventMonitor:
    return EventMonitor(HEARD, KeyValueStore(database, float), run, clock)


async def note(heard: EventMonitor, body: dict[str, Any]) -> None:
    passed: list[bool] = []

    async def go_on() -> BoltResponse:
        passed.append(True)
        return BoltResponse(status=200)

    await heard.note(body, go_on)
    assert passed == [True]


async def test_the_newest_event_is_kept(
    heard: EventMonitor, database: Database, clock: Clock
) -> None:
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
    heard: EventMonitor, database: Database, clock: Clock
) -> None:
    await note(heard, {"type": "event_callback"})
    KeyValueStore(database, float).keep(HEARD, clock.now + 60)
    await heard.keep()
    assert ledger_stats(database).heard_at == clock.now + 60


async def test_bolt_passes_every_event_through_it(
    heard: EventMonitor, database: Database, clock: Clock
) -> None:
    async def authorize() -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=None, team_id="T1", bot_token="xoxb-test")

    app = AsyncApp(
        authorize=authorize,
        process_before_response=True,
        request_verification_enabled=False,
        signing_secret="",
    )
    app.middleware(heard.note)
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


async def test_withheld_events_are_told(database: Database, clock: Clock) -> None:
    withheld: list[bool] = []
    store = KeyValueStore(database, float)
    monitor = EventMonitor(HEARD, store, run, clock, withheld=lambda: withheld.append(True))
    await note(monitor, {"type": "event_callback"})
    assert withheld == []
    await note(monitor, {"type": "app_rate_limited", "minute_rate_limited": 1518467820})
    assert withheld == [True]


HERE = replace(INSTALLED, app="A1")
IN_AN_ORGANIZATION = replace(HERE, enterprise="E1")
ANYWHERE: dict[str, Any] = {"team_id": None, "enterprise_id": "E1", "is_enterprise_install": True}


def event(*teams: str, **more: Any) -> dict[str, Any]:
    named = [{"team_id": team, "enterprise_id": None} for team in teams]
    return {"type": "event_callback", "team_id": "T1", "authorizations": named, **more}


def clicked(team: str | None, **more: Any) -> dict[str, Any]:
    """A click of somebody of another company, on a view of the app installed in `team`."""
    view = {"id": "V1", "app_installed_team_id": team}
    return {"type": "view_submission", "team": {"id": "T9"}, "view": view, **more}


@pytest.mark.parametrize(
    ("body", "here", "whose"),
    [
        pytest.param(event("T1", api_app_id="A1"), HERE, None, id="our own"),
        pytest.param(event("T1", team_id="T9"), HERE, None, id="sent from another company"),
        pytest.param(event("T9", team_id="T9"), HERE, "another_workspace", id="another's"),
        pytest.param(event("T9"), HERE, "another_workspace", id="another's, from us"),
        pytest.param(event("T9", context_team_id="T1"), HERE, None, id="another's is named too"),
        pytest.param(event("T9", "T1"), HERE, None, id="among others"),
        pytest.param(event("T1", api_app_id="A9"), HERE, "another_app", id="another app"),
        pytest.param(event("T1", api_app_id="A9"), INSTALLED, None, id="which app is unknown"),
        pytest.param(
            event(team_id="T9", is_ext_shared_channel=False),
            HERE,
            "another_workspace",
            id="no authorizations",
        ),
        pytest.param(
            event(team_id="T9", is_ext_shared_channel=True), HERE, None, id="none, in a shared one"
        ),
        pytest.param(event(team_id="T9"), HERE, None, id="none, and perhaps in a shared one"),
        pytest.param({"type": "event_callback"}, HERE, None, id="nothing is said"),
        pytest.param(
            event(authorizations=[ANYWHERE]), IN_AN_ORGANIZATION, None, id="all of an organization"
        ),
        pytest.param(
            event(authorizations=[ANYWHERE | {"enterprise_id": "E9"}]),
            IN_AN_ORGANIZATION,
            "another_workspace",
            id="another organization",
        ),
        pytest.param(
            event(authorizations=[{"team_id": "T9", "enterprise_id": "E1"}]),
            IN_AN_ORGANIZATION,
            "another_workspace",
            id="another workspace of the organization",
        ),
        pytest.param(event(authorizations="junk"), HERE, None, id="junk"),
        pytest.param({"command": "/plain-ticket", "team_id": "T1"}, HERE, None, id="command"),
        pytest.param(
            {"command": "/plain-ticket", "team_id": "T9"}, HERE, "another_workspace", id="theirs"
        ),
        pytest.param(
            {"command": "/plain-ticket", "team_id": "T9", "enterprise_id": "E1"},
            IN_AN_ORGANIZATION,
            None,
            id="command of the organization",
        ),
        pytest.param({"type": "shortcut", "team": {"id": "T1"}}, HERE, None, id="shortcut"),
        pytest.param(
            {"type": "message_action", "team": {"id": "T9"}},
            HERE,
            "another_workspace",
            id="their shortcut",
        ),
        pytest.param({"type": "shortcut", "team": None}, HERE, None, id="shortcut without a team"),
        pytest.param(clicked("T1"), HERE, None, id="a click from another company"),
        pytest.param(clicked(None), HERE, None, id="a click, and nothing is said"),
        pytest.param(clicked("T9"), HERE, "another_workspace", id="a click on their view"),
        pytest.param(
            {"type": "block_actions", "team": {"id": "T9"}, "api_app_id": "A1"},
            HERE,
            None,
            id="a button that another company sees",
        ),
    ],
)
def test_whose_a_payload_is(body: dict[str, Any], here: Installation, whose: str | None) -> None:
    assert foreign(body, here) == whose
