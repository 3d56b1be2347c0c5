"""Footprint: memory after many escalations, the start, and the way to a form."""

from __future__ import annotations

import asyncio
import time
from statistics import median

from bench.figures import Figure, Subject, ratio
from bench.ground import Ground, opened
from bench.load import Connection, next_number, reaction, shortcut
from bench.processes import Server, server
from bench.reaction import CREATE
from bot.store.records import Records

AT_A_TIME = 16


async def measure(ground: Ground) -> Subject:
    figures = [*await _memory(ground), await _start(ground), await _form(ground)]
    return Subject(
        "Footprint",
        figures,
        "Memory is the resident set after so many reactions, each delivered whole, to messages of "
        "as many authors. The start is that of a bridge that was started before: its database is "
        "at head. The form is counted from the sending of the shortcut to the arrival of "
        "`views.open`, bare Bolt's to its 200.",
    )


async def _memory(ground: Ground) -> list[Figure]:
    half = ground.count(2500)
    async with ground.bolt() as bolt:
        await _ask(bolt, 2 * half)
        bare = bolt.memory()
    async with ground.bridge(ground.sqlite()) as bridge:
        fresh = bridge.memory()
        await _deliver(ground, bridge, half)
        first = bridge.memory()
        await _deliver(ground, bridge, half)
        second = bridge.memory()
    return [
        Figure(
            f"memory after {2 * half:,} escalations, beyond bare Bolt's",
            second - bare,
            f"{second - bare:.0f} MB",
            f"{second:.0f} MB ({fresh:.0f} at the start), Bolt {bare:.0f} MB",
            60,
            unit=" MB",
        ),
        Figure(
            f"memory grown from {half:,} to {2 * half:,}",
            second - first,
            f"{second - first:.1f} MB",
            f"{first:.1f} MB, {second:.1f} MB",
            5,
            unit=" MB",
        ),
    ]


async def _ask(started: Server, count: int) -> None:
    async def some() -> None:
        connection = Connection(started.port)
        for _ in range(count // AT_A_TIME + 1):
            assert await connection.ask(reaction("127.0.0.1", next_number())) == 200
        connection.close()

    await asyncio.gather(*(some() for _ in range(AT_A_TIME)))


async def _deliver(ground: Ground, bridge: Server, count: int) -> None:
    ground.stubs.seen.clear()
    await _ask(bridge, count)
    wanted = (count // AT_A_TIME + 1) * AT_A_TIME
    async with asyncio.timeout(300):
        while ground.stubs.counts()[CREATE] < wanted:
            await asyncio.sleep(0.2)
    await asyncio.sleep(1.0)


async def _start(ground: Ground) -> Figure:
    database = ground.sqlite()
    async with ground.bridge(database):
        pass  # the first start asks Slack where its token is installed, and remembers
    bolt: list[float] = []
    bridge: list[float] = []
    for _ in range(ground.rounds):
        probe = reaction("127.0.0.1", next_number())
        async with server("bench.bolt", probe=probe, folder=ground.folder) as started:
            bolt.append(started.started_in)
        async with ground.bridge(database) as started:
            bridge.append(started.started_in)
    with opened(database) as opening:
        assert not Records(opening).newest(1)
    return ratio(
        "start to `/readyz`, times bare Bolt's to its first answer",
        bridge,
        bolt,
        beside=f"{median(bridge) * 1000:.0f} ms, Bolt {median(bolt) * 1000:.0f} ms",
        target=1.5,
    )


async def _form(ground: Ground) -> Figure:
    database = ground.sqlite()
    bolt: list[float] = []
    bridge: list[float] = []
    for _ in range(ground.rounds):
        async with ground.bolt() as started:
            bolt.append(await _dispatched(started, ground.count(200)))
        async with ground.bridge(database) as started:
            bridge.append(await _opened(ground, started, ground.count(200)))
    return ratio(
        "shortcut to `views.open`, times bare Bolt's dispatch",
        bridge,
        bolt,
        beside=f"{median(bridge) * 1000:.2f} ms, Bolt {median(bolt) * 1000:.2f} ms",
        target=5,
    )


async def _dispatched(started: Server, count: int) -> float:
    connection = Connection(started.port)
    took = []
    for _ in range(count):
        began = time.perf_counter()
        assert await connection.ask(shortcut("127.0.0.1", next_number())) == 200
        took.append(time.perf_counter() - began)
        await asyncio.sleep(0.002)
    connection.close()
    return median(took)


async def _opened(ground: Ground, started: Server, count: int) -> float:
    connection = Connection(started.port)
    took = []
    for _ in range(count):
        ground.stubs.seen.clear()
        began = time.perf_counter()
        assert await connection.ask(shortcut("127.0.0.1", next_number())) == 200
        (opening,) = [one for one in ground.stubs.seen if one.name == "slack.views.open"]
        took.append(opening.came - began)
        await asyncio.sleep(0.002)
    connection.close()
    return median(took)
