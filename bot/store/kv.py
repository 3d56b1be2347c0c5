"""Keep JSON values by name: the key-value store, and the typed stores inside it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Connection, delete, select

from bot.store.database import Database
from bot.store.rows import Codec
from bot.store.schema import memory as table

T = TypeVar("T")

INSTALLATION = "slack.installation."
"""The prefix of the keys of remembered installations."""


class KeyValueStore(Generic[T]):
    """Values of one type, by name. Methods block; each is one transaction."""

    def __init__(self, database: Database, of: type[T]) -> None:
        self._database = database
        self._codec: Codec[T] = Codec(of)

    def recall(self, name: str) -> T | None:
        """Return the value kept under `name`."""
        with self._database.reading() as connection:
            return self._codec.value(
                connection.scalar(select(table.c.value).where(table.c.name == name))
            )

    def keep(self, name: str, value: T) -> None:
        """Keep `value` under `name`, in place of what was there."""
        with self._database.writing() as connection:
            values = {"value": self._codec.text(value), "updated_at": self._database.now()}
            connection.execute(
                self._database.insert(table)
                .values(values | {"name": name})
                .on_conflict_do_update(index_elements=["name"], set_=values)
            )

    def forget(self, name: str) -> None:
        """Remove the value kept under `name`."""
        with self._database.writing() as connection:
            connection.execute(delete(table).where(table.c.name == name))

    def all(self, prefix: str) -> dict[str, T]:
        """Return the values whose names begin with `prefix`, by the rest of their names."""
        with self._database.reading() as connection:
            return _read_all(connection, prefix, self._codec)


def _read_all(connection: Connection, prefix: str, codec: Codec[T]) -> dict[str, T]:
    found = connection.execute(
        select(table.c.name, table.c.value).where(table.c.name.startswith(prefix, autoescape=True))
    )
    read = ((row.name.removeprefix(prefix), codec.value(row.value)) for row in found)
    return {name: value for name, value in read if value is not None}


# Rules

_RULE = "rule.first_loaded."
_MOMENT = Codec(float)


class FirstLoaded:
    """The moments when rules were first loaded (Unix seconds by the database's clock).

    Rules go by their identity. Methods block; each is one transaction.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self, rules: Sequence[str]) -> bool:
        """Note the rules that a bridge starts with, and forget the others.

        A rule that comes back later is a new one. Returns whether any of these was known before.
        """
        names = [_RULE + rule for rule in rules]
        with self._database.writing() as connection:
            ours = table.c.name.startswith(_RULE, autoescape=True)
            connection.execute(delete(table).where(ours, table.c.name.not_in(names)))
            before = _read_all(connection, _RULE, _MOMENT)
            self._add(connection, rules)
        return bool(before)

    def note(self, rules: Sequence[str]) -> dict[str, float]:
        """Return the moments of these rules, after noting the present one for new rules."""
        with self._database.writing() as connection:
            self._add(connection, rules)
            moments = _read_all(connection, _RULE, _MOMENT)
        return {rule: moments[rule] for rule in rules}

    def known(self) -> dict[str, float]:
        """Return the moments of all rules that were ever loaded; writes nothing."""
        with self._database.reading() as connection:
            return _read_all(connection, _RULE, _MOMENT)

    def _add(self, connection: Connection, rules: Sequence[str]) -> None:
        moment = _moment(connection, self._database)
        _add_moment(connection, self._database, (_RULE + rule for rule in rules), moment)


def _moment(connection: Connection, database: Database) -> float:
    """Return the present moment by the database's clock."""
    return float(connection.execute(select(database.now())).scalar_one())


def _add_moment(
    connection: Connection, database: Database, names: Iterable[str], moment: float
) -> None:
    """Keep `moment` under those of the names that have none."""
    rows = [{"name": name, "value": _MOMENT.text(moment)} for name in dict.fromkeys(names)]
    if rows:
        inserting = database.insert(table).values(updated_at=database.now())
        connection.execute(inserting.on_conflict_do_nothing(index_elements=["name"]), rows)


# Channels

_CHANNEL = "channel.first_seen."
_BEGUN = "channels.noted."


class FirstSeen:
    """The moments when channels that the bot is in were first listed (Unix seconds by the
    database's clock).

    Channels that the first listing has count as seen since the oldest rule was loaded: an earlier
    release noted none. Methods block; each is one transaction.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, team: str, channels: Collection[str]) -> dict[str, float]:
        """Return the channels' moments, after noting the present one for new channels.

        `channels` are all that the bot is in: the others are forgotten, so that a channel counts
        anew once the bot is invited again.
        """
        prefix, begun = _prefix(team), _BEGUN + team
        with self._database.writing() as connection:
            now = _moment(connection, self._database)
            before = _read_all(connection, prefix, _MOMENT)
            first = self._of_first_listing(connection, team)
            since = now if first is None else min(first, now)
            for channel in before.keys() - set(channels):
                connection.execute(delete(table).where(table.c.name == prefix + channel))
            new = (prefix + channel for channel in channels if channel not in before)
            _add_moment(connection, self._database, new, since)
            _add_moment(connection, self._database, [begun], now)
            moments = _read_all(connection, prefix, _MOMENT)
        # Another process may have forgotten one meanwhile.
        return {channel: moments.get(channel, now) for channel in channels}

    def known(self, team: str, channels: Collection[str]) -> dict[str, float]:
        """Return the moments of those of the channels that have one; writes nothing."""
        with self._database.reading() as connection:
            moments = _read_all(connection, _prefix(team), _MOMENT)
            since = self._of_first_listing(connection, team)
        if since is not None:
            return dict.fromkeys(channels, since)
        return {channel: moments[channel] for channel in channels if channel in moments}

    def _of_first_listing(self, connection: Connection, team: str) -> float | None:
        """Return the moment for channels of the first listing; None if that is over, or if no
        rule was ever loaded."""
        begun = select(table.c.name).where(table.c.name == _BEGUN + team)
        if connection.execute(begun).first() is not None:
            return None
        return min(_read_all(connection, _RULE, _MOMENT).values(), default=None)


def _prefix(team: str) -> str:
    return f"{_CHANNEL}{team}."


# The Home


@dataclass(frozen=True, slots=True)
class ShownHome:
    """A user's Home as it was last shown; `digest` identifies its content."""

    digest: str
    is_linker: bool = False


_HOME = "home.opened."


class ShownHomes:
    """Users who opened the Home, and what it showed. Methods block; each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._values = KeyValueStore(database, ShownHome)

    def opened(self, user: str) -> ShownHome | None:
        """Return what was shown last; None for a user who never opened it."""
        return self._values.recall(_HOME + user)

    def keep(self, user: str, shown: ShownHome) -> None:
        """Remember what was shown."""
        self._values.keep(_HOME + user, shown)

    def linkers(self) -> list[str]:
        """Return the users who opened it and could link people then."""
        return sorted(user for user, shown in self._values.all(_HOME).items() if shown.is_linker)


def forget_home(connection: Connection, user: str) -> None:
    """Erase, within the caller's transaction, that the user ever opened the Home."""
    connection.execute(delete(table).where(table.c.name == _HOME + user))
