"""Figures: what was measured, against what, and whether it is as good as was wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a table. `value` is what is compared with `target`; `beside` tells what it
    came of, in absolute figures. Without a target it is told and not judged."""

    what: str
    value: float
    shown: str
    beside: str = ""
    target: float | None = None
    wanted: Literal["at least", "at most"] = "at most"
    unit: str = ""

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return self.value >= self.target if self.wanted == "at least" else self.value <= self.target

    @property
    def goal(self) -> str:
        return "" if self.target is None else f"{self.wanted} {self.target:g}{self.unit}"


@dataclass(frozen=True, slots=True)
class Subject:
    """What one module measured. `note`: a sentence or two on what to read the figures with."""

    title: str
    figures: Sequence[Figure]
    note: str = ""


def ratio(
    what: str,
    of: Sequence[float],
    to: Sequence[float],
    *,
    beside: str = "",
    target: float | None = None,
    wanted: Literal["at least", "at most"] = "at most",
) -> Figure:
    """The median of the ratios of runs that lay side by side, and how far these lay apart."""
    each = [one / other for one, other in zip(of, to, strict=True)]
    middle = median(each)
    digits = 0 if middle >= 10 else 2
    shown = f"{middle:.{digits}f}"
    if len(each) > 1:
        shown += f" ({min(each):.{digits}f}–{max(each):.{digits}f})"
    return Figure(what, middle, shown, beside, target, wanted)


def middle(values: Sequence[float], digits: int = 0) -> str:
    """The median, for a table."""
    return f"{median(values):,.{digits}f}"
