"""Erase texts after some days, addresses after half an hour, and a person on demand.

Keys and results stay, so that nothing is created again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Connection, delete, func, or_, select, update

from bot.core.model import RESPONSE_URL_SECONDS, ReplyTo
from bot.store import rows
from bot.store.customer_links import forget_changes
from bot.store.database import Database
from bot.store.kv import KeyValueStore, forget_home
from bot.store.schema import draft, person
from bot.store.schema import escalation as table

FORGOTTEN = "erased"
"""Replaces the id of a forgotten person."""

_PORTION = 500


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The numbers of rows in which a person was erased."""

    people: int
    escalations: int
    drafts: int


class Retention:
    """Erases data. Methods block; each runs in portions, so that no writer waits long."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reached = KeyValueStore(database, float)

    def erase_texts(self, days: float) -> int:
        """Erase messages and form values of rows settled more than `days` ago; return how many."""
        texts: dict[str, object] = {"message": None, "form": None, "sequels": None}
        return self._erase("texts", days * 86400.0, texts)

    def erase_addresses(self) -> int:
        """Erase the answers' addresses of rows settled half an hour ago, and the `response_url`s
        of older rows that still wait; return how many rows."""
        settled = self._erase("addresses", RESPONSE_URL_SECONDS, {"reply_to": None})
        return settled + self._strip_waiting()

    def forget(self, user: str) -> Forgotten:
        """Erase a person: their customer links with the changes, open forms, and their requests.

        In every row of which they are the submitter or the requester, whose message they wrote or
        whose ticket they undid, the texts, addresses and their id are erased. What still waits is
        settled as unwanted.
        """
        with self._database.writing() as connection:
            people = connection.execute(delete(person).where(person.c.slack_user == user)).rowcount
            forget_changes(connection, user, FORGOTTEN)
            forget_home(connection, user)
            drafts = connection.execute(
                delete(draft).where(draft.c.body.contains(f'"{user}"', autoescape=True))
            ).rowcount
        last, escalations = 0, 0
        while True:
            with self._database.writing() as connection:
                portion = connection.execute(
                    select(table)
                    .where(table.c.id > last, _of_person(user))
                    .order_by(table.c.id)
                    .limit(_PORTION)
                ).all()
                for row in portion:
                    self._forget_in(connection, row.id, user)
                escalations += len(portion)
            if not portion:
                return Forgotten(people, escalations, drafts)
            last = portion[-1].id

    def _forget_in(self, connection: Connection, row_id: int, user: str) -> None:
        row = connection.execute(select(table).where(table.c.id == row_id)).one()
        known = rows.escalation(row)
        submitter = FORGOTTEN if row.asker == user else row.asker
        trigger = replace(
            known.trigger,
            submitter=submitter,
            reply_to=ReplyTo(user=submitter, asked_at=known.trigger.reply_to.asked_at),
            message=None,
            form=None,
        )
        values = rows.request_columns(replace(known, trigger=trigger)) | {
            "requester": FORGOTTEN if row.requester == user else row.requester,
            "reply_to": None,
            "reason_data": None,
            "undone_by": FORGOTTEN if row.undone_by == user else row.undone_by,
            "said_in": None,
            "sequels": None,
        }
        if row.state == "waiting":
            values |= {"state": "unwanted", "reason": "forgotten", "settled_at": self._now()}
        connection.execute(
            update(table)
            .where(table.c.id == row_id)
            .values(values | {"due": None, "token": None, "lease_until": None})
        )

    def _erase(self, what: str, seconds: float, values: dict[str, object]) -> int:
        """Set these columns of rows settled `seconds` ago, from where the last run ended."""
        name = f"retention.{what}"
        reached = self._reached.recall(name) or 0.0
        erased = 0
        while True:
            with self._database.writing() as connection:
                # A row whose answer is still due keeps what that needs; a later run erases it.
                due = select(func.min(table.c.settled_at)).where(table.c.due.is_not(None))
                moments = connection.scalars(
                    select(table.c.settled_at)
                    .where(
                        table.c.settled_at > reached,
                        table.c.settled_at <= self._now() - seconds,
                        table.c.settled_at
                        < func.coalesce(due.scalar_subquery(), self._now() + 1.0),
                    )
                    .order_by(table.c.settled_at)
                    .limit(_PORTION)
                ).all()
                if not moments:
                    break
                erased += connection.execute(
                    update(table)
                    .where(table.c.settled_at > reached, table.c.settled_at <= moments[-1])
                    .values(values)
                ).rowcount
                reached = moments[-1]
        if erased:
            self._reached.keep(name, reached)
        return erased

    def _strip_waiting(self) -> int:
        with self._database.writing() as connection:
            found = connection.execute(
                select(table.c.id, table.c.reply_to).where(
                    table.c.due.is_not(None),
                    table.c.asked_at <= self._now() - RESPONSE_URL_SECONDS,
                    table.c.reply_to.contains('"response_url":"', autoescape=True),
                )
            ).all()
            for row in found:
                address = rows.REPLY_TO.value(row.reply_to)
                if address is not None:
                    bare = rows.REPLY_TO.text(replace(address, response_url=None))
                    connection.execute(
                        update(table).where(table.c.id == row.id).values(reply_to=bare)
                    )
        return len(found)

    def _now(self) -> ColumnElement[float]:
        return self._database.now()


def _of_person(user: str) -> ColumnElement[bool]:
    wrote = func.coalesce(table.c.message, "").contains(f'"author":"{user}"', autoescape=True)
    return or_(table.c.asker == user, table.c.requester == user, table.c.undone_by == user, wrote)
