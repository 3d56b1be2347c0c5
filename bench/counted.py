"""The bridge as `plain-bridge run` starts it, with its commits counted.

`python -m bench.counted PORT FILE` serves it with the settings of the environment, and writes
how many commits there were into FILE whenever SIGUSR1 comes.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event

from bot.heap import frozen_gc

with frozen_gc():  # as the command does
    from bench.bolt import serve
    from bot import app, telemetry
    from bot.settings import load


class Commits:
    """Counts the commits that changed a row of a SQLite database."""

    def __init__(self) -> None:
        self.count = 0
        self._changes: dict[int, int] = {}

    def __call__(self, connection: Connection) -> None:
        raw: Any = connection.connection.dbapi_connection
        if raw.total_changes != self._changes.get(id(raw), 0):
            self._changes[id(raw)] = raw.total_changes
            self.count += 1


async def main(port: int, file: Path) -> None:
    telemetry.set_up("WARNING")
    commits = Commits()
    event.listen(Engine, "commit", commits)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, lambda: file.write_text(f"{commits.count}\n"))
    async with app.bridge(load()) as built:
        await serve(built.http, port)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
