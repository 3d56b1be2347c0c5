"""Decide why a message did or did not become a ticket: each rule, each reaction, each record."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bot.core import routing
from bot.core.directory import Channel, UserKind
from bot.core.faults import WITHHELD, Rejection, SlackError
from bot.core.model import Rule, Ticket
from bot.core.reconcile import DAY, THREAD_SECONDS
from bot.core.record import Evidence, Record, State
from bot.core.refs import MessageRef


class RuleDecision(StrEnum):
    """The decision of a rule about a message."""

    TAKES = "takes"
    WOULD_TAKE = "would_take"
    """The reactions could not be read; the rule applies in this channel."""
    TAKEN = "taken"
    """An earlier rule takes the reaction."""
    NO_EMOJI = "no_emoji"
    """Nobody reacted with what it names."""
    OTHER_CHANNEL = "other_channel"
    CHANNEL_UNKNOWN = "channel_unknown"
    """It names channels by name, and this one's name cannot be read."""


@dataclass(frozen=True, slots=True)
class RuleLook:
    """The decision of the rule with this `number` (from 1).

    `emoji` are those under the message that it names. `by` are the numbers of the rules that take
    them instead, `place` is the channel as the rule names it (None: it applies everywhere).
    """

    number: int
    rule: Rule
    decision: RuleDecision
    emoji: tuple[str, ...] = ()
    by: tuple[int, ...] = ()
    place: str | None = None

    @property
    def is_here(self) -> bool:
        """Return whether the rule applies in the message's channel."""
        elsewhere = (RuleDecision.OTHER_CHANNEL, RuleDecision.CHANNEL_UNKNOWN)
        return self.decision not in elsewhere


def rules(
    rules: Sequence[Rule], channel: Channel, emoji: Collection[str] | None
) -> tuple[RuleLook, ...]:
    """Return each rule's decision, in order; `emoji` are under the message (None: unknown)."""
    under = None if emoji is None else [*dict.fromkeys(map(routing.bare_emoji, emoji))]
    return tuple(_look(rules, index, channel, under) for index in range(len(rules)))


def _look(
    rules: Sequence[Rule], index: int, channel: Channel, under: Sequence[str] | None
) -> RuleLook:
    rule, number = rules[index], index + 1
    if routing.applicable((rule,), channel) is None:
        by_name = channel.name is None and any(one.startswith("#") for one in rule.channels)
        decision = RuleDecision.CHANNEL_UNKNOWN if by_name else RuleDecision.OTHER_CHANNEL
        return RuleLook(number, rule, decision)
    place = _place(rule, channel)
    if under is None:
        return RuleLook(number, rule, RuleDecision.WOULD_TAKE, place=place)
    named = tuple(emoji for emoji in under if emoji in rule.emoji)
    takers = {emoji: taker(rules, channel, emoji) for emoji in named}
    own = tuple(emoji for emoji in named if takers[emoji] == number)
    if own:
        return RuleLook(number, rule, RuleDecision.TAKES, own, place=place)
    if named:
        by = tuple(sorted({one for one in takers.values() if one is not None}))
        return RuleLook(number, rule, RuleDecision.TAKEN, named, by, place)
    return RuleLook(number, rule, RuleDecision.NO_EMOJI, place=place)


def taker(rules: Sequence[Rule], channel: Channel, emoji: str) -> int | None:
    """Return the number (from 1) of the rule that takes this emoji in this channel."""
    bare = routing.bare_emoji(emoji)
    rule = routing.applicable([rule for rule in rules if bare in rule.emoji], channel)
    return None if rule is None else next(n for n, one in enumerate(rules, 1) if one is rule)


def _place(rule: Rule, channel: Channel) -> str | None:
    if not rule.channels:
        return None
    return channel.id if channel.id in rule.channels else f"#{channel.name}"


# Reactions


class Outlook(StrEnum):
    """The prospects of a reaction that a rule matches and that has no record."""

    COMING = "coming"
    """The next pass finds it."""
    NOT_LOADED = "not_loaded"
    """The rule was never loaded by a running bridge."""
    BEFORE_RULE = "before_rule"
    """The message is older than the first load of its rule."""
    BEFORE_CHANNEL = "before_channel"
    """The message was there before the bot: no pass had seen its channel yet."""
    TOO_OLD = "too_old"
    """The message, or its Slack thread, is older than what a pass reads."""
    NOT_LOOKED_AT = "not_looked_at"
    """Passes read no direct messages."""


@dataclass(frozen=True, slots=True)
class Submitter:
    """A user who reacted; `may`: the settings let such users submit, and the account is active."""

    user: str
    kind: UserKind
    may: bool
    deactivated: bool = False


@dataclass(frozen=True, slots=True)
class ReactionLook:
    """One emoji under the message, with its skin tone.

    `rule` is the number of the one that takes it; `submitters` are the first users who gave it, if
    a rule takes it. `outlook` is set if there is no record. In Unix seconds: `since` is when its
    rule was first loaded, `here` when a pass first saw the channel; None for never.
    """

    emoji: str
    count: int
    rule: int | None = None
    submitters: tuple[Submitter, ...] = ()
    outlook: Outlook | None = None
    since: float | None = None
    here: float | None = None


def outlook(
    *,
    posted_at: float,
    root_at: float | None,
    direct: bool,
    since: float | None,
    here: float | None,
    now: float,
) -> Outlook:
    """Return what reconciliation will do with a reaction without a record.

    `root_at` is when the Slack thread of a reply began; None if it is no reply. All in Unix
    seconds; `since` is None for a rule that was never loaded, `here` for a channel that no pass
    has seen.
    """
    if direct:
        return Outlook.NOT_LOOKED_AT
    if since is None:
        return Outlook.NOT_LOADED
    if posted_at < since:
        return Outlook.BEFORE_RULE
    if here is None or posted_at < here:
        return Outlook.BEFORE_CHANNEL
    oldest = now - (THREAD_SECONDS if root_at is None else DAY)
    if posted_at < oldest or (root_at is not None and root_at < now - THREAD_SECONDS):
        return Outlook.TOO_OLD
    return Outlook.COMING


# The ledger's records


@dataclass(frozen=True, slots=True)
class ExplainedRecord:
    """A record with its customer, if it opened the ticket: `customer` is a name that can be shown,
    `email` an address.

    `evidence` is what the record says, or (`guessed`) what today's lookup table and settings say.
    `rule` is today's number of the rule that applied, if it still exists.
    """

    record: Record
    evidence: Evidence | None = None
    guessed: bool = False
    customer: str | None = None
    email: str | None = None
    rule: int | None = None


def evidence(
    record: Record, applied: Rule | None, source: str | None, fallback: str | None
) -> tuple[Evidence | None, bool]:
    """Return what named the record's customer, and whether that is a guess from today's settings.

    `applied` is the rule that the record followed, `source` that of the requester's line in
    today's lookup table, `fallback` the customer that the settings name for strangers.
    """
    if record.evidence is not None:
        return record.evidence, False
    if record.customer is None:
        return None, False
    if applied is not None and applied.customer is not None:
        return Evidence.RULE, False
    if source in set(Evidence):
        return Evidence(source), True
    return (Evidence.FALLBACK, True) if fallback is not None else (None, False)


# The whole explanation


class Unread(StrEnum):
    """The reason why the reactions could not be read."""

    NOT_IN_CHANNEL = "not_in_channel"
    GONE = "gone"
    NO_PERMISSION = "no_permission"
    AWAY = "away"
    """Slack could not be reached, or asks to wait."""


class Why(StrEnum):
    """The main reason for the message's state."""

    HAS_TICKET = "has_ticket"
    WAITING = "waiting"
    ON_HOLD = "on_hold"
    REJECTED = "rejected"
    IGNORED = "ignored"
    UNDONE = "undone"
    GONE = "gone"
    LEDGER_AWAY = "ledger_away"
    NO_RULES = "no_rules"
    UNREAD = "unread"
    NO_RULE_HERE = "no_rule_here"
    NO_REACTION = "no_reaction"
    NOT_WANTED = "not_wanted"
    ONLY_BOTS = "only_bots"
    NOT_ALLOWED = "not_allowed"
    NO_EVENT = "no_event"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Every decision about one message.

    `reactions` is None if they could not be read (`unread` says why). `known` are all requests
    about the message, the first one first; None if the ledger could not be read. `conversation` is
    the ticket of the message's Slack thread, if none of them has a ticket.
    """

    ref: MessageRef
    channel: Channel
    posted_at: float
    rules: tuple[RuleLook, ...]
    reactions: tuple[ReactionLook, ...] | None
    known: tuple[ExplainedRecord, ...] | None
    unread: Unread | None = None
    conversation: Ticket | None = None

    @property
    def why(self) -> Why:
        """Return the main reason."""
        if self.known is None:
            return Why.LEDGER_AWAY
        if self.known:
            return _STATES[self.main.state]
        return self._why_not()

    @property
    def main(self) -> Record:
        """Return the request that says most about the message: the one with a ticket, else one
        that still may get one, else the newest that was not ignored."""
        newest_first = [one.record for one in reversed(self.known or ())]
        return min(newest_first, key=lambda one: _RANKS.get(one.state, len(_RANKS)))

    def _why_not(self) -> Why:
        if not self.rules:
            return Why.NO_RULES
        if self.unread is Unread.GONE:
            return Why.UNREAD
        if self.unread is None and not any(look.is_here for look in self.rules):
            return Why.NO_RULE_HERE
        if self.reactions is None:
            return Why.UNREAD
        if not self.reactions:
            return Why.NO_REACTION
        return self._why_no_event()

    def _why_no_event(self) -> Why:
        wanted = [one for one in self.reactions or () if one.rule is not None]
        if not wanted:
            return Why.NOT_WANTED
        submitters = [submitter for one in wanted for submitter in one.submitters]
        if any(submitter.may for submitter in submitters):
            return Why.NO_EVENT
        if all(submitter.kind is UserKind.BOT for submitter in submitters):
            return Why.ONLY_BOTS
        return Why.NOT_ALLOWED

    @property
    def missed(self) -> ReactionLook | None:
        """Return the first reaction that a rule takes and whose event was never received."""
        wanted = (one for one in self.reactions or () if one.outlook is not None)
        return next(
            (one for one in wanted if any(submitter.may for submitter in one.submitters)), None
        )


_STATES: Mapping[State, Why] = {
    State.CREATED: Why.HAS_TICKET,
    State.ADDED: Why.HAS_TICKET,
    State.JOINED: Why.HAS_TICKET,
    State.WAITING: Why.WAITING,
    State.ON_HOLD: Why.ON_HOLD,
    State.REJECTED: Why.REJECTED,
    State.PARKED: Why.REJECTED,
    State.IGNORED: Why.IGNORED,
    State.UNDONE: Why.UNDONE,
    State.GONE: Why.GONE,
}

_RANKS: Mapping[State, int] = {
    State.CREATED: 0,
    State.ADDED: 0,
    State.JOINED: 1,
    State.WAITING: 2,
    State.ON_HOLD: 3,
    State.REJECTED: 4,
    State.PARKED: 4,
    State.UNDONE: 4,
    State.GONE: 4,
}
"""Of several requests the one with the lowest rank says most; those not named here say least."""


def has_ticket(record: Record) -> bool:
    """Return whether the request has a ticket that is neither undone nor gone."""
    return _STATES[record.state] is Why.HAS_TICKET


def emoji_here(looks: Sequence[RuleLook]) -> tuple[str, ...]:
    """Return the emoji that rules take in the channel, each once."""
    here = [look.rule for look in looks if look.is_here]
    return tuple(dict.fromkeys(name for rule in here for name in rule.emoji))


# Who may see what


def for_viewer(
    explained: Explanation, viewer: str, kind: UserKind, *, is_linker: bool
) -> Explanation:
    """Return what `viewer` may see.

    The submitter of a record and linkers see all of it; others see no address and nothing that a
    rejection names, and only members see the customer.
    """
    if explained.known is None:
        return explained
    known = tuple(
        one if is_linker or one.record.submitter == viewer else _reduced(one, kind)
        for one in explained.known
    )
    return replace(explained, known=known)


def _reduced(known: ExplainedRecord, viewer: UserKind) -> ExplainedRecord:
    rejection = known.record.rejection and _open_to_all(known.record.rejection)
    record = replace(
        known.record, requester=None, customer=None, reason_data=None, rejection=rejection
    )
    shown = known.customer if known.customer and "@" not in known.customer else None
    customer = shown if viewer is UserKind.MEMBER else None
    return replace(known, record=record, email=None, customer=customer)


def _open_to_all(rejection: Rejection) -> Rejection:
    """Return what everybody may read of a rejection: that it is about a person, not about whom."""
    error = rejection.slack_error
    return Rejection(
        rejection.reason,
        requester=None if rejection.requester is None else WITHHELD,
        channel=rejection.channel,
        label=rejection.label,
        user_kind=rejection.user_kind,
        slack_error=error and SlackError(scope=error.scope),
    )
