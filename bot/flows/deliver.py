"""Deliver a request: read Slack, decide the customer, write to Plain; safe to repeat."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from bot.core import quote, refs
from bot.core.faults import (
    Fault,
    OutOfTurn,
    Postponed,
    Reason,
    Rejected,
    Rejection,
    TryLater,
)
from bot.core.model import (
    FORGOTTEN,
    WHY_IGNORED,
    Added,
    Continuation,
    Created,
    EventDraft,
    FormField,
    Ignored,
    Joined,
    Message,
    Outcome,
    Placement,
    Success,
    ThreadDraft,
    Ticket,
    Trigger,
    Via,
    chosen,
)
from bot.core.text.richtext import mentions
from bot.flows import authorship, exactly_once
from bot.flows.admission import admit, confine
from bot.flows.attachments import named_only
from bot.flows.customer import blame_the_link, customer_of, requester_of, thread_options
from bot.flows.exactly_once import Attempt, SentBefore, Write
from bot.flows.ports import PlainThread
from bot.flows.quote_source import AdmittedRequest, QuoteSource, read_source, room_for
from bot.flows.workspace import Runtime, Workspace
from bot.store.claims import Claim, RemainingParts
from bot.store.conversations import Abandoned, Exists, Free, Pending
from bot.store.tickets import NewTicket

PENDING_SECONDS = 1.0
"""Seconds before looking again at a conversation whose ticket another request is opening."""
LONGEST_PENDING_SECONDS = 15.0
"""The upper limit: it may be pending for as long as Plain is down, and each look calls Slack. In
between, the next look comes after half as long as the request has waited."""

_FOR_ALL = frozenset({Reason.PLAIN_FORBIDDEN, Reason.PLAIN_KEY})
"""Rejections of one continuation that all further ones would meet too."""


class Progress(Protocol):
    """Follows one delivery."""

    async def read(self, message: Message | None, conversation_key: str) -> None:
        """Take note of the message, and wait until no earlier request of its conversation is being
        delivered."""


async def deliver(
    claim: Claim, workspace: Workspace, runtime: Runtime, progress: Progress
) -> Outcome:
    """Deliver the request and return its outcome. Raise Rejected, TryLater and LeaseLost.

    However often it runs, and wherever an earlier run broke off, at most one thread (or one
    addition) comes about: every write goes through `exactly_once`.
    """
    delivery = _Delivery(claim, workspace, runtime)
    if claim.sent_at is not None and (sent := await delivery.sent_before()) is not None:
        return sent
    trigger = claim.escalation.trigger
    if trigger.submitter == FORGOTTEN:
        return Ignored(WHY_IGNORED)
    if claim.requester == FORGOTTEN:
        raise Rejected(Rejection(Reason.PERSON_ERASED))
    admitted = await admit(claim.escalation, workspace)
    if isinstance(admitted, Ignored):
        return admitted
    message = trigger.message
    if message is None and trigger.ref is not None:
        message = await workspace.slack.message(trigger.ref)
    if message is not None:
        message = await authorship.settled(message, workspace.slack)
    trigger = confine(trigger, admitted.submitter, message)
    _check_not_erased(trigger, message)
    requester = claim.requester or requester_of(trigger, message)
    request = AdmittedRequest(trigger, message, admitted, requester)
    conversation_key = _conversation_key(claim, message, workspace)
    await progress.read(message, conversation_key)
    await delivery.take_turn(message, conversation_key)
    return await delivery.decide(request, conversation_key)


def give_up(claim: Claim, cause: str) -> Outcome:
    """Return the outcome of a request that failed too often, the last time for `cause`.

    Where only parts of its quote are outstanding, its ticket is there, and they are missing.
    """
    rest = claim.rest
    if rest is None or rest.ticket is None:
        return Rejection(Reason.GAVE_UP, cause=cause)
    missing = rest.missing + len(rest.sequels)
    return (Added if rest.added else Created)(rest.ticket, missing)


def _check_not_erased(trigger: Trigger, message: Message | None) -> None:
    """Raise Rejected for a request whose words were erased: it must not become a ticket that says
    something else."""
    had_form = trigger.via in (Via.SHORTCUT, Via.FORM)
    if (had_form and trigger.form is None) or (message is None and trigger.form is None):
        raise Rejected(Rejection(Reason.EMPTY))


def _conversation_key(claim: Claim, message: Message | None, workspace: Workspace) -> str:
    ref = message.ref if message else None
    if ref is None or workspace.policy.one_thread_per == "message":
        return claim.escalation.key
    return refs.conversation_key(
        claim.escalation.trigger.team, ref, message.thread_ts if message else None
    )


def _pending(claim: Claim) -> Postponed:
    waited = claim.now - claim.escalation.trigger.reply_to.asked_at
    seconds = min(LONGEST_PENDING_SECONDS, max(PENDING_SECONDS, waited / 2))
    return Postponed("conversation_held", seconds)


def _gone() -> Postponed:
    """Return the fault of a request whose ticket is gone from Plain: it is decided anew."""
    return Postponed("ticket_gone", 0.0)


@dataclass(frozen=True, slots=True)
class _Opening:
    """The thread to open, and what it is made of. `rest` is added to it once it is there."""

    source: QuoteSource
    draft: ThreadDraft
    rest: RemainingParts | None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a thread is opened: the conversation that it is to hold, its generation, and the
    ticket that it is opened beside, if there is one."""

    conversation_key: str | None
    generation: int
    beside: Ticket | None = None


@dataclass(frozen=True, slots=True)
class _Delivery:
    """One attempt at delivering `claim`."""

    claim: Claim
    workspace: Workspace
    runtime: Runtime

    # Its turn, and what its conversation has

    async def take_turn(self, message: Message | None, conversation_key: str) -> None:
        """Order the request by its conversation. Raise OutOfTurn if another one goes first."""
        by_thread = self.workspace.policy.one_thread_per == "slack_thread"
        if not by_thread or self.claim.job.order_key == conversation_key:
            return
        ledger, run = self.runtime.ledger, self.runtime.run
        if not await run(ledger.take_turn, self.claim, conversation_key, message):
            raise OutOfTurn

    async def decide(self, request: AdmittedRequest, conversation_key: str) -> Outcome:
        """Open a ticket, add to the one that the conversation has, or join it."""
        ledger, run = self.runtime.ledger, self.runtime.run
        found = await run(ledger.conversation, self.claim, conversation_key)
        match found:
            case Pending():
                raise _pending(self.claim)
            case Abandoned():
                await self._clear_up(found, conversation_key)
                raise Postponed("conversation_held", 0.0)  # it is decided anew
            case Exists():
                return await self._meet(request, found)
            case Free(generation):
                place = _Place(conversation_key, generation)
        return await self.open(request, place)

    async def _clear_up(self, found: Abandoned, conversation_key: str | None) -> None:
        """Look for the thread of a request that was given up. Raise Postponed while that is
        uncertain."""
        attempt = replace(self._attempt, noted_at=found.sent_at)
        find = partial(self._find_thread, found.customer, found.external_id)
        created = await exactly_once.look_back(find, attempt, SentBefore.NOTED)
        thread = created.ticket if created is not None else None
        ledger, run = self.runtime.ledger, self.runtime.run
        await run(ledger.clear_up, self.claim, found, conversation_key, thread)

    async def _meet(self, request: AdmittedRequest, found: Exists) -> Outcome:
        """Add to the ticket, join it, or open one beside it for another requester."""
        form = request.trigger.form
        if form is not None and form.placement is Placement.SEPARATE:
            return await self.open(request, _Place(None, found.generation, found.ticket))
        if (customer := await self._other_customer(request, found)) is not None:
            ledger, run = self.runtime.ledger, self.runtime.run
            match await run(ledger.beside, self.claim, customer):
                case Pending():
                    raise _pending(self.claim)
                case Abandoned() as abandoned:
                    await self._clear_up(abandoned, None)
                    raise Postponed("conversation_held", 0.0)  # it is decided anew
                case Exists() as beside:
                    found = beside
                case _:
                    return await self.open(request, _Place(None, found.generation, found.ticket))
        if found.covers:
            return await self._join(request, found)
        external_id = refs.generation_key(self.claim.escalation.key, found.generation)
        return await self.add(found, request, external_id)

    async def _other_customer(self, request: AdmittedRequest, found: Exists) -> str | None:
        """Return whose ticket the submitter's words need: another customer's than this one's, or
        than nobody knows whose. None if they may enter this one."""
        form = request.trigger.form
        if form is None or form.placement is Placement.ADD:
            return None
        if request.requester == found.requester:
            return None
        customer, _, _ = await customer_of(
            self.claim, self.workspace, self.runtime, request.admitted.rule, request.requester
        )
        return customer if customer != found.customer else None

    async def _join(self, request: AdmittedRequest, found: Exists) -> Outcome:
        """Return that the message has its ticket, after adding what was typed to it."""
        if self._has_words(request):
            external_id = refs.words_key(self.claim.escalation.key, self.claim.id)
            return await self.add(found, replace(request, message=None), external_id)
        if await self._is_gone(found.ticket):
            raise _gone()
        return Joined(found.ticket, unused=self._unused())

    def _has_words(self, request: AdmittedRequest) -> bool:
        """Return whether the submitter typed anything beyond what the form is preset with."""
        form, message = request.trigger.form, request.message
        if form is None:
            return False
        if message is None or (form.description or "").strip():
            return True
        names = self.workspace.slack.cached_names(mentions(message.blocks))
        return form.title.strip() != quote.default_title(message, names)

    def _unused(self) -> tuple[FormField, ...]:
        """Return the fields of the form that an existing ticket cannot take."""
        fields = chosen(self.claim.escalation.trigger)
        return tuple(field for field in fields if field is not FormField.REQUESTER)

    # What earlier attempts sent

    async def sent_before(self) -> Outcome | None:
        """Return the outcome of the write that an earlier attempt noted; None if it surely had
        none. Raise Postponed while that is uncertain."""
        rest = self.claim.rest
        if rest is not None and rest.ticket is not None:
            return await self._resume(rest, rest.ticket)
        noted = SentBefore.NOTED
        found: Success | None
        try:
            found = await exactly_once.look_back(self._find_noted, self._attempt, noted)
        except Rejected:
            to = self.claim.adding_to
            if to is None or not await self._is_gone(to):
                raise
            found = None  # whatever was sent to that thread is gone with it
        return None if found is None else await self._continue(found, rest)

    @property
    def _attempt(self) -> Attempt:
        return Attempt(
            now=self.claim.now,
            noted_at=self.claim.sent_at,
            settle_window=self.workspace.policy.settle_window,
            lease=self.claim.job.lease,
            clock=self.runtime.clock,
        )

    @property
    def _unrecorded(self) -> SentBefore:
        """Return UNRECORDED for a request that may have been delivered without this database
        knowing.

        That is what is about a message, or was requested, before this process began, and what was
        found in Slack's history. For all else a look would cost a request each, and find nothing.
        """
        trigger, started = self.claim.escalation.trigger, self.runtime.started
        since = float(trigger.ref.ts) if trigger.ref is not None else trigger.reply_to.asked_at
        is_old = min(since, trigger.reply_to.asked_at) < started
        return SentBefore.UNRECORDED if is_old or refs.is_found(trigger.request) else SentBefore.NO

    @property
    def _unrecorded_first(self) -> SentBefore:
        """Return the same for the first write: what was noted was looked for already."""
        return SentBefore.NO if self.claim.sent_at is not None else self._unrecorded

    async def _find_noted(self) -> Success | None:
        claim = self.claim
        if claim.external_id is None:
            return None
        if claim.adding_to is not None:
            return await self._find_addition(claim.adding_to, claim.external_id)
        if claim.opening is not None:
            return await self._find_thread(claim.opening.customer, claim.external_id)
        return None

    async def _find_thread(self, customer: str, external_id: str) -> Created | None:
        plain = self.workspace.plain
        thread = await plain.thread_by_external_id(customer, external_id)
        return None if thread is None else Created(_ticket(await plain.workspace_id(), thread))

    async def _find_addition(self, ticket: Ticket, external_id: str) -> Added | Joined | None:
        is_there = await self.workspace.plain.has_event(ticket.id, external_id)
        return self._added(ticket, external_id) if is_there else None

    def _added(self, ticket: Ticket, external_id: str) -> Added | Joined:
        """Return the outcome of an addition: of the message, or of the typed words alone."""
        if external_id == refs.words_key(self.claim.escalation.key, self.claim.id):
            return Joined(ticket, added_words=True, unused=self._unused())
        return Added(ticket, unused=self._unused())

    # Opening the thread

    async def open(self, request: AdmittedRequest, place: _Place) -> Outcome:
        """Open the thread. Raise Postponed if another request was faster."""
        claim, workspace, runtime = self.claim, self.workspace, self.runtime
        requester, rule = request.requester, request.admitted.rule
        customer, learnt, evidence = await customer_of(claim, workspace, runtime, rule, requester)
        options = await thread_options(workspace.plain, rule)
        external_id = self._external_id(place)
        find = partial(self._find_thread, customer, external_id)
        found = await exactly_once.look_back(find, self._attempt, self._unrecorded_first)
        async with room_for(request, runtime):
            opening = await self._opening(
                request, customer, external_id, options, copy=found is None
            )
        # Asked before anything is sent, so that nothing can fail between the create and its record.
        plain_workspace = await workspace.plain.workspace_id()
        new = NewTicket(
            generation=place.generation,
            external_id=external_id,
            conversation_key=place.conversation_key,
            customer=customer,
            requester=requester,
            message=opening.source.message,
            rest=None if found else opening.rest,
            learnt=learnt,
            evidence=evidence,
        )

        async def note() -> None:
            if not await runtime.run(runtime.ledger.note_thread, claim, new):
                raise _pending(claim)  # another request was faster

        async def send() -> Created:
            thread = await workspace.plain.open_thread(opening.draft)
            return Created(_ticket(plain_workspace, thread))

        if found is not None:
            await note()
            return replace(found, beside=place.beside)
        try:
            created = await exactly_once.send_once(Write(find, note, send), self._attempt)
        except (TryLater, Rejected) as fault:
            await opening.source.blame_files(fault, opening.draft)
            if _is_broken_link(fault):
                fresh = learnt is not None
                await blame_the_link(workspace, runtime, requester, customer, fresh=fresh)
            raise
        return await self._continue(replace(created, beside=place.beside), opening.rest)

    def _external_id(self, place: _Place) -> str:
        if self.claim.opening is not None and self.claim.external_id is not None:
            return self.claim.external_id
        return refs.generation_key(self.claim.escalation.key, place.generation)

    async def _opening(
        self,
        request: AdmittedRequest,
        customer: str,
        external_id: str,
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
            external_id=external_id,
            customer=customer,
            message=source.message,
            form=source.trigger.form,
            context=source.context,
            options=options,
            rendered=rendered,
        )
        return _Opening(source, draft, source.rest(external_id, rendered))

    # Adding to the ticket that exists

    async def add(self, to: Exists, request: AdmittedRequest, external_id: str) -> Outcome:
        """Add the message, or what was typed, to the ticket of its conversation."""
        runtime, ticket = self.runtime, to.ticket
        async with room_for(request, runtime):
            draft, rest, message = await self._addition(ticket, request, external_id)
        message = message or self.claim.escalation.trigger.message  # not quoted, but kept

        async def note() -> None:
            await runtime.run(
                runtime.ledger.note_addition, self.claim, to, external_id, message, rest
            )

        async def send() -> Added | Joined:
            await self.workspace.plain.add_event(draft)
            return self._added(ticket, external_id)

        async def find() -> Added | Joined | None:
            return await self._find_addition(ticket, external_id)

        async def once() -> Success:
            found: Added | Joined | None
            found = await exactly_once.look_back(find, self._attempt, self._unrecorded_first)
            if found is not None:
                await note()
                return found
            write: Write[Added | Joined] = Write(find, note, send)
            added = await exactly_once.send_once(write, self._attempt)
            return await self._continue(added, rest)

        return await self._unless_gone(ticket, once)

    async def _unless_gone(
        self, ticket: Ticket, write: Callable[[], Awaitable[Success]]
    ) -> Success:
        """Write to the thread. Raise Postponed where it was deleted in Plain: then the
        conversation is free, and the request is decided anew."""
        try:
            return await write()
        except Rejected:
            if await self._is_gone(ticket):
                raise _gone() from None
            raise

    async def _is_gone(self, ticket: Ticket) -> bool:
        """Return whether the thread is gone from Plain, and note that."""
        try:
            if await self.workspace.plain.thread_snapshot(ticket.id) is not None:
                return False
        except Fault:
            return False
        await self.runtime.run(self.runtime.ledger.free, ticket.id)
        return True

    async def _addition(
        self, ticket: Ticket, request: AdmittedRequest, external_id: str
    ) -> tuple[EventDraft, RemainingParts | None, Message | None]:
        """Read and render what is added; return the event, what follows it, and the message."""
        source = await read_source(self.claim, self.workspace, self.runtime, request)
        lost = source.copies.named() if source.copies else {}
        source = source.with_uploads({**named_only(source.files, self.claim.now), **lost})
        rendered = await source.rendered(self.runtime.render)
        draft = quote.event(
            external_id=external_id,
            thread=ticket.id,
            message=source.message,
            form=source.trigger.form,
            context=source.context,
            rendered=rendered,
        )
        return draft, source.rest(external_id, rendered), source.message

    # Continuing what was too long for one piece

    async def _continue(self, first: Success, rest: RemainingParts | None) -> Success:
        """Add the remaining parts, now that the first one is surely in Plain."""
        if rest is None or isinstance(first, Joined):
            return first
        if not rest.sequels:
            return replace(first, missing=rest.missing)
        known = replace(rest, ticket=first.ticket, added=isinstance(first, Added))
        left = await self._send_all(known, first.ticket)
        return replace(first, missing=left.missing)

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
        left = await self._send_all(rest, ticket)
        if rest.added:
            return Added(ticket, left.missing, self._unused())
        return Created(ticket, left.missing)

    async def _send_all(self, rest: RemainingParts, ticket: Ticket) -> RemainingParts:
        """Send all remaining parts in order, of which the first was surely not sent; return what
        is left: how many are missing.

        What Plain rejects is missing in the end, and takes nothing back of what is there. Every
        other fault leaves the outcome unknown, so that the request keeps what it noted.
        """
        while rest.sequels:
            done, missing = 1, 0
            try:
                await exactly_once.send_once(self._continuation(rest, ticket), self._attempt)
            except Rejected as rejection:
                done = missing = len(rest.sequels) if rejection.reason in _FOR_ALL else 1
            rest = replace(rest, sequels=rest.sequels[done:], missing=rest.missing + missing)
        return rest

    def _continuation(self, rest: RemainingParts, ticket: Ticket) -> Write[bool]:
        """Return the write of the first remaining part."""
        part = rest.sequels[0]

        async def note() -> None:
            await self.runtime.run(self.runtime.ledger.note_rest, self.claim, rest)

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
