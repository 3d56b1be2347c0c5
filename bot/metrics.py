"""What the bridge counts, for `/metrics`.

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
"""Outcomes of an attempt that another one follows."""

DELIVERY_SECONDS = (0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200, 43_200)
"""From a second to an outage of half a day."""

DOORS = {
    door: [cause.value for of, cause in LIKELY if of == door and cause != Cause.EVENTS_WITHHELD]
    for door in ("slack", "plain")
}
"""The causes for which each door refuses."""

REQUEST_SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """The counters of one bridge, in a registry of their own. `clock` is in Unix seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.registry = CollectorRegistry()
        self._escalations = Counter(
            "plain_bridge_escalations",
            "Escalations that were settled, by door and what came of them.",
            ["via", "outcome"],
            registry=self.registry,
        )
        self._attempts = Counter(
            "plain_bridge_delivery_attempts",
            "Attempts to deliver, by door and how they ended.",
            ["via", "outcome"],
            registry=self.registry,
        )
        self._delivery_seconds = Histogram(
            "plain_bridge_delivery_seconds",
            "From the asking to its outcome.",
            ["via"],
            buckets=DELIVERY_SECONDS,
            registry=self.registry,
        )
        self._plain_seconds = Histogram(
            "plain_bridge_plain_request_seconds",
            "Requests to Plain by operation and how they ended.",
            ["operation", "status"],
            buckets=REQUEST_SECONDS,
            registry=self.registry,
        )
        self._files = Counter(
            "plain_bridge_files",
            "Files of quoted messages by what became of them: attached, or why not.",
            ["outcome"],
            registry=self.registry,
        )
        self._slack_seconds = Histogram(
            "plain_bridge_slack_request_seconds",
            "Requests to Slack's Web API by method and how they ended.",
            ["method", "status"],
            buckets=REQUEST_SECONDS,
            registry=self.registry,
        )
        self._verified = Counter(
            "plain_bridge_requests_verified",
            "Requests with a good signature, by door: Slack's or Plain's.",
            ["door"],
            registry=self.registry,
        )
        self._refused = Counter(
            "plain_bridge_requests_refused",
            "Requests that were refused, by door and cause: unsigned, wrong_signature (the "
            "secret), stale_timestamp (the clock).",
            ["door", "cause"],
            registry=self.registry,
        )
        self._withheld = Counter(
            "plain_bridge_events_withheld",
            "Minutes of which Slack said that it held back events (app_rate_limited).",
            registry=self.registry,
        )
        for door, causes in DOORS.items():  # from 0 on, so that the first one is an increase
            self._verified.labels(door)
            for cause in causes:
                self._refused.labels(door, cause)
        self._foreign = Counter(
            "plain_bridge_foreign_requests",
            "Signed requests of Slack that belong to another workspace or app; nothing is "
            "recorded of them.",
            ["belongs_to"],
            registry=self.registry,
        )
        self._backlog = Gauge(
            "plain_bridge_backlog",
            "Escalations that wait for their outcome, in the whole database; NaN while it "
            "cannot be read.",
            registry=self.registry,
        )
        self._oldest = Gauge(
            "plain_bridge_backlog_oldest_age_seconds",
            "How long the oldest of them has waited; 0 where none waits.",
            registry=self.registry,
        )
        self._parked = Gauge(
            "plain_bridge_parked",
            "Escalations that were given up after hours, for a person to look at.",
            registry=self.registry,
        )
        self._people = Gauge(
            "plain_bridge_people_to_link",
            "People whose requests are on hold until somebody says which customer they are.",
            registry=self.registry,
        )
        self._duplicates = Counter(
            "plain_bridge_duplicate_threads",
            "Threads found in Plain beside the one that a request already had.",
            registry=self.registry,
        )
        Info("plain_bridge", "The release.", registry=self.registry).info(
            {"version": version("plain-bridge")}
        )

    def delivered(self, claim: Claim, outcome: str) -> None:
        """One attempt ended."""
        trigger = claim.escalation.trigger
        self._attempts.labels(trigger.via.value, outcome).inc()
        if outcome in NOT_FINAL:
            return
        self._escalations.labels(trigger.via.value, outcome).inc()
        taken = self._clock() - trigger.reply_to.asked_at
        self._delivery_seconds.labels(trigger.via.value).observe(max(0.0, taken))

    def file(self, outcome: str) -> None:
        """One file of a quoted message has its fate."""
        self._files.labels(outcome).inc()

    def asked_plain(self, operation: str, status: str, seconds: float) -> None:
        """One request to Plain ended."""
        self._plain_seconds.labels(operation, status).observe(seconds)

    def asked_slack(self, method: str, status: str, seconds: float) -> None:
        """One request to Slack's Web API ended."""
        self._slack_seconds.labels(method, status).observe(seconds)

    def found_duplicates(self, count: int) -> None:
        """Count threads that were found beside the one that a request already had."""
        self._duplicates.inc(count)

    def verified(self, door: str) -> None:
        """One request to a door bore a good signature."""
        self._verified.labels(door).inc()

    def refused(self, door: str, cause: str) -> None:
        """One request to a door was refused, or Slack held events back."""
        if cause == Cause.EVENTS_WITHHELD:
            self._withheld.inc()
        else:
            self._refused.labels(door, cause).inc()

    def foreign(self, belongs_to: str) -> None:
        """Count a request that belongs to "another_app" or "another_workspace"."""
        self._foreign.labels(belongs_to).inc()

    def waiting(self, count: float, oldest: float, parked: float, people: float) -> None:
        """What the ledger holds: rows that wait, the oldest one's age in seconds, parked rows,
        and people whom somebody has to link."""
        self._backlog.set(count)
        self._oldest.set(oldest)
        self._parked.set(parked)
        self._people.set(people)

    def watch_rate(self, left: Callable[[], float]) -> None:
        """Show how many requests to Plain may still go out, as `left` tells when it is asked."""
        Gauge(
            "plain_bridge_plain_requests_left",
            "Requests to Plain that the bridge's share has left in the rate limit's window; "
            "NaN while no window is known.",
            registry=self.registry,
        ).set_function(left)

    def watch_link(self) -> Callable[[bool], None]:
        """Show whether the Socket Mode connection is up; returns what to tell it by."""
        gauge = Gauge(
            "plain_bridge_socket_mode_connected",
            "Whether Slack was heard lately over Socket Mode (1) or not (0).",
            registry=self.registry,
        )
        return lambda is_up: gauge.set(float(is_up))
