"""What the form says and offers beside what a person fills in: at once, and a moment later."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from bot.core import identity, quote
from bot.core.directory import Names, Profile, UserKind, kind_of, may_submit
from bot.core.faults import Fault
from bot.core.identity import ByEmail, IdentityPolicy, Named, Nobody
from bot.core.model import Customer, FormDraft, LabelType, Tenant, Ticket, Trigger
from bot.core.text.excerpt import beginning
from bot.core.text.richtext import Mention, mentions
from bot.flows.admission import is_confined
from bot.flows.ports import People
from bot.store.executor import Run

T = TypeVar("T")

LOOK_SECONDS = 5.0
"""How long a look at what was not at hand may take: the form is open meanwhile, and being read."""


@dataclass(frozen=True, slots=True)
class Known:
    """The requester is this customer in Plain."""

    name: str


@dataclass(frozen=True, slots=True)
class New:
    """The requester is no customer yet, and becomes one with the ticket."""


@dataclass(frozen=True, slots=True)
class Unlinked:
    """Nothing says which customer the requester is: somebody has to.

    `unconfirmed`: their address in Slack would say it, if Slack called it confirmed.
    """

    unconfirmed: bool = False


@dataclass(frozen=True, slots=True)
class Broken:
    """The requester is linked to a customer whom Plain does not know."""


@dataclass(frozen=True, slots=True)
class NotAllowed:
    """Whoever opened the form may not ask for tickets, and is told nothing of the requester."""

    standing: UserKind


@dataclass(frozen=True, slots=True)
class Preset:
    """Whoever opened the form cannot choose the requester, and is told nothing more of them."""


CustomerStatus = Known | New | Unlinked | Broken | NotAllowed | Preset


@dataclass(frozen=True, slots=True)
class UnreadableParts:
    """What of the message the bot may not read: the rest of its Slack thread, its files.

    `direct`: it stands in a direct message, to which nobody can be invited.
    """

    direct: bool
    thread: bool
    files: bool


@dataclass(frozen=True, slots=True)
class FormContext:
    """What the form shows without asking for it.

    `quote` is plain text. `offers_thread`, `offers_requester` and `offers_tenants` tell which
    inputs there are: they stay as they were when the form was opened, but that the last two go
    once it is known that they are not for whoever opened it. `labels` and `tenants` name what is
    chosen beforehand. `adds_to` is the ticket that the message joins: then there are no inputs for
    what only a new thread takes.
    `closed` and `customer` (of `requester`) are None where nothing is known.
    """

    quote: str = ""
    offers_thread: bool = False
    offers_requester: bool = True
    offers_tenants: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)
    tenants: Mapping[str, str] = field(default_factory=dict)
    closed: UnreadableParts | None = None
    requester: str | None = None
    customer: CustomerStatus | None = None
    adds_to: Ticket | None = None


class Slack(Protocol):
    async def profile(self, user: str) -> Profile | None:
        """Who that is (cached); None for a user that Slack does not show."""

    def names_at_hand(self, mentions: Sequence[Mention]) -> Names:
        """The names that are known without asking."""

    def readable_at_hand(self, channel: str) -> bool | None:
        """Whether the bot may read the conversation; None where that is not known."""

    async def readable(self, channel: str) -> bool:
        """Whether the bot may read the conversation (cached)."""


class Plain(Protocol):
    async def find_customer(self, name: str) -> Customer | None:
        """The customer named `c_…`, by e-mail address or as `external:ID`."""

    async def recent_label_types(self) -> Sequence[LabelType]:
        """All label types, as they were a while ago."""

    async def recent_tenants(self) -> Sequence[Tenant] | None:
        """All tenants, as they were a while ago; None where the key may not read them."""

    def label_types_at_hand(self) -> Sequence[LabelType]:
        """What is known of them without asking."""

    def tenants_at_hand(self) -> Sequence[Tenant] | None:
        """What is known of them without asking; None once it is known that the key may not."""


@dataclass(frozen=True, slots=True)
class FormContexts:
    """Where that is looked for. `team` is the installed workspace's id.

    Who may not ask for tickets (`who`) is not shown who is whom in Plain, and nor are guests.
    """

    slack: Slack
    plain: Plain
    people: People
    run: Run
    identity: IdentityPolicy
    who: Set[UserKind]
    team: str

    def at_hand(self, draft: FormDraft, submitter: Profile | None = None) -> FormContext:
        """What is known without waiting for anybody: the form must open now.

        `submitter` is None as long as nobody knows who opened it.
        """
        message = draft.trigger.message
        ref = message.ref if message else None
        readable = self.slack.readable_at_hand(ref.channel) if ref else None
        tenants = self.plain.tenants_at_hand()
        chosen = draft.prefill
        labels = {one.id: one.name for one in self.plain.label_types_at_hand()}
        companies = {one.external_id: one.name for one in tenants or ()}
        beside = FormContext(
            quote=_quoted(draft, self.slack),
            offers_thread=(
                message is not None and message.thread_ts is not None and readable is not False
            ),
            offers_tenants=tenants is not None,
            labels={id_: labels[id_] for id_ in chosen.labels if id_ in labels},
            tenants={id_: name for id_, name in companies.items() if id_ == chosen.tenant},
            closed=_closed(draft.trigger, readable),
        )
        if submitter is None or not is_confined(submitter):
            return beside
        return self._confined(beside, submitter, draft.prefill.requester)

    async def look(self, draft: FormDraft, beside: FormContext, requester: str) -> FormContext:
        """`beside` with what Slack and Plain say of the requester and of the conversation.

        What the selects offer is asked for on the way, so that it is there when one is opened.
        """
        submitter = await _or_none(self.slack.profile(draft.trigger.submitter))
        if submitter is not None and is_confined(submitter):
            readable = await _or_none(self._readable(draft.trigger))
            closed = beside.closed if readable is None else _closed(draft.trigger, readable)
            return self._confined(
                replace(beside, closed=closed), submitter, draft.prefill.requester
            )
        customer, readable, _, _ = await asyncio.gather(
            _or_none(self._customer(draft.trigger.submitter, requester)),
            _or_none(self._readable(draft.trigger)),
            _or_none(self.plain.recent_label_types()),
            _or_none(self.plain.recent_tenants()),
        )
        closed = beside.closed if readable is None else _closed(draft.trigger, readable)
        return replace(beside, closed=closed, requester=requester, customer=customer)

    async def _readable(self, trigger: Trigger) -> bool | None:
        message = trigger.message
        if message is None or message.ref is None or not (message.thread_ts or message.files):
            return None
        return await self.slack.readable(message.ref.channel)

    def _confined(self, beside: FormContext, submitter: Profile, requester: str) -> FormContext:
        """The same for a person who cannot choose the requester."""
        said = Preset() if may_submit(submitter, self.who) else NotAllowed(submitter.standing)
        return replace(
            beside,
            offers_requester=False,
            offers_tenants=False,
            tenants={},
            requester=requester,
            customer=said,
        )

    async def _customer(self, submitter: str, requester: str) -> CustomerStatus | None:
        """As a delivery will decide it, without making anything."""
        person = await self.slack.profile(submitter)
        if not may_submit(person, self.who):
            return NotAllowed(kind_of(person))
        if is_confined(person):
            return Preset()
        profile = await self.slack.profile(requester)
        teams = dict.fromkeys((profile.team if profile else self.team, self.team))
        link = await self.run(self.people.find, requester, list(teams))
        decided = identity.decide(
            self.identity,
            rule=None,
            link=link.customer if link else None,
            user=requester,
            profile=profile,
        )
        match decided:
            case Named(name):
                found = await self.plain.find_customer(name)
                return Known(found.name) if found else Broken()
            case ByEmail(email):
                found = await self.plain.find_customer(email)
                return Known(found.name) if found else New()
            case Nobody(unconfirmed):
                return Unlinked(unconfirmed)


def _quoted(draft: FormDraft, slack: Slack) -> str:
    message = draft.trigger.message
    if message is None:
        return ""
    first = replace(message, blocks=beginning(message.blocks, quote.LONGEST_BEGINNING))
    return quote.excerpt(first, slack.names_at_hand(mentions(first.blocks)))


def _closed(trigger: Trigger, readable: bool | None) -> UnreadableParts | None:
    message = trigger.message
    if readable is not False or message is None or message.ref is None:
        return None
    thread, files = message.thread_ts is not None, bool(message.files)
    if not (thread or files):
        return None
    return UnreadableParts(message.ref.channel.startswith("D"), thread, files)


async def _or_none(asked: Awaitable[T]) -> T | None:
    """None for what cannot be told now: nobody has to know it."""
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            return await asked
    except (Fault, TimeoutError):
        return None
