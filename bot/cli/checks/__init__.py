"""What `doctor` looks at, one file for each side of the bridge."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `fix` says how to mend it where `ok` is false."""

    name: str
    ok: bool
    detail: str
    fix: str | None = None
