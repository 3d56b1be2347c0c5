"""A hundred simulated days: every request that was accepted ends once, in its own answer.

`pytest tests/simulation --seed N` (or SIMULATION_SEED=N) replays a seed, with all that happened
in it; `python -m tests.simulation.proof` runs seeds for as long as one likes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.store import Store
from tests.simulation.world import Simulation, Violation

SEEDS = 100
PORTION = 25


@pytest.mark.parametrize("first", range(1, SEEDS + 1, PORTION))
def test_what_was_accepted_ends_once(store: Store, first: int, only_seed: int | None) -> None:
    if only_seed is not None:
        pytest.skip("one seed is replayed")
    for seed in range(first, first + PORTION):
        Simulation(seed, store).run()


def test_one_seed(store: Store, only_seed: int | None) -> None:
    """Prints what happened, if it fails."""
    world = Simulation(only_seed or 1, store)
    try:
        world.run()
    except Violation:
        print("\n".join(world.lines))
        raise


_DIGEST = """
from tests.simulation.store import opened
from tests.simulation.world import Simulation
with opened() as store:
    print([Simulation(seed, store).run().digest for seed in (3, 4, 5)])
"""


def test_a_seed_is_the_same_world_in_every_process() -> None:
    """Whatever the order of sets, the addresses of objects and the worlds before."""
    root = Path(__file__).parents[2]

    def digests(hash_seed: str) -> str:
        environ = {**os.environ, "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-c", _DIGEST]
        return subprocess.run(
            command, env=environ, cwd=root, capture_output=True, text=True, check=True
        ).stdout

    assert digests("1") == digests("2")
