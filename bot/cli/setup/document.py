"""The first `plain-bridge.toml`: one rule, and what was left out."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError

from bot.core.model import LabelType
from bot.settings.tables import Tables

_HEAD = """\
# Which reactions make a Plain thread, and how. `plain-bridge rules lint` checks this file;
# plain-bridge.example.toml, in Plain Bridge's repository, shows every key.
"""


@dataclass(frozen=True, slots=True)
class FirstRule:
    """`channels` are ids or #names; none means all."""

    emoji: str
    labels: Sequence[LabelType] = ()
    channels: Sequence[str] = ()


def text(rule: FirstRule, *, additions: bool) -> str:
    """The file. `additions`: the messages of a Slack thread share a ticket."""
    lines = ["", "[[rule]]", f"emoji = {_string(rule.emoji)}"]
    if rule.channels:
        lines.append(f"channels = [{', '.join(map(_string, rule.channels))}]")
    if rule.labels:
        names = ", ".join(_line(label.name) for label in rule.labels)
        ids = ", ".join(_string(label.id) for label in rule.labels)
        lines.append(f"labels = [{ids}]  # {names}")
    if not additions:
        lines += ["", "[escalation]", 'one_thread_per = "message"']
    return _HEAD + "\n".join(lines) + "\n"


def mistake(rule: FirstRule) -> str | None:
    """What is wrong with the emoji or a channel, in the settings' own words."""
    try:
        checked(rule)
    except ValidationError as errors:
        error = errors.errors(include_url=False)[0]
        said = str(error.get("ctx", {}).get("error") or error["msg"])
        return f"{_line(str(error['input']))} {said}."
    return None


def checked(rule: FirstRule) -> FirstRule:
    """The rule as the settings read it: a channel's link is its id. ValidationError."""
    (table,) = Tables.model_validate(tomllib.loads(text(rule, additions=True))).rule or ()
    return replace(rule, emoji=table.emoji[0], channels=table.channels)


def _string(value: str) -> str:
    # A basic string of TOML; `_line` left nothing that JSON would write in its own way.
    return json.dumps(_line(value), ensure_ascii=False)


def _line(value: str) -> str:
    return "".join(c if c.isprintable() else " " for c in value)
