"""Undo: its button wherever it stands, and the reaction that is taken away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.core import refs
from bot.core.directory import Profile
from bot.core.faults import Rejected, TryLater
from bot.core.model import PostedAnswer, ReplyTo, Ticket
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
from bot.slack.calls import Declined
from bot.slack.payloads_actions import ButtonClicked, ReactionRemoved
from bot.slack.views import kit
from bot.slack.views import undo as build
from bot.slack.views.kit import Answer

log = structlog.get_logger("bot.slack")

Asked = dict[str, Any]

_FOR_GOOD = (TooLate, Acted, AddedTo, NotUndoable)
"""Whoever clicks, and whenever: it stays so."""


class Speaks(Protocol):
    """What an undo says, and of whom it asks who they are."""

    async def profile_now(self, user: str) -> Profile | None: ...
    async def say_privately(self, reply_to: ReplyTo, said: Answer) -> None: ...
    async def replace(self, response_url: str, said: Answer) -> None: ...
    async def edit_undone(self, said: PostedAnswer, ticket: Ticket | None, by: str) -> None: ...
    async def edit_ended(self, said: PostedAnswer, ticket: Ticket | None) -> None: ...


@dataclass
class UndoListeners:
    """The listeners. `by_reaction`: to take one's reaction away is an undo.

    `changed` is told whose tickets stand otherwise, `refused` of rows that nobody can undo any
    more.
    """

    context: undo.UndoContext
    slack: Speaks
    clock: Callable[[], float]
    by_reaction: bool = False
    changed: Callable[[str], None] = lambda _user: None
    refused: Callable[[int], None] = lambda _row: None
    later: BackgroundTasks = field(default_factory=BackgroundTasks)
    _waiting: BackgroundTasks = field(default_factory=BackgroundTasks)

    def register(self, app: AsyncApp) -> None:
        """Undo, the links to Plain, and reactions that go."""
        app.action(build.ACTION)(self.on_undo)
        app.action(kit.OPEN_ACTION)(self.on_open)
        app.event("reaction_removed")(self.on_reaction_removed)

    async def on_open(self, ack: AsyncAck) -> None:
        """The link has led there already."""
        await ack()

    async def on_undo(self, body: Asked, ack: AsyncAck) -> None:
        self.later.do(self._undo(ButtonClicked.model_validate(body)))
        await ack()

    async def on_reaction_removed(self, body: Asked) -> None:
        if self.by_reaction:
            self._waiting.do(self._undo_reaction(ReactionRemoved.model_validate(body)))

    async def stop(self) -> None:
        """Wait for no more tickets; an undo that was begun is finished after the next start."""
        await self._waiting.give_up()

    async def go_round(self) -> None:
        """Finish what was begun and not finished, and take away what is offered no longer."""
        for told in await undo.finish_left_over(self.context):
            _note(told.record.id, told.result)
            self.changed(told.record.submitter)
            if not isinstance(told.result, Undone):
                self.later.do(self._take_back(told))
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
        elif isinstance(result, _FOR_GOOD):
            self.refused(row)
            await self._show_again(row)
        await self._answer(click, result, edited)

    async def _settled(self, row: int) -> tuple[PostedAnswer, ...]:
        """Let it be seen that the row is undone; what the bot had said of it, and edited."""
        await self._show_again(row)
        return await undo.retract(row, self.context)

    async def _show_again(self, row: int) -> None:
        context = self.context
        found = await context.run(context.undos.find, context.workspace.team, row)
        if found is not None:
            self.changed(found.submitter)

    async def _take_back(self, told: undo.UndoReport) -> None:
        """Tell who was told that it would be undone that it was not, by direct message."""
        if told.record.undo_begun_by is not None:
            reply_to = ReplyTo(user=told.record.undo_begun_by, asked_at=self.clock())
            await self.slack.say_privately(reply_to, build.result(told.result))

    async def _result(self, row: int, user: str) -> Result:
        context = self.context
        try:
            by = await undo.patiently(lambda: self.slack.profile_now(user), context.sleep)
            return await undo.undo(row, by, context)
        except TryLater as fault:
            return Unreached(None, after=fault.after)
        except Rejected:
            return Unreached(None)

    async def _answer(
        self, click: ButtonClicked, result: Result, edited: tuple[PostedAnswer, ...]
    ) -> None:
        """In place of what was clicked where that is over; else beside it, for the clicker only."""
        said = build.result(result)
        if click.view_id is not None:
            if not isinstance(result, Undone):  # the Home shows that one by itself
                await self._beside(click, said)
        elif click.is_ephemeral and click.response_url is not None and _is_over(result):
            try:
                await self.slack.replace(click.response_url, said)
            except Declined:
                await self._beside(click, said)
        elif not await self._edited(click, result, edited):
            await self._beside(click, said)

    async def _edited(
        self, click: ButtonClicked, result: Result, edited: tuple[PostedAnswer, ...]
    ) -> bool:
        """Edit the message that was clicked, which the bot posted; whether that says it all."""
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

    async def _beside(self, click: ButtonClicked, said: Answer) -> None:
        reply_to = ReplyTo(
            user=click.user,
            asked_at=self.clock(),
            channel=click.channel,
            thread_ts=click.thread_ts,
            response_url=click.response_url,
        )
        await self.slack.say_privately(reply_to, said)

    # A reaction

    async def _undo_reaction(self, removed: ReactionRemoved) -> None:
        asked = removed.trigger(self.context.workspace.team, self.clock())
        if asked is None or asked.ref is None or asked.emoji is None:
            return
        key = refs.message_key(self.context.workspace.team, asked.ref)
        told = await undo.undo_reaction(key, asked.submitter, asked.emoji, self.context)
        if told is None:
            return
        _note(told.record.id, told.result)
        edited: tuple[PostedAnswer, ...] = ()
        if isinstance(told.result, Undone):
            edited = await self._settled(told.record.id)
        if not any(said.receipt is None for said in edited):
            reply_to = replace(asked.reply_to, thread_ts=told.record.thread_ts)
            await self.slack.say_privately(reply_to, build.result(told.result))


def _note(row: int, result: Result) -> None:
    log.info("undo", reference=refs.reference(row), result=type(result).__name__.lower())


def _is_over(result: Result) -> bool:
    """Whether the button can do nothing more, whoever clicks it."""
    if isinstance(result, Unreached):
        return result.goes_on
    return isinstance(result, (Undone, AlreadyUndone, *_FOR_GOOD))
