"""Trigger to recorded row, inside Slack's three seconds; and the form that leads to one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bot.core import refs, routing
from bot.core.faults import Fault
from bot.core.model import Escalation, Form, FormDraft, Rule, Ticket, Trigger, Via
from bot.flows.form import FormContext
from bot.store.deliveries import Ledger
from bot.store.drafts import Drafts
from bot.store.executor import Run
from bot.store.requests import Recorded

NOTHING = FormContext()

RECORD_SECONDS = 1.8
"""How long a record may take: Slack waits for three seconds, a door for two."""


@dataclass(frozen=True, slots=True)
class OpenedForm:
    """A form that somebody has before them.

    `hash` names its state, where an update is not to undo what came after it; `is_preset` tells
    whether the requester was chosen beforehand. `adds_to` is the ticket that the form adds to.
    """

    view_id: str
    hash: str | None = None
    is_preset: bool = True
    adds_to: Ticket | None = None


class Forms(Protocol):
    """What intake shows in Slack; each bounded to two seconds."""

    async def open_form(self, trigger_id: str, draft: FormDraft, beside: FormContext) -> OpenedForm:
        """Show the form."""

    async def show_ticket(self, trigger_id: str, ticket: Ticket) -> None:
        """Show that the message has its ticket already."""

    async def show_not_recorded(self, view_id: str) -> None:
        """Say in an open form that it cannot be submitted."""


class Record(Protocol):
    """Accepts an asking within so many seconds, or raises TryLater: a new row, an opened one, or
    the row that is there already."""

    async def __call__(self, escalation: Escalation, *, within: float) -> Recorded: ...


@dataclass(frozen=True, slots=True)
class Intake:
    """What the doors need to accept an asking. `wake` tells the worker of new work; `joins`: the
    messages of one Slack thread share a ticket."""

    record: Record
    ledger: Ledger
    drafts: Drafts
    forms: Forms
    rules: Sequence[Rule]
    run: Run
    wake: Callable[[], None]
    joins: bool = True

    async def take(self, trigger: Trigger, key: str | None = None) -> Recorded | None:
        """Record what was asked; None where no rule wants the reaction.

        `key` is that of the escalation that is asked for anew, where it does not follow from the
        trigger. Committed when it returns. Raises TryLater where it could not be recorded in time.
        """
        rules = routing.candidates(self.rules, trigger)
        if trigger.via is Via.REACTION and not rules:
            return None
        async with asyncio.timeout(RECORD_SECONDS + 0.2):
            asked = Escalation(key or _key(trigger), trigger, rules)
            recorded = await self.record(asked, within=RECORD_SECONDS)
        if recorded.fresh:
            self.wake()
        return recorded

    async def open_form(
        self,
        trigger_id: str,
        draft: FormDraft,
        beside: FormContext = NOTHING,
        *,
        may_know: bool = True,
    ) -> OpenedForm | None:
        """Show the form for `draft`, or the ticket that its message has already (None).

        Where its Slack thread has one, the form says that it adds to that. Either only where
        `may_know`: who may not ask is told of no ticket.
        The form and its record go out together; where the record fails, the form says so (None).
        Raises what opening the form raises.
        """
        if may_know and draft.trigger.ref is not None:
            ticket, adds_to = await self._tickets_of(draft.trigger)
            if ticket is not None:
                await self.forms.show_ticket(trigger_id, ticket)
                return None
            beside = replace(beside, adds_to=adds_to)
        opened, kept = await asyncio.gather(
            self.forms.open_form(trigger_id, draft, beside),
            self._keep(draft),
            return_exceptions=True,
        )
        if isinstance(opened, BaseException):
            raise opened
        if isinstance(kept, BaseException):
            await self.forms.show_not_recorded(opened.view_id)
            if not isinstance(kept, (Fault, TimeoutError)):
                raise kept
            return None
        return replace(opened, adds_to=beside.adds_to)

    async def submit(self, draft: FormDraft, view_id: str, form: Form) -> Recorded | None:
        """Record what the form asks for."""
        return await self.take(replace(draft.trigger, request=view_id, form=form), draft.key)

    async def _keep(self, draft: FormDraft) -> None:
        async with asyncio.timeout(RECORD_SECONDS + 0.2):
            await self.run(self.drafts.keep, draft, within=RECORD_SECONDS)

    async def _tickets_of(self, trigger: Trigger) -> tuple[Ticket | None, Ticket | None]:
        """The ticket of the message, and that of its Slack thread."""
        try:
            async with asyncio.timeout(0.5):
                ticket = await self.run(self.ledger.ticket_of, _key(trigger))
                shared = _conversation_key(trigger) if self.joins and ticket is None else None
                if shared is None:
                    return ticket, None
                return None, await self.run(self.ledger.ticket_of_conversation, shared)
        except (Fault, TimeoutError):
            return None, None  # the form opens; its record will tell how the database is


def _conversation_key(trigger: Trigger) -> str | None:
    """The key of the message's Slack thread; None where it is in none."""
    message = trigger.message
    if message is None or message.ref is None or message.thread_ts is None:
        return None
    return refs.conversation_key(trigger.team, message.ref, message.thread_ts)


def _key(trigger: Trigger) -> str:
    if trigger.ref is not None:
        return refs.message_key(trigger.team, trigger.ref)
    if trigger.via is Via.COMMAND:
        return refs.command_key(trigger.team, trigger.request)
    return refs.view_key(trigger.team, trigger.request)
