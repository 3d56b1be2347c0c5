"""The permits that replicas share: never more than the share, however many ask at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from bot.store.database import Database
from bot.store.rate_limit import SharedRateLimit
from bot.store.schema import rate as table
from tests.conftest import Clock

WINDOW = (1_700_000_060.0, 600)


@pytest.fixture
def rates(database: Database) -> SharedRateLimit:
    return SharedRateLimit(database, "a key's digest")


def test_what_one_replica_takes_another_cannot(rates: SharedRateLimit, clock: Clock) -> None:
    first = rates.lease(0.8, WINDOW, 470, clock())
    second = rates.lease(0.8, None, 470, clock())  # it learns the window here
    assert (first.permits, first.spare) == (470, 10)
    assert (second.permits, second.spare, second.reset, second.limit) == (10, 0, *WINDOW)
    assert rates.lease(0.8, WINDOW, 1, clock()).permits == 0


def test_what_is_given_back_is_there_again(rates: SharedRateLimit, clock: Clock) -> None:
    rates.lease(0.8, WINDOW, 480, clock())
    assert rates.lease(0.8, WINDOW, -20, clock()).spare == 20
    assert rates.lease(0.8, WINDOW, 30, clock()).permits == 20


def test_a_window_that_is_over_is_known_to_nobody(rates: SharedRateLimit, clock: Clock) -> None:
    assert rates.lease(0.8, None, 5, clock()).reset is None
    rates.lease(0.8, WINDOW, 480, clock())
    clock.move(61)
    assert rates.lease(0.8, None, 5, clock()).reset is None
    following = (WINDOW[0] + 60.2, 600)
    assert rates.lease(0.8, following, 5, clock()).permits == 5


def test_all_learn_until_when_plain_wants_to_hear_nothing(
    rates: SharedRateLimit, clock: Clock
) -> None:
    rates.shut(clock() + 30)
    rates.shut(clock() + 20)
    assert rates.lease(0.8, None, 5, clock()).shut_until == clock() + 30
    assert rates.lease(0.8, WINDOW, 5, clock()).shut_until == clock() + 30


def test_two_keys_have_a_limit_each(
    database: Database, rates: SharedRateLimit, clock: Clock
) -> None:
    rates.lease(0.8, WINDOW, 480, clock())
    assert SharedRateLimit(database, "another's").lease(0.8, WINDOW, 480, clock()).permits == 480


def test_however_many_ask_at_once_no_more_is_given_than_the_share(
    database: Database, rates: SharedRateLimit, clock: Clock
) -> None:
    def take(wanted: int) -> int:
        return rates.lease(0.8, WINDOW, wanted, clock()).permits

    with ThreadPoolExecutor(6) as threads:
        given = list(threads.map(take, [7] * 100))
    assert sum(given) == 480
    with database.reading() as connection:
        assert connection.execute(select(table.c.granted)).scalars().all() == [480]
