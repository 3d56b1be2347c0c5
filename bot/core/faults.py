"""The two faults that stop a delivery, and the delay before the next attempt."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

LONGEST_DELAY = 300.0
"""Seconds; an outage never makes the next attempt wait longer than this."""

LEASE_LOST = "lease_lost"
"""The cause of a row whose last attempt ended with its lease: its process died, stood still, or
worked on it for longer than it may."""


class Reason(StrEnum):
    """Why something was refused; `slack/views/rejections` has words for each."""

    NO_CUSTOMER = "no_customer"
    """Nothing says which Plain customer the requester is.
    data: requester, name?, address? ("unconfirmed" where Slack does not call theirs confirmed)"""
    BROKEN_LINK = "broken_link"
    """The link names a customer that Plain does not know. data: requester?, customer"""
    NOT_ALLOWED = "not_allowed"
    """The person who asked may not ask (`[escalation] who`). data: standing, or "deactivated"."""
    REQUESTER_NOT_ALLOWED = "requester_not_allowed"
    """The person who asked may not name this requester. data: standing"""
    NOT_IN_CHANNEL = "not_in_channel"
    """The bot is no member of the channel, so the message cannot be read. data: channel"""
    CHANNEL_NOT_FOUND = "channel_not_found"
    """The bot cannot see the channel. data: channel"""
    MESSAGE_NOT_FOUND = "message_not_found"
    """The message is gone. data: (none)"""
    MISSING_SCOPE = "missing_scope"
    """The Slack token lacks a scope. data: needed"""
    SLACK_REFUSED = "slack_refused"
    """Slack refused for another reason. data: code, method"""
    UNKNOWN_LABEL = "unknown_label"
    """A rule names a label type that Plain does not have. data: label"""
    AMBIGUOUS_LABEL = "ambiguous_label"
    """A rule names a label type that Plain has more than once. data: label"""
    UNKNOWN_ASSIGNEE = "unknown_assignee"
    """A rule names an assignee who is no Plain user. data: assignee"""
    PLAIN_FORBIDDEN = "plain_forbidden"
    """The Plain key lacks a permission. data: message, request_id?"""
    PLAIN_KEY = "plain_key"
    """Plain does not accept the key. data: request_id?"""
    PLAIN_REFUSED = "plain_refused"
    """Plain refused what was sent. data: code, message, fields (in words), request_id?"""
    CUSTOMER_IS_SPAM = "customer_is_spam"
    """The customer is marked as spam in Plain. data: customer"""
    EMPTY = "empty"
    """There is nothing to escalate: neither text nor files. data: (none)"""
    GAVE_UP = "gave_up"
    """Parked: it failed again and again while others succeeded. data: last"""


MENDED_BY_A_LINK = frozenset({Reason.NO_CUSTOMER, Reason.BROKEN_LINK})
"""Reasons that go away once somebody links the requester, if the data names a requester."""


class Fault(Exception):
    """What an edge raises instead of the vendor's exceptions; the worker obeys it."""


class TryLater(Fault):
    """It did not work now and may work later.

    `after`: seconds that the other side asked to wait, if it said so. Such a wait is no failure.
    `unknown`: the request may have been processed all the same, so that a write must be
    looked up before it is repeated.
    `cause`: a short word for the log and the ledger, never a text or a token.
    `request_id`: what the other side calls the request, where it said so.
    """

    def __init__(
        self,
        cause: str,
        *,
        after: float | None = None,
        unknown: bool = False,
        request_id: str | None = None,
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.after = after
        self.unknown = unknown
        self.request_id = request_id

    @property
    def is_failure(self) -> bool:
        """Return False where somebody named the wait: it neither counts nor backs off."""
        return self.after is None


class Postponed(TryLater):
    """Nothing failed: look again in `after` seconds."""

    after: float

    def __init__(self, cause: str, after: float) -> None:
        super().__init__(cause, after=after)


class Refused(Fault):
    """It will not work however often it is tried; somebody has to read why.

    `unsure`: it was a write, and whether it took effect all the same could not be looked up.
    """

    unsure = False

    def __init__(self, reason: Reason, **data: str) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.data: Mapping[str, str] = data


class LeaseLost(Fault):
    """The row belongs to another worker by now: stop, write nothing."""


def should_park(strikes: int, seconds: float) -> bool:
    """Whether a row that failed `strikes` times over `seconds`, while others succeeded, is
    parked: with its reason, for a person to look at."""
    return strikes >= 20 and seconds >= 6 * 3600


def delay(failure: int, after: float | None, chance: float) -> float:
    """Return the seconds until the next attempt; `chance` in [0, 1) is jitter.

    Where somebody named the wait (`after`), the row looks again then, spread by up to a quarter
    of it and at most a second. Else this is its `failure`th failure (1, 2, …): the pause doubles
    from one second up to `LONGEST_DELAY`, half of it jittered.
    """
    if after is not None:
        return after + chance * min(1.0, after / 4)
    backoff = min(LONGEST_DELAY, 2.0 ** min(failure - 1, 20))
    return backoff * (0.5 + 0.5 * chance)
