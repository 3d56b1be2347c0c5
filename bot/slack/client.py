"""The Slack port over slack_sdk's AsyncWebClient, and the calls that the listeners need."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.core import refs
from bot.core.directory import Channel, Installation, Names, Profile
from bot.core.faults import Fault, Reason, Rejected, Rejection, SlackError, TryLater
from bot.core.model import (
    Form,
    FormDraft,
    Message,
    Outcome,
    PostedAnswer,
    Remark,
    ReplyTo,
    Ticket,
    Trigger,
)
from bot.core.refs import MessageRef
from bot.core.text.richtext import Mention
from bot.flows.form import FormContext
from bot.flows.intake import OpenedForm
from bot.slack import reading
from bot.slack.answers import Answers, AnswerSettings
from bot.slack.calls import VIEW_LIMIT, Declined, call, call_once, content
from bot.slack.lookups import Lookups
from bot.slack.views import answer, form, undo
from bot.slack.views.kit import Answer
from bot.store.executor import Run, in_place

log = structlog.get_logger(__name__)

# The form was sent off, closed or changed meanwhile.
_GONE_VIEW = frozenset({"hash_conflict", "not_found", "view_not_found"})

# What a view with a user that Slack does not take there may be refused with.
_BAD_VIEW = frozenset(
    {"invalid_arguments", "invalid_blocks", "invalid_user", "user_not_found", "user_not_visible"}
)


class SlackClient:
    """Reads and speaks in one workspace; fits `bot.flows.ports.Slack`.

    `web` comes from `bot.slack.calls.web_client`. `installed` is what an earlier `auth.test`
    told, so that nothing but that call needs Slack at the start; without it the first need asks.
    `clock` gives Unix seconds. `render` reads what may be long and hostile off the loop.
    """

    def __init__(
        self,
        web: AsyncWebClient,
        manner: AnswerSettings | None = None,
        *,
        installed: Installation | None = None,
        clock: Callable[[], float] = time.time,
        render: Run = in_place,
    ) -> None:
        self.web = web
        self._render = render
        self.installed = installed
        self._lookups = Lookups(web, self._installation, clock)
        self._answers = Answers(
            web,
            manner or AnswerSettings(),
            clock,
            self._lookups.may_be_shared,
            self._lookups.profile,
        )

    async def installation(self) -> Installation:
        """Where the token is installed; asks Slack anew and remembers it.

        A token that Slack does not take is TryLater: work waits until the operator mends it.
        """
        said = content(await self._auth_test())
        team, url, user = said.get("team_id"), said.get("url"), said.get("user_id")
        if not (isinstance(team, str) and isinstance(url, str) and isinstance(user, str)):
            raise Rejected(
                Rejection(
                    Reason.SLACK_REFUSED,
                    slack_error=SlackError(code="no_workspace", method="auth.test"),
                )
            )
        self.installed = Installation(
            team=team,
            url=f"{url.rstrip('/')}/",
            bot_user=user,
            bot_id=_text(said, "bot_id"),
            enterprise=_text(said, "enterprise_id"),
        )
        return self.installed

    async def app(self) -> str | None:
        """Return the id of the app that the token is of; None where Slack does not say it.

        https://docs.slack.dev/reference/methods/bots.info
        """
        bot = (await self._installation()).bot_id
        if bot is None:
            return None
        try:
            answer = await call("bots.info", self.web.bots_info(bot=bot))
        except Fault:
            return None
        found = content(answer).get("bot")
        return _text(found, "app_id") if isinstance(found, dict) else None

    async def granted_scopes(self) -> frozenset[str]:
        """The token's scopes, as Slack states them with every answer.

        https://docs.slack.dev/authentication/installing-with-oauth#inspect
        """
        headers = {k.lower(): v for k, v in (await self._auth_test()).headers.items()}
        scopes = headers.get("x-oauth-scopes", "").split(",")
        return frozenset(scope.strip() for scope in scopes if scope.strip())

    # Views: a trigger lives for three seconds, so all of this takes at most two.

    async def open_form(self, trigger_id: str, draft: FormDraft, beside: FormContext) -> OpenedForm:
        """Open the draft's form. Where Slack refuses the requester, without."""
        loop = asyncio.get_running_loop()
        end = loop.time() + VIEW_LIMIT
        try:
            return await self._open(trigger_id, form.form(draft, beside, bot=self._bot), VIEW_LIMIT)
        except Declined as declined:
            if declined.code not in _BAD_VIEW:
                raise
        bare = form.form(draft, beside, with_requester=False, bot=self._bot)
        opened = await self._open(trigger_id, bare, max(0.0, end - loop.time()))
        return replace(opened, is_preset=False)

    async def update_form(self, opened: OpenedForm, draft: FormDraft, beside: FormContext) -> None:
        """Say something else beside the inputs, unless the form is gone or was changed since."""
        view = form.form(draft, beside, with_requester=opened.is_preset, bot=self._bot)
        asked = self.web.views_update(view_id=opened.view_id, hash=opened.hash, view=view)
        try:
            await call("views.update", asked, VIEW_LIMIT)
        except Declined as declined:
            if declined.code not in _GONE_VIEW:
                raise

    async def open_view(
        self, trigger_id: str, view: Mapping[str, Any], *, limit: float = VIEW_LIMIT
    ) -> str:
        """Open a view; its id. https://docs.slack.dev/reference/methods/views.open"""
        return (await self._open(trigger_id, view, limit)).view_id

    async def _open(self, trigger_id: str, view: Mapping[str, Any], limit: float) -> OpenedForm:
        asked = self.web.views_open(trigger_id=trigger_id, view=dict(view))
        opened = content(await call_once("views.open", asked, limit)).get("view")
        if not isinstance(opened, dict) or (id_ := _text(opened, "id")) is None:
            raise TryLater("slack_not_understood", outcome_unknown=True)
        return OpenedForm(id_, _text(opened, "hash"))

    async def update_view(self, view_id: str, view: Mapping[str, Any]) -> None:
        """Put another view in the place of an open one."""
        asked = self.web.views_update(view_id=view_id, view=dict(view))
        await call("views.update", asked, VIEW_LIMIT)

    async def show_ticket(self, trigger_id: str, ticket: Ticket) -> None:
        """Show, instead of the form, that the message has its ticket."""
        await self.open_view(trigger_id, form.already(ticket))

    async def show_not_recorded(self, view_id: str) -> None:
        """Say in place of an open form that nothing was recorded."""
        await self.update_view(view_id, form.not_recorded())

    # Reading

    async def message(self, ref: MessageRef) -> Message:
        """The message, whether it is a reply or not. Rejected where it cannot be read."""
        return await reading.read(self.web, ref, self._render)

    async def replies(self, root: MessageRef) -> tuple[Message, ...]:
        """The whole Slack thread, its root first. Rejected where it cannot be read."""
        return await reading.read_thread(self.web, root, self._render)

    async def profile(self, user: str) -> Profile | None:
        """Who that is (cached); None for a user that Slack does not show."""
        return await self._lookups.profile(user)

    async def profile_now(self, user: str) -> Profile | None:
        """The same, asked anew: for a right that may have been taken away."""
        return await self._lookups.profile_now(user)

    async def channel(self, channel: str) -> Channel:
        """The conversation (cached); without a name where it cannot be read."""
        return await self._lookups.channel(channel)

    async def names(self, mentions: Sequence[Mention]) -> Names:
        """The names of those mentioned (cached); the unreadable ones are left out."""
        return await self._lookups.names(mentions)

    def names_at_hand(self, mentions: Sequence[Mention]) -> Names:
        """The names of those mentioned that are in the cache, for a form that must open now."""
        return self._lookups.names_at_hand(mentions)

    def readable_at_hand(self, channel: str) -> bool | None:
        """Whether the bot may read the conversation; None where that is not known."""
        return self._lookups.readable_at_hand(channel)

    async def readable(self, channel: str) -> bool:
        """Whether the bot may read the conversation (cached)."""
        return await self._lookups.readable(channel)

    async def permalink(self, ref: MessageRef, thread_ts: str | None) -> str:
        """The message's link: Slack's own, or built where Slack does not give it.

        The built one leads to the same place, so no fault is worth a wait here.
        """
        asked = self.web.chat_getPermalink(channel=ref.channel, message_ts=ref.ts)
        try:
            link = _text(content(await call("chat.getPermalink", asked)), "permalink")
        except Fault as fault:
            log.debug("slack.permalink_built", channel=ref.channel, ts=ref.ts, cause=str(fault))
            link = None
        return link or refs.permalink((await self._installation()).url, ref, thread_ts)

    # Answering

    async def tell(self, trigger: Trigger, outcome: Outcome, reference: str) -> PostedAnswer | None:
        """Answer the person who asked, in words, once; where, if it may have to be edited.

        `reference` is what they can quote.
        """
        return await self._answers.tell(trigger, outcome, reference, self._bot)

    async def remark(self, reply_to: ReplyTo, remark: Remark, form: Form | None = None) -> None:
        """Say privately what came of asking again, with `form` if so; if that fails, it is lost."""
        try:
            await self._answers.remark(reply_to, remark, form)
        except Fault as fault:
            log.info("slack.remark_lost", remark=type(remark).__name__, cause=str(fault))

    async def tell_queued(self, trigger: Trigger, reference: str) -> None:
        """Tell the person who asked that it takes longer; raises as `tell` does."""
        await self._answers.tell_queued(trigger, reference)

    async def say_privately(self, reply_to: ReplyTo, said: Answer) -> None:
        """Say something to the person who asked; raises as `tell` does."""
        await self._answers.say_privately(reply_to, said)

    async def replace(self, response_url: str, said: Answer) -> None:
        """Say something in place of the ephemeral message that was clicked on."""
        await self._answers.replace(response_url, said)

    async def edit_undone(self, said: PostedAnswer, ticket: Ticket | None, by: str) -> None:
        """Say in place of an answer that this person undid the ticket; raises as `tell` does."""
        if said.receipt is not None:
            await self._answers.take_receipt(said)
            return
        loud, quiet = (undo.undone(ticket, by, quiet=quiet) for quiet in (False, True))
        await self._answers.edit(said, loud, quiet)

    async def edit_ended(self, said: PostedAnswer, ticket: Ticket | None) -> None:
        """Take the answer's Undo away; raises as `tell` does."""
        if said.receipt is None:
            loud, quiet = (answer.ended(ticket, quiet=quiet) for quiet in (False, True))
            await self._answers.edit(said, loud, quiet)

    @property
    def _bot(self) -> str | None:
        """The bot's user id, where it is known."""
        return self.installed.bot_user if self.installed else None

    async def _installation(self) -> Installation:
        return self.installed or await self.installation()

    async def _auth_test(self) -> AsyncSlackResponse:
        return await call("auth.test", self.web.auth_test())


def _text(said: Mapping[str, Any], key: str) -> str | None:
    value = said.get(key)
    return value if isinstance(value, str) and value else None
