"""Publish the app's Home: when it is opened, and again when the person's tickets change."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from weakref import WeakValueDictionary

from slack_bolt.async_app import AsyncAck

from bot.core import refs
from bot.core.faults import Fault
from bot.core.home import Home
from bot.core.record import Record
from bot.flows import home as flow
from bot.flows.workspace import Workspace
from bot.slack.background import BackgroundTasks, broke, note
from bot.slack.client import SlackClient
from bot.slack.fields import Body
from bot.slack.payloads import ButtonClicked, HomeOpened
from bot.slack.views import home as build

PAUSE = 1.0
"""Seconds in which changes gather before they are published: Slack takes about a hundred views a
minute. https://docs.slack.dev/reference/methods/views.publish"""

Show = Callable[[str, flow.HomeContext], Awaitable[None]]

_LINKERS = ""
"""In the set of changed users: all who can link people."""


class HomeTab:
    """Publishes Homes; fits `flows.home.HomePublisher`."""

    def __init__(self, slack: SlackClient, workspace: Workspace) -> None:
        self._slack = slack
        self._workspace = workspace

    async def show_home(self, user: str, home: Home, unless: str | None) -> str:
        """Publish the Home unless its digest is `unless`; return its digest."""
        view = build.home(home, self._workspace.rules, self.permalink)
        digest = hashlib.sha256(json.dumps(view, sort_keys=True).encode()).hexdigest()[:32]
        if digest != unless:
            await self._slack.publish_home(user, view)
        return digest

    def permalink(self, record: Record) -> str | None:
        """Return the link to the record's message; built, to save twenty calls for one Home."""
        if record.ref is None:
            return None
        return refs.permalink(self._workspace.installation.url, record.ref)


@dataclass
class HomeListeners:
    """Handlers of the Home tab, and its refresh after changes. No failure here is a loss.

    `permalink` returns the link to a record's message, as the Home shows it; `undo_refused` is
    called with the id of a row whose undo is not to be offered any more.
    """

    context: flow.HomeContext
    permalink: Callable[[Record], str | None]
    background: BackgroundTasks
    undo_refused: Callable[[int], None] = lambda _row: None
    pause: float = PAUSE
    _changed: set[str] = field(default_factory=set)
    _refreshing: asyncio.Task[None] | None = None
    _stopped: bool = False
    _locks: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    async def on_opened(self, body: Body) -> None:
        """Publish the Home of the person who opened it."""
        opened = HomeOpened.model_validate(body)
        if opened.tab == "home":
            show = partial(flow.open_home, is_blank=opened.is_blank)
            self.background.spawn(self._in_turn(opened.user, show))

    async def on_turn(self, body: Body, ack: AsyncAck) -> None:
        """Show another page."""
        clicked = ButtonClicked.model_validate(body)
        before = refs.row_id(clicked.value)
        self.background.spawn(self._in_turn(clicked.user, partial(flow.turn_page, before=before)))
        await ack()

    # What changed

    def changed(self, user: str) -> None:
        """Refresh the person's Home soon: a ticket of theirs was created, rejected or undone."""
        if self._stopped:
            return
        self._changed.add(user)
        if not self.is_refreshing:
            self._refreshing = asyncio.create_task(self._refresh())

    @property
    def is_refreshing(self) -> bool:
        """Return whether changes are still to be published."""
        return self._refreshing is not None and not self._refreshing.done()

    def waiting_changed(self) -> None:
        """Refresh the linkers' Homes soon: somebody waits to be linked, or was linked."""
        self.changed(_LINKERS)

    async def stop(self) -> None:
        """Publish nothing more."""
        self._stopped = True
        if self._refreshing is not None:
            self._refreshing.cancel()
            with suppress(asyncio.CancelledError):
                await self._refreshing

    async def _refresh(self) -> None:
        """Publish the changed Homes, one after the other, until none is left."""
        while self._changed:
            await asyncio.sleep(self.pause)
            users, self._changed = self._changed, set()
            for user in sorted(users):
                try:
                    if user == _LINKERS:
                        await flow.refresh_linkers(self.context)
                    else:
                        await self._in_turn(user, flow.refresh)
                except (Fault, TimeoutError) as fault:
                    note("home_not_shown", fault)
                except Exception as error:  # noqa: BLE001 — the others' Homes are published all the same
                    broke("home_crashed", error)

    async def _in_turn(self, user: str, show: Show) -> None:
        """Publish a person's Homes one at a time, so that the newest look-up is shown last."""
        lock = self._locks.setdefault(user, asyncio.Lock())
        async with lock:
            await show(user, self.context)
