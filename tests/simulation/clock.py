"""Simulated time: an event loop that never waits, and a wall clock that can be set."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

START = 1_700_000_000.0
"""Unix seconds at which every world begins."""


class Standstill(Exception):
    """Everything waits, and nothing will ever come."""


class _Leap:
    """A selector in name: instead of waiting for sockets it moves the loop's time on."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, seconds: float | None) -> list[Any]:
        if seconds is None:
            raise Standstill
        self._loop.now += seconds
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs whatever is next at once. Only timers, tasks and futures: no sockets, no threads."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._selector = _Leap(self)
        # A timer that is due up to this much later runs now: sums of floats fall short.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self.now

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps in a selector here."""


class WallClock:
    """What the ledger takes for the time of day; `set_by` moves it against the loop's time."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._offset = START
        self.times_set = 0

    @property
    def is_right(self) -> bool:
        """Whether it goes with everybody else's."""
        return abs(self._offset - START) < 1e-3

    def __call__(self) -> float:
        return self._loop.now + self._offset

    def set_by(self, seconds: float) -> None:
        self._offset += seconds
        self.times_set += 1


class Numbers:
    """Counts up by name, for ids that are the same in every run of a seed."""

    def __init__(self) -> None:
        self._counts: dict[str, itertools.count[int]] = {}

    def next(self, name: str) -> int:
        return next(self._counts.setdefault(name, itertools.count(1)))
