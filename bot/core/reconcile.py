"""The scope and the report of one reconciliation pass over Slack's history."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from bot.core.directory import Channel
from bot.core.reactions import PostedMessage

DAY = 24 * 3600.0

THREAD_SECONDS = 7 * DAY
"""Replies are read only in Slack threads whose first message is younger than this."""

RECONCILE_SECONDS = 900.0
"""The pause from the end of a running bridge's pass to the beginning of the next."""

PLACE_SECONDS = 3600.0
"""A pass resumes where the previous one stopped if that was less than this ago."""

CALLS = 40
"""Calls to Slack in one pass: fewer than Slack allows for one method in a minute."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The scope of a pass.

    `messages` and `replies`: their maximum age in seconds. Messages of the last seven days cost
    nothing, because the roots of Slack threads are read from there anyway. `channels` holds ids
    and "#names"; empty means all. `calls` limits the calls to Slack. `dry_run`: report everything,
    write nothing.
    """

    messages: float = THREAD_SECONDS
    replies: float = DAY
    channels: tuple[str, ...] = ()
    calls: int = CALLS
    dry_run: bool = False

    def name(self, team: str) -> str:
        """Return the key of the resume point; passes of one workspace and scope share it."""
        what = repr((team, self.messages, self.replies, sorted(self.channels)))
        return f"reconcile.place.{hashlib.sha256(what.encode()).hexdigest()[:16]}"


class FindingVerdict(StrEnum):
    """The decision of a pass about a message with a rule's emoji."""

    ESCALATED = "escalated"
    """It had no record; in a dry run: today's rules would escalate it."""
    BEFORE_RULE = "before_rule"
    """It is older than the first load of its rule. Not reported in a dry run, which ignores how
    old rules are, and since when the bot is in a channel."""
    BEFORE_CHANNEL = "before_channel"
    """It is older than the first pass that listed its channel: nobody requests tickets of a
    bridge that is not there yet. Not reported in a dry run."""
    IN_LEDGER = "in_ledger"
    """It has a record, whatever its state. Reported in a dry run only."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A message with a rule's emoji.

    `rule` is an index; `submitter` is known if it was needed. In Unix seconds: `rule_since` is when
    the rule was first loaded, `channel_since` when a pass first listed the channel; None for never.
    """

    posted: PostedMessage
    channel: Channel
    emoji: str
    rule: int
    verdict: FindingVerdict
    submitter: str | None = None
    rule_since: float | None = None
    channel_since: float | None = None

    @property
    def is_before_rule(self) -> bool:
        """Return whether the message is older than its rule, so that only a dry run takes it."""
        return _is_before(self.posted, self.rule_since)

    @property
    def is_before_channel(self) -> bool:
        """Return whether the message was there before the bot, so that only a dry run takes it."""
        return _is_before(self.posted, self.channel_since)


def _is_before(posted: PostedMessage, since: float | None) -> bool:
    return since is None or posted.posted_at < since


@dataclass(frozen=True, slots=True)
class SkippedChannel:
    """A channel that was not read, or only in part; `why` is a word for the log."""

    channel: Channel
    why: str


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """The result of a pass.

    `looked_at` counts the channels that were read; `left` are the others. `stopped` says what
    ended the pass early ("call_budget", "slack_ratelimited", …). `went_on`: it resumed the
    previous pass. `unknown` are names in the scope of channels that the bot is not in.
    """

    findings: tuple[Finding, ...]
    looked_at: int
    calls: int
    left: tuple[SkippedChannel, ...] = ()
    stopped: str | None = None
    went_on: bool = False
    unknown: tuple[str, ...] = ()

    def of(self, verdict: FindingVerdict) -> tuple[Finding, ...]:
        """Return the findings with this verdict."""
        return tuple(one for one in self.findings if one.verdict is verdict)
