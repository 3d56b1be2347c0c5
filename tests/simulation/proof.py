"""Simulates days until the time is over, and says what they held: `make proof`."""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import secrets
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from tests.simulation.store import Store, opened
from tests.simulation.world import Simulation, Violation

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- simulation: begin -->", "<!-- simulation: end -->"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 where everything held."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.proof", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--first", type=int, help="the first seed; any number if left out")
    parser.add_argument("--write", action="store_true", help="write docs/reliability.md")
    asked = parser.parse_args(arguments)
    first = asked.first or secrets.randbelow(10**9) + 1_000
    with opened() as store:
        seen, failed, count = _simulate(store, first, until=time.monotonic() + asked.minutes * 60)
    told = "\n\n".join(
        (_machine(first, count, asked.minutes), _table(_figures(seen, count, len(failed))))
    )
    print(told)
    for seed in failed:
        print(f"failed: pytest tests/simulation --seed {seed}")
    if asked.write:
        rewrite(PAGE, told)
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


# The table


def _machine(first: int, count: int, minutes: float) -> str:
    return (
        f"Made by `python -m tests.simulation.proof --minutes {minutes:g}` on one of "
        f"{os.cpu_count()} cores ({platform.machine()}, {platform.system()} "
        f"{platform.release().partition('-')[0]}), Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, SQLAlchemy {version('sqlalchemy')}, Plain Bridge "
        f"{version('plain-bridge')}: seeds {first} to {first + count - 1}."
    )


def _figures(seen: Counter[str], count: int, failed: int) -> list[tuple[str, int]]:
    return [
        ("worlds", count),
        ("simulated days", seen["days"]),
        ("requests by people", seen["asked"]),
        ("requests in the ledger", seen["requests"]),
        ("Plain threads", seen["threads"]),
        ("of these beside the ticket of their Slack thread", seen["beside"]),
        ("additions", seen["additions"]),
        ("requests that joined a ticket", seen["joined"]),
        ("rejections", sum(n for name, n in seen.items() if name.startswith("rejected_"))),
        ("reactions that were taken back", seen["take_back"]),
        ("undos asked for", _sum(seen, "undo_")),
        ("of these carried out", seen["undo_undone"]),
        ("tickets deleted in Plain", seen["deleted"]),
        ("requests on hold until their time was over", seen["holds_ended"]),
        ("people erased", seen["forgotten"]),
        ("people told that it takes longer", seen["notices"]),
        ("deaths of processes", seen["deaths"]),
        ("processes that stood still", seen["pause"] + seen["stall"]),
        ("clocks set", seen["set_clock"] - seen["clock_left_alone"]),
        (
            "clocks not set on, for a create was open (a stated window)",
            seen["clock_left_alone"],
        ),
        ("faults of Plain", _sum(seen, "plain_")),
        ("faults of Slack", _sum(seen, "slack_", "answer_", "delivery_", "ack_", "delivered_")),
        ("faults of the database", _sum(seen, "database_", "notice_")),
        ("requests that Plain counted", seen["rate_requests"]),
        ("windows in which the bridge used its whole share", seen["rate_share_used_up"]),
        ("windows of the rate limit of which others took their part", seen["rate_others"]),
        ("requests that Plain refused for the rate (429)", seen["rate_429"]),
        ("**worlds in which something did not hold**", failed),
    ]


def _sum(seen: Counter[str], *prefixes: str) -> int:
    return sum(number for name, number in seen.items() if name.startswith(prefixes))


def _table(figures: Sequence[tuple[str, int]]) -> str:
    lines = [f"| {name} | {number:,} |" for name, number in figures]
    return "\n".join(("| in all worlds | |", "| --- | --: |", *lines))


def rewrite(page: Path, tables: str) -> None:
    """Put the tables between the page's markers."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{page.name} has no {BEGIN} … {END}")
    page.write_text(f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}")


if __name__ == "__main__":
    sys.exit(main())
