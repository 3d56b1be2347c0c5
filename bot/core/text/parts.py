"""Define the parts of a text in Plain."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    NORMAL = "normal"
    MUTED = "muted"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class TextPart:
    """Plain's text component: 1 to 10,000 UTF-16 units; bold, italic and links are rendered."""

    text: str
    tone: Tone = Tone.NORMAL
    small: bool = False


@dataclass(frozen=True, slots=True)
class PlainTextPart:
    """Plain's plain text component: 1 to 10,000 UTF-16 units, shown as they are."""

    text: str
    tone: Tone = Tone.NORMAL
    small: bool = False


@dataclass(frozen=True, slots=True)
class DividerPart:
    pass


@dataclass(frozen=True, slots=True)
class LinkPart:
    """A link button; label at most 500 characters."""

    label: str
    url: str


Part = TextPart | PlainTextPart | DividerPart | LinkPart
