"""What is measured while its worker rests: the bridge with its doors open.

`python -m bench.at_rest PORT` serves it, with the settings of the environment. Acknowledging is
what is measured then, and nothing else.
"""

from __future__ import annotations

import asyncio
import sys

from bot.heap import frozen_gc

with frozen_gc():  # as the command does
    from bench.bolt import serve
    from bot import app, telemetry
    from bot.settings import load


async def main(port: int) -> None:
    telemetry.set_up("WARNING")
    async with app.bridge(load()) as built:
        await built.worker.stop()
        await serve(built.http, port)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
