"""Keep open forms until they are closed, for a day at most."""

from __future__ import annotations

from sqlalchemy import delete, select

from bot.core.model import FormDraft
from bot.store.database import Database
from bot.store.rows import STORED_AS, Codec
from bot.store.schema import draft as table

LONGEST_SECONDS = 24 * 3600.0
_DRAFT = Codec(FormDraft, stored_as=STORED_AS)


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
        """Return the form with this id; None if it was closed or is older than a day."""
        with self._database.reading() as connection:
            body = connection.scalar(
                select(table.c.body).where(
                    table.c.id == draft_id,
                    table.c.created_at > self._database.now() - LONGEST_SECONDS,
                )
            )
        return _DRAFT.value(body)

    def erase(self, draft_id: str) -> None:
        """Erase a form that was closed."""
        with self._database.writing() as connection:
            connection.execute(delete(table).where(table.c.id == draft_id))

    def erase_old(self) -> int:
        """Erase the forms that are older than a day; return how many."""
        with self._database.writing() as connection:
            return connection.execute(
                delete(table).where(table.c.created_at <= self._database.now() - LONGEST_SECONDS)
            ).rowcount
