"""Deliver a request: read Slack, decide the customer, write to Plain; safe to repeat."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from bot.core import quote, refs
from bot.core.faults import Postponed, Reason, Rejected, TryLater
from bot.core.model import (
    Added,
    Continuation,
    Created,
    EventDraft,
    Ignored,
    Message,
    Outcome,
    ThreadDraft,
    Ticket,
)
from bot.flows import authorship, exactly_once
from bot.flows.admission import admit, confine
from bot.flows.attachments import named_only
from bot.flows.customer import blame_the_link, customer_of, requester_of, thread_options
from bot.flows.exactly_once import Attempt, SentBefore, Write
from bot.flows.ports import PlainThread
from bot.flows.quote_source import AdmittedRequest, QuoteSource, read_source, room_for
from bot.flows.workspace import Runtime, Workspace
from bot.store.claims import Claim, Exists, Pending, RemainingParts

PENDING_SECONDS = 1.0
"""Seconds before looking again at a conversation whose thread another row is creating."""
LONGEST_PENDING_SECONDS = 15.0
"""The upper limit: it may be pending for as long as Plain is down, and each look calls Slack. In
between, the next look comes after half as long as the row has waited."""

_FOR_ALL = frozenset({Reason.PLAIN_FORBIDDEN, Reason.PLAIN_KEY})
"""Rejections of one continuation that all further ones would meet too."""


class Progress(Protocol):
    """Follows one delivery."""

    async def read(self, message: Message | None, conversation_key: str) -> None:
        """Take note of the message, and wait until no earlier row of its conversation is being
        delivered."""


class _TicketExists(Exception):
    """Another row created the conversation's thread since it was looked for."""

    def __init__(self, ticket: Ticket) -> None:
        super().__init__(ticket.ref)
        self.ticket = ticket


async def deliver(
    claim: Claim, workspace: Workspace, runtime: Runtime, progress: Progress
) -> Outcome:
    """Deliver the escalation and return its outcome. Raise Rejected, TryLater and LeaseLost.

    However often it runs, and wherever an earlier run broke off, at most one thread (or one
    addition) comes about: every write goes through `exactly_once`.
    """
    delivery = _Delivery(claim, workspace, runtime)
    if claim.sent_at is not None and (sent := await delivery.sent_before()) is not None:
        return sent
    trigger = claim.escalation.trigger
    admitted = await admit(claim.escalation, workspace)
    if isinstance(admitted, Ignored):
        return admitted
    message = trigger.message
    if message is None and trigger.ref is not None:
        message = await workspace.slack.message(trigger.ref)
    if message is not None:
        message = await authorship.settled(message, workspace.slack)
    trigger = confine(trigger, admitted.submitter, message)
    request = AdmittedRequest(trigger, message, admitted)
    conversation_key = _conversation_key(claim, message, workspace)
    await progress.read(message, conversation_key)
    match await runtime.run(runtime.ledger.conversation, claim, conversation_key):
        case Pending():
            raise _pending(claim)
        case Exists(ticket):
            return await delivery.add(ticket, request)
    try:
        return await delivery.open(request, conversation_key)
    except _TicketExists as found:
        return await delivery.add(found.ticket, request)


def _conversation_key(claim: Claim, message: Message | None, workspace: Workspace) -> str:
    ref = message.ref if message else None
    if ref is None or workspace.policy.one_thread_per == "message":
        return claim.external_id
    return refs.conversation_key(
        claim.escalation.trigger.team, ref, message.thread_ts if message else None
    )


def _pending(claim: Claim) -> Postponed:
    waited = claim.now - claim.escalation.trigger.reply_to.asked_at
    seconds = min(LONGEST_PENDING_SECONDS, max(PENDING_SECONDS, waited / 2))
    return Postponed("conversation_held", seconds)


@dataclass(frozen=True, slots=True)
class _Opening:
    """The thread to open, and what it is made of. `rest` is added to it once it is there."""

    source: QuoteSource
    draft: ThreadDraft
    rest: RemainingParts | None


@dataclass(frozen=True, slots=True)
class _Delivery:
    """One attempt at delivering `claim`."""

    claim: Claim
    workspace: Workspace
    runtime: Runtime

    # What earlier attempts sent

    async def sent_before(self) -> Outcome | None:
        """Return the outcome of the write that an earlier attempt noted; None if it surely had
        none. Raise Postponed while that is uncertain."""
        rest = self.claim.rest
        if rest is not None and rest.ticket is not None:
            return await self._resume(rest, rest.ticket)
        noted = SentBefore.NOTED
        found: Created | Added | None
        found = await exactly_once.look_back(self._find_noted, self._attempt, noted)
        return None if found is None else await self._continue(found, rest)

    @property
    def _attempt(self) -> Attempt:
        return Attempt(
            now=self.claim.now,
            noted_at=self.claim.sent_at,
            settle_window=self.workspace.policy.settle_window,
            lease=self.claim.lease,
            clock=self.runtime.clock,
        )

    @property
    def _unrecorded(self) -> SentBefore:
        """Return UNRECORDED for a row that may have been delivered without this database knowing.

        That is what was requested before this process began, and what was found in Slack's
        history. For all else a look would cost a request each, and find nothing.
        """
        trigger = self.claim.escalation.trigger
        is_old = trigger.reply_to.asked_at < self.runtime.started
        return SentBefore.UNRECORDED if is_old or refs.is_found(trigger.request) else SentBefore.NO

    @property
    def _unrecorded_first(self) -> SentBefore:
        """Return the same for the first write: what was noted was looked for already."""
        return SentBefore.NO if self.claim.sent_at is not None else self._unrecorded

    async def _find_noted(self) -> Created | Added | None:
        if self.claim.adding_to is not None:
            return await self._find_addition(self.claim.adding_to)
        if self.claim.customer is not None:
            return await self._find_thread(self.claim.customer)
        return None

    async def _find_thread(self, customer: str) -> Created | None:
        plain = self.workspace.plain
        thread = await plain.thread_by_external_id(customer, self.claim.external_id)
        return None if thread is None else Created(_ticket(await plain.workspace_id(), thread))

    async def _find_addition(self, ticket: Ticket) -> Added | None:
        is_there = await self.workspace.plain.has_event(ticket.id, self.claim.external_id)
        return Added(ticket) if is_there else None

    # Opening the thread

    async def open(self, request: AdmittedRequest, conversation_key: str) -> Outcome:
        """Open the thread. Raise _TicketExists if another row was faster."""
        claim, workspace, runtime = self.claim, self.workspace, self.runtime
        requester = requester_of(request.trigger, request.message)
        rule = request.admitted.rule
        customer, learnt, evidence = await customer_of(claim, workspace, runtime, rule, requester)
        options = await thread_options(workspace.plain, rule)
        find = partial(self._find_thread, customer)
        found = await exactly_once.look_back(find, self._attempt, self._unrecorded_first)
        async with room_for(request, runtime):
            opening = await self._opening(request, customer, options, copy=found is None)
        # Asked before anything is sent, so that nothing can fail between the create and its record.
        plain_workspace = await workspace.plain.workspace_id()

        async def note() -> None:
            match await runtime.run(
                runtime.ledger.freeze,
                claim,
                conversation_key=conversation_key,
                customer=customer,
                requester=requester,
                message=opening.source.message,
                person=learnt,
                rest=None if found else opening.rest,
                evidence=evidence,
            ):
                case Pending():
                    raise _pending(claim)
                case Exists(ticket):
                    raise _TicketExists(ticket)

        async def send() -> Created:
            thread = await workspace.plain.open_thread(opening.draft)
            return Created(_ticket(plain_workspace, thread))

        if found is not None:
            await note()
            return found
        try:
            created = await exactly_once.send_once(Write(find, note, send), self._attempt)
        except (TryLater, Rejected) as fault:
            await opening.source.blame_files(fault, opening.draft)
            if _is_broken_link(fault):
                fresh = learnt is not None
                await blame_the_link(workspace, runtime, requester, customer, fresh=fresh)
            raise
        return await self._continue(created, opening.rest)

    async def _opening(
        self,
        request: AdmittedRequest,
        customer: str,
        options: quote.ThreadOptions,
        *,
        copy: bool,
    ) -> _Opening:
        """Read and render what is opened; `copy` its files to Plain, too."""
        source = await read_source(self.claim, self.workspace, self.runtime, request)
        if source.copies is not None and copy:
            source = source.with_uploads(await source.copies.copy(source.files, customer))
        rendered = await source.rendered(self.runtime.render)
        draft = quote.thread(
            external_id=self.claim.external_id,
            customer=customer,
            message=source.message,
            form=source.trigger.form,
            context=source.context,
            options=options,
            rendered=rendered,
        )
        return _Opening(source, draft, source.rest(self.claim.external_id, rendered))

    # Adding to the ticket that exists

    async def add(self, ticket: Ticket, request: AdmittedRequest) -> Outcome:
        """Add the message to the ticket of its conversation."""
        runtime = self.runtime
        async with room_for(request, runtime):
            draft, rest, message = await self._addition(ticket, request)

        async def note() -> None:
            await runtime.run(runtime.ledger.freeze_addition, self.claim, ticket, message, rest)

        async def send() -> Added:
            await self.workspace.plain.add_event(draft)
            return Added(ticket)

        find = partial(self._find_addition, ticket)
        found = await exactly_once.look_back(find, self._attempt, self._unrecorded_first)
        if found is not None:
            await note()
            return found
        added = await exactly_once.send_once(Write(find, note, send), self._attempt)
        return await self._continue(added, rest)

    async def _addition(
        self, ticket: Ticket, request: AdmittedRequest
    ) -> tuple[EventDraft, RemainingParts | None, Message | None]:
        """Read and render what is added; return the event, what follows it, and the message."""
        source = await read_source(self.claim, self.workspace, self.runtime, request)
        lost = source.copies.named() if source.copies else {}
        source = source.with_uploads({**named_only(source.files, self.claim.now), **lost})
        rendered = await source.rendered(self.runtime.render)
        draft = quote.event(
            external_id=self.claim.external_id,
            thread=ticket.id,
            message=source.message,
            form=source.trigger.form,
            context=source.context,
            rendered=rendered,
        )
        return draft, source.rest(self.claim.external_id, rendered), source.message

    # Continuing what was too long for one piece

    async def _continue(
        self, first: Created | Added, rest: RemainingParts | None
    ) -> Created | Added:
        """Add the remaining parts, now that the first one is surely in Plain."""
        if rest is None or not rest.sequels:
            return first
        known = replace(rest, ticket=first.ticket, added=isinstance(first, Added))
        return await self._send_all(known, first.ticket)

    async def _resume(self, rest: RemainingParts, ticket: Ticket) -> Created | Added:
        """Go on where an earlier attempt broke off, which may have sent the first remaining
        part."""
        if rest.sequels:
            first, others = rest.sequels[0], rest.sequels[1:]
            find = partial(self._find_continuation, ticket, first)
            try:
                found = await exactly_once.look_back(find, self._attempt, SentBefore.NOTED)
            except Rejected:
                # Whether it was sent is unknown: better missing than twice.
                rest = replace(rest, sequels=others, missing=rest.missing + 1)
            else:
                rest = replace(rest, sequels=others) if found else rest
        return await self._send_all(rest, ticket)

    async def _send_all(self, rest: RemainingParts, ticket: Ticket) -> Created | Added:
        """Send all remaining parts in order, of which the first was surely not sent.

        What Plain rejects is missing in the end, and takes nothing back of what is there. Every
        other fault leaves the outcome unknown, so that the row keeps what it froze.
        """
        while rest.sequels:
            done, missing = 1, 0
            try:
                await exactly_once.send_once(self._continuation(rest, ticket), self._attempt)
            except Rejected as rejection:
                done = missing = len(rest.sequels) if rejection.reason in _FOR_ALL else 1
            rest = replace(rest, sequels=rest.sequels[done:], missing=rest.missing + missing)
        return (Added if rest.added else Created)(ticket, rest.missing)

    def _continuation(self, rest: RemainingParts, ticket: Ticket) -> Write[bool]:
        """Return the write of the first remaining part."""
        part = rest.sequels[0]

        async def note() -> None:
            await self.runtime.run(self.runtime.ledger.freeze_rest, self.claim, rest)

        async def send() -> bool:
            draft = EventDraft(ticket.id, part.external_id, part.title, part.parts)
            await self.workspace.plain.add_event(draft)
            return True

        find = partial(self._find_continuation, ticket, part)
        return Write(find, note, send, self._unrecorded, follows=True)

    async def _find_continuation(self, ticket: Ticket, part: Continuation) -> bool | None:
        return await self.workspace.plain.has_event(ticket.id, part.external_id) or None


def _is_broken_link(fault: TryLater | Rejected) -> bool:
    is_sure = not fault.outcome_unknown
    return isinstance(fault, Rejected) and fault.reason is Reason.BROKEN_LINK and is_sure


def _ticket(plain_workspace: str, thread: PlainThread) -> Ticket:
    return Ticket(thread.id, thread.ref, refs.plain_thread_url(plain_workspace, thread.id))
