"""The ledger as people read it: listed, shown, exported, and a row given another try."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Row, Select, or_, select, update

from bot.store import rows
from bot.store.claims import reference
from bot.store.database import Database
from bot.store.schema import escalation as table
from bot.store.waiting import waits_for_a_link

ON_HOLD = "on-hold"
"""Of the refused rows those that resume once somebody links their requester to a customer."""

STATES = ("waiting", "created", "added", ON_HOLD, "refused", "parked", "unwanted", "undone")
"""By which rows can be listed; those on hold are listed among the refused ones too."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One escalation without its texts and addresses. Times are Unix seconds."""

    reference: str
    key: str
    generation: int
    state: str
    answer: str
    via: str
    team: str
    channel: str | None
    submitter: str
    requester: str | None
    attempts: int
    cause: str | None
    customer: str | None
    evidence: str | None
    thread_id: str | None
    thread_ref: str | None
    thread_url: str | None
    reason: str | None
    reason_data: dict[str, str] | None
    created_at: float
    due: float | None
    settled_at: float | None
    verify_at: float | None = None
    """When its thread is looked for once more, because its create was in doubt."""
    doubles: list[str] | None = None
    """Refs of further threads with this row's external id, found by a later look-up."""
    undone_at: float | None = None
    undone_by: str | None = None
    """The Slack user who undid it."""

    def as_dict(self) -> dict[str, object]:
        # Scripts that read exports know the submitter as `asker`.
        return {
            "asker" if name == "submitter" else name: value for name, value in asdict(self).items()
        }


class History:
    """Reads the table of escalations for people. Methods block; each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(
        self,
        limit: int,
        state: str | None = None,
        *,
        age: float | None = None,
        user: str | None = None,
        channel: str | None = None,
    ) -> list[Entry]:
        """The newest `limit` rows: of one state, asked for in the last `age` seconds, by or for
        this user, in this channel (an id)."""
        statement = select(table).order_by(table.c.id.desc()).limit(limit)
        if state is not None:
            is_in_state = waits_for_a_link() if state == ON_HOLD else table.c.state == state
            statement = statement.where(is_in_state)
        if age is not None:
            statement = statement.where(table.c.asked_at >= self._database.now() - age)
        if user is not None:
            statement = statement.where(or_(table.c.asker == user, table.c.requester == user))
        if channel is not None:
            statement = statement.where(table.c.channel == channel)
        return self._entries(statement)

    def find(self, name: str) -> list[Entry]:
        """The rows that `name` names: "PB-7", a key (all its generations), or a ref "T-123"."""
        return self._entries(select(table).where(_named(name)).order_by(table.c.id))

    def export(self) -> Iterator[Entry]:
        """Every row, oldest first, read in portions."""
        last = 0
        while portion := self._entries(
            select(table).where(table.c.id > last).order_by(table.c.id).limit(1000)
        ):
            yield from portion
            last = int(portion[-1].reference.removeprefix("PB-"))

    def retry(self, name: str) -> list[Entry]:
        """Open the refused and parked rows that `name` names; returns those that it opened."""
        with self._database.writing(wake=True) as connection:
            opened = connection.execute(
                update(table)
                .where(_named(name), table.c.state.in_(("refused", "parked")))
                .values(rows.reopened(self._database.now()))
                .returning(*table.c)
            ).all()
        return [_entry(row) for row in opened]

    def _entries(self, statement: Select[Any]) -> list[Entry]:
        with self._database.reading() as connection:
            return [_entry(row) for row in connection.execute(statement)]


def _named(name: str) -> Any:
    digits = name.upper().removeprefix("PB-")
    if digits.isdecimal() and len(digits) < 19:  # no row's id is longer
        return table.c.id == int(digits)
    return or_(table.c.key == name, table.c.thread_ref == name.upper())


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        reference=reference(row.id),
        key=row.key,
        generation=row.generation,
        state=row.state,
        answer=row.answer,
        via=row.via,
        team=row.team,
        channel=row.channel,
        submitter=row.asker,
        requester=row.requester,
        attempts=row.attempts,
        cause=row.cause,
        customer=row.customer,
        evidence=row.evidence,
        thread_id=row.thread_id,
        thread_ref=row.thread_ref,
        thread_url=row.thread_url,
        reason=row.reason,
        reason_data=rows.DATA.value(row.reason_data),
        created_at=row.created_at,
        due=row.due,
        settled_at=row.settled_at,
        verify_at=row.verify_at,
        doubles=rows.REFS.value(row.doubles),
        undone_at=row.undone_at if row.state == "undone" else None,
        undone_by=row.undone_by if row.state == "undone" else None,
    )
