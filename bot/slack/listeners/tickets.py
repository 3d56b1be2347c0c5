"""Take requests for tickets: by reaction, shortcut, command, and the submitted form."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from slack_bolt.async_app import AsyncAck

from bot.core.faults import Fault
from bot.core.model import Form, FormDraft, Priority, Via
from bot.flows.intake import Intake
from bot.flows.workspace import Workspace
from bot.slack import payloads
from bot.slack.background import BackgroundTasks, note
from bot.slack.fields import Body
from bot.slack.listeners.commands import Subcommand
from bot.slack.listeners.form import FormListeners
from bot.slack.payloads_view import ViewSubmission
from bot.slack.views import commands
from bot.slack.views import form as words
from bot.slack.views.kit import Answer
from bot.store.drafts import Drafts
from bot.store.executor import Run, in_place

DRAFT_SECONDS = 0.7
"""Limit for loading a draft; with two seconds for the record it stays within Slack's three."""


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
    run: Run
    clock: Callable[[], float]
    background: BackgroundTasks
    commands: Mapping[str, Subcommand] = field(default_factory=dict)
    parse: Run = in_place

    async def on_reaction(self, body: Body) -> None:
        """Record the request of a reaction that a rule matches."""
        trigger = payloads.ReactionAdded.model_validate(body).trigger(
            self.workspace.team, self.clock()
        )
        if trigger is not None:
            await self.intake.take(trigger)

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
            await self.intake.take(trigger)
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
                if await self._was_submitted(submission):
                    await ack()
                else:
                    await ack(response_action="errors", errors={"title": words.FORM_TOO_OLD})
                return
            await self.intake.take(submission.trigger(draft), draft.key, draft.replaces)
        except (Fault, TimeoutError) as fault:
            note("form_not_recorded", fault)
            await ack(response_action="errors", errors={"title": words.NOT_RECORDED_HERE})
        else:
            # It holds the message's text, which the ledger keeps from here on.
            self.background.spawn(self.run(self.drafts.erase, draft.id))
            await ack()

    async def _draft(self, draft_id: str) -> FormDraft | None:
        async with asyncio.timeout(DRAFT_SECONDS):
            return await self.run(self.drafts.load, draft_id)

    async def _was_submitted(self, submission: ViewSubmission) -> bool:
        """Return whether the form was recorded already: it was submitted twice."""
        async with asyncio.timeout(DRAFT_SECONDS):
            return await self.run(
                self.drafts.was_submitted, self.workspace.team, submission.view_id
            )


async def _reply(ack: AsyncAck, said: Answer) -> None:
    await ack(text=said.text, blocks=said.blocks or None, response_type="ephemeral")
