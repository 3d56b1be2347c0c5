"""Looking in Plain for what was sent, before it is sent again."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

from bot.core import refs
from bot.core.faults import LeaseLost, Postponed, Refused, TryLater
from bot.core.model import Ticket
from bot.flows.ports import PlainThread
from bot.flows.workspace import Workspace
from bot.store.claims import Claim

T = TypeVar("T")

SENDING_SECONDS = 2.0
"""How long after its record a write may begin to leave. With what the pace may keep it then (3 s)
it leaves within the 5 s by which the settle window is longer than what Plain's gateway may take."""


def check_lease(claim: Claim, world: Workspace, begun: float, *, sent: bool = False) -> None:
    """Raises TryLater, or LeaseLost, where the process stood still since `begun`, before which
    its lease began. `sent`: this attempt has written to Plain, and its row must not forget that.

    A container's pause, a laptop's lid: when it goes on, the row may be another worker's, and
    the settle window, which began with the record, would end before the write's outcome is sure.
    """
    stood = world.clock() - begun
    if stood > claim.lease / 2:
        raise LeaseLost
    if stood > SENDING_SECONDS and sent:
        raise TryLater("stood_still", after=1.0, unknown=True)
    if stood > SENDING_SECONDS:
        raise Postponed("stood_still", 1.0)


def wait_for_certainty(claim: Claim, world: Workspace) -> None:
    """Raises Wait while what was sent last, and is not there, may still come about."""
    age = claim.now - (claim.sent_at or 0.0)
    if age < world.policy.settle_window:
        # A clock that was set back makes the age negative: no reason to look every second.
        raise Postponed("settling", min(world.policy.settle_window - age, max(1.0, abs(age) / 2)))


async def thread(
    claim: Claim, world: Workspace, customer: str, *, after_a_send: bool = False
) -> PlainThread | None:
    """The thread that this row created, if it did."""
    try:
        return await world.plain.thread_by_external_id(customer, claim.external_id)
    except TryLater as fault:
        raise _look_failed(fault, after_a_send) from fault


async def has_event(
    world: Workspace, ticket: Ticket, external_id: str, *, after_a_send: bool = False
) -> bool:
    """Whether the addition with this external id is there."""
    try:
        return await world.plain.has_event(ticket.id, external_id)
    except TryLater as fault:
        raise _look_failed(fault, after_a_send) from fault


def _look_failed(fault: TryLater, after_a_send: bool) -> TryLater:
    if isinstance(fault, Postponed) and not after_a_send:
        return fault  # nothing failed, and nothing was sent
    return TryLater(fault.cause, after=fault.after, unknown=after_a_send)


def may_be_forgotten(claim: Claim, world: Workspace) -> bool:
    """Whether this may have been delivered before, and the ledger not know of it: it may have been
    put back to a copy that was made meanwhile.

    So it is with what was asked before this process began, and with what was found in Slack's
    history; for all else it would cost a request each, and find nothing.
    """
    trigger = claim.escalation.trigger
    return trigger.reply_to.asked_at < world.started or refs.is_found(trigger.request)


async def forgotten_thread(claim: Claim, world: Workspace, customer: str) -> PlainThread | None:
    """The thread of such a row; what is known to have been sent was looked for already."""
    if claim.sent_at is not None or not may_be_forgotten(claim, world):
        return None
    return await thread(claim, world, customer)


async def forgotten_event(claim: Claim, world: Workspace, ticket: Ticket) -> bool:
    """The same for an addition."""
    if claim.sent_at is not None or not may_be_forgotten(claim, world):
        return False
    return await has_event(world, ticket, claim.external_id)


async def look_after(refusal: Refused, look: Awaitable[T]) -> T:
    """Look whether what was refused is there; where that is refused too, nobody knows."""
    try:
        return await look
    except Refused:
        refusal.unsure = True
        raise refusal from None


async def glance(claim: Claim, world: Workspace, customer: str) -> PlainThread | None:
    """A first look right after a send; what it cannot see, a later attempt looks for."""
    with suppress(TryLater, Refused):
        return await world.plain.thread_by_external_id(customer, claim.external_id)
    return None


async def glance_at_event(world: Workspace, ticket: Ticket, external_id: str) -> bool:
    """The same for an addition."""
    with suppress(TryLater, Refused):
        return await world.plain.has_event(ticket.id, external_id)
    return False


def ticket_of(workspace: str, found: PlainThread) -> Ticket:
    """The thread as people see it."""
    return Ticket(found.id, found.ref, refs.plain_thread_url(workspace, found.id))
