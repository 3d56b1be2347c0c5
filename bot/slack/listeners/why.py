"""Explain why a message has a ticket or none: a modal at once, its content when it is ready."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from slack_bolt.async_app import AsyncAck

from bot.core.directory import is_outsider, may_submit
from bot.core.faults import Fault
from bot.core.model import Trigger
from bot.core.refs import MessageRef
from bot.core.why import Explanation, for_viewer
from bot.flows.workspace import Workspace
from bot.slack.background import BackgroundTasks, note
from bot.slack.client import SlackClient
from bot.slack.fields import Body
from bot.slack.payloads import MessageShortcut
from bot.slack.views import why

EXPLAIN_SECONDS = 20.0
"""Limit for an explanation, during which the modal says that it is looking."""


@dataclass
class WhyListeners:
    """Handler of the message shortcut.

    `explain` takes a message and its thread, raises no fault for what it cannot read, and may
    take long.
    """

    workspace: Workspace
    explain: Callable[[MessageRef, str | None], Awaitable[Explanation]]
    slack: SlackClient
    clock: Callable[[], float]
    background: BackgroundTasks

    async def on_shortcut(self, body: Body, ack: AsyncAck) -> None:
        """Open the modal, and fill it in the background."""
        shortcut = MessageShortcut.model_validate(body)
        trigger = shortcut.trigger(self.workspace.team, self.clock())
        try:
            view = await self.slack.open_view(shortcut.trigger_id, why.looking())
        except (Fault, TimeoutError) as fault:
            note("why_not_opened", fault)
            self.background.spawn(self.slack.say_privately(trigger.reply_to, why.not_opened()))
        else:
            self.background.spawn(self._fill(view, trigger))
        await ack()

    async def _fill(self, view: str, trigger: Trigger) -> None:
        try:
            async with asyncio.timeout(EXPLAIN_SECONDS):
                shown = await self._explanation(trigger)
        except (Fault, TimeoutError) as fault:
            note("why_not_explained", fault)
            shown = why.not_explained()
        await self.slack.update_view(view, shown)

    async def _explanation(self, trigger: Trigger) -> dict[str, Any]:
        profile = await self.slack.profile(trigger.submitter)
        if profile is None or is_outsider(profile):
            return why.strangers()
        if not may_submit(profile, self.workspace.policy.who):
            return why.nothing_to_see(profile)
        assert trigger.ref is not None  # noqa: S101 — the shortcut carries its message
        thread_ts = trigger.message.thread_ts if trigger.message else None
        explained = await self.explain(trigger.ref, thread_ts)
        seen = for_viewer(
            explained,
            trigger.submitter,
            profile.kind,
            is_linker=self.workspace.policy.linkers.include(profile),
        )
        answerer = self.workspace.policy.linkers.answerer(profile)
        return why.explanation(seen, self.workspace.installation.bot_user, answerer)
