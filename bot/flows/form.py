"""Find what the form shows besides its inputs, and what its selects offer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from bot.core import quote
from bot.core.directory import Profile, UserKind, kind_of, may_submit
from bot.core.faults import Fault
from bot.core.identity import ByEmail, Named, Unidentified
from bot.core.model import FormDraft, Placement, Trigger
from bot.core.text.excerpt import beginning
from bot.core.text.plaintext import one_line
from bot.core.text.richtext import mentions
from bot.flows import customer
from bot.flows.admission import is_confined
from bot.flows.ports import Slack
from bot.flows.workspace import Runtime, Workspace

T = TypeVar("T")

LOOK_SECONDS = 5.0
"""Limit for looking up what is not cached: the form is open meanwhile, and being read."""
WAIT_SECONDS = 0.4
"""For what the selects offer: Slack waits for three seconds, somebody who types half of one."""


@dataclass(frozen=True, slots=True)
class Known:
    """The requester is this customer in Plain."""

    name: str


@dataclass(frozen=True, slots=True)
class New:
    """The requester is no customer yet; one is created with the ticket."""


@dataclass(frozen=True, slots=True)
class Unlinked:
    """Nothing shows which customer the requester is: somebody has to link them.

    `unconfirmed`: their address in Slack would show it, if Slack called it confirmed.
    """

    unconfirmed: bool = False


@dataclass(frozen=True, slots=True)
class Broken:
    """The requester is linked to a customer whom Plain does not know."""


@dataclass(frozen=True, slots=True)
class NotAllowed:
    """The person may not submit requests, and learns nothing about the requester."""

    kind: UserKind


@dataclass(frozen=True, slots=True)
class Preset:
    """The person cannot choose the requester, and learns nothing more about them."""


CustomerStatus = Known | New | Unlinked | Broken | NotAllowed | Preset


@dataclass(frozen=True, slots=True)
class UnreadableParts:
    """Parts of the message that the bot may not read: the rest of its Slack thread, its files.

    `direct`: it is in a direct message, to which the bot cannot be invited.
    """

    direct: bool
    thread: bool
    files: bool


@dataclass(frozen=True, slots=True)
class FormContext:
    """The content of the form besides its inputs, and which inputs it has.

    `quote` is plain text. `offers_thread`, `offers_requester` and `offers_tenants` name optional
    inputs: they stay as they were when the form was opened, except that the last two go once it is
    known that the person may not use them. `labels` and `tenants` hold the names of what is
    preselected. With `Placement.ADD` there are no inputs for what only a new thread takes.
    `closed` and `customer` (of `requester`) are None while unknown.
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
    placement: Placement = Placement.ANY


@dataclass(frozen=True, slots=True)
class FormContexts:
    """Finds what the form shows. People who may not submit requests, and guests, do not learn who
    is which customer."""

    workspace: Workspace
    runtime: Runtime

    def cached(self, draft: FormDraft, submitter: Profile | None = None) -> FormContext:
        """Return what is cached: the form must open now.

        `submitter` is None while nobody knows who opens it.
        """
        message = draft.trigger.message
        ref = message.ref if message else None
        readable = self.workspace.slack.cached_readable(ref.channel) if ref else None
        tenants = self.workspace.plain.cached_tenants()
        chosen = draft.prefill
        labels = {one.id: one.name for one in self.workspace.plain.cached_label_types()}
        companies = {one.external_id: one.name for one in tenants or ()}
        context = FormContext(
            quote=_quoted(draft, self.workspace.slack),
            offers_thread=(
                message is not None and message.thread_ts is not None and readable is not False
            ),
            offers_tenants=tenants is not None,
            labels={id_: labels[id_] for id_ in chosen.labels if id_ in labels},
            tenants={id_: name for id_, name in companies.items() if id_ == chosen.tenant},
            closed=_closed(draft.trigger, readable),
        )
        if submitter is None or not is_confined(submitter):
            return context
        return self._confined(context, submitter, draft.prefill.requester)

    async def look(self, draft: FormDraft, context: FormContext, requester: str) -> FormContext:
        """Return `context` with what Slack and Plain say of the requester and the conversation.

        What the selects offer is loaded on the way, so that it is cached when one is opened.
        """
        submitter = await or_none(self.workspace.slack.profile(draft.trigger.submitter))
        if submitter is not None and is_confined(submitter):
            readable = await or_none(self._readable(draft.trigger))
            closed = context.closed if readable is None else _closed(draft.trigger, readable)
            return self._confined(
                replace(context, closed=closed), submitter, draft.prefill.requester
            )
        status, readable, _, _ = await asyncio.gather(
            or_none(self._customer(draft.trigger.submitter, requester)),
            or_none(self._readable(draft.trigger)),
            or_none(self.workspace.plain.recent_label_types()),
            or_none(self.workspace.plain.recent_tenants()),
        )
        closed = context.closed if readable is None else _closed(draft.trigger, readable)
        return replace(context, closed=closed, requester=requester, customer=status)

    async def _readable(self, trigger: Trigger) -> bool | None:
        message = trigger.message
        if message is None or message.ref is None or not (message.thread_ts or message.files):
            return None
        return await self.workspace.slack.readable(message.ref.channel)

    def _confined(self, context: FormContext, submitter: Profile, requester: str) -> FormContext:
        """Return the context of a person who cannot choose the requester."""
        may = may_submit(submitter, self.workspace.policy.who)
        status = Preset() if may else NotAllowed(submitter.kind)
        return replace(
            context,
            offers_requester=False,
            offers_tenants=False,
            tenants={},
            requester=requester,
            customer=status,
        )

    async def _customer(self, submitter: str, requester: str) -> CustomerStatus | None:
        """Return who the requester is in Plain, as a delivery will decide it without a rule."""
        person = await self.workspace.slack.profile(submitter)
        if not may_submit(person, self.workspace.policy.who):
            return NotAllowed(kind_of(person))
        if is_confined(person):
            return Preset()
        decision = await customer.decide(requester, None, self.workspace, self.runtime)
        match decision.customer:
            case Named(name):
                found = await self.workspace.plain.find_customer(name)
                return Known(found.name) if found else Broken()
            case ByEmail(email):
                found = await self.workspace.plain.find_customer(email)
                return Known(found.name) if found else New()
            case Unidentified(unconfirmed):
                return Unlinked(unconfirmed)


def _quoted(draft: FormDraft, slack: Slack) -> str:
    message = draft.trigger.message
    if message is None:
        return ""
    first = replace(message, blocks=beginning(message.blocks, quote.LONGEST_BEGINNING))
    return quote.excerpt(first, slack.cached_names(mentions(first.blocks)))


def _closed(trigger: Trigger, readable: bool | None) -> UnreadableParts | None:
    message = trigger.message
    if readable is not False or message is None or message.ref is None:
        return None
    thread, files = message.thread_ts is not None, bool(message.files)
    if not (thread or files):
        return None
    return UnreadableParts(message.ref.channel.startswith("D"), thread, files)


async def or_none(look: Awaitable[T], seconds: float = LOOK_SECONDS) -> T | None:
    """Return what `look` finds; None if it fails or takes longer: the form does without."""
    try:
        async with asyncio.timeout(seconds):
            return await look
    except (Fault, TimeoutError):
        return None


# What its selects offer


@dataclass(frozen=True, slots=True)
class Choice:
    """One option: `value` is what the form sends back, `text` what people read."""

    value: str
    text: str


@dataclass(frozen=True, slots=True)
class Choices:
    """Offers nothing to people who may not submit requests, no tenants to guests, and nothing
    that takes too long."""

    workspace: Workspace

    async def labels(self, submitter: str, typed: str) -> tuple[Choice, ...]:
        """Return the label types whose names contain `typed`; their values are `lt_…`."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                person = await self.workspace.slack.profile(submitter)
                may = person is not None and may_submit(person, self.workspace.policy.who)
                found = await self.workspace.plain.recent_label_types() if may else ()
        except (Fault, TimeoutError):
            return ()
        return matching([Choice(one.id, one.name) for one in found], typed)

    async def tenants(self, submitter: str, typed: str) -> tuple[Choice, ...]:
        """Return the tenants whose names or external ids contain `typed`; their values are the
        external ids."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                person = await self.workspace.slack.profile(submitter)
                may = may_submit(person, self.workspace.policy.who) and not is_confined(person)
                found = await self.workspace.plain.recent_tenants() if may else ()
        except (Fault, TimeoutError):
            return ()
        choices = [Choice(one.external_id, one.name) for one in found or ()]
        return matching(choices, typed, by_value=True)


def matching(
    choices: Sequence[Choice], typed: str, *, by_value: bool = False
) -> tuple[Choice, ...]:
    """Return the choices that contain `typed`, ignoring case; those that begin with it come first.

    Where several have one name, their values tell them apart.
    """
    wanted = one_line(typed).casefold()
    named = {one.value: one_line(one.text) or one.value for one in choices}
    times = Counter(named.values())
    found = [
        Choice(value, name if times[name] == 1 else f"{name} · {value}")
        for value, name in named.items()
        if wanted in name.casefold() or (by_value and wanted in value.casefold())
    ]
    return tuple(
        sorted(
            found, key=lambda one: (not one.text.casefold().startswith(wanted), one.text.casefold())
        )
    )
