"""Read the bridge's ledger from outside, in words, with what Slack and Plain saw of a request."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bot.sandbox.plain import Request
from bot.sandbox.slack import Sent

_STATE = """
CASE
WHEN request.state IN ('created', 'added', 'joined') AND ticket.state IN ('undone', 'gone')
THEN ticket.state
WHEN request.state = 'withdrawn' THEN 'undone'
WHEN request.state = 'on_hold' THEN 'on hold'
ELSE request.state END
"""
"""The state in the words of `plain-bridge ledger list`."""

_ROWS = f"""
SELECT request.id, request.slack_id, request.external_id, request.via, {_STATE}, job.attempts,
job.cause, job.due, ticket.thread_ref, request.reason, request.reason_data
FROM request LEFT JOIN ticket ON ticket.id = request.ticket_id
LEFT JOIN job ON job.key = request.id AND job.kind = 'decide'
ORDER BY request.id DESC LIMIT 8
"""  # noqa: S608 — our own columns
_COUNTS = f"""
SELECT {_STATE}, count(*)
FROM request LEFT JOIN ticket ON ticket.id = request.ticket_id GROUP BY 1
"""  # noqa: S608 — our own columns
_ALWAYS_COUNTED = ("waiting", "created", "on hold")
_COUNTED = (
    *_ALWAYS_COUNTED,
    *("added", "joined", "rejected", "undone", "gone", "ignored", "parked"),
)


@dataclass(frozen=True)
class LedgerRow:
    """One request; `due_in` in seconds, None if it is decided, as `attempts` then.

    `slack_id` is Slack's id of it; `external_id` the `externalId` of what was sent to Plain.
    """

    id: int
    slack_id: str
    external_id: str | None
    via: str
    state: str
    attempts: int | None
    cause: str | None
    due_in: float | None
    ticket: str | None
    reason: str | None
    data: Mapping[str, str] = field(default_factory=dict)

    @property
    def waits(self) -> bool:
        return self.state == "waiting"


@dataclass(frozen=True)
class LedgerSnapshot:
    """The newest rows, and how many there are in each state."""

    rows: tuple[LedgerRow, ...] = ()
    counts: Mapping[str, int] = field(default_factory=lambda: _counted(()))


class LedgerFile:
    """The bridge's SQLite file, opened for reading only; empty until the bridge has created it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def version(self) -> int:
        """Return a number that changes whenever another connection has committed.

        https://www.sqlite.org/pragma.html#pragma_data_version
        """
        with suppress(sqlite3.Error):
            if (connection := self._open()) is not None:
                return int(connection.execute("PRAGMA data_version").fetchone()[0])
        return 0

    def read(self) -> LedgerSnapshot:
        with suppress(sqlite3.Error):
            if (connection := self._open()) is not None:
                now = time.time()
                rows = tuple(_row(found, now) for found in connection.execute(_ROWS))
                return LedgerSnapshot(rows, _counted(connection.execute(_COUNTS).fetchall()))
        return LedgerSnapshot()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection | None:
        if self._connection is None and self._path.exists():
            address = f"{self._path.resolve().as_uri()}?mode=ro"
            self._connection = sqlite3.connect(address, uri=True, timeout=0.2, isolation_level=None)
        return self._connection


def _row(found: tuple[object, ...], now: float) -> LedgerRow:
    id_, slack_id, external_id, via, state, attempts, cause, due, ticket, reason, data = found
    return LedgerRow(
        id=int(str(id_)),
        slack_id=str(slack_id),
        external_id=None if external_id is None else str(external_id),
        via=str(via),
        state=str(state),
        attempts=None if attempts is None else int(str(attempts)),
        cause=None if cause is None else str(cause),
        due_in=None if due is None else max(0.0, float(str(due)) - now),
        ticket=None if ticket is None else str(ticket),
        reason=None if reason is None else str(reason),
        data={} if data is None else json.loads(str(data)),
    )


def _counted(found: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return the counts by state; rare states only if there are any."""
    counts = dict(found)
    known = {name: counts.pop(name, 0) for name in _COUNTED}
    return {
        name: count
        for name, count in {**known, **counts}.items()
        if count or name in _ALWAYS_COUNTED
    }


_REASONS = {
    "no_customer": "we don't know which Plain customer {who} is",
    "broken_link": "{who} is linked to {customer}, which isn't a customer in Plain",
    "not_allowed": "{standing} can't create tickets here",
    "requester_not_allowed": "{standing} can only create tickets for themselves or for the author",
    "not_in_channel": "the bridge isn't in the channel",
    "channel_not_found": "the bridge can't see the channel",
    "message_not_found": "the message was deleted",
    "missing_scope": "the bridge's Slack app lacks a permission",
    "slack_refused": "Slack rejected the bridge's request",
    "unknown_label": "a rule names a label that doesn't exist in Plain",
    "ambiguous_label": "a rule names a label that exists more than once in Plain",
    "unknown_assignee": "a rule names an assignee who isn't a user in Plain",
    "plain_forbidden": "the bridge's API key lacks a permission in Plain",
    "plain_key": "Plain doesn't accept the bridge's API key",
    "plain_refused": "Plain rejected it",
    "customer_is_spam": "the customer is marked as spam in Plain",
    "empty": "the message has no text or files",
    "not_linked": "nobody linked the requester in time",
    "person_erased": "a person it was about was erased from the bridge",
    "gave_up": "it kept failing for hours; request it again",
    "no_rule": "no rule matched the reaction in this channel",
    "asked_by_a_bot": "a bot reacted, and bots can't create tickets",
    "form_submitted_again": "its form was reopened and submitted again",
    "forgotten": "its submitter was erased from the bridge",
}
_UNCONFIRMED = (
    "Slack doesn't list {who}'s e-mail address as confirmed, so we can't tell which Plain customer "
    "they are"
)
_IN_THE_SETTINGS = "the customer doesn't exist in Plain"
_STANDINGS = {
    "member": "members of this workspace",
    "guest": "guests",
    "external": "people from other companies",
    "bot": "bots",
    "deactivated": "deactivated accounts",
}
_CAUSES = (
    (r"plain_(rate_limited|paced)", "Plain's rate limit was reached"),
    (r"plain_(unreachable|closed)", "Plain couldn't be reached"),
    (r"plain_timeout", "Plain didn't respond in time"),
    (r"plain_dropped", "the connection to Plain was lost"),
    (r"plain_not_json", "the response didn't come from Plain"),
    (r"plain_.+", "Plain returned an error"),
    (r"slack_(unreachable|not_reached)", "Slack couldn't be reached"),
    (r"slack_timeout", "Slack didn't respond in time"),
    (r"slack_disconnected", "the connection to Slack was lost"),
    (r"slack_.+", "Slack returned an error"),
    (r"upload_.+|files_.+", "a file couldn't be copied to Plain"),
    (r"database.*|ledger_unwritable", "the bridge's database was busy or unavailable"),
    (r"settling", "the bridge was making sure that Plain didn't have it already"),
    (
        r"conversation_held|ticket_changed|being_undone|request_is_being_delivered|worker_waits|answer_waits",
        "it waited for another request",
    ),
    (r"timeout|not_in_time|stood_still|took_too_long", "it took too long"),
    (r"lease_lost", "the process working on it stopped"),
    (r"customer_gone", "the customer no longer exists in Plain"),
)
"""The causes that the sandbox's Slack and Plain can produce; the first match counts."""


def reason(code: str, data: Mapping[str, str]) -> str:
    """Return why there is no ticket; `data` is the reason's."""
    words = _REASONS.get(code, code.replace("_", " "))
    if code == "broken_link" and "requester" not in data:
        words = _IN_THE_SETTINGS
    if code == "no_customer" and data.get("address") == "unconfirmed":
        words = _UNCONFIRMED
    return words.format(
        standing=_STANDINGS.get(data.get("standing", ""), "this person"),
        who=data.get("name") or data.get("requester") or "this person",
        customer=data.get("customer") or "a customer",
    )


def cause(code: str) -> str:
    """Return why the last attempt was postponed."""
    found = (words for form, words in _CAUSES if re.fullmatch(form, code))
    return next(found, code.replace("_", " "))


_FAILED = {"late": "no answer", "hang": "no answer", "drop": "connection lost", "html": "no answer"}


def slack_trail(row: LedgerRow, sent: Iterable[Sent]) -> str:
    """Return how often Slack delivered the request's event, if more than once."""
    came = sum(one.ok and one.event_id == row.slack_id for one in sent)
    return f"received {came}×, one request" if came > 1 else ""


def plain_trail(row: LedgerRow, requests: Iterable[Request]) -> str:
    """Return what was sent to Plain for the request's thread and what the result was.

    Empty if nothing failed and nothing was found, which is the usual case. A look-up before the
    first `createThread`, which a request gets after a restart, is left out.
    """
    steps = list(_steps(row, requests))
    while steps[:2] == ["looked up", "not found"]:
        del steps[:2]
    return " · ".join(steps) if steps not in ([], ["created"]) else ""


def _steps(row: LedgerRow, requests: Iterable[Request]) -> Iterator[str]:
    there = False
    for one in requests:
        if row.external_id is None or _external_id(one) != row.external_id:
            continue
        outcome, _, committed = one.outcome.partition(", ")
        if one.operation == "createThread":
            there = there or outcome == "ok" or bool(committed)
            answered = outcome == "ok" or (outcome == "late" and there)
            yield "created" if answered else _FAILED.get(outcome, outcome)
        elif one.operation == "threadByExternalId" and outcome == "ok":
            yield "looked up"
            yield f"found {row.ticket or 'it'}" if there else "not found"


def _external_id(request: Request) -> object:
    given = request.variables.get("input") or request.variables
    return given.get("externalId") if isinstance(given, dict) else None
