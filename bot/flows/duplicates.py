"""Looks for the twins of threads whose create was in doubt, once it can no longer be late."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.core.faults import Refused, TryLater
from bot.store.duplicates import PossibleDuplicate
from bot.store.executor import Run

AT_ONCE = 20
"""Look-ups of one pass; what is left has its turn in the next."""

CLOCK_SKEW = 24 * 3600.0
"""Seconds by which Plain's clock and the ledger's may differ."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Threads beside the row's own that bear its external id: "T-8", …"""

    row: PossibleDuplicate
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ThreadSummary:
    """A thread in Plain, as far as it tells threads apart."""

    id: str
    ref: str
    external_id: str | None


class Doubts(Protocol):
    """The rows in doubt; every method is one transaction."""

    def take(self, limit: int) -> list[PossibleDuplicate]:
        """Those whose time has come; each comes again after a while, unless it is cleared."""

    def clear(self, row: PossibleDuplicate, others: Sequence[str]) -> None:
        """The row was looked at; `others` are the doubles that were found."""


class ThreadSearch(Protocol):
    """What the look needs of Plain."""

    async def threads_since(self, customer: str, since: float) -> Sequence[ThreadSummary]:
        """The customer's threads that were created since then (Unix seconds)."""


async def find_duplicates(
    doubts: Doubts, plain: ThreadSearch, run: Run, tell: Callable[[Duplicate], None]
) -> int:
    """Look at the rows that are due; returns how many there were. Doubles are told once.

    Nothing is undone: which of two threads people have answered in, only people can see.
    """
    rows = await run(doubts.take, AT_ONCE)
    for row in rows:
        try:
            seen = await plain.threads_since(row.customer, row.asked_at - CLOCK_SKEW)
        except (TryLater, Refused):
            continue  # it comes again
        others = tuple(
            one.ref for one in seen if one.external_id == row.external_id and one.id != row.thread
        )
        await run(doubts.clear, row, others)
        if others:
            tell(Duplicate(row, others))
    return len(rows)
