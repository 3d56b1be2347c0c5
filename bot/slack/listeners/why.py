"""The message shortcut that asks why: a modal at once, and the explanation when it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Protocol

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.core.directory import Installation, Profile, UserKind, may_submit
from bot.core.faults import Fault
from bot.core.identity import Linkers
from bot.core.model import ReplyTo, Trigger
from bot.core.refs import MessageRef
from bot.core.why import Explanation, for_viewer
from bot.slack import payloads
from bot.slack.background import BackgroundTasks, note
from bot.slack.views import why
from bot.slack.views.kit import Answer

EXPLAIN_SECONDS = 20.0
"""How long the modal may say that it is looking."""

Asked = dict[str, Any]


class Views(Protocol):
    """What is needed of Slack; `open_view` is bounded to two seconds."""

    async def open_view(self, trigger_id: str, view: Mapping[str, Any]) -> str: ...
    async def update_view(self, view_id: str, view: Mapping[str, Any]) -> None: ...
    async def profile(self, user: str) -> Profile | None: ...
    async def say_privately(self, reply_to: ReplyTo, said: Answer) -> None: ...


@dataclass
class WhyListeners:
    """The listener. `explain` never raises what it cannot read, and may take long."""

    installation: Installation
    explain: Callable[[MessageRef, str | None], Awaitable[Explanation]]
    slack: Views
    linkers: Linkers
    who: Set[UserKind]
    clock: Callable[[], float]
    later: BackgroundTasks = field(default_factory=BackgroundTasks)

    def register(self, app: AsyncApp) -> None:
        """The message's menu."""
        app.shortcut("why_no_plain_ticket")(self.on_shortcut)

    async def on_shortcut(self, body: Asked, ack: AsyncAck) -> None:
        shortcut = payloads.MessageShortcut.model_validate(body)
        asked = shortcut.trigger(self.installation.team, self.clock())
        try:
            view = await self.slack.open_view(shortcut.trigger_id, why.looking())
        except (Fault, TimeoutError) as fault:
            note("why_not_opened", fault)
            self.later.do(self.slack.say_privately(asked.reply_to, why.not_opened()))
        else:
            self.later.do(self._fill(view, asked))
        await ack()

    async def _fill(self, view: str, asked: Trigger) -> None:
        try:
            async with asyncio.timeout(EXPLAIN_SECONDS):
                shown = await self._explanation(asked)
        except (Fault, TimeoutError) as fault:
            note("why_not_explained", fault)
            shown = why.not_explained()
        await self.slack.update_view(view, shown)

    async def _explanation(self, asked: Trigger) -> dict[str, Any]:
        profile = await self.slack.profile(asked.submitter)
        if profile is None or profile.standing in (UserKind.EXTERNAL, UserKind.BOT):
            return why.strangers()
        if not may_submit(profile, self.who):
            return why.nothing_to_see(profile)
        assert asked.ref is not None  # noqa: S101 — a message's menu brings its message
        thread_ts = asked.message.thread_ts if asked.message else None
        explained = await self.explain(asked.ref, thread_ts)
        seen = for_viewer(
            explained,
            asked.submitter,
            profile.standing,
            is_linker=self.linkers.include(profile),
        )
        answerer = self.linkers.answerer(profile)
        return why.explanation(seen, self.installation.bot_user, answerer)
