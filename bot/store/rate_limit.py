"""Share the permits of a rate limit between the replicas of one database."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from bot.core import rate_limit
from bot.core.rate_limit import Grant, Tally
from bot.store.database import Database
from bot.store.schema import rate as table


class SharedRateLimit:
    """The rate limit of one Plain key. Methods block; each is one transaction.

    `name` identifies the key without revealing it.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name

    def lease(
        self, share: float, known: tuple[float, int] | None, wanted: int, now: float
    ) -> Grant:
        """Return permits for requests in the current window; see `core.rate_limit.grant`.

        The window is the one whose end and limit are `known`, or the one that another replica
        knows. `now`: Unix seconds.
        """
        with self._database.writing() as connection:
            tally, grant = rate_limit.grant(self._held(connection), share, known, wanted, now)
            self._hold(connection, tally)
        return grant

    def shut(self, until: float) -> None:
        """Let no replica send a request before `until` (Unix seconds)."""
        with self._database.writing() as connection:
            tally = self._held(connection)
            if until > tally.shut_until:
                self._hold(connection, rate_limit.shut(tally, until))

    def _held(self, connection: Connection) -> Tally:
        """Return the row's tally, locked until this transaction ends."""
        mine = select(table).where(table.c.name == self._name).with_for_update()
        found = connection.execute(mine).first()
        if found is None:
            empty = {"reset": 0.0, "per_window": 0, "granted": 0, "shut_until": 0.0}
            connection.execute(
                self._database.insert(table)
                .values(name=self._name, **empty)
                .on_conflict_do_nothing(index_elements=["name"])
            )
            found = connection.execute(mine).one()
        return Tally(found.reset, found.per_window, found.granted, found.shut_until)

    def _hold(self, connection: Connection, tally: Tally) -> None:
        connection.execute(
            update(table)
            .where(table.c.name == self._name)
            .values(
                reset=tally.reset,
                per_window=tally.limit,
                granted=tally.granted,
                shut_until=tally.shut_until,
            )
        )
