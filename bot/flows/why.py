"""Explain why a message did or did not become a ticket, from the ledger and from Slack."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.core import reactions, refs, routing, why
from bot.core.directory import (
    Channel,
    Installation,
    kind_of,
    may_submit,
)
from bot.core.faults import Fault, Rejected, TryLater
from bot.core.identity import teams_of
from bot.core.model import Rule, Ticket
from bot.core.reactions import MOST_SUBMITTERS, PostedMessage, Reaction
from bot.core.record import Record
from bot.core.refs import MessageRef
from bot.core.why import ExplainedRecord, Explanation, Outlook, ReactionLook, Submitter, Unread
from bot.flows.ports import Slack
from bot.flows.workspace import Policy
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.executor import Run
from bot.store.kv import FirstLoaded, FirstSeen
from bot.store.records import Records
from bot.store.requests import Requests

_SHUT = frozenset({"not_in_channel", "channel_not_found"})


@dataclass(frozen=True, slots=True)
class WhyContext:
    """Everything that an explanation reads; it changes nothing.

    `posted` reads a message with its reactions and all who gave them; None if it is gone.
    """

    slack: Slack
    posted: Callable[[MessageRef], Awaitable[PostedMessage | None]]
    records: Records
    requests: Requests
    people: CustomerLinks
    first_loaded: FirstLoaded
    first_seen: FirstSeen
    run: Run
    rules: Sequence[Rule]
    policy: Policy
    installation: Installation
    clock: Callable[[], float]


async def explain(ref: MessageRef, thread_ts: str | None, context: WhyContext) -> Explanation:
    """Return every decision about one message. Says what cannot be read instead of raising.

    `thread_ts` is the root of its Slack thread, if the caller knows it.
    """
    known: tuple[ExplainedRecord, ...] | None
    moments: Mapping[str, float]
    seen: Mapping[str, float]
    channel = await _channel(ref, context)
    posted, unread = await _posted(ref, context)
    root = posted.thread_ts if posted and posted.thread_ts else thread_ts
    under = [one.emoji for one in posted.reactions] if posted else None
    looks = why.rules(context.rules, channel, under)
    try:
        known = await _known(ref, channel, context)
        has_ticket = any(why.has_ticket(one.record) for one in known)
        ticket = None if has_ticket else await _conversation(ref, root, context)
        moments = await context.run(context.first_loaded.known)
        team = context.installation.team
        seen = await context.run(context.first_seen.known, team, [channel.id])
    except TryLater:
        known, ticket, moments, seen = None, None, {}, {}
    looked = None
    if posted is not None:
        here = seen.get(channel.id)
        judge = _Judge(context, channel, ref, root, moments, here, missing=known == ())
        looked = tuple([await judge.look(one) for one in posted.reactions])
    return Explanation(
        ref=ref,
        channel=channel,
        posted_at=refs.time_of(ref.ts).timestamp(),
        rules=looks,
        reactions=looked,
        known=known,
        unread=unread,
        conversation=ticket,
    )


async def _channel(ref: MessageRef, context: WhyContext) -> Channel:
    try:
        return await context.slack.channel(ref.channel)
    except Fault:
        return Channel(ref.channel, direct=ref.channel.startswith("D"))


async def _posted(
    ref: MessageRef, context: WhyContext
) -> tuple[PostedMessage | None, Unread | None]:
    try:
        found = await context.posted(ref)
    except Rejected as refused:
        shut = (refused.rejection.code or refused.reason.value) in _SHUT
        return None, Unread.NOT_IN_CHANNEL if shut else Unread.NO_PERMISSION
    except TryLater:
        return None, Unread.AWAY
    return (found, None) if found is not None else (None, Unread.GONE)


async def _conversation(ref: MessageRef, root: str | None, context: WhyContext) -> Ticket | None:
    if root is None or context.policy.one_thread_per == "message":
        return None
    key = refs.conversation_key(context.installation.team, ref, root)
    return await context.run(context.requests.ticket_of_conversation, key)


# Requests


async def _known(
    ref: MessageRef, channel: Channel, context: WhyContext
) -> tuple[ExplainedRecord, ...]:
    key = refs.message_key(context.installation.team, ref)
    records = await context.run(context.records.of_message, key)
    return tuple([await _one(record, channel, context) for record in records])


async def _one(record: Record, channel: Channel, context: WhyContext) -> ExplainedRecord:
    """Return the record with its customer, as the lookup table names it today."""
    applied = routing.applicable(record.rules, channel)
    number = next((n for n, rule in enumerate(context.rules, 1) if rule == applied), None)
    if not record.opened:
        return ExplainedRecord(record, rule=number)
    line = await _line(record, context)
    by_rule = applied is not None and applied.customer is not None
    says_so = line if line and not by_rule and _is_its(line, record) else None
    evidence, guessed = why.evidence(
        record, applied, says_so.source if says_so else None, context.policy.fallback_customer
    )
    shown = record.customer if says_so is None else (says_so.name or record.customer)
    email = says_so.email if says_so else None
    return ExplainedRecord(record, evidence, guessed, shown, email, number)


async def _line(record: Record, context: WhyContext) -> CustomerLink | None:
    if record.customer is None:
        return None
    requester = record.requester or record.submitter
    try:
        profile = await context.slack.profile(requester)
    except Fault:
        profile = None
    teams = teams_of(profile, context.installation.team)
    return await context.run(context.people.find, requester, teams)


def _is_its(line: CustomerLink, record: Record) -> bool:
    """Return whether the line may be what named the record's customer.

    A line with an address or external id does not tell which `c_…` that was.
    """
    return line.customer == record.customer or not line.customer.startswith("c_")


# Reactions


@dataclass(frozen=True, slots=True)
class _Judge:
    """Decides the outlook of a reaction.

    `here`: when reconciliation first saw the channel; None for never. `missing`: the message has
    no record.
    """

    context: WhyContext
    channel: Channel
    ref: MessageRef
    root: str | None
    moments: Mapping[str, float]
    here: float | None
    missing: bool

    async def look(self, reaction: Reaction) -> ReactionLook:
        number = why.taker(self.context.rules, self.channel, reaction.emoji)
        if number is None:
            return ReactionLook(reaction.emoji, reaction.count)
        submitters = tuple([await self._submitter(user) for user in self._users(reaction)])
        if not self.missing:
            return ReactionLook(reaction.emoji, reaction.count, number, submitters)
        outlook, since = self._outlook(number)
        return ReactionLook(
            reaction.emoji, reaction.count, number, submitters, outlook, since, self.here
        )

    def _users(self, reaction: Reaction) -> list[str]:
        bot = self.context.installation.bot_user
        return [user for user in reaction.users if user != bot][:MOST_SUBMITTERS]

    async def _submitter(self, user: str) -> Submitter:
        """Return the user as the worker judges them: whom Slack does not show is external."""
        try:
            profile = await self.context.slack.profile(user)
        except Fault:
            profile = None
        may = may_submit(profile, self.context.policy.who)
        is_gone = profile is not None and profile.deactivated
        return Submitter(user, kind_of(profile), may, deactivated=is_gone)

    def _outlook(self, number: int) -> tuple[Outlook, float | None]:
        rule = self.context.rules[number - 1]
        since = self.moments.get(reactions.identity(rule))
        is_reply = self.root is not None and self.root != self.ref.ts
        outlook = why.outlook(
            posted_at=float(self.ref.ts),
            root_at=float(self.root) if self.root and is_reply else None,
            direct=self.channel.direct,
            since=since,
            here=self.here,
            now=self.context.clock(),
        )
        return outlook, since
