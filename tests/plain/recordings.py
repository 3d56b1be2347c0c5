"""Answers in the shape that Plain and its gateway send; a file's name tells meaning and status."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent / "recorded"

HEADERS = {
    "Content-Type": "application/json",
    "Apigw-Requestid": "req-1",
    "X-RateLimit-Reset": "2026-09-01T10:00:30.000Z",
}
NOW = 1788256800.0
"""2026-09-01T10:00:00Z"""


@dataclass(frozen=True, slots=True)
class Recorded:
    status: int
    body: bytes


def recorded(name: str) -> Recorded:
    """`recorded("forbidden-403.json")`: the status stands in the name."""
    return Recorded(int(name.partition(".")[0].rpartition("-")[2]), (_FOLDER / name).read_bytes())


def names() -> list[str]:
    return sorted(path.name for path in _FOLDER.iterdir())
