"""Escalation to Outcome: reads Slack, names the customer, writes to Plain; safe to run twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from bot.core import quote, refs
from bot.core.attachments import UploadResult
from bot.core.faults import Postponed, Reason, Refused, TryLater
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
from bot.flows import attachments, authorship, exactly_once
from bot.flows import customer as naming
from bot.flows.admission import admit, confine
from bot.flows.exactly_once import Attempt, SentBefore, Write
from bot.flows.ports import PlainThread
from bot.flows.quote_source import AdmittedRequest, read_source, room_for
from bot.flows.workspace import Workspace
from bot.store.claims import Claim, Exists, Pending, RemainingParts

PENDING_SECONDS = 1.0
"""How soon to look again at a conversation whose thread another row is creating."""
LONGEST_PENDING_SECONDS = 15.0
"""And how late: it may be pending for as long as Plain is away, and each look asks Slack. Between
the two, the next look comes after half as long as the row has waited."""

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


async def deliver(claim: Claim, workspace: Workspace, progress: Progress) -> Outcome:
    """Deliver the escalation and return what came of it. Raise Refused, TryLater and LeaseLost.

    However often it runs, and wherever an earlier run broke off, at most one thread (or one
    addition) comes about: every write goes through `exactly_once`.
    """
    if claim.sent_at is not None and (sent := await _sent_before(claim, workspace)) is not None:
        return sent
    trigger = claim.escalation.trigger
    admitted = await admit(claim.escalation, workspace.slack, workspace.policy.who)
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
    match await workspace.run(workspace.ledger.conversation, claim, conversation_key):
        case Pending():
            raise _pending(claim)
        case Exists(ticket):
            return await _add(claim, workspace, ticket, request)
    try:
        return await _open(claim, workspace, request, conversation_key)
    except _TicketExists as found:
        return await _add(claim, workspace, found.ticket, request)


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


# What earlier attempts sent


def _attempt(claim: Claim, workspace: Workspace) -> Attempt:
    return Attempt(
        now=claim.now,
        noted_at=claim.sent_at,
        settle_window=workspace.policy.settle_window,
        lease=claim.lease,
        clock=workspace.clock,
    )


async def _sent_before(claim: Claim, workspace: Workspace) -> Outcome | None:
    """Return what came of the write that an earlier attempt noted; None once it surely came to
    nothing. Raise Postponed while that is not sure."""
    if claim.rest is not None and claim.rest.ticket is not None:
        return await _resume(claim, workspace, claim.rest, claim.rest.ticket)
    find = partial(_find_noted, claim, workspace)
    attempt = _attempt(claim, workspace)
    found: Created | Added | None
    found = await exactly_once.look_back(find, attempt, SentBefore.NOTED)
    if found is None:
        return None
    return await _continue(claim, workspace, found, claim.rest)


async def _find_noted(claim: Claim, workspace: Workspace) -> Created | Added | None:
    if claim.adding_to is not None:
        return await _find_addition(claim, workspace, claim.adding_to)
    if claim.customer is not None:
        return await _find_thread(claim, workspace, claim.customer)
    return None


def _unrecorded(claim: Claim, workspace: Workspace) -> SentBefore:
    """Return UNRECORDED for a row that may have been delivered without this database knowing.

    That is what was requested before this process began, and what was found in Slack's history.
    For all else a look would cost a request each, and find nothing.
    """
    trigger = claim.escalation.trigger
    is_old = trigger.reply_to.asked_at < workspace.started
    return SentBefore.UNRECORDED if is_old or refs.is_found(trigger.request) else SentBefore.NO


def _unless_noted(claim: Claim, workspace: Workspace) -> SentBefore:
    """Return the same for the first write of an attempt: what was noted was looked for already."""
    return SentBefore.NO if claim.sent_at is not None else _unrecorded(claim, workspace)


async def _find_thread(claim: Claim, workspace: Workspace, customer: str) -> Created | None:
    thread = await workspace.plain.thread_by_external_id(customer, claim.external_id)
    if thread is None:
        return None
    return Created(_ticket(await workspace.plain.workspace_id(), thread))


async def _find_addition(claim: Claim, workspace: Workspace, ticket: Ticket) -> Added | None:
    is_there = await workspace.plain.has_event(ticket.id, claim.external_id)
    return Added(ticket) if is_there else None


def _ticket(plain_workspace: str, thread: PlainThread) -> Ticket:
    return Ticket(thread.id, thread.ref, refs.plain_thread_url(plain_workspace, thread.id))


# Opening the thread


@dataclass(frozen=True, slots=True)
class _Opening:
    """The thread to open, and what is added to it once it is there."""

    draft: ThreadDraft
    rest: RemainingParts | None
    message: Message | None
    uploads: Mapping[str, UploadResult]


async def _open(
    claim: Claim, workspace: Workspace, request: AdmittedRequest, conversation_key: str
) -> Outcome:
    """Open the thread. Raise _TicketExists where another row was faster."""
    rule = request.admitted.rule
    requester = naming.requester_of(request.trigger, request.message)
    customer, learnt, evidence = await naming.customer_of(claim, workspace, rule, requester)
    options = await naming.thread_options(workspace.plain, rule)
    attempt = _attempt(claim, workspace)
    find = partial(_find_thread, claim, workspace, customer)
    found = await exactly_once.look_back(find, attempt, _unless_noted(claim, workspace))
    async with room_for(request, workspace):
        opening = await _opening(claim, workspace, request, customer, options, copy=found is None)
    # Asked before anything is sent, so that nothing can fail between the create and its record.
    plain_workspace = await workspace.plain.workspace_id()

    async def note() -> None:
        match await workspace.run(
            workspace.ledger.freeze,
            claim,
            conversation_key=conversation_key,
            customer=customer,
            requester=requester,
            message=opening.message,
            person=learnt,
            rest=None if found else opening.rest,
            evidence=evidence,
        ):
            case Pending():
                raise _pending(claim)
            case Exists(ticket):
                raise _TicketExists(ticket)

    async def send() -> Created:
        return Created(_ticket(plain_workspace, await workspace.plain.open_thread(opening.draft)))

    if found is not None:
        await note()
        return found
    try:
        created = await exactly_once.send_once(Write(find, note, send), attempt)
    except (TryLater, Refused) as fault:
        await attachments.blame_the_files(fault, claim, workspace, opening.draft, opening.uploads)
        if isinstance(fault, Refused) and fault.reason is Reason.BROKEN_LINK and not fault.unsure:
            await naming.blame_the_link(workspace, requester, customer, fresh=learnt is not None)
        raise
    return await _continue(claim, workspace, created, opening.rest)


async def _opening(
    claim: Claim,
    workspace: Workspace,
    request: AdmittedRequest,
    customer: str,
    options: quote.ThreadOptions,
    *,
    copy: bool,
) -> _Opening:
    """Read and render what is opened; `copy` its files to Plain, too."""
    source = await read_source(claim, workspace, request)
    if source.copying is not None and copy:
        source = source.with_fates(await source.copying.copy(source.files, customer))
    rendered = await source.rendered(workspace.render)
    draft = quote.thread(
        external_id=claim.external_id,
        customer=customer,
        message=source.message,
        form=source.trigger.form,
        scene=source.scene,
        wishes=options,
        rendered=rendered,
    )
    rest = source.rest(claim.external_id, rendered)
    return _Opening(draft, rest, source.message, source.scene.fates)


# Adding to the ticket that exists


async def _add(
    claim: Claim, workspace: Workspace, ticket: Ticket, request: AdmittedRequest
) -> Outcome:
    async with room_for(request, workspace):
        draft, rest, message = await _addition(claim, workspace, ticket, request)
    attempt = _attempt(claim, workspace)
    find = partial(_find_addition, claim, workspace, ticket)

    async def note() -> None:
        await workspace.run(workspace.ledger.freeze_addition, claim, ticket, message, rest)

    async def send() -> Added:
        await workspace.plain.add_event(draft)
        return Added(ticket)

    found = await exactly_once.look_back(find, attempt, _unless_noted(claim, workspace))
    if found is not None:
        await note()
        return found
    added = await exactly_once.send_once(Write(find, note, send), attempt)
    return await _continue(claim, workspace, added, rest)


async def _addition(
    claim: Claim, workspace: Workspace, ticket: Ticket, request: AdmittedRequest
) -> tuple[EventDraft, RemainingParts | None, Message | None]:
    """Read and render what is added; return the event, what follows it, and the message."""
    source = await read_source(claim, workspace, request)
    lost = source.copying.named() if source.copying else {}
    source = source.with_fates({**attachments.named_only(source.files, claim.now), **lost})
    rendered = await source.rendered(workspace.render)
    draft = quote.event(
        external_id=claim.external_id,
        thread=ticket.id,
        message=source.message,
        form=source.trigger.form,
        scene=source.scene,
        rendered=rendered,
    )
    return draft, source.rest(claim.external_id, rendered), source.message


# Continuing what was too long for one piece


async def _continue(
    claim: Claim, workspace: Workspace, first: Created | Added, rest: RemainingParts | None
) -> Created | Added:
    """Add the remaining parts, now that the first one is surely in Plain.

    What Plain rejects is missing in the end, and takes nothing back of what is there. Every other
    fault leaves the outcome unknown, so that the row keeps what it froze.
    """
    if rest is None or not rest.sequels:
        return first
    known = replace(rest, ticket=first.ticket, added=isinstance(first, Added))
    return await _continuations(claim, workspace, known, first.ticket)


async def _resume(
    claim: Claim, workspace: Workspace, rest: RemainingParts, ticket: Ticket
) -> Created | Added:
    """Go on where an earlier attempt broke off, which may have sent the first remaining part."""
    if not rest.sequels:
        return await _continuations(claim, workspace, rest, ticket)
    first, *others = rest.sequels
    find = partial(_find_continuation, workspace, ticket, first)
    try:
        found = await exactly_once.look_back(find, _attempt(claim, workspace), SentBefore.NOTED)
    except Refused:
        # Nobody knows: to lack it is better than to have it twice.
        rest = replace(rest, sequels=tuple(others), missing=rest.missing + 1)
    else:
        rest = replace(rest, sequels=tuple(others)) if found else rest
    return await _continuations(claim, workspace, rest, ticket)


async def _continuations(
    claim: Claim, workspace: Workspace, rest: RemainingParts, ticket: Ticket
) -> Created | Added:
    """Send all remaining parts in order, of which the first was surely not sent."""
    attempt = _attempt(claim, workspace)
    while rest.sequels:
        write = _continuation(claim, workspace, rest, ticket)
        done, missing = 1, 0
        try:
            await exactly_once.send_once(write, attempt)
        except Refused as rejection:
            done = missing = len(rest.sequels) if rejection.reason in _FOR_ALL else 1
        rest = replace(rest, sequels=rest.sequels[done:], missing=rest.missing + missing)
    return (Added if rest.added else Created)(ticket, rest.missing)


def _continuation(
    claim: Claim, workspace: Workspace, rest: RemainingParts, ticket: Ticket
) -> Write[bool]:
    """Return the write of the first remaining part."""
    part = rest.sequels[0]

    async def note() -> None:
        await workspace.run(workspace.ledger.freeze_rest, claim, rest)

    async def send() -> bool:
        await workspace.plain.add_event(
            EventDraft(ticket.id, part.external_id, part.title, part.parts)
        )
        return True

    find = partial(_find_continuation, workspace, ticket, part)
    return Write(find, note, send, _unrecorded(claim, workspace), follows=True)


async def _find_continuation(
    workspace: Workspace, ticket: Ticket, part: Continuation
) -> bool | None:
    return await workspace.plain.has_event(ticket.id, part.external_id) or None
