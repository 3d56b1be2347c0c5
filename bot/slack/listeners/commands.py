"""Answer the subcommands of `/plain-ticket`: at once, and to the caller only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from bot.core.faults import Fault
from bot.core.record import Record
from bot.flows.admission import not_admitted
from bot.flows.workspace import Workspace
from bot.slack.background import note
from bot.slack.views import answer, commands, rules, tickets
from bot.slack.views.kit import Answer
from bot.store.executor import Run
from bot.store.records import Records

MINE = 10
"""Tickets that `mine` lists."""
MINE_SECONDS = 1.8
"""Limit for looking them up: Slack waits for three seconds."""

Subcommand = Callable[[str], Awaitable[Answer]]
"""Returns the answer to the user with this id."""


@dataclass(frozen=True, slots=True)
class Subcommands:
    """The subcommands. `permalink` returns a message's link."""

    workspace: Workspace
    records: Records
    permalink: Callable[[Record], str | None]
    run: Run

    @property
    def by_name(self) -> Mapping[str, Subcommand]:
        """Return the subcommands by their lower-case names, and by other names that people try."""
        return {
            "help": self.help,
            "mine": self.mine,
            "list": self.mine,
            "rules": self.explain_rules,
            "rule": self.explain_rules,
        }

    async def help(self, _: str) -> Answer:
        emoji = [name for rule in self.workspace.rules for name in rule.emoji]
        return commands.usage(tuple(dict.fromkeys(emoji)))

    async def explain_rules(self, _: str) -> Answer:
        return rules.answer(self.workspace.rules)

    async def mine(self, user: str) -> Answer:
        try:
            async with asyncio.timeout(MINE_SECONDS):
                if (refused := await not_admitted(user, self.workspace)) is not None:
                    return answer.nothing_to_see(refused)
                found = await self.run(
                    self.records.of_submitter, self.workspace.team, user, None, MINE + 1
                )
                profile = await self.workspace.slack.profile(user)
        except (Fault, TimeoutError) as fault:
            note("mine_not_read", fault)
            return tickets.away()
        shown = found[:MINE]
        links = [self.permalink(one) for one in shown]
        answerer = self.workspace.policy.linkers.answerer(profile)
        return tickets.mine(shown, links, answerer, more=len(found) > MINE)
