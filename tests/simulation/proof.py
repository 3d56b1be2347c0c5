"""Simulates days until the time is over, and says what they held: `make proof`."""

from __future__ import annotations

import argparse
import itertools
import platform
import secrets
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Sequence

from tests.simulation.store import Store, opened
from tests.simulation.world import Simulation, Violation


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 where everything held."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.proof", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--first", type=int, help="the first seed; any number if left out")
    asked = parser.parse_args(arguments)
    first = asked.first or secrets.randbelow(10**9) + 1_000
    with opened() as store:
        seen, failed, count = _simulate(store, first, until=time.monotonic() + asked.minutes * 60)
    print(f"| seeds {first} to {first + count - 1} | |\n|---|--:|")
    for name, number in _figures(seen, count):
        print(f"| {name} | {number:,} |")
    print(f"| seeds that failed | {len(failed)} |")
    print(f"\nPython {platform.python_version()}, SQLite {sqlite3.sqlite_version}")
    for seed in failed:
        print(f"failed: pytest tests/simulation --seed {seed}")
    return 1 if failed else 0


def _simulate(store: Store, first: int, until: float) -> tuple[Counter[str], list[int], int]:
    seen: Counter[str] = Counter()
    failed: list[int] = []
    for seed in itertools.count(first):
        world = Simulation(seed, store)
        try:
            world.run()
        except Violation as violation:
            print(violation, file=sys.stderr)
            failed.append(seed)
        seen.update(world.seen)
        if time.monotonic() > until:
            break
    return seen, failed, seed - first + 1


def _figures(seen: Counter[str], count: int) -> list[tuple[str, int]]:
    return [
        ("worlds", count),
        ("simulated days", seen["days"]),
        ("askings by people", seen["asked"]),
        ("escalations in the ledger", seen["escalations"]),
        ("Plain threads", seen["threads"]),
        ("additions", seen["additions"]),
        ("refusals", sum(n for name, n in seen.items() if name.startswith("turned_"))),
        ("deaths of processes", seen["deaths"]),
        ("processes that stood still", seen["pause"] + seen["stall"]),
        ("clocks set", seen["set_clock"]),
        ("faults of Plain", _sum(seen, "plain_")),
        ("faults of Slack", _sum(seen, "slack_", "answer_", "delivery_", "ack_", "delivered_")),
        ("faults of the database", _sum(seen, "database_", "notice_")),
        ("clocks not set, for a write was under way (a stated window)", seen["clock_left_alone"]),
    ]


def _sum(seen: Counter[str], *prefixes: str) -> int:
    return sum(number for name, number in seen.items() if name.startswith(prefixes))


if __name__ == "__main__":
    sys.exit(main())
