"""Hear who wants a ticket undone: by its button, or by a reaction that is taken back; answer it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog
from slack_bolt.async_app import AsyncAck

from bot.core import refs
from bot.core.faults import Fault, Rejected, TryLater
from bot.core.model import RESPONSE_URL_SECONDS, PostedAnswer
from bot.core.undo import AlreadyUndone, Result, TooLate, UndoClick, Undone, Unreached
from bot.flows import undo
from bot.flows.edits import says_so
from bot.slack.background import BackgroundTasks, note
from bot.slack.calls import SlackRejected
from bot.slack.client import SlackClient
from bot.slack.fields import Body
from bot.slack.payloads import ButtonClicked, ReactionRemoved
from bot.slack.views import undo as build
from bot.slack.views.kit import Answer
from bot.store.undo import Undoing

log = structlog.get_logger("bot.slack")


def click_of(clicked: ButtonClicked, now: float) -> UndoClick:
    """Return the click as the ledger keeps it; `now` is in Unix seconds."""
    return UndoClick(
        clicked.reply_to(now),
        message_ts=clicked.message_ts,
        is_ephemeral=clicked.is_ephemeral,
        in_home=clicked.view_id is not None,
    )


@dataclass
class UndoListeners:
    """Handlers of undo: each commits a job, which the worker carries out.

    `by_reaction`: taking one's reaction back is an undo. `wake` tells the worker.
    """

    context: undo.UndoContext
    slack: SlackClient
    clock: Callable[[], float]
    background: BackgroundTasks
    wake: Callable[[], None]
    by_reaction: bool = False

    async def on_open(self, ack: AsyncAck) -> None:
        """Acknowledge a click on a link, which the browser has followed already."""
        await ack()

    async def on_undo(self, body: Body, ack: AsyncAck) -> None:
        """Record the click, or say at once that it could not be: Slack sends none twice."""
        click = click_of(clicked := ButtonClicked.model_validate(body), self.clock())
        try:
            # No request has the id 0.
            await undo.record_click(refs.row_id(clicked.value) or 0, click, self.context)
        except (Fault, TimeoutError) as fault:
            note("undo_not_recorded", fault)
            said = build.result(Unreached(None))
            self.background.spawn(self.slack.say_privately(click.reply_to, said))
        else:
            self.wake()
        await ack()

    async def on_reaction_removed(self, body: Body) -> None:
        """Record that a reaction was taken back which requested a ticket."""
        if not self.by_reaction:
            return
        team = self.context.workspace.team
        trigger = ReactionRemoved.model_validate(body).trigger(team, self.clock())
        if trigger is None or trigger.ref is None or trigger.emoji is None:
            return
        key = refs.message_key(team, trigger.ref)
        act = refs.reaction_act(key, trigger.submitter, trigger.emoji)
        if await undo.record_removal(act, trigger.reply_to, self.context):
            self.wake()

    async def refresh_expired(self) -> None:
        """Refresh the Homes of those whose time for an undo has just ended."""
        context = self.context
        for user in await context.run(context.undos.just_expired, context.workspace.team):
            context.editing.changed(user)


class SlackUndoAnswers:
    """Answers undos; fits `flows.undo.UndoAnswerer`. `clock` is in Unix seconds."""

    def __init__(self, slack: SlackClient, clock: Callable[[], float]) -> None:
        self._slack = slack
        self._clock = clock

    async def answer(
        self, undoing: Undoing, result: Result, edited: Sequence[PostedAnswer]
    ) -> None:
        """Replace what was clicked if it is of no more use; else answer the person privately.

        `edited` are the posted answers that say it already. Raises TryLater, unless the person may
        have been told.
        """
        row = undoing.target.id if undoing.target else 0
        log.info("undo", reference=refs.reference(row), result=type(result).__name__.lower())
        click, said = undoing.click, build.result(result)
        if click.in_home:
            if not isinstance(result, Undone):  # the Home shows that one by itself
                await self._say_privately(click, said)
        elif click.is_reaction:
            if not says_so(tuple(edited)):
                await self._say_privately(_in_thread(undoing), said)
        elif self._can_be_replaced(click) and _is_over(result):
            await self._replace(click, said)
        elif not await self._edited(click, result, edited):
            await self._say_privately(click, said)

    def _can_be_replaced(self, click: UndoClick) -> bool:
        is_alive = click.reply_to.asked_at + RESPONSE_URL_SECONDS > self._clock()
        return click.is_ephemeral and click.reply_to.response_url is not None and is_alive

    async def _replace(self, click: UndoClick, said: Answer) -> None:
        try:
            await self._slack.replace(click.reply_to.response_url or "", said)
        except SlackRejected:
            await self._say_privately(click, said)
        except TryLater as fault:  # harmless twice
            raise TryLater(fault.cause, after=fault.after) from None

    async def _edited(
        self, click: UndoClick, result: Result, edited: Sequence[PostedAnswer]
    ) -> bool:
        """Edit the clicked message of the bot's; return whether that is the whole answer."""
        channel = click.reply_to.channel
        if click.is_ephemeral or channel is None or click.message_ts is None:
            return False
        posted = PostedAnswer(channel, click.message_ts)
        try:
            match result:
                case Undone(ticket):
                    if posted not in edited:
                        await self._slack.edit_undone(posted, ticket, click.reply_to.user)
                    return True
                case TooLate(ticket):
                    await self._slack.edit_ended(posted, ticket)
        except Rejected:
            pass  # it is gone, or cannot be edited
        return False

    async def _say_privately(self, click: UndoClick, said: Answer) -> None:
        """Answer one person, once; where no way to them is open, nothing is said."""
        try:
            await self._slack.say_privately(click.reply_to, said)
        except Rejected as refused:
            log.warning("undo_answer_rejected", reason=refused.reason.value)
        except TryLater as fault:
            if not fault.outcome_unknown:
                raise


def _in_thread(undoing: Undoing) -> UndoClick:
    """Return the click to be answered in the Slack thread that its message replies in."""
    click = undoing.click
    thread_ts = undoing.target.thread_ts if undoing.target else None
    return replace(click, reply_to=replace(click.reply_to, thread_ts=thread_ts))


def _is_over(result: Result) -> bool:
    """Return whether the button can do nothing more for anybody."""
    if isinstance(result, Unreached):
        return result.goes_on
    return isinstance(result, (Undone, AlreadyUndone, *undo.FINAL))
