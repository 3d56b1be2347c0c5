"""What the form's selects offer while somebody types: Plain's label types and tenants."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from bot.core.directory import Profile, UserKind, may_submit
from bot.core.faults import Fault
from bot.core.model import LabelType, Tenant
from bot.core.text.plaintext import one_line
from bot.flows.admission import is_confined

WAIT_SECONDS = 0.4
"""Slack waits for three seconds, somebody who types for half of one."""


@dataclass(frozen=True, slots=True)
class Choice:
    """`value` is what the form sends back, `text` what is read."""

    value: str
    text: str


class Profiles(Protocol):
    async def profile(self, user: str) -> Profile | None:
        """Who that is (cached); None for a user that Slack does not show."""


class Lists(Protocol):
    async def recent_label_types(self) -> Sequence[LabelType]:
        """All label types, as they were a while ago."""

    async def recent_tenants(self) -> Sequence[Tenant] | None:
        """All tenants, as they were a while ago; None where the key may not read them."""


@dataclass(frozen=True, slots=True)
class Choices:
    """Offers nothing to who may not ask for tickets, no tenants to guests, and nothing that takes
    too long."""

    slack: Profiles
    plain: Lists
    who: Set[UserKind]

    async def labels(self, submitter: str, typed: str) -> tuple[Choice, ...]:
        """The label types in whose names `typed` stands; their values are `lt_…`."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                person = await self.slack.profile(submitter)
                may = person is not None and may_submit(person, self.who)
                found = await self.plain.recent_label_types() if may else ()
        except (Fault, TimeoutError):
            return ()
        return matching([Choice(one.id, one.name) for one in found], typed)

    async def tenants(self, submitter: str, typed: str) -> tuple[Choice, ...]:
        """The tenants in whose names or external ids `typed` stands; their values are the
        external ids."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                person = await self.slack.profile(submitter)
                may = may_submit(person, self.who) and not is_confined(person)
                found = await self.plain.recent_tenants() if may else ()
        except (Fault, TimeoutError):
            return ()
        choices = [Choice(one.external_id, one.name) for one in found or ()]
        return matching(choices, typed, by_value=True)


def matching(
    choices: Sequence[Choice], typed: str, *, by_value: bool = False
) -> tuple[Choice, ...]:
    """The choices that `typed` stands in, in any case; those that begin with it come first.

    Where several have one name, their values tell them apart.
    """
    wanted = one_line(typed).casefold()
    named = {one.value: one_line(one.text) or one.value for one in choices}
    times = Counter(named.values())
    found = [
        Choice(value, name if times[name] == 1 else f"{name} · {value}")
        for value, name in named.items()
        if wanted in name.casefold() or (by_value and wanted in value.casefold())
    ]
    return tuple(
        sorted(
            found, key=lambda one: (not one.text.casefold().startswith(wanted), one.text.casefold())
        )
    )
