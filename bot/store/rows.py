"""Convert between rows of the escalation table and core's values; JSON columns by codecs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import Row, case, null, select
from sqlalchemy.sql.expression import ColumnElement

from bot.core import refs
from bot.core.attachments import UploadedFiles
from bot.core.faults import Reason
from bot.core.model import (
    Added,
    Created,
    Escalation,
    Form,
    Message,
    Outcome,
    ReplyTo,
    Ticket,
)
from bot.store.rejections import from_data
from bot.store.schema import escalation as table

T = TypeVar("T")

STORED_AS: Mapping[str, str] = {"submitter": "asker"}
"""Fields of core's values that have another name in the database."""


class Codec(Generic[T]):
    """Write values of one type as JSON text, and read them back; None stays None (NULL).

    `stored_as` maps a field's name to the one that stored JSON has for it.
    """

    def __init__(self, of: type[T], stored_as: Mapping[str, str] | None = None) -> None:
        self._of = of
        # Only a key can look like this in compact JSON: a quote inside of a string is escaped.
        self._keys = [(f'"{new}":', f'"{old}":') for new, old in (stored_as or {}).items()]

    @cached_property
    def _adapter(self) -> TypeAdapter[T]:
        """Build the adapter when it is first needed, not when the process starts."""
        return TypeAdapter(self._of)

    def text(self, value: T | None) -> str | None:
        """Return `value` as JSON with all its defaults: `kind` tells one node from another."""
        if value is None:
            return None
        text = self._adapter.dump_json(value).decode()
        for new, old in self._keys:
            text = text.replace(new, old)
        return text

    def value(self, text: str | None) -> T | None:
        """Read what `text` wrote, by this release or an earlier one."""
        if text is None:
            return None
        for new, old in self._keys:
            text = text.replace(old, new)
        return self._adapter.validate_json(text)


MESSAGE = Codec(Message)
DATA = Codec(dict[str, str])
REFS = Codec(list[str])
_ESCALATION = Codec(Escalation, stored_as=STORED_AS)
_FORM = Codec(Form)
REPLY_TO = Codec(ReplyTo)
KEPT = Codec(UploadedFiles)

UNFROZEN: dict[str, object] = {
    "conversation_key": None,
    "customer": None,
    "sent_at": None,
    "thread_id": None,
    "thread_ref": None,
    "thread_url": None,
    "sequels": None,
}
"""The columns of a row that has sent nothing whose outcome is unknown."""


def reopened(now: ColumnElement[float]) -> dict[str, object]:
    """Return the columns of a settled row that is reopened; what it had frozen stays."""
    return {
        "state": "waiting",
        "answer": "none",
        "due": now,
        "lease_until": None,
        "token": None,
        "attempts": 0,
        "answer_attempts": 0,
        "strikes": 0,
        "struck_since": None,
        "failed_at": None,
        "cause": None,
        "reason": None,
        "reason_data": None,
        "asked_at": now,
        "queued_told_at": None,
        "settled_at": None,
    }


def failed(now: ColumnElement[float]) -> dict[str, object]:
    """Return the columns that count a failure.

    A strike is a failure since whose predecessor another row came to a good end: it is this row's
    own fault, not an outage.
    """
    other = table.alias()
    others_do_well = (
        select(other.c.id)
        .where(
            other.c.settled_at > table.c.failed_at,
            other.c.state.in_(("created", "added")),
        )
        .exists()
    )
    return {
        "failed_at": now,
        "strikes": table.c.strikes + case((others_do_well, 1), else_=0),
        "struck_since": case(
            (table.c.struck_since.is_not(None), table.c.struck_since),
            (others_do_well, now),
            else_=null(),
        ),
    }


def request_columns(escalation: Escalation) -> dict[str, object]:
    """Return the columns of what was requested.

    Texts and the answer's address have columns of their own, because they are erased earlier.
    """
    trigger = escalation.trigger
    bare = replace(
        trigger,
        message=None,
        form=None,
        reply_to=ReplyTo(user=trigger.reply_to.user, asked_at=trigger.reply_to.asked_at),
    )
    return {
        "via": trigger.via.value,
        "team": trigger.team,
        "channel": trigger.ref.channel if trigger.ref else trigger.channel,
        "asker": trigger.submitter,
        "requester": trigger.form.requester if trigger.form else None,
        "request": trigger.request,
        "trigger": _ESCALATION.text(replace(escalation, trigger=bare)),
        "message": MESSAGE.text(trigger.message),
        "form": _FORM.text(trigger.form),
        "reply_to": REPLY_TO.text(trigger.reply_to),
    }


def bare_escalation(row: Row[Any]) -> Escalation:
    """Return what was requested without its texts and address, which take long to read."""
    stored = _ESCALATION.value(row.trigger)
    assert stored is not None  # noqa: S101 — the column is NOT NULL
    return stored


def escalation(row: Row[Any]) -> Escalation:
    """Return what was requested."""
    stored = bare_escalation(row)
    trigger = replace(
        stored.trigger,
        message=MESSAGE.value(row.message),
        form=_FORM.value(row.form),
        reply_to=REPLY_TO.value(row.reply_to) or stored.trigger.reply_to,
    )
    return replace(stored, trigger=trigger)


def ticket(row: Row[Any]) -> Ticket | None:
    """Return the Plain thread that the row has, or is being added to."""
    if row.thread_id is None:
        return None
    return Ticket(id=row.thread_id, ref=row.thread_ref, url=row.thread_url)


def slack_thread(row: Row[Any]) -> str | None:
    """Return the `ts` of the root that the row's message replies to.

    None for a root, for what is no message, and where that was not read yet or is erased.
    """
    if row.conversation_key is None:
        message = MESSAGE.value(row.message)
        return message.replies_to if message is not None else None
    root = refs.root_of(row.conversation_key)
    return None if row.conversation_key == row.key else root


def outcome(row: Row[Any]) -> Outcome | None:
    """Return the outcome to tell the submitter; None if there is none."""
    match row.state, ticket(row):
        case "created", Ticket() as found:
            return Created(found)
        case "added", Ticket() as found:
            return Added(found)
        case (("refused" | "parked"), _):
            return from_data(Reason(row.reason), DATA.value(row.reason_data) or {})
    return None
