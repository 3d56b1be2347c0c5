"""Keep open forms until they are submitted or closed, for a day at most."""

from __future__ import annotations

from sqlalchemy import delete, select

from bot.core.model import FormDraft
from bot.store.database import Database
from bot.store.rows import FORMER_NAMES, Codec
from bot.store.schema import draft as table
from bot.store.schema import request

LONGEST_SECONDS = 24 * 3600.0
_DRAFT = Codec(FormDraft, FORMER_NAMES)


class Drafts:
    """Keeps open forms. Methods block; each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, draft: FormDraft, *, within: float | None = None) -> None:
        """Store an open form."""
        body = _DRAFT.text(draft)
        with self._database.writing(within) as connection:
            connection.execute(
                table.insert().values(id=draft.id, body=body, created_at=self._database.now())
            )

    def load(self, draft_id: str) -> FormDraft | None:
        """Return the form with this id; None if it was closed or submitted, or is a day old."""
        with self._database.reading() as connection:
            body = connection.scalar(
                select(table.c.body).where(
                    table.c.id == draft_id,
                    table.c.created_at > self._database.now() - LONGEST_SECONDS,
                )
            )
        return _DRAFT.value(body)

    def was_submitted(self, team: str, view_id: str) -> bool:
        """Return whether the request of this view is recorded: its draft is erased then."""
        recorded = select(request.c.id).where(request.c.team == team, request.c.slack_id == view_id)
        with self._database.reading() as connection:
            return connection.scalar(recorded) is not None

    def erase(self, draft_id: str) -> None:
        """Erase a form that was closed, or whose request is recorded."""
        with self._database.writing() as connection:
            connection.execute(delete(table).where(table.c.id == draft_id))

    def erase_old(self) -> int:
        """Erase the forms that are older than a day; return how many."""
        with self._database.writing() as connection:
            return connection.execute(
                delete(table).where(table.c.created_at <= self._database.now() - LONGEST_SECONDS)
            ).rowcount
