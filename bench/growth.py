"""Growth: what acknowledging and delivering cost with very many settled rows, and with few."""

from __future__ import annotations

from bench.acknowledging import Runs
from bench.figures import Subject, middle, ratio
from bench.ground import Ground, opened
from bench.load import saturate
from bench.reaction import Way, go
from tests.store.settled import settle_many

FEW, MANY = 1_000, 300_000


async def measure(ground: Ground) -> Subject:
    many = MANY // 10 if ground.quick else MANY
    databases = {}
    for count in (FEW, many):
        databases[count] = ground.sqlite()
        with opened(databases[count]) as database:
            settle_many(database, count)
    asked: dict[int, Runs] = {FEW: Runs(), many: Runs()}
    ways: dict[int, list[Way]] = {FEW: [], many: []}
    for _ in range(ground.rounds):
        for count, url in databases.items():
            async with ground.bridge(url, "bench.at_rest") as started:
                await saturate(started.port, 0.5)
                cpu = started.cpu()
                outcome = await saturate(started.port, ground.seconds(2.5))
                asked[count].note(outcome, started.cpu() - cpu)
            _clear(url)
            async with ground.bridge(url) as started:
                ways[count].append(await go(ground.stubs, started, ground.count(80)))
    figures = [
        ratio(
            "time for a request at saturation",
            [1 / each for each in asked[many].per_second],
            [1 / each for each in asked[FEW].per_second],
            beside=f"{middle(asked[many].per_second)}/s, {middle(asked[FEW].per_second)}/s",
            target=1.15,
        ),
        ratio(
            "processor time of a request",
            asked[many].cpu,
            asked[FEW].cpu,
            target=1.15,
        ),
        ratio(
            "the bridge's own share from reaction to thread",
            [way.own for way in ways[many]],
            [way.own for way in ways[FEW]],
            beside=f"{middle([way.own * 1000 for way in ways[many]], 1)} ms, "
            f"{middle([way.own * 1000 for way in ways[FEW]], 1)} ms",
            target=1.15,
        ),
        ratio(
            "processor time of a delivery",
            [way.cpu for way in ways[many]],
            [way.cpu for way in ways[FEW]],
            beside=f"{middle([way.cpu * 1000 for way in ways[many]], 1)} ms, "
            f"{middle([way.cpu * 1000 for way in ways[FEW]], 1)} ms",
            target=1.15,
        ),
    ]
    return Subject(
        "Growth",
        figures,
        f"A SQLite database with {many:,} settled rows against one with {FEW:,}. That the query "
        "plans use their indexes, on both engines, is asserted by `tests/store/test_plans.py`.",
    )


def _clear(url: str) -> None:
    """Delete what a run left waiting: no worker is to find it."""
    with opened(url) as database, database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM job WHERE kind = 'decide'")
        connection.exec_driver_sql("DELETE FROM request WHERE state = 'waiting'")
