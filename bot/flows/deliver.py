"""Escalation to Outcome: reads Slack, names the customer, writes to Plain; safe to run twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from bot.core import quote, refs
from bot.core.attachments import UploadResult, files_are_to_blame
from bot.core.faults import Postponed, Reason, Refused, TryLater
from bot.core.model import (
    Added,
    Created,
    EventDraft,
    Ignored,
    Message,
    Outcome,
    ThreadDraft,
    Ticket,
)
from bot.flows import attachments, authorship, exactly_once, sequels
from bot.flows import customer as naming
from bot.flows.admission import admit, confine
from bot.flows.exactly_once import SENDING_SECONDS
from bot.flows.ports import PlainThread
from bot.flows.quote_source import AdmittedRequest, read_source, room_for
from bot.flows.workspace import SETTLE_WINDOW, Policy, Workspace
from bot.store.claims import Claim, Exists, Pending, RemainingParts

__all__ = ["SENDING_SECONDS", "SETTLE_WINDOW", "Policy", "Progress", "Workspace", "deliver"]

HELD_SECONDS = 1.0
"""How soon to look again at a conversation whose thread another row is creating."""
LONGEST_HELD_SECONDS = 15.0
"""And how late: it may be held for as long as Plain is away, and each look asks Slack. Between the
two, the next look comes after half as long as the row has waited."""


class Progress(Protocol):
    """Whoever delivers is told how far it is."""

    async def read(self, message: Message | None, conversation_key: str) -> None:
        """The message is known. Returns once no earlier row of its conversation is on its way."""


async def deliver(claim: Claim, world: Workspace, progress: Progress) -> Outcome:
    """What came of the escalation. Raises Refused, TryLater and LeaseLost.

    However often it runs, and wherever an earlier run broke off, at most one thread (or one
    addition) comes about: what was sent without an answer is looked for before it is sent again.
    """
    if claim.sent_at is not None and (found := await _sent_before(claim, world)) is not None:
        return found
    trigger = claim.escalation.trigger
    admitted = await admit(claim.escalation, world.slack, world.policy.who)
    if isinstance(admitted, Ignored):
        return admitted
    message = trigger.message
    if message is None and trigger.ref is not None:
        message = await world.slack.message(trigger.ref)
    if message is not None:
        message = await authorship.settled(message, world.slack)
    trigger = confine(trigger, admitted.submitter, message)
    asked = AdmittedRequest(trigger, message, admitted)
    conversation_key = _conversation_key(claim, message, world)
    await progress.read(message, conversation_key)
    match await world.run(world.ledger.conversation, claim, conversation_key):
        case Pending():
            raise _held(claim)
        case Exists(ticket):
            return await _add(claim, world, ticket, asked)
    return await _open(claim, world, asked, conversation_key)


def _conversation_key(claim: Claim, message: Message | None, world: Workspace) -> str:
    ref = message.ref if message else None
    if ref is None or world.policy.one_thread_per == "message":
        return claim.external_id
    return refs.conversation_key(
        claim.escalation.trigger.team, ref, message.thread_ts if message else None
    )


async def _sent_before(claim: Claim, world: Workspace) -> Outcome | None:
    """What came of the request that an earlier attempt sent; None once it surely came to nothing.

    Raises Wait while that is not sure.
    """
    if claim.rest is not None and claim.rest.ticket is not None:
        return await sequels.go_on(claim, world, claim.rest)
    first: Created | Added | None = None
    try:
        if claim.adding_to is not None:
            if await exactly_once.has_event(world, claim.adding_to, claim.external_id):
                first = Added(claim.adding_to)
        elif claim.customer is not None:
            found = await exactly_once.thread(claim, world, claim.customer)
            if found is not None:
                first = Created(exactly_once.ticket_of(await world.plain.workspace_id(), found))
    except Refused as refusal:
        refusal.unsure = True  # it may stand all the same: whoever asks again looks for it
        raise
    if first is not None:
        return await sequels.follow(claim, world, first, claim.rest)
    exactly_once.wait_for_certainty(claim, world)
    return None


def _held(claim: Claim) -> Postponed:
    waited = claim.now - claim.escalation.trigger.reply_to.asked_at
    seconds = min(LONGEST_HELD_SECONDS, max(HELD_SECONDS, waited / 2))
    return Postponed("conversation_held", seconds)


# Opening the thread


async def _open(
    claim: Claim, world: Workspace, asked: AdmittedRequest, conversation_key: str
) -> Outcome:
    rule = asked.admitted.rule
    requester = naming.requester_of(asked.trigger, asked.message)
    customer, learnt, evidence = await naming.customer_of(claim, world, rule, requester)
    wishes = await naming.thread_options(world.plain, rule)
    found = await exactly_once.forgotten_thread(claim, world, customer)
    async with room_for(asked, world):
        opening = await _opening(claim, world, asked, customer, wishes, copies=found is None)
    rest = None if found else opening.rest
    # Asked before anything is sent, so that nothing can fail between the create and its record.
    workspace = await world.plain.workspace_id()
    begun = world.clock()
    match await world.run(
        world.ledger.freeze,
        claim,
        conversation_key=conversation_key,
        customer=customer,
        requester=requester,
        message=opening.message,
        person=learnt,
        rest=rest,
        evidence=evidence,
    ):
        case Pending():
            raise _held(claim)
        case Exists(ticket):
            return await _add(claim, world, ticket, asked)
    exactly_once.check_lease(claim, world, begun)
    try:
        found = found or await _create(claim, world, opening.draft, opening.fates)
    except Refused as refusal:
        if refusal.reason is Reason.BROKEN_LINK and not refusal.unsure:
            await naming.blame_the_link(world, requester, customer, fresh=learnt is not None)
        raise
    created = Created(exactly_once.ticket_of(workspace, found))
    return await sequels.follow(claim, world, created, rest)


@dataclass(frozen=True, slots=True)
class _Opening:
    """The thread to open, and what is added to it once it stands."""

    draft: ThreadDraft
    rest: RemainingParts | None
    message: Message | None
    fates: Mapping[str, UploadResult]


async def _opening(
    claim: Claim,
    world: Workspace,
    asked: AdmittedRequest,
    customer: str,
    wishes: quote.ThreadOptions,
    *,
    copies: bool,
) -> _Opening:
    """Read and render what is opened; `copies`: with its files copied."""
    seen = await read_source(claim, world, asked)
    if seen.copying is not None and copies:
        seen = seen.with_fates(await seen.copying.copy(seen.files, customer))
    rendered = await seen.rendered(world.render)
    draft = quote.thread(
        external_id=claim.external_id,
        customer=customer,
        message=seen.message,
        form=seen.trigger.form,
        scene=seen.scene,
        wishes=wishes,
        rendered=rendered,
    )
    rest = seen.rest(claim.external_id, rendered)
    return _Opening(draft, rest, seen.message, seen.scene.fates)


async def _create(
    claim: Claim, world: Workspace, draft: ThreadDraft, fates: Mapping[str, UploadResult]
) -> PlainThread:
    """The thread, created now or seen to be there in spite of the fault."""
    try:
        return await world.plain.open_thread(draft)
    except TryLater as fault:
        if draft.attachments and fault.cause == attachments.NOT_UPLOADED:
            raise await attachments.not_uploaded(claim, world, draft.customer, fates) from fault
        found = await exactly_once.glance(claim, world, draft.customer) if fault.unknown else None
        if found is None:
            raise
    except Refused as refusal:
        # It may have been refused for being there already, or for what its answer should show.
        look = exactly_once.thread(claim, world, draft.customer, after_a_send=True)
        found = await exactly_once.look_after(refusal, look)
        if found is None:
            if draft.attachments and files_are_to_blame(refusal):
                raise await attachments.give_up(claim, world, draft.customer, fates) from refusal
            raise
    return found


# Adding to the ticket that stands


async def _addition(
    claim: Claim, world: Workspace, ticket: Ticket, asked: AdmittedRequest
) -> tuple[EventDraft, RemainingParts | None, Message | None]:
    """Read and render what is added: the event, what follows it, and the message."""
    seen = await read_source(claim, world, asked)
    lost = seen.copying.named() if seen.copying else {}
    seen = seen.with_fates({**attachments.named_only(seen.files, claim.now), **lost})
    rendered = await seen.rendered(world.render)
    draft = quote.event(
        external_id=claim.external_id,
        thread=ticket.id,
        message=seen.message,
        form=seen.trigger.form,
        scene=seen.scene,
        rendered=rendered,
    )
    return draft, seen.rest(claim.external_id, rendered), seen.message


async def _add(claim: Claim, world: Workspace, ticket: Ticket, asked: AdmittedRequest) -> Outcome:
    async with room_for(asked, world):
        draft, rest, message = await _addition(claim, world, ticket, asked)
    known = await exactly_once.forgotten_event(claim, world, ticket)
    begun = world.clock()
    await world.run(world.ledger.freeze_addition, claim, ticket, message, rest)
    exactly_once.check_lease(claim, world, begun)
    if known:
        return Added(ticket)
    try:
        await world.plain.add_event(draft)
    except TryLater as fault:
        seen_there = fault.unknown and await exactly_once.glance_at_event(
            world, ticket, claim.external_id
        )
        if not seen_there:
            raise
    except Refused as refusal:
        look = exactly_once.has_event(world, ticket, claim.external_id, after_a_send=True)
        if not await exactly_once.look_after(refusal, look):
            raise
    return await sequels.follow(claim, world, Added(ticket), rest)
