"""Whatever Slack sends and whatever Slack and Plain answer: a few hundred hostile things each run.

`make fuzz` sends them for as long as you like.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.fuzz.attacks import Draw, in_answers, over_http, over_socket, over_webhooks
from tests.fuzz.target import Target, target
from tests.ways.stage import Transport

pytestmark = pytest.mark.asyncio(loop_scope="module")

Fresh = Callable[[Transport], AbstractAsyncContextManager[Target]]

CHANCE = st.randoms(use_true_random=False)


def often(examples: int) -> settings:
    """The same examples in every run, however slow the machine is."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def fresh(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    """A bridge of one's own, which at the end must still be able to do its work."""

    @asynccontextmanager
    async def made(transport: Transport) -> AsyncIterator[Target]:
        folder = tmp_path_factory.mktemp("hostile")
        shutil.copy(sqlite_template, folder / "bridge.db")
        url = f"sqlite:///{folder}/bridge.db"
        async with target(url, folder, Random(0), transport) as at:
            yield at
            assert await at.works() == []

    return made


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def by_http(fresh: Fresh) -> AsyncIterator[Target]:
    async with fresh("http") as at:
        yield at


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def by_socket(fresh: Fresh) -> AsyncIterator[Target]:
    async with fresh("socket") as at:
        yield at


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def by_answers(fresh: Fresh) -> AsyncIterator[Target]:
    async with fresh("http") as at:
        yield at


async def attacked(at: Target, draw: Draw, chance: Random) -> None:
    at.samples.chance = chance
    attack = await draw(at, chance)
    wrong = [*await attack.send(attack.payload), *await at.check()]
    note(str(attack)[:4000])
    assert not wrong


@often(60)
@given(CHANCE)
async def test_no_payload_breaks_the_http_door(by_http: Target, chance: Random) -> None:
    await attacked(by_http, over_http, chance)


@often(20)
@given(CHANCE)
async def test_no_webhook_breaks_plains_door(by_http: Target, chance: Random) -> None:
    await attacked(by_http, over_webhooks, chance)


@often(60)
@given(CHANCE)
async def test_no_envelope_breaks_socket_mode(by_socket: Target, chance: Random) -> None:
    await attacked(by_socket, over_socket, chance)


@often(25)
@given(CHANCE)
async def test_no_answer_breaks_the_worker(by_answers: Target, chance: Random) -> None:
    await attacked(by_answers, in_answers, chance)
