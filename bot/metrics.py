"""Define the bridge's metrics, for `/metrics`.

Names and units as Prometheus asks: https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from bot.refused_requests import LIKELY, Cause
from bot.store.claims import Claim

NOT_FINAL = frozenset({"retried", "postponed"})
"""Outcomes of an attempt that another attempt follows."""

DELIVERY_SECONDS = (0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200, 43_200)
"""From a second to an outage of half a day."""

DOORS = {
    door: [cause.value for of, cause in LIKELY if of == door and cause != Cause.EVENTS_WITHHELD]
    for door in ("slack", "plain")
}
"""Causes for which each endpoint refuses a request."""

REQUEST_SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """Metrics of one bridge, in a registry of their own. `clock` returns Unix seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.registry = CollectorRegistry()
        self._escalations = Counter(
            "plain_bridge_escalations",
            "Settled escalations by entry point and outcome.",
            ["via", "outcome"],
            registry=self.registry,
        )
        self._attempts = Counter(
            "plain_bridge_delivery_attempts",
            "Delivery attempts by entry point and outcome.",
            ["via", "outcome"],
            registry=self.registry,
        )
        self._delivery_seconds = Histogram(
            "plain_bridge_delivery_seconds",
            "Time from a request to its outcome.",
            ["via"],
            buckets=DELIVERY_SECONDS,
            registry=self.registry,
        )
        self._plain_seconds = Histogram(
            "plain_bridge_plain_request_seconds",
            "Requests to Plain by operation and status.",
            ["operation", "status"],
            buckets=REQUEST_SECONDS,
            registry=self.registry,
        )
        self._files = Counter(
            "plain_bridge_files",
            "Files of quoted messages by outcome: attached, or why not.",
            ["outcome"],
            registry=self.registry,
        )
        self._slack_seconds = Histogram(
            "plain_bridge_slack_request_seconds",
            "Requests to Slack's Web API by method and status.",
            ["method", "status"],
            buckets=REQUEST_SECONDS,
            registry=self.registry,
        )
        self._verified = Counter(
            "plain_bridge_requests_verified",
            "Requests with a valid signature, by endpoint: Slack's or Plain's.",
            ["door"],
            registry=self.registry,
        )
        self._refused = Counter(
            "plain_bridge_requests_refused",
            "Refused requests by endpoint and cause: unsigned, wrong_signature (the "
            "secret), stale_timestamp (the clock).",
            ["door", "cause"],
            registry=self.registry,
        )
        self._withheld = Counter(
            "plain_bridge_events_withheld",
            "Minutes for which Slack withheld events (app_rate_limited).",
            registry=self.registry,
        )
        for door, causes in DOORS.items():  # from 0 on, so that the first one is an increase
            self._verified.labels(door)
            for cause in causes:
                self._refused.labels(door, cause)
        self._foreign = Counter(
            "plain_bridge_foreign_requests",
            "Signed requests from Slack for another workspace or app; nothing of them is recorded.",
            ["belongs_to"],
            registry=self.registry,
        )
        self._backlog = Gauge(
            "plain_bridge_backlog",
            "Unsettled escalations in the whole database; NaN while it cannot be read.",
            registry=self.registry,
        )
        self._oldest = Gauge(
            "plain_bridge_backlog_oldest_age_seconds",
            "Age of the oldest unsettled escalation; 0 if there is none.",
            registry=self.registry,
        )
        self._parked = Gauge(
            "plain_bridge_parked",
            "Escalations given up after hours, for a person to look at.",
            registry=self.registry,
        )
        self._people = Gauge(
            "plain_bridge_people_to_link",
            "People whose requests are on hold until somebody links them to a customer.",
            registry=self.registry,
        )
        self._duplicates = Counter(
            "plain_bridge_duplicate_threads",
            "Duplicate threads found in Plain.",
            registry=self.registry,
        )
        Info("plain_bridge", "The release.", registry=self.registry).info(
            {"version": version("plain-bridge")}
        )

    def delivered(self, claim: Claim, outcome: str) -> None:
        """Count an attempt that ended, and its escalation if it is settled."""
        trigger = claim.escalation.trigger
        self._attempts.labels(trigger.via.value, outcome).inc()
        if outcome in NOT_FINAL:
            return
        self._escalations.labels(trigger.via.value, outcome).inc()
        taken = self._clock() - trigger.reply_to.asked_at
        self._delivery_seconds.labels(trigger.via.value).observe(max(0.0, taken))

    def file(self, outcome: str) -> None:
        """Count a file of a quoted message by its outcome."""
        self._files.labels(outcome).inc()

    def asked_plain(self, operation: str, status: str, seconds: float) -> None:
        """Count and time a request to Plain."""
        self._plain_seconds.labels(operation, status).observe(seconds)

    def asked_slack(self, method: str, status: str, seconds: float) -> None:
        """Count and time a request to Slack's Web API."""
        self._slack_seconds.labels(method, status).observe(seconds)

    def found_duplicates(self, count: int) -> None:
        """Count threads that were found besides the one that a request already had."""
        self._duplicates.inc(count)

    def verified(self, door: str) -> None:
        """Count a request with a valid signature."""
        self._verified.labels(door).inc()

    def refused(self, door: str, cause: str) -> None:
        """Count a request that was refused, or a minute of events that Slack withheld."""
        if cause == Cause.EVENTS_WITHHELD:
            self._withheld.inc()
        else:
            self._refused.labels(door, cause).inc()

    def foreign(self, belongs_to: str) -> None:
        """Count a request that belongs to "another_app" or "another_workspace"."""
        self._foreign.labels(belongs_to).inc()

    def waiting(self, count: float, oldest: float, parked: float, people: float) -> None:
        """Set the gauges: unsettled requests, the age of the oldest in seconds, parked requests,
        and people who have to be linked."""
        self._backlog.set(count)
        self._oldest.set(oldest)
        self._parked.set(parked)
        self._people.set(people)

    def watch_rate(self, left: Callable[[], float]) -> None:
        """Expose how many requests to Plain may still go out, read from `left` at each scrape."""
        Gauge(
            "plain_bridge_plain_requests_left",
            "Requests to Plain left of the bridge's share in the rate limit's window; NaN while "
            "no window is known.",
            registry=self.registry,
        ).set_function(left)

    def watch_link(self) -> Callable[[bool], None]:
        """Expose whether the Socket Mode connection is up, and return its setter."""
        gauge = Gauge(
            "plain_bridge_socket_mode_connected",
            "1 if Slack was heard lately over Socket Mode, else 0.",
            registry=self.registry,
        )
        return lambda is_up: gauge.set(float(is_up))
