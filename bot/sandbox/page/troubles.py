"""The switches that make trouble, and what each does to the sandbox's Slack and Plain."""

from __future__ import annotations

from dataclasses import dataclass

from bot.sandbox.page.gate import Gate
from bot.sandbox.plain import Plain
from bot.sandbox.slack import Slack

SLOW_SECONDS = 3.0
_FOREVER = 10**9


@dataclass(frozen=True)
class Switch:
    name: str
    label: str
    means: str


SWITCHES = (
    Switch("down", "Plain is down", "Nothing answers there. Tickets wait, and none is lost."),
    Switch("slow", "Plain is slow", f"Every answer takes {SLOW_SECONDS:g} seconds."),
    Switch(
        "lies",
        "Plain commits and answers 502",
        "The thread is created, and the answer says that it failed. Still one thread each.",
    ),
    Switch("twice", "Slack sends everything twice", "Every event comes two times."),
)


class Troubles:
    """Which switches are on."""

    def __init__(self, slack: Slack, plain: Plain, gate: Gate) -> None:
        self.on: set[str] = set()
        self._slack = slack
        self._plain = plain
        self._gate = gate

    async def turn(self, name: str) -> None:
        """The other way round; ValueError where there is no such switch."""
        if name not in {one.name for one in SWITCHES}:
            raise ValueError(f"there is no switch {name!r}")
        self.on ^= {name}
        self._slack.deliver_twice = "twice" in self.on
        self._plain.heal()
        if "down" in self.on:
            await self._gate.shut()
        else:
            await self._gate.open()
        if "lies" in self.on:
            self._plain.fail("createThread", "502", times=_FOREVER, committed=True)
        if "slow" in self.on:
            self._plain.fail(None, "late", times=_FOREVER, seconds=SLOW_SECONDS)
