"""Match reactions with rules, and find the rules that can never apply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.core import emoji as names
from bot.core.directory import Channel
from bot.core.model import Rule, Trigger


def bare_emoji(name: str) -> str:
    """Return the emoji's name as rules keep it: no colons, no skin tone, lower case, no alias.

    Slack appends the tone to the name: `thumbsup::skin-tone-2` is `+1`.
    https://docs.slack.dev/reference/events/reaction_added
    """
    return names.canonical(name.strip().strip(":").partition("::")[0].lower())


def candidates(rules: Sequence[Rule], trigger: Trigger) -> tuple[Rule, ...]:
    """Return the rules that may apply to a reaction, in order, up to the first that surely does.

    A rule that names channels by name may apply until the worker knows this channel's name.
    Empty if no rule names the reaction, and for everything but a reaction.
    """
    channel = trigger.ref.channel if trigger.ref else trigger.channel
    if trigger.emoji is None or channel is None:
        return ()
    emoji = bare_emoji(trigger.emoji)
    found: list[Rule] = []
    for rule in rules:
        if emoji not in rule.emoji:
            continue
        if _everywhere(rule) or channel in rule.channels:
            return (*found, rule)
        if any(_is_name(wanted) for wanted in rule.channels):
            found.append(rule)
    return tuple(found)


def applicable(rules: Sequence[Rule], channel: Channel) -> Rule | None:
    """Return the first of a reaction's `candidates` that applies to the channel."""
    here = {channel.id}
    if channel.name is not None:
        here.add(f"#{channel.name.removeprefix('#').lower()}")
    return next((r for r in rules if _everywhere(r) or not here.isdisjoint(r.channels)), None)


@dataclass(frozen=True, slots=True)
class UnreachableRule:
    """The rule at `index` never applies: those at `because` (ascending) match all it would."""

    index: int
    because: tuple[int, ...]


def unreachable(rules: Sequence[Rule]) -> tuple[UnreachableRule, ...]:
    """Return the rules that can never apply, in order.

    Ids and names are compared as they are: whether `C024BE91L` is `#support` only Slack knows.
    """
    return tuple(_find_unreachable(rules))


def _find_unreachable(rules: Sequence[Rule]) -> Iterator[UnreachableRule]:
    for index, rule in enumerate(rules):
        because: set[int] = set()
        for emoji, channel in _places(rule):
            match = _earlier_match(rules[:index], emoji, channel)
            if match is None:
                break
            because.add(match)
        else:
            yield UnreachableRule(index, tuple(sorted(because)))


def _places(rule: Rule) -> Iterator[tuple[str, str | None]]:
    """Yield every emoji in every channel that the rule names; None means all channels."""
    for emoji in rule.emoji:
        for channel in rule.channels or (None,):
            yield emoji, channel


def _earlier_match(earlier: Sequence[Rule], emoji: str, channel: str | None) -> int | None:
    for index, rule in enumerate(earlier):
        if emoji in rule.emoji and (_everywhere(rule) or channel in rule.channels):
            return index
    return None


def _everywhere(rule: Rule) -> bool:
    return not rule.channels


def _is_name(channel: str) -> bool:
    return channel.startswith("#")
