"""Kills the bridge at a place while somebody asks, lets it start again, and counts."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from tests.crash.doors import DOORS, Asking
from tests.crash.ground import PATIENCE, Ground, Replica, until

FIRST = "plain.after createThread:1"
"""Where a bridge dies for the door "recovery", whose second bridge dies once more."""

_AT_THE_START = ("auth.test", "bots.info", "kv.keep", "claims.free_all")
"""What a start passes besides, at a moment of its own."""


@dataclass(frozen=True)
class Case:
    """A door, and the place at which the process dies ("commit.after deliveries.settle:1")."""

    door: str
    place: str


@dataclass(frozen=True)
class Result:
    """What came of a case. `made` counts threads or additions (for a refusal: the times that
    it was said), `answers` what the person who asked was told."""

    case: Case
    died: bool
    accepted: bool
    state: str
    made: int
    answers: int
    kind: str

    @property
    def lost(self) -> bool:
        """Accepted, and nothing came of it."""
        return self.accepted and self.made == 0

    @property
    def doubled(self) -> bool:
        """More than one thread or addition; a refusal may be said again, a success may not."""
        if self.kind == "refusal":
            return False
        return self.made > 1 or self.answers > 1

    @property
    def is_good(self) -> bool:
        """One each, and the row settled as it has to be."""
        wanted = {"addition": "added", "refusal": "refused"}.get(self.kind, "created")
        settled = self.state == wanted or (not self.accepted and self.state == "")
        return self.died and settled and not self.lost and not self.doubled


class Lane:
    """Cases one after the other on one ground, each met by a process that has nothing to do."""

    def __init__(self, ground: Ground, replica: Replica) -> None:
        self._ground = ground
        self._replica = replica
        self._asked: dict[Case, tuple[Asking, bool]] = {}

    async def places(self, door: str) -> list[str]:
        """The places that an asking at this door passes, in order; nothing dies."""
        if door == "recovery":
            return await self._places_of_a_recovery()
        await self._ready(cold=True)
        asking = await DOORS[door].prepare(self._ground)
        self._replica.order()
        await DOORS[door].ask(self._ground, asking, self._back)
        await self._finished(asking)
        # Slack has the answer a moment before the process has passed the place behind it.
        await until(lambda: _has_answered(self._replica.watch.passed()))
        passed = self._replica.watch.passed()
        self._replica.watch.take_back()
        return [place for place in passed if _is_its_own(place)]

    async def run(self, case: Case, *, cold: bool = False) -> bool:
        """Let the process die at the place, and start another one; whether it died there.

        `cold`: the process has just started and remembers nothing.
        """
        if case.door == "recovery":
            asking = await self._recover(case)
        else:
            await self._ready(cold=cold)
            door = DOORS[case.door]
            asking = await door.prepare(self._ground)
            self._replica.order("kill", case.place)
            acting = asyncio.create_task(door.ask(self._ground, asking, self._back))
            await self._death(asking, acting)
            died = await self._again()
            await acting
            self._asked[case] = (asking, died)
        with suppress(TimeoutError):  # what never comes is counted as lost
            if asking.accepted:
                await until(lambda: self._ground.entries(asking.submitter))
            await self._ground.settled(asking.submitter)
        await asyncio.sleep(0.1)  # what is said of it is no part of the next case
        return self._asked[case][1]

    async def results(self) -> list[Result]:
        """What came of all cases, once the last process has said all that it had to say."""
        await self._replica.end()
        return [self._result(case, *asked) for case, asked in self._asked.items()]

    def _result(self, case: Case, asking: Asking, died: bool) -> Result:
        rows = self._ground.entries(asking.submitter)
        counts = {
            "thread": self._ground.threads,
            "whole": self._ground.wholes,
            "addition": self._ground.events,
        }
        answers = self._ground.answers(asking.submitter)
        made = answers if asking.kind == "refusal" else counts[asking.kind](asking.word)
        return Result(
            case=case,
            died=died,
            accepted=asking.accepted,
            state=rows[0].state if rows else "",
            made=made,
            answers=answers,
            kind=asking.kind,
        )

    async def _recover(self, case: Case) -> Asking:
        """Die once after Plain created the thread, and once more on the way back."""
        asking = await self._die_first()
        self._replica.order("kill", case.place)
        if await self._replica.start():
            await self._death(asking)
        self._asked[case] = (asking, await self._again())
        return asking

    async def _places_of_a_recovery(self) -> list[str]:
        asking = await self._die_first()
        self._replica.order()
        await self._replica.start()
        self._ground.hear(self._replica)
        await self._finished(asking)
        passed = self._replica.watch.passed()
        self._replica.watch.take_back()
        # The start looks through all that was ever posted: once is enough of each.
        return [place for place in passed if place.endswith(":1")]

    async def _die_first(self) -> Asking:
        await self._ready(cold=False)
        door = DOORS["reaction"]
        asking = await door.prepare(self._ground)
        self._replica.order("kill", FIRST)
        await door.ask(self._ground, asking, self._back)
        await until(lambda: self._replica.is_dead)
        await self._replica.end()
        return asking

    async def _ready(self, *, cold: bool) -> None:
        """See to it that a process is there."""
        self._replica.watch.take_back()
        if self._replica.is_dead or cold:
            await self._replica.end()
            await self._replica.start()
            self._ground.hear(self._replica)
            # What it does by itself after its start is over before anything is counted.
            await asyncio.sleep(0.3)

    async def _death(self, asking: Asking, acting: asyncio.Task[None] | None = None) -> None:
        """Wait until the process has died, or has nothing left to do that it could die of."""
        async with asyncio.timeout(PATIENCE):
            while not self._replica.is_dead:
                done = acting is None or acting.done()
                if done and not self._replica.watch.is_done and self._is_settled(asking):
                    await asyncio.sleep(2)
                    if not self._replica.watch.is_done:
                        return
                await asyncio.sleep(0.02)

    def _is_settled(self, asking: Asking) -> bool:
        rows = self._ground.entries(asking.submitter)
        return bool(rows) and all(row.due is None for row in rows)

    async def _again(self) -> bool:
        """Another process, which is not ordered to do anything; whether the last one died."""
        died = self._replica.watch.is_done
        self._replica.watch.take_back()
        if self._replica.is_dead:
            await self._replica.end()
            await self._replica.start()
            self._ground.hear(self._replica)
        return died

    async def _back(self) -> None:
        """Wait until there is a bridge that answers."""
        await until(lambda: not self._replica.is_dead)

    async def _finished(self, asking: Asking) -> None:
        await self._ground.settled(asking.submitter)
        await until(lambda: self._ground.answers(asking.submitter))


def _has_answered(passed: list[str]) -> bool:
    """Tell if the place behind each message to Slack was passed too."""
    sent = [place for place in passed if place.startswith("slack.before chat.")]
    return all(place.replace("before", "after", 1) in passed for place in sent)


def _is_its_own(place: str) -> bool:
    """Whether an asking passes the place each time, and not just the process beside it."""
    if any(word in place for word in _AT_THE_START):
        return False
    return "claims.claim" not in place or place.endswith(":1")
