"""Read the bridge's ledger from outside, in words, with what Slack and Plain saw of a request."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bot.sandbox.plain import Request
from bot.sandbox.slack import Sent

_ROWS = """
SELECT id, key, generation, via, state, attempts, cause, due, thread_ref, reason, reason_data
FROM escalation ORDER BY id DESC LIMIT 8
"""
_COUNTS = """
SELECT state, reason, instr(coalesce(reason_data, ''), '"requester"') > 0, count(*)
FROM escalation GROUP BY 1, 2, 3
"""
_ALWAYS_COUNTED = ("waiting", "created", "on hold")
_COUNTED = (*_ALWAYS_COUNTED, "added", "refused", "undone", "ignored", "parked")


@dataclass(frozen=True)
class LedgerRow:
    """One escalation; `due_in` in seconds, None if nothing is left to do."""

    id: int
    key: str
    generation: int
    via: str
    state: str
    attempts: int
    cause: str | None
    due_in: float | None
    ticket: str | None
    reason: str | None
    data: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown_state(self) -> str:
        """Return the state in the words of `plain-bridge ledger list`."""
        return _shown_state(self.state, self.reason, "requester" in self.data)

    @property
    def waits(self) -> bool:
        return self.state == "waiting"

    @property
    def external_id(self) -> str:
        """Return the `externalId` of the row's thread in Plain."""
        return self.key if self.generation == 1 else f"{self.key}:{self.generation}"


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
    id_, key, generation, via, state, attempts, cause, due, ticket, reason, data = found
    return LedgerRow(
        id=int(str(id_)),
        key=str(key),
        generation=int(str(generation)),
        via=str(via),
        state=str(state),
        attempts=int(str(attempts)),
        cause=None if cause is None else str(cause),
        due_in=None if due is None else max(0.0, float(str(due)) - now),
        ticket=None if ticket is None else str(ticket),
        reason=None if reason is None else str(reason),
        data={} if data is None else json.loads(str(data)),
    )


def _shown_state(state: str, reason: str | None, about_a_person: bool) -> str:
    """Return the state in words: a request that waits for a person's link is on hold."""
    linking = reason == "no_customer" or (reason == "broken_link" and about_a_person)
    if state == "refused" and linking:
        return "on hold"
    return "ignored" if state == "unwanted" else state


def _counted(found: Iterable[tuple[str, str | None, int, int]]) -> dict[str, int]:
    """Return the counts by state; rare states only if there are any."""
    counts: dict[str, int] = Counter()
    for state, reason, about_a_person, count in found:
        counts[_shown_state(state, reason, bool(about_a_person))] += count
    known = {name: counts.pop(name, 0) for name in _COUNTED}
    return {
        name: count
        for name, count in {**known, **counts}.items()
        if count or name in _ALWAYS_COUNTED
    }


_REASONS = {
    "no_customer": "the requester's Plain customer isn't known",
    "broken_link": "the customer doesn't exist in Plain",
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
    "gave_up": "it kept failing for hours; request it again",
    "no_rule": "no rule matched the reaction in this channel",
    "asked_by_a_bot": "a bot reacted, and bots can't create tickets",
}
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
    (r"conversation_held|worker_waits|answer_waits", "it waited for another request"),
    (r"timeout|not_in_time|stood_still|took_too_long", "it took too long"),
    (r"lease_lost", "the process working on it stopped"),
    (r"customer_gone", "the customer no longer exists in Plain"),
)
"""The causes that the sandbox's Slack and Plain can produce; the first match counts."""


def reason(code: str, data: Mapping[str, str]) -> str:
    """Return why there is no ticket; `data` is the reason's."""
    words = _REASONS.get(code, code.replace("_", " "))
    return words.format(standing=_STANDINGS.get(data.get("standing", ""), "this person"))


def cause(code: str) -> str:
    """Return why the last attempt was postponed."""
    found = (words for form, words in _CAUSES if re.fullmatch(form, code))
    return next(found, code.replace("_", " "))


_FAILED = {"late": "no answer", "hang": "no answer", "drop": "connection lost", "html": "no answer"}


def slack_trail(row: LedgerRow, sent: Iterable[Sent]) -> str:
    """Return how often Slack delivered the row's event, if more than once."""
    came = Counter(one.event_id for one in sent if one.ok and row.key.endswith(_message(one)))
    most = max(came.values(), default=0)
    return f"received {most}×, one row" if most > 1 else ""


def plain_trail(row: LedgerRow, requests: Iterable[Request]) -> str:
    """Return what was sent to Plain for the row's thread and what the result was.

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
        if _external_id(one) != row.external_id:
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


def _message(sent: Sent) -> str:
    """Return how the key of a row about the event's message ends."""
    item = sent.event.get("item") or {}
    return f":{item.get('channel')}:{item.get('ts')}"
