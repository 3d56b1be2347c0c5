"""`python -m tests.fuzz`: hostile things at every door for a while, and what came of them."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

from tests.fuzz import mutations
from tests.fuzz.attacks import Attack, Draw, in_answers, over_http, over_socket, over_webhooks
from tests.fuzz.target import Target, target
from tests.ways.stage import Transport

FIELDS: tuple[tuple[str, Transport, tuple[tuple[Draw, int], ...]], ...] = (
    ("the doors, over HTTP", "http", ((over_http, 9), (over_webhooks, 1))),
    ("the doors, over Socket Mode", "socket", ((over_socket, 1),)),
    ("the answers", "http", ((in_answers, 1),)),
)
SMALLER_SECONDS = 20.0
WORKS_EVERY = 200
LONGEST_SHOWN = 6000


async def field(
    name: str, transport: Transport, draws: tuple[tuple[Draw, int], ...], seed: int, seconds: float
) -> int:
    """Attack one bridge for so many seconds; the number of findings."""
    chance = Random(f"{seed} {name}")
    counted: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="pb-fuzz-") as folder:
        url = f"sqlite:///{folder}/bridge.db"
        async with target(url, Path(folder), chance, transport) as at:
            end = time.monotonic() + seconds
            count = findings = 0
            while time.monotonic() < end:
                (draw,) = chance.choices(*zip(*draws, strict=True))
                attack = await draw(at, chance)
                wrong = [*await attack.send(attack.payload), *await at.check()]
                counted[attack.door] += 1
                count += 1
                if count % WORKS_EVERY == 0:
                    wrong += await at.works()
                if wrong:
                    findings += 1
                    await tell(at, attack, wrong, seed, count)
            if wrong := await at.works():
                findings += 1
                print(f"\nAT THE END ({name}, seed {seed}): {wrong}")
    print(f"{name}: {count} sent, {findings} findings; {dict(counted)}")
    return findings


async def tell(at: Target, attack: Attack, wrong: list[str], seed: int, count: int) -> None:
    """Print a finding, and the smallest payload that still brings it about."""
    print(f"\nFOUND with seed {seed} as number {count}: {attack.door}")
    for one in wrong:
        print(f"  {one}")
    smallest = await smallest_of(at, attack, wrong) if attack.repeats else attack.payload
    shown = mutations.text(smallest)
    print(f"  payload ({len(shown)} characters): {shown[:LONGEST_SHOWN]}")


async def smallest_of(at: Target, attack: Attack, wrong: list[str]) -> mutations.Json:
    """What is left of the payload when nothing more can be taken from it."""
    end = time.monotonic() + SMALLER_SECONDS
    kind = {one[:25] for one in wrong}
    smallest, better = attack.payload, True
    while better:
        better = False
        for candidate in mutations.smaller(smallest):
            if time.monotonic() > end:
                return smallest
            found = [*await attack.send(candidate), *await at.check()]
            if kind & {one[:25] for one in found}:
                smallest, better = candidate, True
                break
    return smallest


async def main(seconds: float, seed: int, only: str) -> int:
    findings = 0
    fields = [one for one in FIELDS if only in one[0]]
    for name, transport, draws in fields:
        findings += await field(name, transport, draws, seed, seconds / len(fields))
    return findings


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--only", default="", choices=["", "HTTP", "Socket", "answers"])
    given = parser.parse_args()
    print(f"seed {given.seed}")
    sys.exit(1 if asyncio.run(main(given.seconds, given.seed, given.only)) else 0)
