"""Refused requests: said now and then, and kept for `doctor` to judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
import structlog
from pydantic import SecretStr

from bot.cli.doctor import database as doctor
from bot.cli.doctor.check import Check
from bot.core.faults import TryLater
from bot.refused_requests import KEEP_SECONDS, LIKELY, SAY_EVERY_SECONDS, Cause, RefusedRequests
from bot.settings import Settings
from bot.store.database import Database
from bot.store.executor import Executor
from bot.store.kv import KeyValueStore
from tests.conftest import Clock

SETTINGS = Settings(
    slack_signing_secret=SecretStr("signing-secret-test"),
    plain_webhook_secret=SecretStr("webhook-test"),
)


class Counts:
    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def verified(self, door: str) -> None:
        self.seen[door] += 1

    def refused(self, door: str, cause: str) -> None:
        self.seen[f"{door} {cause}"] += 1


class Nowhere(KeyValueStore[float]):
    def keep(self, name: str, value: float) -> None:
        raise TryLater("database_busy")


@pytest.fixture
def threads() -> Iterator[Executor]:
    made = Executor()
    yield made
    made.close()


def test_every_cause_is_said_once_in_ten_minutes(
    database: Database, clock: Clock, threads: Executor
) -> None:
    counts = Counts()
    refused = RefusedRequests(counts, Nowhere(database, float), threads, clock)
    with structlog.testing.capture_logs() as lines:
        for _ in range(50):
            refused.note("slack", Cause.WRONG_SIGNATURE)
        refused.note("plain", Cause.UNSIGNED)
        clock.move(SAY_EVERY_SECONDS)
        refused.note("slack", Cause.WRONG_SIGNATURE)
    said = [(line["door"], line["cause"], line["times"]) for line in lines]
    assert said == [
        ("slack", "wrong_signature", 1),
        ("plain", "unsigned", 1),
        ("slack", "wrong_signature", 50),
    ]
    assert counts.seen == {"slack wrong_signature": 51, "plain unsigned": 1}


async def test_doctor_names_what_no_good_request_followed(
    database: Database, threads: Executor, clock: Clock
) -> None:
    refused = RefusedRequests(Counts(), KeyValueStore(database, float), threads, clock)

    async def checked() -> dict[str, Check]:
        await refused.keep()
        return {check.name: check for check in doctor.check_doors(database, SETTINGS, clock)}

    nothing = await checked()
    assert {check.skipped for check in nothing.values()} == {True}

    refused.note("slack", Cause.UNSIGNED)
    check = (await checked())["Slack requests"]
    assert (check.ok, check.fix) == (False, LIKELY["slack", Cause.UNSIGNED])

    for cause in (Cause.WRONG_SIGNATURE, Cause.STALE_TIMESTAMP):
        clock.move(KEEP_SECONDS)
        refused.note("slack", cause)
        check = (await checked())["Slack requests"]
        assert (check.ok, check.fix) == (False, LIKELY["slack", cause])

    clock.move(KEEP_SECONDS)
    refused.verified("slack")
    found = await checked()
    assert found["Slack requests"].ok
    assert "the last valid one" in found["Slack requests"].detail
    assert found["Plain webhooks"].skipped

    refused.note("plain", Cause.WRONG_SIGNATURE)
    refused.note("slack", Cause.EVENTS_WITHHELD)
    found = await checked()
    assert found["Plain webhooks"].fix == LIKELY["plain", Cause.WRONG_SIGNATURE]
    assert "withheld events" in found["Slack requests"].detail
    clock.move(doctor.LATELY_SECONDS)
    assert (await checked())["Slack requests"].ok


async def test_doctor_says_of_socket_mode_only_what_went_wrong(
    database: Database, threads: Executor, clock: Clock
) -> None:
    settings = Settings(slack_app_token=SecretStr("xapp-test"))
    refused = RefusedRequests(Counts(), KeyValueStore(database, float), threads, clock)
    assert list(doctor.check_doors(database, settings, clock)) == []
    refused.note("slack", Cause.EVENTS_WITHHELD)
    await refused.keep()
    (check,) = doctor.check_doors(database, settings, clock)
    assert "app_rate_limited" in check.detail


async def test_what_the_database_did_not_take_is_kept_the_next_time(
    database: Database, threads: Executor, clock: Clock
) -> None:
    kept = KeyValueStore(database, float)
    away = True

    class Sometimes(KeyValueStore[float]):
        def keep(self, name: str, value: float) -> None:
            if away:
                raise TryLater("database_busy")
            super().keep(name, value)

    refused = RefusedRequests(Counts(), Sometimes(database, float), threads, clock)
    refused.verified("slack")
    with pytest.raises(TryLater):
        await refused.keep()
    away = False
    await refused.keep()
    assert kept.recall("door.slack.verified") == clock()
