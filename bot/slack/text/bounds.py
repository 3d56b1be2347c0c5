"""Cut a message's JSON before it is parsed: Slack does not bound its size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_CHARACTERS = 400_000
"""Limit for all strings in one field of a message (`text`, `blocks`, `attachments`, …). Slack keeps
40,000 of a `text`, each of which may come as an entity.

https://docs.slack.dev/reference/methods/chat.postMessage#truncating
"""
MOST_VALUES = 200_000
"""Limit for one field; an element of a rich text has about five."""
DEEPEST = 40


@dataclass
class _Room:
    characters: int
    values: int = MOST_VALUES
    is_cut: bool = False

    def take(self, value: Any, depth: int = 0) -> Any:
        """Return as much of `value` as there is room for, with None in place of the rest."""
        self.values -= 1
        if self.values < 0 or self.characters < 0 or depth > DEEPEST:
            self.is_cut = True
            return None
        if isinstance(value, str):
            return self._string(value)
        if isinstance(value, Mapping):
            return {key: self.take(one, depth + 1) for key, one in value.items()}
        if isinstance(value, list):
            return self._list(value, depth)
        return value

    def _string(self, value: str) -> str:
        room = self.characters
        self.characters -= len(value)
        if self.characters < 0:
            self.is_cut = True
            return value[:room]
        return value

    def _list(self, value: list[Any], depth: int) -> list[Any]:
        kept = []
        for one in value:
            if self.values <= 0 or self.characters < 0:
                self.is_cut = True
                break
            kept.append(self.take(one, depth + 1))
        return kept


def bounded(message: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """Return the message with every field cut to the limits, and whether anything was cut."""
    kept, is_cut = {}, False
    for name, value in message.items():
        room = _Room(MOST_CHARACTERS)
        kept[name] = room.take(value)
        is_cut = is_cut or room.is_cut
    return kept, is_cut
