"""What `/metrics` shows."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bot.metrics import Metrics
from bot.store.claims import Claim
from bot.store.jobs import Job, Kind
from tests.nouns import escalation


def shown(metrics: Metrics) -> dict[str, float]:
    """Every sample by its name and labels, as a scraper reads it."""
    text = generate_latest(metrics.registry).decode()
    return {
        " ".join([sample.name, *sorted(sample.labels.values())]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def claim() -> Claim:
    asked = escalation()
    reply_to = replace(asked.trigger.reply_to, asked_at=1000.0)
    asked = replace(asked, trigger=replace(asked.trigger, reply_to=reply_to))
    return Claim(Job(1, Kind.DECIDE, 1, "one:1", now=1000.0, attempt=1), 1, asked)


def test_the_requests_that_are_left_are_shown_as_they_are_when_asked() -> None:
    metrics, left = Metrics(), [math.nan]
    metrics.watch_rate(lambda: left[0])
    assert math.isnan(shown(metrics)["plain_bridge_plain_requests_left"])
    left[0] = 479
    assert shown(metrics)["plain_bridge_plain_requests_left"] == 479.0


def test_an_attempt_that_another_follows_settles_nothing(claim: Claim) -> None:
    metrics = Metrics(clock=lambda: 1003.0)
    metrics.delivered(claim, "retried")
    metrics.delivered(claim, "postponed")
    assert not [name for name in shown(metrics) if "escalations_total" in name]
    metrics.delivered(claim, "created")
    seen = shown(metrics)
    assert seen["plain_bridge_escalations_total created reaction"] == 1.0
    assert sum(n for name, n in seen.items() if "delivery_attempts_total" in name) == 3.0


def test_a_delivery_is_measured_from_the_asking(claim: Claim) -> None:
    metrics = Metrics(clock=lambda: 1003.0)
    metrics.delivered(claim, "created")
    seen = shown(metrics)
    assert seen["plain_bridge_delivery_seconds_sum reaction"] == 3.0
    assert seen["plain_bridge_delivery_seconds_bucket 2.0 reaction"] == 0.0
    assert seen["plain_bridge_delivery_seconds_bucket 5.0 reaction"] == 1.0


def test_a_clock_that_was_set_back_gives_no_negative_time(claim: Claim) -> None:
    metrics = Metrics(clock=lambda: 900.0)
    metrics.delivered(claim, "created")
    assert shown(metrics)["plain_bridge_delivery_seconds_sum reaction"] == 0.0


def test_requests_are_told_apart_by_what_they_ask_and_how_they_end() -> None:
    metrics = Metrics()
    metrics.asked_plain("createThread", "ok", 0.3)
    metrics.asked_slack("users.info", "limited", 0.1)
    seen = shown(metrics)
    assert seen["plain_bridge_plain_request_seconds_count createThread ok"] == 1.0
    assert seen["plain_bridge_slack_request_seconds_count limited users.info"] == 1.0


def test_the_backlog_and_the_link() -> None:
    metrics = Metrics()
    assert "plain_bridge_socket_mode_connected" not in shown(metrics)
    tell = metrics.watch_link()
    tell(True)
    metrics.waiting(12, 61.5, 1, 2)
    seen = shown(metrics)
    assert seen["plain_bridge_socket_mode_connected"] == 1.0
    assert seen["plain_bridge_backlog"] == 12.0
    assert seen["plain_bridge_backlog_oldest_age_seconds"] == 61.5
    assert seen["plain_bridge_parked"] == 1.0
    assert seen["plain_bridge_people_to_link"] == 2.0


def test_duplicates_are_counted_from_zero_so_that_the_first_one_is_an_increase() -> None:
    metrics = Metrics()
    assert shown(metrics)["plain_bridge_duplicate_threads_total"] == 0.0
    metrics.found_duplicates(2)
    assert shown(metrics)["plain_bridge_duplicate_threads_total"] == 2.0


def test_names_and_units_are_as_prometheus_asks(claim: Claim) -> None:
    metrics = Metrics()
    metrics.watch_link()
    metrics.watch_rate(lambda: 1.0)
    metrics.delivered(claim, "created")
    for family in metrics.registry.collect():
        assert family.name.startswith("plain_bridge")
        assert family.documentation.endswith(".")
        if family.type == "histogram":
            assert family.name.endswith("_seconds")
