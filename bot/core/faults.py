"""The faults: try later, or rejected for a reason; and the delay before the next attempt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

LONGEST_DELAY = 300.0
"""Seconds; an outage never makes the next attempt wait longer than this."""

LEASE_LOST = "lease_lost"
"""The cause of a row whose last attempt ended with its lease: its process died, was
suspended, or exceeded its time."""


class Reason(StrEnum):
    """A reason for rejecting a request; `slack/views/rejections` has words for each."""

    NO_CUSTOMER = "no_customer"
    """Nothing names the Plain customer that the requester is."""
    BROKEN_LINK = "broken_link"
    """The link, a rule or the settings name a customer that Plain does not know."""
    NOT_LINKED = "not_linked"
    """Nobody linked the requester while the request was on hold; its texts are erased."""
    PERSON_ERASED = "person_erased"
    """What was to be sent was by or about a person who was erased (`ledger forget`)."""
    NOT_ALLOWED = "not_allowed"
    """The submitter may not create tickets (`[escalation] who`)."""
    REQUESTER_NOT_ALLOWED = "requester_not_allowed"
    """The submitter may not create tickets for this requester."""
    NOT_IN_CHANNEL = "not_in_channel"
    """The bot is no member of the channel, so the message cannot be read."""
    CHANNEL_NOT_FOUND = "channel_not_found"
    """The bot cannot see the channel."""
    MESSAGE_NOT_FOUND = "message_not_found"
    """The message is gone."""
    MISSING_SCOPE = "missing_scope"
    """The Slack token lacks a scope."""
    SLACK_REFUSED = "slack_refused"
    """Slack returned another error that retrying does not fix."""
    UNKNOWN_LABEL = "unknown_label"
    """A rule names a label type that Plain does not have."""
    AMBIGUOUS_LABEL = "ambiguous_label"
    """A rule names a label type that Plain has more than once."""
    UNKNOWN_ASSIGNEE = "unknown_assignee"
    """A rule names an assignee who is no Plain user."""
    PLAIN_FORBIDDEN = "plain_forbidden"
    """The Plain key lacks a permission."""
    PLAIN_KEY = "plain_key"
    """Plain does not accept the key."""
    PLAIN_REFUSED = "plain_refused"
    """Plain returned another error that retrying does not fix."""
    CUSTOMER_IS_SPAM = "customer_is_spam"
    """The customer is marked as spam in Plain."""
    EMPTY = "empty"
    """The message has neither text nor files."""
    GAVE_UP = "gave_up"
    """Parked: it failed again and again while others succeeded."""


FIXED_BY_A_LINK = frozenset({Reason.NO_CUSTOMER, Reason.BROKEN_LINK})
"""Reasons that go away once somebody links the requester, if the data names a requester."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """An error that Plain reports for one field of an input.

    `field` is the field's name or path, `kind` Plain's type of the error (`NOT_FOUND`, `REQUIRED`).
    https://www.plain.com/docs/graphql/error-handling
    """

    field: str = ""
    message: str = ""
    kind: str = ""

    def __str__(self) -> str:
        """Return `title: must not be empty`; without a message the kind: `title: not found`."""
        kind = self.kind.lower().replace("_", " ")
        return f"{self.field or '?'}: {self.message or kind or '?'}"


@dataclass(frozen=True, slots=True)
class PlainError:
    """An error of Plain's. Its texts are printable and bounded, and can echo our input.

    `request_id` is the gateway's id of the request, which Plain's support asks for.
    """

    code: str | None = None
    message: str = ""
    fields: tuple[FieldError, ...] = ()
    request_id: str | None = None

    @property
    def details(self) -> str:
        """Return the errors of the fields; the message where Plain names none."""
        return "; ".join(map(str, self.fields)) or self.message


@dataclass(frozen=True, slots=True)
class SlackError:
    """An error of Slack's: its code, the Web API method, and the scope that is missing."""

    code: str | None = None
    method: str | None = None
    scope: str | None = None


WITHHELD = ""
"""A requester whom the reader may not know."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A request that was rejected: an outcome that retrying does not change.

    `requester` is the Slack user whose customer is missing or whose link is broken (`WITHHELD` for
    readers who may not know), `requester_name` their name; `address_unconfirmed`: Slack does not
    list their e-mail address as confirmed. `user_kind` is the `UserKind` of the submitter who may
    not, or "deactivated". `channel` is an id; `customer`, `label` and `assignee` are as the link or
    rule names them. `cause` is the last `TryLater.cause` of a request that was given up. `days` is
    for how long a request that nobody linked was on hold.
    `outcome_unknown`: a write was rejected, and whether it took effect all the same could not be
    looked up.
    """

    reason: Reason
    requester: str | None = None
    requester_name: str | None = None
    address_unconfirmed: bool = False
    customer: str | None = None
    user_kind: str | None = None
    channel: str | None = None
    label: str | None = None
    assignee: str | None = None
    cause: str | None = None
    days: int | None = None
    plain_error: PlainError | None = None
    slack_error: SlackError | None = None
    outcome_unknown: bool = False

    @property
    def code(self) -> str | None:
        """Return the error code of Plain's or Slack's; None where neither is named."""
        error = self.plain_error or self.slack_error
        return error.code if error is not None else None

    @property
    def scope(self) -> str | None:
        """Return the scope that the Slack app lacks, if Slack named it."""
        return self.slack_error.scope if self.slack_error is not None else None

    @property
    def plain_says(self) -> str:
        """Return what Plain says is wrong, by field where it names any; empty if nothing."""
        return self.plain_error.details if self.plain_error is not None else ""

    @property
    def is_fixed_by_a_link(self) -> bool:
        """Return True if linking the requester to a customer lets the request go on.

        A customer that a rule or the settings name (no requester then) has to be corrected there.
        """
        return self.reason in FIXED_BY_A_LINK and self.requester is not None


class Fault(Exception):
    """The base class of faults, which the edges raise instead of the vendors' exceptions."""


class TryLater(Fault):
    """A failure now that may succeed later.

    `after`: seconds that the other side asked to wait, if it said so. Such a wait is no failure.
    `outcome_unknown`: the request may have been processed all the same, so that a write must be
    looked up before it is repeated.
    `cause`: a short word for the log and the ledger, never a text or a token.
    `request_id`: what the other side calls the request, where it said so.
    """

    def __init__(
        self,
        cause: str,
        *,
        after: float | None = None,
        outcome_unknown: bool = False,
        request_id: str | None = None,
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.after = after
        self.outcome_unknown = outcome_unknown
        self.request_id = request_id

    @property
    def is_failure(self) -> bool:
        """Return False where somebody named the wait: it neither counts nor backs off."""
        return self.after is None


class Postponed(TryLater):
    """A wait of `after` seconds; nothing failed."""

    after: float

    def __init__(self, cause: str, after: float) -> None:
        super().__init__(cause, after=after)


class Rejected(Fault):
    """A rejection: retrying does not help, and somebody has to read why."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.reason.value)
        self.rejection = rejection

    @property
    def reason(self) -> Reason:
        """Return the rejection's reason."""
        return self.rejection.reason

    @property
    def outcome_unknown(self) -> bool:
        """Return True if it was a write that may have taken effect all the same."""
        return self.rejection.outcome_unknown

    def with_unknown_outcome(self) -> Rejected:
        """Return the same rejection of a write that may have taken effect all the same."""
        return Rejected(replace(self.rejection, outcome_unknown=True))


class LeaseLost(Fault):
    """The row belongs to another worker now: stop, and write nothing."""


class OutOfTurn(LeaseLost):
    """The job was given back: another one of its conversation goes first."""


def should_park(strikes: int, seconds: float) -> bool:
    """Return True if a row is to be parked for a person to look at.

    It failed `strikes` times over `seconds` while others succeeded.
    """
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
