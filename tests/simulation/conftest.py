"""The ledger that all worlds share, and the seed to replay."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.simulation.store import Store, opened


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=None, help="simulate this seed alone")


@pytest.fixture(scope="session")
def store() -> Iterator[Store]:
    with opened() as store:
        yield store


@pytest.fixture
def only_seed(request: pytest.FixtureRequest) -> int | None:
    """`--seed N` or SIMULATION_SEED=N; None for the suite's own seeds."""
    named = request.config.getoption("--seed", default=None)
    value = os.environ.get("SIMULATION_SEED") if named is None else named
    return None if value is None else int(value)
