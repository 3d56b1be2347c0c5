"""What a look through Slack's history is to find, and what it found."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from bot.core.directory import Channel
from bot.core.reactions import PostedMessage

DAY = 24 * 3600.0

THREAD_SECONDS = 7 * DAY
"""How old the first message of a Slack thread may be whose replies are looked at."""

PLACE_SECONDS = 3600.0
"""For how long a pass goes on where the one before it stopped; later it begins anew."""

CALLS = 40
"""Calls to Slack in one pass: less than what Slack allows of one method in a minute."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a pass looks at.

    `messages` and `replies`: how old these may be, in seconds. Messages of the last seven days
    cost nothing, for the roots of Slack threads are looked for there anyway. `channels` holds
    ids and "#names"; empty means all. `calls` bounds the calls to Slack. `dry_run`: tell
    everything, write nothing.
    """

    messages: float = THREAD_SECONDS
    replies: float = DAY
    channels: tuple[str, ...] = ()
    calls: int = CALLS
    dry_run: bool = False

    @property
    def name(self) -> str:
        """Under which the place is kept; passes over the same things share it."""
        what = repr((self.messages, self.replies, sorted(self.channels)))
        return f"reconcile.place.{hashlib.sha256(what.encode()).hexdigest()[:16]}"


class Verdict(StrEnum):
    """What a pass makes of a message that bears a rule's emoji."""

    ESCALATED = "escalated"
    """It had no row; in a dry run: today's rules would have escalated it."""
    BEFORE_RULE = "before_rule"
    """It is older than the moment at which its rule was loaded for the first time. Never told in
    a dry run, which ignores the rules' age."""
    IN_LEDGER = "in_ledger"
    """It has its row, whatever came of it. Told in a dry run only."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A message that bears a rule's emoji. `rule` is an index; `submitter` is known where it was
    needed; `rule_since` (Unix seconds) is None for a rule that was not loaded yet."""

    posted: PostedMessage
    channel: Channel
    emoji: str
    rule: int
    verdict: Verdict
    submitter: str | None = None
    rule_since: float | None = None

    @property
    def is_before_rule(self) -> bool:
        """Return whether the message is older than its rule, so that only a dry run takes it."""
        return self.rule_since is None or self.posted.posted_at < self.rule_since


@dataclass(frozen=True, slots=True)
class SkippedChannel:
    """A channel that was not looked at, or not wholly; `why` is a word for the log."""

    channel: Channel
    why: str


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """What a pass came to.

    `looked_at` counts the channels; `left` are those that remain. `stopped` says what ended the
    pass early ("call_budget", "slack_ratelimited", …). `went_on`: the pass before looked at the
    first ones. `unknown` are the names of the scope's channels that the bot is not in.
    """

    findings: tuple[Finding, ...]
    looked_at: int
    calls: int
    left: tuple[SkippedChannel, ...] = ()
    stopped: str | None = None
    went_on: bool = False
    unknown: tuple[str, ...] = ()

    def of(self, verdict: Verdict) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.verdict is verdict)
