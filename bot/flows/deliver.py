"""Escalation to Outcome: reads Slack, names the customer, writes to Plain; safe to run twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar

from bot.core import identity, quote, refs
from bot.core.faults import LeaseLost, Reason, Refused, TryLater, Wait
from bot.core.identity import ByEmail, IdentityPolicy, Named, Nobody
from bot.core.model import (
    Added,
    Created,
    Installation,
    Message,
    Names,
    Outcome,
    Profile,
    Rule,
    Standing,
    Ticket,
    Trigger,
    Unwanted,
)
from bot.core.richtext import mentions
from bot.flows.admission import Admitted, admit
from bot.flows.ports import (
    Claim,
    Held,
    Ledger,
    People,
    Person,
    Plain,
    PlainThread,
    Run,
    Slack,
    Stands,
)

T = TypeVar("T")

SETTLE_WINDOW = 35.0
"""Seconds after which a create that cannot be found was never processed: Plain's gateway gives
up at about 30."""

HELD_SECONDS = 1.0
"""How soon to look again at a conversation whose thread another row is creating."""
LONGEST_HELD_SECONDS = 15.0
"""And how late: it may be held for as long as Plain is away, and each look asks Slack."""

SENDING_SECONDS = 5.0
"""How long after its record a write may leave: by so much the settle window is longer than what
Plain's gateway may take."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the settings say of a delivery."""

    who: frozenset[Standing] = frozenset({Standing.MEMBER})
    one_thread_per: Literal["slack_thread", "message"] = "slack_thread"
    identity: IdentityPolicy = field(default_factory=IdentityPolicy)
    settle_window: float = SETTLE_WINDOW


def _standing_still() -> float:
    return 0.0


@dataclass(frozen=True, slots=True)
class World:
    """All that a delivery touches. `clock` is in seconds; one that stands still sees no pause."""

    slack: Slack
    plain: Plain
    ledger: Ledger
    people: People
    run: Run
    policy: Policy
    installation: Installation
    clock: Callable[[], float] = _standing_still


class Progress(Protocol):
    """Whoever delivers is told how far it is."""

    async def read(self, message: Message | None, conversation_key: str) -> None:
        """The message is known. Returns once no earlier row of its conversation is on its way."""


async def deliver(claim: Claim, world: World, progress: Progress) -> Outcome:
    """What came of the escalation. Raises Refused, TryLater and LeaseLost.

    However often it runs, and wherever an earlier run broke off, at most one thread (or one
    addition) comes about: what was sent without an answer is looked for before it is sent again.
    """
    if claim.sent_at is not None and (found := await _sent_before(claim, world)) is not None:
        return found
    trigger = claim.escalation.trigger
    admitted = await admit(claim.escalation, world.slack, world.policy.who)
    if isinstance(admitted, Unwanted):
        return admitted
    message = trigger.message
    if message is None and trigger.ref is not None:
        message = await world.slack.message(trigger.ref)
    asked = _Asked(trigger, message, admitted)
    conversation_key = _conversation_key(claim, message, world)
    await progress.read(message, conversation_key)
    match await world.run(world.ledger.conversation, claim, conversation_key):
        case Held():
            raise _held(claim)
        case Stands(ticket):
            return await _add(claim, world, ticket, asked, await _scene(asked, world))
    return await _open(claim, world, asked, conversation_key)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The trigger with all that was read for it."""

    trigger: Trigger
    message: Message | None
    admitted: Admitted


def _conversation_key(claim: Claim, message: Message | None, world: World) -> str:
    ref = message.ref if message else None
    if ref is None or world.policy.one_thread_per == "message":
        return claim.external_id
    return refs.conversation_key(
        claim.escalation.trigger.team, ref, message.thread_ts if message else None
    )


async def _scene(asked: _Asked, world: World) -> quote.Scene:
    """What surrounds the quote: names, place and link."""
    message = asked.message
    link = None
    if message is not None and message.ref is not None:
        link = await world.slack.permalink(message.ref, message.thread_ts)
    return quote.Scene(
        author=await _author(asked, world),
        channel=asked.admitted.channel,
        permalink=link,
        asker=_name(asked.admitted.asker, asked.trigger.asker),
        via=asked.trigger.via,
        emoji=asked.trigger.emoji,
        names=await world.slack.names(mentions(message.blocks)) if message else Names(),
    )


async def _author(asked: _Asked, world: World) -> str:
    message = asked.message
    if message is not None and message.bot is not None:
        return message.bot
    author = message.author if message else None
    if author is None or author == asked.trigger.asker:
        return _name(asked.admitted.asker, asked.trigger.asker)
    return _name(await world.slack.profile(author), author)


def _name(profile: Profile | None, user: str) -> str:
    return profile.name if profile else user


# Opening the thread


async def _open(claim: Claim, world: World, asked: _Asked, conversation_key: str) -> Outcome:
    requester = _requester(asked)
    customer, learnt = await _customer(claim, world, asked.admitted.rule, requester)
    wishes = await _wishes(world.plain, asked)
    scene = await _scene(asked, world)
    draft = quote.thread(
        external_id=claim.external_id,
        customer=customer,
        message=asked.message,
        form=asked.trigger.form,
        scene=scene,
        wishes=wishes,
    )
    # Asked before anything is sent, so that nothing can fail between the create and its record.
    workspace = await world.plain.workspace_id()
    begun = world.clock()
    match await world.run(
        world.ledger.freeze,
        claim,
        conversation_key=conversation_key,
        customer=customer,
        requester=requester,
        message=asked.message,
        person=learnt,
    ):
        case Held():
            raise _held(claim)
        case Stands(ticket):
            return await _add(claim, world, ticket, asked, scene)
    _check_lease(claim, world, begun)
    try:
        thread = await world.plain.open_thread(draft)
    except TryLater as fault:
        found = await _glance(claim, world, customer) if fault.unknown else None
        if found is None:
            raise
        thread = found
    except Refused as refusal:
        # It may have been refused for being there already, or for what its answer should show.
        found = await _look_after(refusal, _thread(claim, world, customer, after_a_send=True))
        if found is None:
            if refusal.reason is Reason.BROKEN_LINK:
                await _blame_the_link(world, requester, customer, fresh=learnt is not None)
            raise
        thread = found
    return Created(_ticket(workspace, thread))


def _requester(asked: _Asked) -> str:
    """Whose customer the thread is for."""
    trigger, message = asked.trigger, asked.message
    if trigger.form is not None:
        return trigger.form.requester
    if message is None or message.author is None or message.bot is not None:
        return trigger.asker
    return message.author


async def _customer(
    claim: Claim, world: World, rule: Rule | None, requester: str
) -> tuple[str, Person | None]:
    """The customer's id, and what was learnt about the requester on the way."""
    if claim.customer is not None:
        return claim.customer, None
    profile = await world.slack.profile(requester)
    home = world.installation.team
    teams = [profile.team, home] if profile and profile.team != home else [home]
    link = await world.run(world.people.find, requester, teams)
    decided = identity.decide(
        world.policy.identity,
        rule=rule.customer if rule else None,
        link=link.customer if link else None,
        user=requester,
        profile=profile,
    )
    match decided:
        case Named(name) if identity.is_customer_id(name):
            return name, None  # whether Plain knows it, the create will tell
        case Named(name):
            customer = await world.plain.find_customer(name)
            if customer is None:
                # What the settings name is not mended by linking somebody.
                linked = decided == Named(link.customer) if link else False
                who = {"requester": requester} if linked and not (rule and rule.customer) else {}
                raise Refused(Reason.BROKEN_LINK, customer=name, **who)
            return customer.id, None
        case ByEmail(email, name, verified, source):
            customer = await world.plain.upsert_customer(email, name, verified=verified)
            team = profile.team if profile else home
            return customer.id, Person(team, requester, customer.id, email, name, source)
        case Nobody():
            raise Refused(Reason.NO_CUSTOMER, requester=requester, name=_name(profile, requester))


async def _blame_the_link(world: World, requester: str, customer: str, *, fresh: bool) -> None:
    """Plain does not know the customer: refused with the requester, whose link is to be mended.

    What the bridge had found out by itself is forgotten, and found out anew; unless that was
    in this very attempt (`fresh`), for it would go on without end.
    """
    profile = await world.slack.profile(requester)
    home = world.installation.team
    link = await world.run(world.people.find, requester, [profile.team if profile else home, home])
    if link is None or link.customer != customer:
        return  # a rule names the customer, or the settings do
    if link.automatic and not fresh:
        await world.run(world.people.forget, link)
        raise Wait("customer_gone", 0.0)
    raise Refused(Reason.BROKEN_LINK, requester=requester, customer=customer)


async def _wishes(plain: Plain, asked: _Asked) -> quote.Wishes:
    """What the rule wants, in Plain's ids. Unknown and ambiguous names are refused."""
    rule = asked.admitted.rule
    if rule is None:
        return quote.Wishes()
    return quote.Wishes(
        priority=rule.priority,
        label_types=tuple([await _label_type(plain, label) for label in rule.labels]),
        tenant=rule.tenant,
        assignee=await _assignee(plain, rule.assignee),
    )


async def _label_type(plain: Plain, label: str) -> str:
    if label.startswith("lt_"):
        return label
    found = [
        known.id
        for known in await plain.label_types()
        if known.name.strip().casefold() == label.strip().casefold()
    ]
    if len(found) == 1:
        return found[0]
    raise Refused(Reason.AMBIGUOUS_LABEL if found else Reason.UNKNOWN_LABEL, label=label)


async def _assignee(plain: Plain, assignee: str | None) -> str | None:
    if assignee is None or "@" not in assignee:
        return assignee
    user = await plain.user_by_email(assignee)
    if user is None:
        raise Refused(Reason.UNKNOWN_ASSIGNEE, assignee=assignee)
    return user


# Adding to the ticket that stands


async def _add(
    claim: Claim, world: World, ticket: Ticket, asked: _Asked, scene: quote.Scene
) -> Outcome:
    draft = quote.event(
        external_id=claim.external_id,
        thread=ticket.id,
        message=asked.message,
        form=asked.trigger.form,
        scene=scene,
    )
    begun = world.clock()
    await world.run(world.ledger.freeze_addition, claim, ticket, asked.message)
    _check_lease(claim, world, begun)
    try:
        await world.plain.add_event(draft)
    except TryLater as fault:
        if not fault.unknown or not await _glance_at_event(claim, world, ticket):
            raise
    except Refused as refusal:
        look = _has_event(claim, world, ticket, after_a_send=True)
        if not await _look_after(refusal, look):
            raise
    return Added(ticket)


def _check_lease(claim: Claim, world: World, begun: float) -> None:
    """Raises LeaseLost where the process stood still since `begun`, before which its lease began.

    A container's pause, a laptop's lid: when it goes on, the row may be another worker's, and
    the settle window, which began with the record, would end before the write's outcome is sure.
    """
    if world.clock() - begun > min(claim.lease / 2, SENDING_SECONDS):
        raise LeaseLost


def _held(claim: Claim) -> Wait:
    seconds = HELD_SECONDS * 2.0 ** min(claim.attempt - 1, 20)
    return Wait("conversation_held", min(LONGEST_HELD_SECONDS, seconds))


# Looking for what was sent


async def _sent_before(claim: Claim, world: World) -> Outcome | None:
    """What came of the request that an earlier attempt sent; None once it surely came to nothing.

    Raises Wait while that is not sure.
    """
    try:
        if claim.adding_to is not None:
            if await _has_event(claim, world, claim.adding_to):
                return Added(claim.adding_to)
        elif claim.customer is not None:
            thread = await _thread(claim, world, claim.customer)
            if thread is not None:
                return Created(_ticket(await world.plain.workspace_id(), thread))
    except Refused as refusal:
        refusal.unsure = True  # it may stand all the same: whoever asks again looks for it
        raise
    age = claim.now - (claim.sent_at or 0.0)
    if age < world.policy.settle_window:
        # A clock that was set back makes the age negative: no reason to look every second.
        raise Wait("settling", min(world.policy.settle_window - age, max(1.0, abs(age) / 2)))
    return None


async def _thread(
    claim: Claim, world: World, customer: str, *, after_a_send: bool = False
) -> PlainThread | None:
    try:
        return await world.plain.thread_by_external_id(customer, claim.external_id)
    except TryLater as fault:
        if isinstance(fault, Wait) and not after_a_send:
            raise  # nothing failed, and nothing was sent
        raise TryLater(fault.cause, after=fault.after, unknown=after_a_send) from fault


async def _has_event(
    claim: Claim, world: World, ticket: Ticket, *, after_a_send: bool = False
) -> bool:
    try:
        return await world.plain.has_event(ticket.id, claim.external_id)
    except TryLater as fault:
        if isinstance(fault, Wait) and not after_a_send:
            raise  # nothing failed, and nothing was sent
        raise TryLater(fault.cause, after=fault.after, unknown=after_a_send) from fault


async def _look_after(refusal: Refused, look: Awaitable[T]) -> T:
    """Look whether what was refused is there; where that is refused too, nobody knows."""
    try:
        return await look
    except Refused:
        refusal.unsure = True
        raise refusal from None


async def _glance(claim: Claim, world: World, customer: str) -> PlainThread | None:
    """A first look right after a send; what it cannot see, a later attempt looks for."""
    with suppress(TryLater, Refused):
        return await world.plain.thread_by_external_id(customer, claim.external_id)
    return None


async def _glance_at_event(claim: Claim, world: World, ticket: Ticket) -> bool:
    with suppress(TryLater, Refused):
        return await world.plain.has_event(ticket.id, claim.external_id)
    return False


def _ticket(workspace: str, thread: PlainThread) -> Ticket:
    return Ticket(thread.id, thread.ref, refs.plain_thread_url(workspace, thread.id))
