"""Slack's Web API as the bridge uses it: reading messages, opening and updating views."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.core import refs
from bot.core.directory import Installation
from bot.core.faults import Fault, TryLater
from bot.core.model import FormDraft, Message, Ticket
from bot.core.refs import MessageRef
from bot.flows.form import FormContext
from bot.flows.intake import OpenedForm
from bot.slack import reading
from bot.slack.answers import Answers, AnswerSettings
from bot.slack.calls import VIEW_LIMIT, SlackRejected, call, call_once, content
from bot.slack.fields import mapping, string
from bot.slack.views import form
from bot.store.executor import Run, in_place

log = structlog.get_logger("bot.slack")

# The form was submitted, closed or changed meanwhile.
_GONE_VIEW = frozenset({"hash_conflict", "not_found", "view_not_found"})

# Refusals of a view with a preset user that Slack does not accept.
_BAD_VIEW = frozenset(
    {"invalid_arguments", "invalid_blocks", "invalid_user", "user_not_found", "user_not_visible"}
)


class SlackClient(Answers):
    """Everything that the bridge does in one workspace; fits `bot.flows.ports.Slack`.

    The look-ups and answers are inherited; messages and views are here. `render` parses texts,
    which may be long and hostile, off the event loop.
    """

    def __init__(
        self,
        web: AsyncWebClient,
        settings: AnswerSettings | None = None,
        *,
        installed: Installation | None = None,
        clock: Callable[[], float] = time.time,
        render: Run = in_place,
    ) -> None:
        super().__init__(web, settings, installed=installed, clock=clock)
        self._render = render

    # Views: a trigger is valid for three seconds, so each of these takes at most two.

    async def open_form(
        self, trigger_id: str, draft: FormDraft, context: FormContext
    ) -> OpenedForm:
        """Open the draft's form; without a preset requester if Slack refuses that user."""
        loop = asyncio.get_running_loop()
        end = loop.time() + VIEW_LIMIT
        try:
            return await self._open(
                trigger_id, form.form(draft, context, bot=self.bot_user), VIEW_LIMIT
            )
        except SlackRejected as declined:
            if declined.code not in _BAD_VIEW:
                raise
        bare = form.form(draft, context, with_requester=False, bot=self.bot_user)
        opened = await self._open(trigger_id, bare, max(0.0, end - loop.time()))
        return replace(opened, is_preset=False)

    async def update_form(
        self, opened: OpenedForm, draft: FormDraft, context: FormContext
    ) -> OpenedForm | None:
        """Update an open form; return what it is then, or None if it is gone or has changed.

        Without a preset requester if Slack refuses that user.
        """
        view = form.form(draft, context, with_requester=opened.is_preset, bot=self.bot_user)
        request = self.web.views_update(view_id=opened.view_id, hash=opened.hash, view=view)
        try:
            updated = mapping(content(await call("views.update", request, VIEW_LIMIT)).get("view"))
        except SlackRejected as declined:
            if declined.code in _GONE_VIEW:
                return None
            if declined.code not in _BAD_VIEW or not opened.is_preset:
                raise
            return await self.update_form(replace(opened, is_preset=False), draft, context)
        return replace(opened, hash=string(updated, "hash"))

    async def open_view(
        self, trigger_id: str, view: Mapping[str, Any], *, limit: float = VIEW_LIMIT
    ) -> str:
        """Open a view; return its id. https://docs.slack.dev/reference/methods/views.open"""
        return (await self._open(trigger_id, view, limit)).view_id

    async def _open(self, trigger_id: str, view: Mapping[str, Any], limit: float) -> OpenedForm:
        request = self.web.views_open(trigger_id=trigger_id, view=dict(view))
        opened = mapping(content(await call_once("views.open", request, limit)).get("view"))
        if (id_ := string(opened, "id")) is None:
            raise TryLater("slack_not_understood", outcome_unknown=True)
        return OpenedForm(id_, string(opened, "hash"))

    async def update_view(
        self, view_id: str, view: Mapping[str, Any], *, limit: float = VIEW_LIMIT
    ) -> None:
        """Replace an open view."""
        request = self.web.views_update(view_id=view_id, view=dict(view))
        await call("views.update", request, limit)

    async def show_ticket(self, trigger_id: str, ticket: Ticket) -> None:
        """Show, instead of the form, that the message has this ticket."""
        await self.open_view(trigger_id, form.already(ticket))

    async def show_not_recorded(self, view_id: str) -> None:
        """Replace an open form by a notice that nothing was recorded."""
        await self.update_view(view_id, form.not_recorded())

    async def publish_home(self, user: str, view: Mapping[str, Any]) -> None:
        """Show a view in the user's Home tab.

        https://docs.slack.dev/reference/methods/views.publish
        """
        request = self.web.views_publish(user_id=user, view=dict(view))
        await call("views.publish", request, VIEW_LIMIT)

    # Messages

    async def message(self, ref: MessageRef) -> Message:
        """Return the message, be it a reply or not. Raises Rejected if it cannot be read."""
        return await reading.read(self.web, ref, self._render)

    async def replies(self, root: MessageRef) -> tuple[Message, ...]:
        """Return the whole Slack thread, its root first. Raises Rejected if it cannot be read."""
        return await reading.read_thread(self.web, root, self._render)

    async def permalink(self, ref: MessageRef, thread_ts: str | None) -> str:
        """Return the message's link: Slack's own, or a built one if Slack does not give it.

        Both lead to the same place, so no fault is worth waiting for.
        """
        request = self.web.chat_getPermalink(channel=ref.channel, message_ts=ref.ts)
        try:
            link = string(content(await call("chat.getPermalink", request)), "permalink")
        except Fault as fault:
            log.debug("permalink_built", channel=ref.channel, ts=ref.ts, cause=str(fault))
            link = None
        return link or refs.permalink((await self.known_installation()).url, ref, thread_ts)
