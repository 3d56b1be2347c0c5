"""What `/metrics` shows."""

from __future__ import annotations

from prometheus_client import generate_latest

from bot.metrics import Metrics


def test_the_requests_that_are_left_are_shown_as_they_are_when_asked() -> None:
    metrics, left = Metrics(), [float("nan")]
    metrics.watch_rate(lambda: left[0])
    assert b"plain_bridge_plain_requests_left NaN" in generate_latest(metrics.registry)
    left[0] = 479
    assert b"plain_bridge_plain_requests_left 479.0" in generate_latest(metrics.registry)
