"""Acknowledging: how many requests a second one core takes, each committed before its 200."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from statistics import median

from bench.figures import Figure, Subject, middle, ratio
from bench.ground import Ground
from bench.load import Outcome, saturate, steady
from bench.processes import Server, server
from bench.stubs import Stubs

PLAIN_SECONDS = 0.15
"""How long Plain takes to answer the app that calls it before it answers itself."""

RATE = 200.0


@dataclass
class Runs:
    """The runs of one app."""

    outcomes: list[Outcome] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> list[float]:
        return [outcome.per_second for outcome in self.outcomes]

    @property
    def failed(self) -> int:
        return sum(len(one.latencies) - one.good for one in self.outcomes)

    def note(self, outcome: Outcome, cpu: float) -> None:
        self.outcomes.append(outcome)
        self.cpu.append(cpu / max(1, outcome.good))

    def p99(self) -> list[float]:
        return [outcome.quantile(0.99) for outcome in self.outcomes]


async def measure(ground: Ground) -> Subject:
    bolt, sqlite, postgres = Runs(), Runs(), Runs()
    calm_bolt, calm_bridge = Runs(), Runs()
    database = ground.sqlite()
    for _ in range(ground.many_rounds):
        await _saturated(ground, ground.bolt(), bolt)
        await _saturated(ground, ground.bridge(database, "bench.at_rest"), sqlite)
        if ground.postgres is not None:
            await _saturated(ground, ground.bridge(ground.postgres, "bench.at_rest"), postgres)
    for _ in range(ground.rounds):
        await _steady(ground, ground.bolt(), calm_bolt)
        await _steady(ground, ground.bridge(database, "bench.at_rest"), calm_bridge)
    figures = [_against(bolt, sqlite, "SQLite", 0.6)]
    if postgres.outcomes:
        figures.append(_against(bolt, postgres, "PostgreSQL", 0.5))
    figures += await _flask(ground, sqlite)
    figures += [_cost(bolt, sqlite, "SQLite"), *_costs(bolt, postgres)]
    figures.append(_tail(calm_bolt, calm_bridge))
    failed = sum(runs.failed for runs in (bolt, sqlite, postgres, calm_bolt, calm_bridge))
    left_out = [
        *([] if ground.postgres else ["PostgreSQL (no server to be had)"]),
        *([] if ground.flask else ["the app that calls Plain first (no Flask)"]),
    ]
    return Subject(
        "Acknowledging",
        figures,
        "64 connections, each waiting for its answer; the server alone on one core, the load "
        "(and the PostgreSQL server) on the other; the worker at rest. "
        f"{failed} of all answers were no 200. Plain takes {PLAIN_SECONDS * 1000:.0f} ms to answer "
        "the app that calls it first." + (f" Left out: {', '.join(left_out)}." if left_out else ""),
    )


async def _saturated(
    ground: Ground, serving: AbstractAsyncContextManager[Server], runs: Runs
) -> None:
    async with serving as started:
        await saturate(started.port, 1.0)
        before = started.cpu()
        outcome = await saturate(started.port, ground.seconds(3.0))
        runs.note(outcome, started.cpu() - before)


async def _steady(ground: Ground, serving: AbstractAsyncContextManager[Server], runs: Runs) -> None:
    async with serving as started:
        await steady(started.port, 1.0, RATE)
        before = started.cpu()
        outcome = await steady(started.port, ground.seconds(6.0), RATE)
        runs.note(outcome, started.cpu() - before)


def _against(bolt: Runs, bridge: Runs, engine: str, target: float) -> Figure:
    return ratio(
        f"requests a second on {engine}, of bare Bolt's",
        bridge.per_second,
        bolt.per_second,
        beside=f"{middle(bridge.per_second)}/s of {middle(bolt.per_second)}/s",
        target=target,
        wanted="at least",
    )


async def _flask(ground: Ground, bridge: Runs) -> list[Figure]:
    """Against the app that calls Plain before it answers, behind each of the two servers."""
    if ground.flask is None:
        return []
    figures = []
    async with Stubs(delay=PLAIN_SECONDS).serving() as slow:
        for name, argument, target in (
            ("Flask behind waitress, four threads", "waitress", 40.0),
            ("Flask's development server, a thread for each request", "flask", None),
        ):
            runs = Runs()
            for _ in range(ground.rounds):
                app = server(
                    "bench.flask_app",
                    argument,
                    environ=slow.environ,
                    python=ground.flask,
                    folder=ground.folder,
                )
                await _saturated(ground, app, runs)
            figures.append(_beyond(bridge, runs, name, target))
    return figures


def _beyond(bridge: Runs, flask: Runs, name: str, target: float | None) -> Figure:
    return ratio(
        f"requests a second on SQLite, times those of an app that calls Plain first ({name})",
        bridge.per_second[: len(flask.outcomes)],
        flask.per_second,
        beside=f"{middle(bridge.per_second)}/s, the app {middle(flask.per_second, 1)}/s",
        target=target,
        wanted="at least",
    )


def _costs(bolt: Runs, postgres: Runs) -> list[Figure]:
    return [_cost(bolt, postgres, "PostgreSQL")] if postgres.outcomes else []


def _cost(bolt: Runs, bridge: Runs, engine: str) -> Figure:
    return ratio(
        f"processor time of one on {engine}, times bare Bolt's",
        bridge.cpu,
        bolt.cpu,
        beside=f"{median(bridge.cpu) * 1e6:.0f} µs, Bolt {median(bolt.cpu) * 1e6:.0f} µs",
    )


def _tail(bolt: Runs, bridge: Runs) -> Figure:
    beside = (
        f"{median(bridge.p99()) * 1000:.1f} ms, Bolt {median(bolt.p99()) * 1000:.1f} ms; "
        f"medians {_p50(bridge):.1f} and {_p50(bolt):.1f} ms"
    )
    return ratio(
        f"99th percentile at {RATE:g} requests a second, times bare Bolt's",
        bridge.p99(),
        bolt.p99(),
        beside=beside,
        target=2,
    )


def _p50(runs: Runs) -> float:
    return median(outcome.quantile(0.5) for outcome in runs.outcomes) * 1000
