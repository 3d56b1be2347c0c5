"""What one window of the page looks at: it stands in the address, so that a link can change it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import urlencode

PANES = ("slack", "bridge", "plain")
"""On a narrow screen only one of them is seen."""


@dataclass(frozen=True)
class Look:
    """`user` looks at `channel` (there at the thread under `thread`), at the thread `ticket` in
    Plain. `tab` is "home" or "messages" of the app's own conversation."""

    user: str
    channel: str
    thread: str = ""
    ticket: str = ""
    tab: str = ""
    pane: str = "slack"

    @classmethod
    def of(cls, query: Mapping[str, str], default: Look) -> Look:
        """What the query says, and `default` where it says nothing."""
        return replace(default, **{name: query[name] for name in _NAMES if name in query})

    def query(self, **changes: Any) -> str:
        """As a query, with a question mark; what is empty is left out."""
        values = {name: getattr(self, name) for name in _NAMES} | changes
        return f"?{urlencode({name: value for name, value in values.items() if value})}"


_NAMES = tuple(field.name for field in fields(Look))
