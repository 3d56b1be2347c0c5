"""The app's Home: shown when it is opened, and anew when a ticket of somebody's changed."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any
from weakref import WeakValueDictionary

from pydantic import BaseModel, ConfigDict, StringConstraints
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.core import refs
from bot.core.directory import Installation
from bot.core.faults import Fault
from bot.core.home import Home
from bot.core.model import Rule
from bot.core.record import Record
from bot.flows import home as flow
from bot.slack.background import BackgroundTasks, broke, note
from bot.slack.calls import VIEW_LIMIT, call
from bot.slack.payloads import Id
from bot.slack.payloads_actions import ButtonClicked
from bot.slack.views import home as build

PAUSE = 1.0
"""Seconds in which changes gather before they are shown: a view may be published about a hundred
times a minute. https://docs.slack.dev/reference/methods/views.publish"""

Asked = dict[str, Any]
Show = Callable[[str, flow.HomeContext], Awaitable[None]]

_LINKERS = ""
"""Stands among the users whose Home is to be shown anew for all who link people."""


class _Event(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    user: Id
    tab: Annotated[str, StringConstraints(max_length=100)] = ""
    view: dict[str, Any] | None = None


class HomeOpened(BaseModel):
    """The envelope of `app_home_opened`; its `view` is what was shown there so far.

    https://docs.slack.dev/reference/events/app_home_opened
    """

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    event: _Event


class HomeTab:
    """Publishes Homes; fits `flows.home.HomePublisher`."""

    def __init__(
        self,
        web: AsyncWebClient,
        installation: Installation,
        rules: Sequence[Rule],
    ) -> None:
        self._web = web
        self._installation = installation
        self._rules = rules

    async def show_home(self, user: str, home: Home, unless: str | None) -> str:
        """See `flows.home.HomePublisher.show_home`."""
        view = build.home(home, self._rules, self.permalink)
        digest = hashlib.sha256(json.dumps(view, sort_keys=True).encode()).hexdigest()[:32]
        if digest != unless:
            asked = self._web.views_publish(user_id=user, view=view)
            await call("views.publish", asked, VIEW_LIMIT)
        return digest

    def permalink(self, record: Record) -> str | None:
        """The link to the record's message; built, for no Home is worth twenty questions."""
        if record.ref is None:
            return None
        return refs.permalink(self._installation.url, record.ref)


@dataclass
class HomeListeners:
    """The listeners, and what shows changes. Nothing here is a loss if it fails.

    `permalink` gives the link to a record's message, as the Home shows it; `undo_refused` is told
    of rows (by id) whose undo shall not be offered any more.
    """

    world: flow.HomeContext
    permalink: Callable[[Record], str | None]
    undo_refused: Callable[[int], None] = lambda _row: None
    later: BackgroundTasks = field(default_factory=BackgroundTasks)
    pause: float = PAUSE
    _changed: set[str] = field(default_factory=set)
    _refreshing: asyncio.Task[None] | None = None
    _stopped: bool = False
    _locks: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    def register(self, app: AsyncApp) -> None:
        """The Home tab and its own buttons."""
        app.event("app_home_opened")(self.on_opened)
        app.action(build.MORE_ACTION)(self.on_turn)
        app.action(build.NEWEST_ACTION)(self.on_turn)

    async def on_opened(self, body: Asked) -> None:
        event = HomeOpened.model_validate(body).event
        if event.tab == "home":
            show = partial(flow.open_home, is_blank=not event.view)
            self.later.do(self._in_turn(event.user, show))

    async def on_turn(self, body: Asked, ack: AsyncAck) -> None:
        clicked = ButtonClicked.model_validate(body)
        before = refs.row_id(clicked.value)
        self.later.do(self._in_turn(clicked.user, partial(flow.turn_page, before=before)))
        await ack()

    # What changed

    def changed(self, user: str) -> None:
        """A ticket of theirs was settled, refused or undone."""
        if self._stopped:
            return
        self._changed.add(user)
        if not self.is_refreshing:
            self._refreshing = asyncio.create_task(self._refresh())

    @property
    def is_refreshing(self) -> bool:
        """Tell if there are changes that are still to be shown."""
        return self._refreshing is not None and not self._refreshing.done()

    def waiting_changed(self) -> None:
        """Somebody waits to be linked, or was linked."""
        self.changed(_LINKERS)

    async def stop(self) -> None:
        """Show nothing more."""
        self._stopped = True
        if self._refreshing is not None:
            self._refreshing.cancel()
            with suppress(asyncio.CancelledError):
                await self._refreshing

    async def _refresh(self) -> None:
        """Show what gathered, one Home after the other."""
        while self._changed:
            await asyncio.sleep(self.pause)
            users, self._changed = self._changed, set()
            for user in sorted(users):
                try:
                    if user == _LINKERS:
                        await flow.refresh_linkers(self.world)
                    else:
                        await self._in_turn(user, flow.refresh)
                except (Fault, TimeoutError) as fault:
                    note("home_not_shown", fault)
                except Exception as error:  # noqa: BLE001 — the others' Homes are shown all the same
                    broke("home_broke", error)

    async def _in_turn(self, user: str, show: Show) -> None:
        """One at a time for each person: what was looked up later is shown later."""
        lock = self._locks.setdefault(user, asyncio.Lock())
        async with lock:
            await show(user, self.world)
