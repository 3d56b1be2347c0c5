"""All that a delivery touches, and what the settings say of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from bot.core.conversation import ThreadLimits
from bot.core.directory import Installation, Profile, UserKind
from bot.core.identity import IdentityPolicy
from bot.flows.attachments import FileCopier
from bot.flows.ports import Ledger, People, Plain, Slack
from bot.store.executor import Run, in_place

SETTLE_WINDOW = 35.0
"""Seconds after which a create that cannot be found was never processed: Plain's gateway gives
up at about 30."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the settings say of a delivery."""

    who: frozenset[UserKind] = frozenset({UserKind.MEMBER})
    one_thread_per: Literal["slack_thread", "message"] = "slack_thread"
    identity: IdentityPolicy = field(default_factory=IdentityPolicy)
    settle_window: float = SETTLE_WINDOW
    bounds: ThreadLimits = field(default_factory=ThreadLimits)


def _standing_still() -> float:
    return 0.0


@dataclass(frozen=True, slots=True)
class Workspace:
    """All that a delivery touches. `clock` is in seconds; one that stands still sees no pause.

    `render` is for texts: what a hostile one costs, Slack's doors must not wait for. One whole
    Slack thread at a time is read and rendered (`one_thread`), for that takes memory.

    Without a `carrier` no file is copied. `started` (Unix seconds): what was asked before, another
    process may have delivered, and the ledger not know of it (`looking.may_be_forgotten`).
    """

    slack: Slack
    plain: Plain
    ledger: Ledger
    people: People
    run: Run
    policy: Policy
    installation: Installation
    clock: Callable[[], float] = _standing_still
    carrier: FileCopier | None = None
    started: float = 0.0
    render: Run = in_place
    one_thread: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))


def name_of(profile: Profile | None, user: str) -> str:
    """What a user is called, as far as that is known."""
    return profile.name if profile else user
