"""Turns away what belongs to another workspace or app, before any listener sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

import structlog
from slack_bolt import BoltResponse
from slack_bolt.async_app import AsyncApp

from bot.core.directory import Installation
from bot.slack.fields import is_id, mapping, maps, string
from bot.slack.views import commands

log = structlog.get_logger("bot.slack")

MOST_NAMED = 100
"""Other apps and workspaces of which the log tells once; more are only counted."""

Belongs = Literal["another_app", "another_workspace"]
Body = Mapping[str, Any]


def belongs(body: Body, installed: Installation) -> Belongs | None:
    """Return whose a payload is, unless it is the installed workspace's or nobody can tell.

    Slack signs for an app, so the same secret signs for every workspace that the app is installed
    in. An event's `team_id` can be the sender's in a channel that companies share; what names the
    installation is `authorizations`. https://docs.slack.dev/apis/events-api#callback-field
    """
    app = string(body, "api_app_id")
    if app is not None and installed.app is not None and app != installed.app:
        return "another_app"
    if body.get("type") == "event_callback":
        is_ours = _is_our_event(body, installed)
    elif "command" in body:
        is_ours = _is_ours(string(body, "team_id"), string(body, "enterprise_id"), installed)
    elif isinstance(body.get("view"), Mapping):  # who clicks may be of another company
        is_ours = _is_ours(string(mapping(body["view"]), "app_installed_team_id"), None, installed)
    elif body.get("type") in ("message_action", "shortcut"):
        team, enterprise = mapping(body.get("team")), mapping(body.get("enterprise"))
        is_ours = _is_ours(string(team, "id"), string(enterprise, "id"), installed)
    else:
        is_ours = True
    return None if is_ours else "another_workspace"


def _is_our_event(body: Body, installed: Installation) -> bool:
    named = list(maps(body.get("authorizations")))
    if not named:  # then `team_id` tells, where it surely is not a sender's of another company
        is_within = body.get("is_ext_shared_channel") is False
        team, enterprise = string(body, "team_id"), string(body, "enterprise_id")
        return not is_within or _is_ours(team, enterprise, installed)
    # Slack names one installation only, and this one where it is the context all the same.
    if string(body, "context_team_id") == installed.team:
        return True
    return any(_is_authorized(one, installed) for one in named)


def _is_authorized(one: Body, installed: Installation) -> bool:
    team, enterprise = string(one, "team_id"), string(one, "enterprise_id")
    if one.get("is_enterprise_install") is True or team is None:
        return _is_ours(team, enterprise, installed)
    return team == installed.team


def _is_ours(team: str | None, enterprise: str | None, installed: Installation) -> bool:
    """Return whether these may be the installed workspace, or its organization."""
    if team is None and (enterprise is None or installed.enterprise is None):
        return True
    ours = {installed.team, installed.enterprise} - {None}
    return team in ours or enterprise in ours


class Foreign:
    """Answers 200 to it, so that Slack sends it no more, and counts it; nothing is recorded.

    `installed` gives what is known of the own installation, `count` is told each time.
    """

    def __init__(
        self, installed: Callable[[], Installation], count: Callable[[Belongs], None]
    ) -> None:
        self._installed = installed
        self._count = count
        self._named: set[tuple[str, ...]] = set()

    def register(self, app: AsyncApp) -> None:
        """Turn away what comes through this app, whoever listens to it."""
        app.middleware(self.turn_away)

    async def turn_away(
        self,
        body: dict[str, Any],
        next: Callable[[], Awaitable[BoltResponse]],  # noqa: A002 — Bolt goes by the name
    ) -> BoltResponse | None:
        found = belongs(body, self._installed())
        if found is None:
            await next()
            return None
        self._count(found)
        self._say(found, body)
        told = commands.ANOTHER_WORKSPACE if "command" in body else ""
        return BoltResponse(status=200, body=told)

    def _say(self, found: Belongs, body: Body) -> None:
        """Log each other app or workspace once."""
        every = [one.get("team_id") for one in maps(body.get("authorizations"))]
        team = next(filter(is_id, [*every, body.get("team_id")]), None)
        app = body.get("api_app_id")
        who = {"team": team or "unknown", "app": app if is_id(app) else "unknown"}
        if (key := (found, *who.values())) in self._named or len(self._named) >= MOST_NAMED:
            return
        self._named.add(key)
        log.warning("request_of_" + found, **who, hint="is the Slack app installed elsewhere too?")
