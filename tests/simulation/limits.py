"""Plain's rate limit in a world: what it counts and says, and whether the bridge keeps to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING

from bot.core.rate_limit import AT_FIRST, MARGIN, budget
from bot.plain.pace import SHUT_SECONDS
from tests.simulation.clock import START

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.world import Simulation

SHARE = 0.8
"""The part of the limit that is the bridge's (`[plain] share`)."""
WINDOW = 60.0
"""Seconds. Plain's help centre, "Understanding rate limits"."""

_PER_WINDOW = (1_000, 20, 16, 12)
"""Plain allows 450 to 1,000; with fewer, a handful of askings uses the share up."""
FEW = 30
"""Fewer are used up by people who ask in a rush."""
_SOON = 1e-3


@dataclass
class Turn:
    """A request that its process's pace let go at `at` (loop time)."""

    process: Process
    at: float


@dataclass
class _Window:
    """`opened` by Plain's clock. `by_bridge`: the requests that went out in it and count;
    `senders`: the processes they came from, in order, with what each may send before it knows
    of the others."""

    opened: float
    times_set: int
    taken: int = 0
    by_bridge: int = 0
    senders: dict[Process, int] = field(default_factory=dict)


class RateLimit:
    """So many requests of the workspace in each minute, whoever makes them.

    The bridge may go over its share in these cases, and in no others: its clock is wrong, or
    was set within the window (such windows are not judged); a process that knows nothing yet,
    beside one that has used the share up or is doing so, has `AT_FIRST` requests under way
    before it is told, and one that opens the window with its first request, that one; and a
    process that stood still with a request in hand sends it in a window of which others have
    the share by now.
    """

    def __init__(self, world: Simulation) -> None:
        self._world = world
        dice = world.dice
        self.per_window = dice.random.choice(_PER_WINDOW)
        self._on_the_minute = dice.likely(0.5)
        self._tells_wait = dice.likely(0.5)
        self._skew = dice.between(-MARGIN, MARGIN) * 0.9
        self._appetite = dice.random.choice((0.0, 0.0, 0.3, 0.8))
        self._window = _Window(-WINDOW, 0)
        self._known: set[Process] = set()
        """Those who have sent a request before this window."""
        self._refused: dict[Process, tuple[float, float, int]] = {}
        """When a process last heard a 429, until when it leaves Plain alone by that (loop
        time), and how often the clock had been set."""

    # What Plain does

    def take(self, turn: Turn) -> bool:
        """Whether a request is let in; one that is not does not count."""
        window = self._present()
        if window.taken >= self.per_window:
            return False
        window.taken += 1
        held_back = turn.at < self._world.loop.now - _SOON and turn.at < self._opened_at(window)
        if held_back and not self._world.is_alone:
            self._world.seen["rate_carried_over"] += 1
        else:
            self._count(window, turn.process)
        return True

    def headers(self) -> dict[str, str]:
        """What every answer says."""
        window = self._present()
        ends = datetime.fromtimestamp(window.opened + WINDOW, UTC)
        return {
            "x-ratelimit-limit": str(self.per_window),
            "x-ratelimit-remaining": str(self.per_window - window.taken),
            "x-ratelimit-reset": ends.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }

    def refusal(self) -> dict[str, str]:
        """What a 429 says: in some worlds also how long to wait."""
        self._world.seen["rate_429"] += 1
        said = self.headers()
        if self._tells_wait:
            said["retry-after"] = str(ceil(self._present().opened + WINDOW - self._now()))
        return said

    def _now(self) -> float:
        return START + self._world.loop.now + self._skew

    def _opened_at(self, window: _Window) -> float:
        """As loop time."""
        return window.opened - START - self._skew

    def _present(self) -> _Window:
        now = self._now()
        if now >= self._window.opened + WINDOW:
            opened = now - now % WINDOW if self._on_the_minute else now
            self._known |= self._window.senders.keys()
            self._window = _Window(opened, self._world.wall.times_set)
            self._let_others_in(self._window)
        return self._window

    def _let_others_in(self, window: _Window) -> None:
        """Other integrations have the rest of the limit, and sometimes more than that."""
        if self._world.dice.healed or not self._world.dice.likely(self._appetite):
            return
        self._world.seen["rate_others"] += 1

        def ask() -> None:
            if not self._world.dice.healed:
                window.taken = min(self.per_window, window.taken + each)

        each = ceil(self.per_window * self._world.dice.between(0.05, 0.4))
        for _ in range(3):
            self._world.loop.call_later(self._world.dice.between(0.0, WINDOW), ask)

    # Whether the bridge keeps to it

    def leaves(self, turn: Turn) -> None:
        """A request leaves its process: not while that has been told to wait."""
        heard, until, times_set = self._refused.get(turn.process, (0.0, 0.0, 0))
        untouched = times_set == self._world.wall.times_set
        if heard < turn.at < until - 2 * MARGIN and untouched:
            self._world.violated(
                f"{turn.process.name} asked Plain {until - turn.at:.1f} s too soon"
            )

    def heard(self, process: Process, said: dict[str, str]) -> None:
        """The process hears a 429."""
        now = self._world.loop.now
        if "retry-after" in said:
            until = now + float(said["retry-after"])
        elif "x-ratelimit-reset" not in said:
            until = now + SHUT_SECONDS
        elif self._world.wall.is_right:
            ends = datetime.fromisoformat(said["x-ratelimit-reset"]).timestamp()
            until = ends - START - self._skew
        else:
            return  # for how long, a clock that is wrong does not tell
        self._refused[process] = (now, until, self._world.wall.times_set)

    def _count(self, window: _Window, process: Process) -> None:
        if process not in window.senders:
            first = not window.senders
            unknowing = AT_FIRST if process not in self._known else 1
            window.senders[process] = 0 if first else unknowing
        window.by_bridge += 1
        self._world.seen["rate_requests"] += 1
        most = max(budget(self.per_window, SHARE), AT_FIRST) + sum(window.senders.values())
        if window.by_bridge == budget(self.per_window, SHARE):
            self._world.seen["rate_share_used_up"] += 1
        wall = self._world.wall
        if window.by_bridge > most and wall.is_right and wall.times_set == window.times_set:
            self._world.violated(f"{window.by_bridge} requests in a window in which {most} may go")
