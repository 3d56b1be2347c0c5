"""What Slack and Plain saw of one request: how often it came, and how its thread was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from bot.sandbox.page.ledger import Row
from bot.sandbox.plain import Request
from bot.sandbox.slack import Sent

_FAILED = {"late": "no answer", "hang": "no answer", "drop": "connection lost", "html": "no answer"}


def of_slack(row: Row, sent: Iterable[Sent]) -> str:
    """Return how often Slack delivered the row's event, where that was more than once."""
    came = Counter(one.event_id for one in sent if one.ok and row.key.endswith(_message(one)))
    most = max(came.values(), default=0)
    return f"came {most}×, one row" if most > 1 else ""


def of_plain(row: Row, requests: Iterable[Request]) -> str:
    """Return what was sent to Plain for the row's thread and what came of it.

    Empty where nothing failed and nothing was found: that is how it mostly goes. A look-up before
    the first `createThread`, which a request gets after a restart, is left out.
    """
    steps = list(_steps(row, requests))
    while steps[:2] == ["looked up", "not there"]:
        del steps[:2]
    return " · ".join(steps) if steps not in ([], ["created"]) else ""


def _steps(row: Row, requests: Iterable[Request]) -> Iterator[str]:
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
            yield f"found {row.ticket or 'it'}" if there else "not there"


def _external_id(request: Request) -> object:
    given = request.variables.get("input") or request.variables
    return given.get("externalId") if isinstance(given, dict) else None


def _message(sent: Sent) -> str:
    """Return what the key of a row ends with that is about the same message as the event."""
    item = sent.event.get("item") or {}
    return f":{item.get('channel')}:{item.get('ts')}"
