"""Core's values as JSON text and back."""

from __future__ import annotations

from functools import cached_property
from typing import Generic, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


class Codec(Generic[T]):
    """One type's way to JSON text and back; None stays None (NULL)."""

    def __init__(self, of: type[T]) -> None:
        self._of = of

    @cached_property
    def _adapter(self) -> TypeAdapter[T]:
        """Made when it is first needed: a start waits for none."""
        return TypeAdapter(self._of)

    def text(self, value: T | None) -> str | None:
        # Defaults are written out: a node is told from its siblings by its `kind`.
        if value is None:
            return None
        return self._adapter.dump_json(value).decode()

    def value(self, text: str | None) -> T | None:
        return None if text is None else self._adapter.validate_json(text)
