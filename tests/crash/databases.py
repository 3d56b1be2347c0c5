"""A fresh, migrated database of either engine for each lane of cases."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import create_engine, text

Engine = Literal["sqlite", "postgresql"]
ENGINES: tuple[Engine, ...] = ("sqlite", "postgresql")

_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Databases:
    """`sqlite` is a migrated file to copy, `postgresql` a server's URLs by the name of a
    database, `template` the name of a migrated one there."""

    sqlite: Path
    postgresql: Callable[[str], str]
    template: str

    @contextmanager
    def fresh(self, engine: Engine, folder: Path) -> Iterator[str]:
        """The URL of a new database; `folder` holds it where it is a file."""
        if engine == "sqlite":
            shutil.copy(self.sqlite, folder / "bridge.db")
            yield f"sqlite:///{folder / 'bridge.db'}"
            return
        name = f"crash_{os.getpid()}_{next(_NUMBERS)}"
        execute(self.postgresql("postgres"), f"CREATE DATABASE {name} TEMPLATE {self.template}")
        yield self.postgresql(name)
        execute(self.postgresql("postgres"), f"DROP DATABASE {name} WITH (FORCE)")


def execute(url: str, statement: str) -> str:
    """Execute one statement outside of a transaction; the first value of its answer, as text."""
    engine = create_engine(
        url.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )
    try:
        with engine.connect() as connection:
            answer = connection.execute(text(statement))
            return str(answer.scalar()) if answer.returns_rows else ""
    finally:
        engine.dispose()
