"""What belongs to another workspace or app, and what only looks so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.core.directory import Installation
from bot.slack.listeners.foreign import belongs
from tests.slack.canned import INSTALLED

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
    assert belongs(body, here) == whose
