"""Run around every listener: reject foreign requests, note events, answer after errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

import structlog
from pydantic import ValidationError
from slack_bolt import BoltResponse
from slack_bolt.error import BoltUnhandledRequestError

from bot.core.directory import Installation
from bot.core.faults import Fault
from bot.slack.background import note, raised_at
from bot.slack.fields import Body, is_id, mapping, maps, string
from bot.slack.views import commands
from bot.store.executor import Run
from bot.store.kv import KeyValueStore

log = structlog.get_logger("bot.slack")

MOST_NAMED = 100
"""Other apps and workspaces that are logged, once each; more are only counted."""
KEEP_SECONDS = 60.0
LONGEST_WORD = 64
"""Characters of a payload's type or field that are logged; a longer one may be anything."""

Next = Callable[[], Awaitable[BoltResponse]]
Foreign = Literal["another_app", "another_workspace"]


# Requests of other installations


def foreign(body: Mapping[str, Any], installed: Installation) -> Foreign | None:
    """Return whose a payload is if it is not the installed workspace's; None if unknown.

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


def _is_our_event(body: Mapping[str, Any], installed: Installation) -> bool:
    named = list(maps(body.get("authorizations")))
    if not named:  # then `team_id` decides, unless it may be a sender's of another company
        is_within = body.get("is_ext_shared_channel") is False
        team, enterprise = string(body, "team_id"), string(body, "enterprise_id")
        return not is_within or _is_ours(team, enterprise, installed)
    # Slack lists one installation only, even if this one is the context.
    if string(body, "context_team_id") == installed.team:
        return True
    return any(_is_authorized(one, installed) for one in named)


def _is_authorized(one: Mapping[str, Any], installed: Installation) -> bool:
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


class ForeignRequests:
    """Answers 200 to requests of other apps and workspaces, so that Slack does not repeat them.

    They are counted and not recorded. `installed` returns the own installation; `count` is called
    with the reason for each.
    """

    def __init__(
        self, installed: Callable[[], Installation], count: Callable[[Foreign], None]
    ) -> None:
        self._installed = installed
        self._count = count
        self._named: set[tuple[str, ...]] = set()

    async def reject(self, body: Body, next: Next) -> BoltResponse | None:  # noqa: A002 — Bolt goes by the name
        """Answer a foreign request, and pass on every other one."""
        found = foreign(body, self._installed())
        if found is None:
            await next()
            return None
        self._count(found)
        self._log(found, body)
        said = commands.ANOTHER_WORKSPACE if "command" in body else ""
        return BoltResponse(status=200, body=said)

    def _log(self, found: Foreign, body: Mapping[str, Any]) -> None:
        """Log each other app or workspace once."""
        every = [one.get("team_id") for one in maps(body.get("authorizations"))]
        team = next(filter(is_id, [*every, body.get("team_id")]), None)
        app = body.get("api_app_id")
        who = {"team": team or "unknown", "app": app if is_id(app) else "unknown"}
        if (key := (found, *who.values())) in self._named or len(self._named) >= MOST_NAMED:
            return
        self._named.add(key)
        log.warning(
            "request_from_" + found, **who, hint="is the Slack app installed elsewhere too?"
        )


# Events


class EventMonitor:
    """Notes when Slack last sent an event, and that it withheld some.

    The moment (Unix seconds) is noted in memory and kept under `name` by `keep`, which is to be
    called now and then; of several processes the newest moment stays.
    """

    def __init__(
        self,
        name: str,
        store: KeyValueStore[float],
        run: Run,
        clock: Callable[[], float],
        withheld: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._store = store
        self._run = run
        self._clock = clock
        self._withheld = withheld
        self._at: float | None = None

    async def note(self, body: Body, next: Next) -> None:  # noqa: A002 — Bolt goes by the name
        """Note an event, or Slack's notice that it withheld events above 30,000 in an hour.

        The notice has no event inside, so that no listener of Bolt's receives it.
        https://docs.slack.dev/apis/events-api/#rate-limiting
        """
        match body.get("type"):
            case "event_callback":
                self._at = self._clock()
            case "app_rate_limited":
                self._withheld()
        await next()

    async def keep(self) -> None:
        """Store the last event's moment, if one came since the last call."""
        at, self._at = self._at, None
        if at is not None:
            await self._run(self._keep, at)

    def _keep(self, at: float) -> None:
        known = self._store.recall(self._name)
        if known is None or known < at:
            self._store.keep(self._name, at)


# Errors


async def on_error(error: Exception, body: Body) -> BoltResponse:
    """Answer a request that no listener takes, or whose listener raised `error`."""
    match error:
        case BoltUnhandledRequestError():
            return BoltResponse(status=200)  # not ours: Slack need not send it again
        case Fault() | TimeoutError():
            note("event_not_recorded", error)
            return BoltResponse(status=500)  # Slack sends an event again
        case ValidationError():
            wrong = [".".join(map(_place, each["loc"])) for each in error.errors()]
            log.warning("payload_invalid", type=_type(body), wrong=wrong)
        case _:
            # Its text may quote the payload; where it was raised says enough.
            name, at = type(error).__name__, raised_at(error)
            log.error("listener_crashed", type=_type(body), error=name, at=at)
    return BoltResponse(status=400)


def _type(body: Body) -> str:
    """Return the payload's type, and nothing of its content."""
    inner = body.get("event")
    kind = inner.get("type") if isinstance(inner, dict) else body.get("type")
    return kind if isinstance(kind, str) and _is_word(kind) else "unknown"


def _place(key: int | str) -> str:
    """Return one step of the path to a field; the keys of an object may be anything."""
    return str(key) if isinstance(key, int) or _is_word(key) else "?"


def _is_word(text: str) -> bool:
    return text.isidentifier() and len(text) <= LONGEST_WORD
