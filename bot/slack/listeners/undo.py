"""Undo a ticket: by its button in answers and the Home, or by removing one's reaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog
from slack_bolt.async_app import AsyncAck

from bot.core import refs
from bot.core.faults import Rejected, TryLater
from bot.core.model import PostedAnswer, ReplyTo
from bot.core.undo import (
    Acted,
    AddedTo,
    AlreadyUndone,
    NotUndoable,
    Result,
    TooLate,
    Undone,
    Unreached,
)
from bot.flows import undo
from bot.slack.background import BackgroundTasks
from bot.slack.calls import SlackRejected
from bot.slack.client import SlackClient
from bot.slack.fields import Body
from bot.slack.payloads import ButtonClicked, ReactionRemoved
from bot.slack.views import undo as build
from bot.slack.views.kit import Answer

log = structlog.get_logger("bot.slack")

_FINAL = (TooLate, Acted, AddedTo, NotUndoable)
"""Results that stay the same for everybody."""


@dataclass
class UndoListeners:
    """Handlers of undo. `by_reaction`: removing one's reaction is an undo.

    `changed` is called with the submitter of a ticket that changed, `refused` with the id of a row
    that can no longer be undone.
    """

    context: undo.UndoContext
    slack: SlackClient
    clock: Callable[[], float]
    background: BackgroundTasks
    by_reaction: bool = False
    changed: Callable[[str], None] = lambda _user: None
    refused: Callable[[int], None] = lambda _row: None
    _waiting: BackgroundTasks = field(default_factory=BackgroundTasks)

    async def on_open(self, ack: AsyncAck) -> None:
        """Acknowledge a click on a link, which the browser has followed already."""
        await ack()

    async def on_undo(self, body: Body, ack: AsyncAck) -> None:
        """Undo the ticket, and say how it went."""
        self.background.spawn(self._undo(ButtonClicked.model_validate(body)))
        await ack()

    async def on_reaction_removed(self, body: Body) -> None:
        """Undo the ticket that the removed reaction created."""
        if self.by_reaction:
            self._waiting.spawn(self._undo_reaction(ReactionRemoved.model_validate(body)))

    async def stop(self) -> None:
        """Stop waiting for tickets; an undo in progress is finished after the next start."""
        await self._waiting.cancel()

    async def run_once(self) -> None:
        """Finish undos that were interrupted, and remove buttons whose time is over."""
        for attempt in await undo.finish_left_over(self.context):
            _note(attempt.record.id, attempt.result)
            self.changed(attempt.record.submitter)
            if not isinstance(attempt.result, Undone):
                self.background.spawn(self._take_back(attempt))
        context = self.context
        for user in await context.run(context.undos.just_expired, context.workspace.team):
            self.changed(user)
        await undo.edit_stale_answers(context)

    # A click

    async def _undo(self, click: ButtonClicked) -> None:
        row = refs.row_id(click.value) or 0  # no row has the id 0
        result = await self._result(row, click.user)
        _note(row, result)
        edited: tuple[PostedAnswer, ...] = ()
        if isinstance(result, Undone | AlreadyUndone):
            edited = await self._settled(row)
        elif isinstance(result, _FINAL):
            self.refused(row)
            await self._show_again(row)
        await self._answer(click, result, edited)

    async def _settled(self, row: int) -> tuple[PostedAnswer, ...]:
        """Show that the row is undone; return the bot's answers that were edited for it."""
        await self._show_again(row)
        return await undo.retract(row, self.context)

    async def _show_again(self, row: int) -> None:
        context = self.context
        found = await context.run(context.undos.find, context.workspace.team, row)
        if found is not None:
            self.changed(found.submitter)

    async def _take_back(self, attempt: undo.UndoReport) -> None:
        """Tell the person by direct message that an announced undo failed."""
        if attempt.record.undo_begun_by is not None:
            reply_to = ReplyTo(user=attempt.record.undo_begun_by, asked_at=self.clock())
            await self.slack.say_privately(reply_to, build.result(attempt.result))

    async def _result(self, row: int, user: str) -> Result:
        context = self.context
        try:
            by = await undo.patiently(lambda: self.slack.fresh_profile(user), context.sleep)
            return await undo.undo(row, by, context)
        except TryLater as fault:
            return Unreached(None, after=fault.after)
        except Rejected:
            return Unreached(None)

    async def _answer(
        self, click: ButtonClicked, result: Result, edited: tuple[PostedAnswer, ...]
    ) -> None:
        """Replace what was clicked if it is of no more use; else answer the clicker privately."""
        said = build.result(result)
        if click.view_id is not None:
            if not isinstance(result, Undone):  # the Home shows that one by itself
                await self._say_privately(click, said)
        elif click.is_ephemeral and click.response_url is not None and _is_over(result):
            try:
                await self.slack.replace(click.response_url, said)
            except SlackRejected:
                await self._say_privately(click, said)
        elif not await self._edited(click, result, edited):
            await self._say_privately(click, said)

    async def _edited(
        self, click: ButtonClicked, result: Result, edited: tuple[PostedAnswer, ...]
    ) -> bool:
        """Edit the clicked message of the bot's; return whether that is the whole answer."""
        if click.is_ephemeral or click.channel is None or click.message_ts is None:
            return False
        posted = PostedAnswer(click.channel, click.message_ts)
        try:
            match result:
                case Undone(ticket):
                    if posted not in edited:
                        await self.slack.edit_undone(posted, ticket, click.user)
                    return True
                case TooLate(ticket):
                    await self.slack.edit_ended(posted, ticket)
        except Rejected:
            pass  # it is gone, or cannot be edited
        return False

    async def _say_privately(self, click: ButtonClicked, said: Answer) -> None:
        await self.slack.say_privately(click.reply_to(self.clock()), said)

    # A reaction

    async def _undo_reaction(self, removed: ReactionRemoved) -> None:
        trigger = removed.trigger(self.context.workspace.team, self.clock())
        if trigger is None or trigger.ref is None or trigger.emoji is None:
            return
        key = refs.message_key(self.context.workspace.team, trigger.ref)
        attempt = await undo.undo_reaction(key, trigger.submitter, trigger.emoji, self.context)
        if attempt is None:
            return
        _note(attempt.record.id, attempt.result)
        edited: tuple[PostedAnswer, ...] = ()
        if isinstance(attempt.result, Undone):
            edited = await self._settled(attempt.record.id)
        if not any(said.receipt is None for said in edited):
            reply_to = replace(trigger.reply_to, thread_ts=attempt.record.thread_ts)
            await self.slack.say_privately(reply_to, build.result(attempt.result))


def _note(row: int, result: Result) -> None:
    log.info("undo", reference=refs.reference(row), result=type(result).__name__.lower())


def _is_over(result: Result) -> bool:
    """Return whether the button can do nothing more for anybody."""
    if isinstance(result, Unreached):
        return result.goes_on
    return isinstance(result, (Undone, AlreadyUndone, *_FINAL))
