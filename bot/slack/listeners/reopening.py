"""The button below a refusal that opens the form again as it was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.core.faults import Fault
from bot.core.model import AlreadyExists, InProgress, Remark, ReplyTo, Ticket
from bot.flows.admission import Gate
from bot.flows.intake import NotYourRequest, Reopened, ReopenedForm, UnknownRequest, reopen
from bot.slack.background import BackgroundTasks, note
from bot.slack.listeners.form import FormOpener
from bot.slack.payloads_actions import ButtonClicked
from bot.slack.views import answer, form
from bot.slack.views.form import REOPEN_ACTION
from bot.slack.views.kit import Answer
from bot.store.executor import Run
from bot.store.records import Records

READ_SECONDS = 0.4
"""How long the row may take; with the form's two and a half it stays within Slack's three."""


class Speaks(Protocol):
    """What a click is answered with where no form opens."""

    async def show_ticket(self, trigger_id: str, ticket: Ticket) -> None: ...
    async def remark(self, reply_to: ReplyTo, remark: Remark) -> None: ...
    async def say_privately(self, reply_to: ReplyTo, said: Answer) -> None: ...


@dataclass
class ReopenListeners:
    """Leads from the button to the form. Only who asked gets it: it holds what they typed."""

    team: str
    records: Records
    opening: FormOpener
    slack: Speaks
    gate: Gate
    run: Run
    clock: Callable[[], float]
    later: BackgroundTasks

    def register(self, app: AsyncApp) -> None:
        app.action(REOPEN_ACTION)(self.on_click)

    async def on_click(self, body: dict[str, Any], ack: AsyncAck) -> None:
        click = ButtonClicked.model_validate(body)
        to = ReplyTo(
            user=click.user,
            asked_at=self.clock(),
            channel=click.channel,
            thread_ts=click.thread_ts,
            response_url=click.response_url,
        )
        try:
            async with asyncio.timeout(READ_SECONDS):
                earlier = await self.run(self.records.request, self.team, click.value)
            await self._answer(click.trigger_id or "", reopen(earlier, to), to)
        except (Fault, TimeoutError) as fault:
            note("form_not_opened_again", fault)
            self.later.do(self.slack.say_privately(to, form.not_opened()))
        await ack()

    async def _answer(
        self,
        trigger_id: str,
        found: Reopened,
        to: ReplyTo,
    ) -> None:
        match found:
            case ReopenedForm(trigger, key, prefill):
                await self.opening.open(trigger_id, trigger, prefill, key)
            case AlreadyExists() | InProgress() if refused := await self.gate.refused(to.user):
                self.later.do(self.slack.say_privately(to, answer.not_allowed(refused)))
            case AlreadyExists(ticket):
                await self.slack.show_ticket(trigger_id, ticket)
            case InProgress():
                self.later.do(self.slack.remark(to, found))
            case NotYourRequest():
                self.later.do(self.slack.say_privately(to, form.not_yours()))
            case UnknownRequest():
                self.later.do(self.slack.say_privately(to, form.not_known()))
