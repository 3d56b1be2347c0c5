"""Requests read from the reactions under a message, instead of received as events."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from bot.core import routing
from bot.core.directory import Channel
from bot.core.model import Rule
from bot.core.refs import MessageRef

MOST_SUBMITTERS = 10
"""Users who gave one reaction that are looked up at most, to find one who may submit requests."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """One emoji under a message; `emoji` is Slack's name for it, with its skin tone.

    `users` may be fewer than the `count` of people who gave it.
    https://docs.slack.dev/reference/methods/reactions.get
    """

    emoji: str
    users: tuple[str, ...]
    count: int

    @property
    def is_partial(self) -> bool:
        """Return whether Slack named fewer users than reacted."""
        return self.count > len(self.users)


@dataclass(frozen=True, slots=True)
class PostedMessage:
    """A message as a channel's history shows it, without its text.

    `thread_ts` as in `Message`. `has_replies`: it is the root of a Slack thread, whose newest
    reply is `last_reply` (None if Slack does not say).
    """

    ref: MessageRef
    reactions: tuple[Reaction, ...] = ()
    thread_ts: str | None = None
    has_replies: bool = False
    last_reply: str | None = None

    @property
    def posted_at(self) -> float:
        """Return the moment in Unix seconds."""
        return float(self.ref.ts)


@dataclass(frozen=True, slots=True)
class RequestedByReaction:
    """A reaction that the rule at the index `rule` matches."""

    reaction: Reaction
    rule: int


def requested(
    rules: Sequence[Rule], posted: PostedMessage, channel: Channel
) -> tuple[RequestedByReaction, ...]:
    """Return the reactions under a message in `channel` that a rule matches, in their order."""
    found: list[RequestedByReaction] = []
    for reaction in posted.reactions:
        emoji = routing.bare_emoji(reaction.emoji)
        naming = [rule for rule in rules if emoji in rule.emoji]
        rule = routing.applicable(naming, channel)
        if rule is not None:
            found.append(RequestedByReaction(reaction, rules.index(rule)))
    return tuple(found)


def rules_in_channel(rules: Sequence[Rule], channel: Channel) -> tuple[Rule, ...]:
    """Return the rules that apply in this channel."""
    return tuple(rule for rule in rules if routing.applicable((rule,), channel) is not None)


def identity(rule: Rule) -> str:
    """Return what identifies a rule: its emoji and channels, in whatever order they are written.

    A rule stays the same one if its labels, priority and the like change.
    """
    what = json.dumps([sorted(set(rule.emoji)), sorted(set(rule.channels))])
    return hashlib.sha256(what.encode()).hexdigest()[:16]
