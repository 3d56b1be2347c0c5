"""Slack messages, and what a reader of their ticket must find.

Each file of `cases` is one message as Slack sends it: `message`; what must stand in the thread,
`shown`, and what must not, `hidden`; where it matters its `title` and the names of the files that
are copied, `attached`; and the public report that it follows, `report`. A new report is a new file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_FOLDER = Path(__file__).parent / "cases"


@dataclass(frozen=True)
class Case:
    message: dict[str, Any]
    shown: list[str]
    hidden: list[str]
    title: str | None
    attached: list[str] | None

    def check(self, text: str, title: str) -> None:
        """Assert that a thread of this text and title is what the case asks for."""
        missing = [words for words in self.shown if words not in text]
        assert not missing, text
        assert not [words for words in self.hidden if words in text], text
        assert self.title in (None, title)


def _case(path: Path) -> Case:
    found = json.loads(path.read_text(encoding="utf-8"))
    unknown = set(found) - {"report", "message", "shown", "hidden", "title", "attached"}
    assert not unknown, f"{path.name}: {unknown}"
    return Case(
        message=found["message"],
        shown=found["shown"],
        hidden=found.get("hidden", []),
        title=found.get("title"),
        attached=found.get("attached"),
    )


def cases() -> list[Any]:
    """Return every case as a parameter that is called after its file."""
    return [pytest.param(_case(path), id=path.stem) for path in sorted(_FOLDER.glob("*.json"))]
