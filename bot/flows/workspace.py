"""Define the two values that a flow is given: its workspace, and the process that it runs in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bot.core.conversation import ThreadLimits
from bot.core.directory import Installation, UserKind
from bot.core.identity import IdentityPolicy, Linkers
from bot.core.model import Rule
from bot.flows.attachments import FileCopier
from bot.flows.ports import Plain, Slack
from bot.store.database import Database
from bot.store.executor import Run, in_place
from bot.store.tickets import Ledger

SETTLE_WINDOW = 35.0
"""Seconds after which a create that cannot be found was never processed: Plain's gateway gives
up at about 30."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings of one workspace, as far as the flows use them.

    `who` may submit requests; `linkers` may link people to customers. `settle_window` (seconds)
    and `bounds` are no settings: only tests have a reason to change them.
    """

    who: frozenset[UserKind] = frozenset({UserKind.MEMBER})
    one_thread_per: Literal["slack_thread", "message"] = "slack_thread"
    identity: IdentityPolicy = field(default_factory=IdentityPolicy)
    linkers: Linkers = field(default_factory=Linkers)
    settle_window: float = SETTLE_WINDOW
    bounds: ThreadLimits = field(default_factory=ThreadLimits)

    @property
    def fallback_customer(self) -> str | None:
        """Return the customer of requesters whom nothing else identifies, if there is one."""
        return self.identity.fallback_customer


@dataclass(frozen=True, slots=True)
class Workspace:
    """One installed Slack workspace, and the Plain workspace that its requests go to.

    `slack`, `plain` and `files` hold its tokens. Without `files` no file is copied.
    """

    installation: Installation
    slack: Slack
    plain: Plain
    policy: Policy = field(default_factory=Policy)
    rules: Sequence[Rule] = ()
    files: FileCopier | None = None

    @property
    def team(self) -> str:
        """Return the id of the Slack workspace."""
        return self.installation.team


def _constant_clock() -> float:
    return 0.0


@dataclass(frozen=True, slots=True)
class Runtime:
    """The resources of one process, for all workspaces.

    `run` takes blocking work off the event loop. `render` does so for reading and rendering texts,
    so that a hostile one delays no other request; one whole Slack thread at a time is in memory
    (`one_thread`). `clock` is in seconds; a constant one never sees the process suspended.
    `started` is when the process began (Unix seconds, 0 where nothing was requested before):
    requests of before may have been delivered without the database knowing.
    """

    database: Database
    ledger: Ledger
    run: Run = in_place
    render: Run = in_place
    clock: Callable[[], float] = _constant_clock
    started: float = 0.0
    one_thread: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
