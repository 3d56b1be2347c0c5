"""What a thread has beyond its first piece: added to it one after the other, each once."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from bot.core.faults import Reason, Refused, TryLater
from bot.core.model import Added, Continuation, Created, EventDraft, Ticket
from bot.flows import exactly_once
from bot.flows.workspace import Workspace
from bot.store.claims import Claim, RemainingParts

_FOR_ALL = frozenset({Reason.PLAIN_FORBIDDEN, Reason.PLAIN_KEY})


async def follow(
    claim: Claim, world: Workspace, first: Created | Added, rest: RemainingParts | None
) -> Created | Added:
    """Add what is left, now that its first piece is surely in Plain; see `go_on`."""
    if rest is None or not rest.sequels:
        return first
    standing = replace(rest, ticket=first.ticket, added=isinstance(first, Added))
    return await _send_all(claim, world, standing, maybe_sent=False)


async def go_on(claim: Claim, world: Workspace, rest: RemainingParts) -> Created | Added:
    """Go on where an earlier attempt broke off, which may have sent the first of what is left.

    What Plain refuses is missing in the end, and takes nothing back of what stands. Every other
    fault is told as one of which nothing is known: the row keeps what it froze.
    """
    return await _send_all(claim, world, rest, maybe_sent=True)


async def _send_all(
    claim: Claim, world: Workspace, rest: RemainingParts, *, maybe_sent: bool
) -> Created | Added:
    if rest.ticket is None:
        raise ValueError("nothing can be added before its thread is known")
    left, missing = rest.sequels, rest.missing
    if maybe_sent and left:
        try:
            there = await exactly_once.has_event(world, rest.ticket, left[0].external_id)
        except Refused:
            missing += 1  # nobody knows: to lack it is better than to have it twice
            left = left[1:]
        else:
            if not there:
                exactly_once.wait_for_certainty(claim, world)
            left = left[1:] if there else left
    while left:
        if await _is_forgotten(claim, world, rest.ticket, left[0]):
            left = left[1:]
            continue
        begun = world.clock()
        await _freeze(claim, world, replace(rest, sequels=left, missing=missing))
        exactly_once.check_lease(claim, world, begun, sent=True)
        try:
            await _send(world, rest.ticket, left[0])
        except Refused as refusal:
            refused = len(left) if refusal.reason in _FOR_ALL else 1
            missing += refused
            left = left[refused:]
        else:
            left = left[1:]
    outcome = Added if rest.added else Created
    return outcome(rest.ticket, missing)


async def _is_forgotten(
    claim: Claim, world: Workspace, ticket: Ticket, sequel: Continuation
) -> bool:
    """Whether it stands there, though the ledger does not know that it was sent."""
    if not exactly_once.may_be_forgotten(claim, world):
        return False
    with suppress(Refused):
        return await exactly_once.has_event(world, ticket, sequel.external_id, after_a_send=True)
    return False


async def _freeze(claim: Claim, world: Workspace, rest: RemainingParts) -> None:
    """Unknown where it fails: the first piece stands, and the row must not forget that."""
    try:
        await world.run(world.ledger.freeze_rest, claim, rest)
    except TryLater as fault:
        raise TryLater(fault.cause, after=fault.after, unknown=True) from fault


async def _send(world: Workspace, ticket: Ticket, sequel: Continuation) -> None:
    """Send one; returns where it is there. TryLater is always unknown, Refused surely refused."""
    draft = EventDraft(ticket.id, sequel.external_id, sequel.title, sequel.parts)
    try:
        await world.plain.add_event(draft)
    except TryLater as fault:
        seen = fault.unknown and await exactly_once.glance_at_event(
            world, ticket, sequel.external_id
        )
        if not seen:
            raise TryLater(fault.cause, after=fault.after, unknown=True) from fault
    except Refused as refusal:
        # It may have been refused for being there already, or for what its answer should show.
        look = exactly_once.has_event(world, ticket, sequel.external_id, after_a_send=True)
        if not await exactly_once.look_after(refusal, look):
            raise
