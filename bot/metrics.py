"""What the bridge counts, for `/metrics`."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from bot.flows.ports import Claim


class Metrics:
    """The counters of one bridge, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._escalations = Counter(
            "plain_bridge_escalations",
            "Deliveries by door and what came of them.",
            ["via", "outcome"],
            registry=self.registry,
        )
        self._plain_seconds = Histogram(
            "plain_bridge_plain_request_seconds",
            "Requests to Plain by operation and how they ended.",
            ["operation", "status"],
            registry=self.registry,
        )

    def delivered(self, claim: Claim, outcome: str) -> None:
        """One attempt ended."""
        self._escalations.labels(claim.escalation.trigger.via.value, outcome).inc()

    def asked_plain(self, operation: str, status: str, seconds: float) -> None:
        """One request to Plain ended."""
        self._plain_seconds.labels(operation, status).observe(seconds)

    def watch_rate(self, left: Callable[[], float]) -> None:
        """Show how many requests to Plain may still go out, as `left` tells when it is asked."""
        Gauge(
            "plain_bridge_plain_requests_left",
            "Requests to Plain that the bridge's share has left in the rate limit's window; "
            "NaN while no window is known.",
            registry=self.registry,
        ).set_function(left)
