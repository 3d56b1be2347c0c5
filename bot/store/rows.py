"""Convert between rows and core's values; JSON columns by codecs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import Row

from bot.core import refs
from bot.core.attachments import UploadedFiles
from bot.core.faults import Reason
from bot.core.model import (
    Added,
    Created,
    Escalation,
    Form,
    FormField,
    Joined,
    Message,
    Outcome,
    ReplyTo,
    Ticket,
    Via,
)
from bot.store.rejections import from_data

T = TypeVar("T")

FORMER_NAMES: Mapping[str, str] = {"asker": "submitter"}
"""Names that fields of core's values had in JSON which an earlier release wrote."""


class Codec(Generic[T]):
    """Write values of one type as JSON text, and read them back; None stays None (NULL).

    `former` maps names of fields in older JSON to those of today.
    """

    def __init__(self, of: type[T], former: Mapping[str, str] | None = None) -> None:
        self._of = of
        # Only a key can look like this in compact JSON: a quote inside of a string is escaped.
        self._keys = [(f'"{old}":', f'"{new}":') for old, new in (former or {}).items()]

    @cached_property
    def _adapter(self) -> TypeAdapter[T]:
        """Build the adapter when it is first needed, not when the process starts."""
        return TypeAdapter(self._of)

    def text(self, value: T | None) -> str | None:
        """Return `value` as JSON with all its defaults: `kind` tells one node from another."""
        return None if value is None else self._adapter.dump_json(value).decode()

    def value(self, text: str | None) -> T | None:
        """Read what `text` wrote, by this release or an earlier one."""
        if text is None:
            return None
        for old, new in self._keys:
            text = text.replace(old, new)
        return self._adapter.validate_json(text)


MESSAGE = Codec(Message)
DATA = Codec(dict[str, str])
REFS = Codec(list[str])
_ESCALATION = Codec(Escalation, FORMER_NAMES)
FORM = Codec(Form)
REPLY_TO = Codec(ReplyTo)
KEPT = Codec(UploadedFiles)


def request_columns(escalation: Escalation) -> dict[str, object]:
    """Return the columns of what was requested."""
    trigger = escalation.trigger
    bare = replace(
        trigger,
        message=None,
        form=None,
        reply_to=ReplyTo(user=trigger.reply_to.user, asked_at=trigger.reply_to.asked_at),
    )
    return {
        "team": trigger.team,
        "key": escalation.key,
        "slack_id": trigger.request,
        "act": act_of(escalation),
        "via": trigger.via.value,
        "channel": trigger.ref.channel if trigger.ref else trigger.channel,
        "submitter": trigger.submitter,
        "requester": trigger.form.requester if trigger.form else None,
        "trigger": _ESCALATION.text(replace(escalation, trigger=bare)),
        "message": MESSAGE.text(trigger.message),
        "form": FORM.text(trigger.form),
        "reply_to": REPLY_TO.text(trigger.reply_to),
    }


def act_of(escalation: Escalation) -> str | None:
    """Return the key of the act; None where every act has a Slack id of its own."""
    trigger = escalation.trigger
    if trigger.via is not Via.REACTION or trigger.emoji is None:
        return None
    return refs.reaction_act(escalation.key, trigger.submitter, trigger.emoji)


def order_key(escalation: Escalation) -> str:
    """Return the order key of a request: its Slack thread's, as far as that is known."""
    message = escalation.trigger.message
    if message is None or message.ref is None:
        return escalation.key
    return refs.conversation_key(escalation.trigger.team, message.ref, message.thread_ts)


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
        form=FORM.value(row.form),
        reply_to=REPLY_TO.value(row.reply_to) or stored.trigger.reply_to,
    )
    return replace(stored, trigger=trigger)


def ticket(row: Row[Any]) -> Ticket | None:
    """Return the Plain thread of a ticket's row, or of a request's that was joined with it."""
    if row.thread_id is None:
        return None
    return Ticket(id=row.thread_id, ref=row.thread_ref, url=row.thread_url)


def _beside(data: Mapping[str, str]) -> Ticket | None:
    if "beside" not in data:
        return None
    return Ticket(data["beside"], data["beside_ref"], data["beside_url"])


def outcome(row: Row[Any]) -> Outcome | None:
    """Return the outcome to tell the submitter; None if there is none."""
    data = DATA.value(row.reason_data) or {}
    missing = int(data.get("missing", "0"))
    unused = tuple(FormField(name) for name in data.get("unused", "").split(",") if name)
    match row.state, ticket(row):
        case "created", Ticket() as found:
            return Created(found, missing, _beside(data))
        case "added", Ticket() as found:
            return Added(found, missing, unused)
        case "joined", Ticket() as found:
            return Joined(found, "added_words" in data, unused)
        case (("rejected" | "parked" | "on_hold"), _):
            return from_data(Reason(row.reason), data)
    return None
