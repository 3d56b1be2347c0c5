"""Show users their tickets in the app's Home: when they open it, and when something changes."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bot.core.directory import is_outsider, may_submit
from bot.core.home import PAGE, ForeignHome, Home, OwnHome, WaitingPerson, page
from bot.core.record import Record
from bot.core.undo import UNDO_SECONDS
from bot.flows.workspace import Workspace
from bot.store.executor import Run
from bot.store.kv import ShownHome, ShownHomes
from bot.store.records import Records


class HomePublisher(Protocol):
    """The Home tab in Slack."""

    async def show_home(self, user: str, home: Home, unless: str | None) -> str:
        """Publish the Home unless its digest is `unless`; return its digest."""


@dataclass
class RefusedUndos:
    """The ids of rows whose undo was refused for good, for as long as a Home would offer it.

    In the memory of one process: after a restart the button is back, and its click decides.
    """

    clock: Callable[[], float]
    _until: dict[int, float] = field(default_factory=dict)

    def add(self, row_id: int) -> None:
        """Stop offering this row's undo."""
        now = self.clock()
        self._until = {row: until for row, until in self._until.items() if until > now}
        self._until[row_id] = now + UNDO_SECONDS

    def __contains__(self, row_id: object) -> bool:
        return row_id in self._until


@dataclass(frozen=True, slots=True)
class HomeContext:
    """Everything that the Home uses.

    `clock` gives Unix seconds; `refused` holds the ids of rows whose undo was refused for good.
    """

    workspace: Workspace
    publisher: HomePublisher
    records: Records
    homes: ShownHomes
    run: Run
    clock: Callable[[], float]
    refused: Container[int] = ()


async def open_home(user: str, context: HomeContext, *, is_blank: bool = False) -> None:
    """Show the Home to a user who opened it, and remember to update it from now on.

    `is_blank`: Slack shows them nothing so far, whatever is remembered. Raises TryLater, Rejected.
    """
    last = None if is_blank else await context.run(context.homes.opened, user)
    await _show(user, context, last)


async def turn_page(user: str, context: HomeContext, *, before: int | None) -> None:
    """Show the tickets with ids below `before`; None for the newest."""
    await _show(user, context, await context.run(context.homes.opened, user), before)


async def refresh(user: str, context: HomeContext) -> None:
    """Update the Home of a user who has opened it before."""
    last = await context.run(context.homes.opened, user)
    if last is not None:
        await _show(user, context, last)


async def refresh_linkers(context: HomeContext) -> None:
    """Update the Homes of those who can link people."""
    for user in await context.run(context.homes.linkers):
        await refresh(user, context)


async def _show(
    user: str, context: HomeContext, last: ShownHome | None, before: int | None = None
) -> None:
    home = await _home(user, context, before)
    digest = await context.publisher.show_home(user, home, last.digest if last else None)
    now = ShownHome(digest, is_linker=isinstance(home, OwnHome) and home.waiting is not None)
    if now != last:
        await context.run(context.homes.keep, user, now)


async def _home(user: str, context: HomeContext, before: int | None) -> Home:
    profile = await context.workspace.slack.profile(user)
    if profile is None or is_outsider(profile):
        return ForeignHome()
    run, team, policy = context.run, context.workspace.team, context.workspace.policy
    may = may_submit(profile, policy.who)
    found: Sequence[Record] = ()
    if may:  # a user who may not submit sees no ticket
        found = await run(context.records.of_submitter, team, user, before, PAGE + 1)
    tickets, older = page(found, context.clock(), context.refused)
    waiting: Sequence[WaitingPerson] | None = None
    if policy.linkers.include(profile):
        waiting = await run(context.records.to_link, team, PAGE + 1)
    return OwnHome(
        tickets=tickets,
        older=older,
        newer=before is not None,
        may_ask=may,
        waiting=None if waiting is None else tuple(waiting[:PAGE]),
        more_waiting=waiting is not None and len(waiting) > PAGE,
        answerer=policy.linkers.answerer(profile),
    )
