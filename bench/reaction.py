"""Reaction to thread: what the bridge itself adds to the time that Slack and Plain take."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.figures import Figure, Subject, ratio
from bench.ground import Ground
from bench.load import Connection, next_number, reaction
from bench.processes import Server, get, server
from bench.stubs import Stubs

CREATE, TOLD = "plain.createThread", "slack.chat.postEphemeral"

QUIET = 0.01
"""Seconds between the answer to the person and the next reaction."""

IDLE_SECONDS = 12.0


@dataclass(frozen=True, slots=True)
class Way:
    """Medians of one run: seconds of its own, and processor time of a whole delivery."""

    own: float
    cpu: float


async def measure(ground: Ground) -> Subject:
    inline: list[Way] = []
    kept: list[Way] = []
    bridge: list[Way] = []
    calls: dict[str, str] = {}
    database = ground.sqlite()
    for _ in range(ground.rounds):
        for name, ways, serving in (
            ("inline", inline, ground.inline("bolt")),
            ("kept", kept, ground.inline("kept")),
            ("bridge", bridge, ground.bridge(database)),
        ):
            async with serving as started:
                ways.append(await go(ground.stubs, started, ground.count(150)))
                calls[name] = _calls(ground.stubs)
    commits = await _commits(ground)
    idle = await _idle(ground, database)
    same = "the same calls" if calls["inline"] == calls["bridge"] else f"other calls: {calls}"
    figures = [
        ratio(
            "the bridge's own share, times that of a Bolt app that keeps nothing",
            [way.own for way in bridge],
            [way.own for way in inline],
            beside=_beside(bridge, inline, lambda way: way.own),
            target=1.3,
        ),
        ratio(
            "the same, times that of one that keeps its connections to Slack open",
            [way.own for way in bridge],
            [way.own for way in kept],
            beside=_beside(bridge, kept, lambda way: way.own),
            target=1.3,
        ),
        ratio(
            "processor time of a delivery, request and answer included, times that app's",
            [way.cpu for way in bridge],
            [way.cpu for way in inline],
            beside=_beside(bridge, inline, lambda way: way.cpu),
        ),
        Figure("commits of a delivery, request and answer included", commits, f"{commits:.2f}",
               target=5),
        Figure(
            "processor time of an idle bridge",
            idle,
            f"{idle:.2%} of a core",
            f"over {ground.seconds(IDLE_SECONDS):.0f} s",
        ),
    ]  # fmt: skip
    return Subject(
        "Reaction to thread",
        figures,
        f"One reaction at a time, each to a message of another author, from the sending of the "
        f"event to the arrival of `createThread`, less the time that the stand-ins for Slack and "
        f"Plain took. Both make {same} ({calls['bridge']}).",
    )


async def go(stubs: Stubs, started: Server, count: int) -> Way:
    """So many reactions, one after the other, until each was answered to the person."""
    connection = Connection(started.port)
    await _one(stubs, connection)  # caches, connections
    await _one(stubs, connection)
    stubs.seen.clear()
    cpu = started.cpu()
    shares = [await _one(stubs, connection) for _ in range(count)]
    used = (started.cpu() - cpu) / count
    connection.close()
    return Way(median(shares), used)


async def _one(stubs: Stubs, connection: Connection) -> float:
    """One reaction; the seconds that neither Slack nor Plain took until `createThread` came."""
    first = len(stubs.seen)
    request = reaction("127.0.0.1", next_number())
    started = time.perf_counter()
    assert await connection.ask(request) == 200
    await stubs.wait(lambda: any(one.name == TOLD for one in stubs.seen[first:]))
    await asyncio.sleep(QUIET)
    seen = stubs.seen[first:]
    came = next(one.came for one in seen if one.name == CREATE)
    others = sum(one.left - one.came for one in seen if one.left <= came)
    return came - started - others


def _calls(stubs: Stubs) -> str:
    """What was asked for one reaction, from the counts of many."""
    counts = stubs.counts()
    return ", ".join(sorted(name for name, n in counts.items() if n >= counts[CREATE]))


async def _commits(ground: Ground) -> float:
    file = ground.folder / "commits"
    serving = server(
        "bench.counted",
        str(file),
        environ=ground.stubs.environ | {"DATABASE_URL": ground.sqlite()},
        probe=get("/readyz"),
        folder=ground.folder,
    )
    async with serving as started:
        connection = Connection(started.port)
        await _one(ground.stubs, connection)
        await asyncio.sleep(1.0)  # what is done at the start
        before = await _told(started, file)
        count = ground.count(100)
        for _ in range(count):
            await _one(ground.stubs, connection)
        after = await _told(started, file)
        connection.close()
    return (after - before) / count


async def _told(started: Server, file: Path) -> int:
    file.unlink(missing_ok=True)
    started.process.send_signal(signal.SIGUSR1)
    while not (file.exists() and (said := file.read_text()).endswith("\n")):
        await asyncio.sleep(0.01)
    return int(said)


async def _idle(ground: Ground, database: str) -> float:
    serving: AbstractAsyncContextManager[Server] = ground.bridge(database)
    async with serving as started:
        await asyncio.sleep(2.0)
        before, began = started.cpu(), time.perf_counter()
        await asyncio.sleep(ground.seconds(IDLE_SECONDS))
        return (started.cpu() - before) / (time.perf_counter() - began)


def _beside(bridge: list[Way], inline: list[Way], value: Callable[[Way], float]) -> str:
    own, other = median(map(value, bridge)) * 1000, median(map(value, inline)) * 1000
    return f"{own:.1f} ms, the app {other:.1f} ms"
