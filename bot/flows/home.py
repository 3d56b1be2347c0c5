"""Shows people their tickets in the app's Home: when it is opened, and when something changed."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bot.core.directory import Profile, UserKind, may_submit
from bot.core.home import PAGE, ForeignHome, Home, OwnHome, WaitingPerson, page
from bot.core.identity import Linkers
from bot.core.record import Record
from bot.core.undo import UNDO_SECONDS
from bot.store.executor import Run
from bot.store.kv import ShownHome


class Homes(Protocol):
    """Who has opened the Home; every method is one transaction."""

    def opened(self, user: str) -> ShownHome | None:
        """What was shown last; None for who never opened it."""

    def keep(self, user: str, opened: ShownHome) -> None: ...

    def linkers(self) -> Sequence[str]:
        """Those who opened it and could link people then."""


class Tickets(Protocol):
    def tickets_of(
        self, submitter: str, before: int | None = None, limit: int = 20
    ) -> list[Record]:
        """The newest escalations that this person asked for, with an id below `before`."""


class Slack(Protocol):
    async def profile(self, user: str) -> Profile | None: ...

    async def show_home(self, user: str, home: Home, unless: str | None) -> str:
        """Publish it, unless it is what `unless` is the digest of; returns its digest."""


@dataclass
class RefusedUndos:
    """The ids of rows whose undo was refused for good, for as long as a Home would offer it.

    In the memory of one process: after a restart the button is there again, and its click decides.
    """

    clock: Callable[[], float]
    _until: dict[int, float] = field(default_factory=dict)

    def add(self, row_id: int) -> None:
        """Offer this row's undo no more."""
        now = self.clock()
        self._until = {row: until for row, until in self._until.items() if until > now}
        self._until[row_id] = now + UNDO_SECONDS

    def __contains__(self, row_id: object) -> bool:
        return row_id in self._until


@dataclass(frozen=True, slots=True)
class HomeContext:
    """All that the Home touches. `waiting` gives the people who wait to be linked, at most so
    many; `who` may ask; `clock` is in Unix seconds; `refused` are the rows whose undo was refused
    for good."""

    slack: Slack
    tickets: Tickets
    homes: Homes
    waiting: Callable[[int], Sequence[WaitingPerson]]
    linkers: Linkers
    who: frozenset[UserKind]
    run: Run
    clock: Callable[[], float]
    refused: Container[int] = ()


async def open_home(user: str, world: HomeContext, *, is_blank: bool = False) -> None:
    """Somebody opened it: show it, and from now on what changes. `is_blank`: nothing was shown
    to them so far, whatever is remembered. Raises TryLater and Refused."""
    last = None if is_blank else await world.run(world.homes.opened, user)
    await _show(user, world, last)


async def turn_page(user: str, world: HomeContext, *, before: int | None) -> None:
    """Show the tickets before this one; None for the newest."""
    await _show(user, world, await world.run(world.homes.opened, user), before)


async def refresh(user: str, world: HomeContext) -> None:
    """Something of theirs changed: show it to who has opened the Home before."""
    last = await world.run(world.homes.opened, user)
    if last is not None:
        await _show(user, world, last)


async def refresh_linkers(world: HomeContext) -> None:
    """The people who wait to be linked changed."""
    for user in await world.run(world.homes.linkers):
        await refresh(user, world)


async def _show(
    user: str, world: HomeContext, last: ShownHome | None, before: int | None = None
) -> None:
    home = await _home(user, world, before)
    digest = await world.slack.show_home(user, home, last.digest if last else None)
    now = ShownHome(digest, is_linker=isinstance(home, OwnHome) and home.waiting is not None)
    if now != last:
        await world.run(world.homes.keep, user, now)


async def _home(user: str, world: HomeContext, before: int | None) -> Home:
    profile = await world.slack.profile(user)
    if profile is None or profile.standing in (UserKind.EXTERNAL, UserKind.BOT):
        return ForeignHome()
    may = may_submit(profile, world.who)
    records: Sequence[Record] = ()
    if may:  # who may not ask is told nothing of a ticket
        records = await world.run(world.tickets.tickets_of, user, before, PAGE + 1)
    tickets, older = page(records, world.clock(), world.refused)
    waiting: Sequence[WaitingPerson] | None = None
    if world.linkers.include(profile):
        waiting = await world.run(world.waiting, PAGE + 1)
    return OwnHome(
        tickets=tickets,
        older=older,
        newer=before is not None,
        may_ask=may,
        waiting=None if waiting is None else tuple(waiting[:PAGE]),
        more_waiting=waiting is not None and len(waiting) > PAGE,
    )
