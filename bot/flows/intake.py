"""Record a request within Slack's three seconds, and open the form that leads to one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bot.core import refs, routing
from bot.core.faults import Fault
from bot.core.model import (
    Escalation,
    Form,
    FormDraft,
    Priority,
    ReplyTo,
    Rule,
    Ticket,
    Trigger,
    Via,
)
from bot.core.record import State
from bot.flows.form import FormContext
from bot.store.drafts import Drafts
from bot.store.executor import Run
from bot.store.records import EarlierRequest
from bot.store.requests import Recorded, Requests

NOTHING = FormContext()

RECORD_SECONDS = 1.8
"""Limit for recording a request: Slack waits for three seconds, a listener for two."""


@dataclass(frozen=True, slots=True)
class OpenedForm:
    """An open form.

    `hash` identifies its state, so that an update does not undo a later one; `is_preset`: the
    requester was chosen beforehand. `adds_to` is the ticket of the message's Slack thread.
    """

    view_id: str
    hash: str | None = None
    is_preset: bool = True
    adds_to: Ticket | None = None


class FormViews(Protocol):
    """The views that intake shows in Slack; each takes two seconds at most."""

    async def open_form(
        self, trigger_id: str, draft: FormDraft, context: FormContext
    ) -> OpenedForm:
        """Show the form."""

    async def show_ticket(self, trigger_id: str, ticket: Ticket) -> None:
        """Show that the message has its ticket already."""

    async def show_not_recorded(self, view_id: str) -> None:
        """Say in an open form that it cannot be submitted."""


@dataclass(frozen=True, slots=True)
class Intake:
    """Accepts requests from all listeners.

    `record` commits a request within so many seconds, or raises TryLater (`GroupCommit.record`);
    `wake` tells the worker of new work; `joins`: the messages of one Slack thread share a ticket.
    """

    record: Callable[[Escalation, float], Awaitable[Recorded]]
    requests: Requests
    drafts: Drafts
    forms: FormViews
    rules: Sequence[Rule]
    run: Run
    wake: Callable[[], None]
    joins: bool = True

    async def take(
        self, trigger: Trigger, key: str | None = None, replaces: int | None = None
    ) -> Recorded | None:
        """Record a request; return None for a reaction that no rule matches.

        `key` and `replaces` are the key and the id of the earlier request that is made again; if
        that is on hold, it ends. Committed on return. Raises TryLater if it could not be recorded
        in time.
        """
        rules = routing.candidates(self.rules, trigger)
        if trigger.via is Via.REACTION and not rules:
            return None
        async with asyncio.timeout(RECORD_SECONDS + 0.2):
            escalation = Escalation(key or _key(trigger), trigger, rules, replaces)
            recorded = await self.record(escalation, RECORD_SECONDS)
        if recorded.fresh:
            self.wake()
        return recorded

    async def open_form(
        self,
        trigger_id: str,
        draft: FormDraft,
        context: FormContext = NOTHING,
        *,
        may_know: bool = True,
    ) -> OpenedForm | None:
        """Show the form for `draft`; or the ticket that its message already has, and return None.

        If its Slack thread has a ticket, the form offers to add to that. Both only if
        `may_know`: a user who may not submit learns of no ticket. The form is opened and its
        draft is kept at the same time; if the draft cannot be kept, the form says so (None).
        Raises what opening the form raises.
        """
        if may_know and (draft.trigger.ref is not None or draft.key is not None):
            ticket, adds_to = await self._tickets_of(draft)
            if ticket is not None:
                await self.forms.show_ticket(trigger_id, ticket)
                return None
            draft = replace(draft, adds_to=adds_to)
        context = replace(context, placement=draft.first_placement)
        opened, kept = await asyncio.gather(
            self.forms.open_form(trigger_id, draft, context),
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
        return replace(opened, adds_to=draft.adds_to)

    async def _keep(self, draft: FormDraft) -> None:
        async with asyncio.timeout(RECORD_SECONDS + 0.2):
            await self.run(self.drafts.keep, draft, within=RECORD_SECONDS)

    async def _tickets_of(self, draft: FormDraft) -> tuple[Ticket | None, Ticket | None]:
        """Return the ticket of the message (or of a form about none that was submitted again), and
        that of its Slack thread."""
        trigger = draft.trigger
        try:
            async with asyncio.timeout(0.5):
                ticket = await self.run(self.requests.ticket_of, draft.key or _key(trigger))
                shared = _conversation_key(trigger) if self.joins and ticket is None else None
                if shared is None:
                    return ticket, None
                return None, await self.run(self.requests.ticket_of_conversation, shared)
        except (Fault, TimeoutError):
            return None, None  # the form opens all the same


def _conversation_key(trigger: Trigger) -> str | None:
    """Return the key of the message's Slack thread; None if it is in none."""
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


# The form opened again


@dataclass(frozen=True, slots=True)
class ReopenedForm:
    """The values of a form that is opened again; `prefill` is None if what was typed is erased.

    `key` and `id` are those of the earlier request.
    """

    trigger: Trigger
    key: str
    id: int
    prefill: Form | None


@dataclass(frozen=True, slots=True)
class NotYourRequest:
    """Somebody else submitted it."""


@dataclass(frozen=True, slots=True)
class UnknownRequest:
    """The ledger has no such request any more."""


@dataclass(frozen=True, slots=True)
class AlreadyExists:
    """It has its ticket by now."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class InProgress:
    """It is being decided."""


Reopened = ReopenedForm | NotYourRequest | UnknownRequest | AlreadyExists | InProgress


_HAS_TICKET = (State.CREATED, State.ADDED, State.JOINED)


def reopen(earlier: EarlierRequest | None, reply_to: ReplyTo) -> Reopened:
    """Return the result of a click on "Reopen form"; `reply_to` is the click's."""
    if earlier is None:
        return UnknownRequest()
    trigger, record = earlier.escalation.trigger, earlier.record
    if trigger.submitter != reply_to.user:
        return NotYourRequest()
    if record.ticket is not None and record.state in _HAS_TICKET:
        return AlreadyExists(record.ticket)
    if record.state is State.WAITING:
        return InProgress()
    there = replace(
        reply_to,
        channel=trigger.channel or reply_to.channel,
        thread_ts=trigger.message.replies_to if trigger.message else None,
    )
    prefill = trigger.form
    if prefill is None and record.requester is not None:
        prefill = Form("", None, record.requester, Priority.NORMAL)
    return ReopenedForm(replace(trigger, form=None, reply_to=there), record.key, record.id, prefill)
