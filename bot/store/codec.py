"""Core's values as JSON text and back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Generic, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")

STORED_AS: Mapping[str, str] = {"submitter": "asker"}
"""Fields of core's values that have another name in the database."""


class Codec(Generic[T]):
    """Write values of one type as JSON text, and read them back; None stays None (NULL).

    `stored_as` maps a field's name to the one that stored JSON has for it.
    """

    def __init__(self, of: type[T], stored_as: Mapping[str, str] | None = None) -> None:
        self._of = of
        # Only a key can look like this in compact JSON: a quote inside of a string is escaped.
        self._keys = [(f'"{new}":', f'"{old}":') for new, old in (stored_as or {}).items()]

    @cached_property
    def _adapter(self) -> TypeAdapter[T]:
        """Build the adapter when it is first needed, not when the process starts."""
        return TypeAdapter(self._of)

    def text(self, value: T | None) -> str | None:
        """Return `value` as JSON with all its defaults: `kind` tells one node from another."""
        if value is None:
            return None
        text = self._adapter.dump_json(value).decode()
        for new, old in self._keys:
            text = text.replace(new, old)
        return text

    def value(self, text: str | None) -> T | None:
        """Read what `text` wrote, by this release or an earlier one."""
        if text is None:
            return None
        for new, old in self._keys:
            text = text.replace(old, new)
        return self._adapter.validate_json(text)
