"""Take requests for tickets: by reaction, shortcut, command, and the submitted form."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from cachetools import FIFOCache
from slack_bolt.async_app import AsyncAck

from bot.core.faults import Fault
from bot.core.model import Form, FormDraft, Priority, Remark, Trigger, Via
from bot.flows.admission import not_admitted
from bot.flows.intake import Intake
from bot.flows.workspace import Workspace
from bot.slack import payloads
from bot.slack.background import BackgroundTasks, note
from bot.slack.client import SlackClient
from bot.slack.fields import Body
from bot.slack.listeners.commands import Subcommand
from bot.slack.listeners.form import FormListeners
from bot.slack.payloads_view import ViewSubmission
from bot.slack.views import answer, commands
from bot.slack.views import form as words
from bot.slack.views.kit import Answer
from bot.store.drafts import Drafts
from bot.store.executor import Run, in_place
from bot.store.requests import Recorded

DRAFT_SECONDS = 0.7
"""Limit for loading a draft; with two seconds for the record it stays within Slack's three."""
MOST_REMARKED = 1000


def _remarked() -> FIFOCache[str, None]:
    return FIFOCache(MOST_REMARKED)


@dataclass
class TicketListeners:
    """Handlers of what asks for a ticket.

    `commands` are the subcommands of `/plain-ticket` by name.
    `parse` reads texts, which may be long and hostile, off the event loop.
    """

    workspace: Workspace
    intake: Intake
    form: FormListeners
    drafts: Drafts
    slack: SlackClient
    run: Run
    clock: Callable[[], float]
    background: BackgroundTasks
    commands: Mapping[str, Subcommand] = field(default_factory=dict)
    parse: Run = in_place
    _remarked: FIFOCache[str, None] = field(default_factory=_remarked)

    async def on_reaction(self, body: Body) -> None:
        """Record the request of a reaction that a rule matches."""
        trigger = payloads.ReactionAdded.model_validate(body).trigger(
            self.workspace.team, self.clock()
        )
        if trigger is not None:
            self._answer(trigger, await self.intake.take(trigger))

    async def on_message_shortcut(self, body: Body, ack: AsyncAck) -> None:
        """Open the form for a message."""
        shortcut = payloads.MessageShortcut.model_validate(body)
        trigger = await self.parse(shortcut.trigger, self.workspace.team, self.clock())
        await self.form.open(shortcut.trigger_id, trigger)
        await ack()

    async def on_global_shortcut(self, body: Body, ack: AsyncAck) -> None:
        """Open an empty form."""
        shortcut = payloads.GlobalShortcut.model_validate(body)
        trigger = shortcut.trigger(self.workspace.team, self.clock())
        await self.form.open(shortcut.trigger_id, trigger)
        await ack()

    async def on_command(self, body: Body, ack: AsyncAck) -> None:
        """Answer a subcommand, open the form, or record the text as a request."""
        command = payloads.SlashCommand.model_validate(body)
        trigger = await self.parse(command.trigger, self.workspace.team, self.clock())
        if (subcommand := self.commands.get(command.word)) is not None:
            await _reply(ack, await subcommand(command.user_id))
            return
        if command.is_one_word:
            title = command.text.strip()
            await self.form.open(
                command.trigger_id,
                replace(trigger, via=Via.FORM, message=None),
                Form(title, None, command.user_id, Priority.NORMAL),
            )
            await _reply(ack, commands.unknown_word(title))
            return
        if command.is_bare:
            await self.form.open(command.trigger_id, trigger)
            await ack()
            return
        try:
            self._answer(trigger, await self.intake.take(trigger))
        except (Fault, TimeoutError) as fault:
            # Slack sends no command twice, so the person gets the text back at once.
            note("command_not_recorded", fault)
            await _reply(ack, commands.not_recorded(command.text))
        else:
            await ack()

    async def on_submit(self, body: Body, ack: AsyncAck) -> None:
        """Record the request of a form, or show what is wrong with it."""
        submission = ViewSubmission.model_validate(body)
        if errors := submission.errors():
            await ack(response_action="errors", errors=errors)
            return
        try:
            draft = await self._draft(submission.draft_id)
            if draft is None:
                await ack(response_action="errors", errors={"title": words.FORM_TOO_OLD})
                return
            trigger = submission.trigger(draft)
            self._answer(trigger, await self.intake.take(trigger, draft.key))
        except (Fault, TimeoutError) as fault:
            note("form_not_recorded", fault)
            await ack(response_action="errors", errors={"title": words.NOT_RECORDED_HERE})
        else:
            await ack()

    async def _draft(self, draft_id: str) -> FormDraft | None:
        async with asyncio.timeout(DRAFT_SECONDS):
            return await self.run(self.drafts.load, draft_id)

    def _answer(self, trigger: Trigger, recorded: Recorded | None) -> None:
        """Answer a request that met an earlier one; once, however often Slack delivers it."""
        if recorded is None or recorded.remark is None or trigger.request in self._remarked:
            return
        self._remarked[trigger.request] = None
        if recorded.thread_ts is not None:
            in_thread = replace(trigger.reply_to, thread_ts=recorded.thread_ts)
            trigger = replace(trigger, reply_to=in_thread)
        self.background.spawn(self._remark(trigger, recorded.remark))

    async def _remark(self, trigger: Trigger, remark: Remark) -> None:
        """Send the remark, unless the person may not create tickets.

        They learn of no ticket, and a reaction of theirs gets no answer at all.
        """
        refused = await not_admitted(trigger.submitter, self.workspace)
        if refused is None:
            await self.slack.remark(trigger.reply_to, remark, trigger.form)
        elif trigger.via is not Via.REACTION:
            await self.slack.say_privately(trigger.reply_to, answer.not_allowed(refused))


async def _reply(ack: AsyncAck, said: Answer) -> None:
    await ack(text=said.text, blocks=said.blocks or None, response_type="ephemeral")
