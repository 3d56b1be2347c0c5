"""Kills the bridge at a place while somebody asks, lets it start again, and counts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from bot.core.record import State
from tests.crash.doors import DOORS, Asking, Kind
from tests.crash.ground import PATIENCE, Ground, Replica, until

FIRST = "plain.after createThread:1"
"""Where a bridge dies for the door "recovery", whose second bridge dies once more."""

SAID_AGAIN: Sequence[Kind] = ("on_hold", "undo", "news")
"""What a person has to read, and may be told once more."""

_BY_ITSELF = (
    *("auth.test", "bots.info", "users.conversations", "conversations.history"),
    *("kv.", "retention.", ".erase_old", "jobs.free_all", "jobs.renew"),
)
"""What a process passes at its start, or by the clock, and no request does."""

_SAID: Mapping[Kind, str] = {"undo": "Undone: ", "news": "was undone by"}
"""What the answers hold that are counted; any, by default."""

_WANTED: Mapping[Kind, Sequence[str]] = {
    "thread": ("created",),
    "whole": ("created",),
    "addition": ("added",),
    "shared": ("created", "joined"),
    "on_hold": ("on-hold",),
    "undo": ("undone",),
    "news": ("undone",),
}
_UNASKED: Mapping[Kind, str] = {"undo": "created", "news": "joined"}
"""The states of requests whose ticket nobody undid; else there is no request."""


@dataclass(frozen=True)
class Case:
    """A door, and the place at which the process dies ("commit.after tickets.settle:1")."""

    door: str
    place: str


@dataclass(frozen=True)
class Result:
    """What came of one request, or click. `made` counts threads, additions or undos (for what is
    on hold, and for news: the times that it was said), `answers` what the person was told.
    `number` tells the requests of one case apart, from 0."""

    case: Case
    died: bool
    accepted: bool
    state: str
    made: int
    answers: int
    kind: Kind
    number: int = 0

    @property
    def lost(self) -> bool:
        """Accepted, and nothing came of it."""
        return self.accepted and (self.made == 0 or self.state in ("", "waiting"))

    @property
    def doubled(self) -> bool:
        """More than one thread, addition or undo; an answer that has to be read may be repeated, a
        success may not."""
        if self.kind in SAID_AGAIN:
            return self.made > 1 and self.kind == "undo"
        return self.made > 1 or self.answers > 1

    @property
    def is_good(self) -> bool:
        """One each, and settled as it has to be."""
        ended = self.state in _WANTED[self.kind]
        if not self.accepted:
            # A click that was not acknowledged may have been carried out, or not.
            ended = ended or self.state == _UNASKED.get(self.kind, "")
        return self.died and ended and not self.lost and not self.doubled


class Lane:
    """Cases one after the other on one ground, each met by a process that has nothing to do."""

    def __init__(self, ground: Ground, replica: Replica) -> None:
        self._ground = ground
        self._replica = replica
        self._asked: dict[Case, tuple[Sequence[Asking], bool]] = {}

    async def places(self, door: str) -> list[str]:
        """The places that a process passes while somebody asks so, in order; nothing dies."""
        if door == "recovery":
            return await self._places_of_a_recovery()
        await self._ready(cold=True)
        askings = await DOORS[door].prepare(self._ground)
        self._replica.order()
        await DOORS[door].ask(self._ground, askings, self._back)
        await self._finished(askings)
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
            askings = await self._recover(case)
        else:
            await self._ready(cold=cold)
            door = DOORS[case.door]
            askings = await door.prepare(self._ground)
            self._replica.order("kill", case.place)
            acting = asyncio.create_task(door.ask(self._ground, askings, self._back))
            await self._death(acting)
            died = await self._again()
            await acting
            self._asked[case] = (askings, died)
        with suppress(TimeoutError):  # what never comes is counted as lost
            await until(lambda: self._ground.is_at_rest)
        await asyncio.sleep(0.1)  # what is said of it is no part of the next case
        return self._asked[case][1]

    async def results(self) -> list[Result]:
        """What came of all cases, once the last process has said all that it had to say."""
        await self._replica.end()
        return [
            replace(self._result(case, asking, askings, died), number=number)
            for case, (askings, died) in self._asked.items()
            for number, asking in enumerate(askings)
        ]

    def _result(self, case: Case, asking: Asking, beside: Sequence[Asking], died: bool) -> Result:
        rows = self._ground.entries(asking.submitter)
        state = rows[0].state.value if rows else ""
        answers = self._answers(asking)
        return Result(
            case=case,
            died=died,
            # Whoever has to hear the news asked for nothing: an undo that took effect is enough.
            accepted=state == "undone" if asking.kind == "news" else asking.accepted,
            state=state,
            made=self._made(asking, beside, answers),
            answers=answers,
            kind=asking.kind,
        )

    def _made(self, asking: Asking, beside: Sequence[Asking], answers: int) -> int:
        ground, word = self._ground, asking.word
        match asking.kind:
            case "whole":
                return ground.wholes(word)
            case "addition":
                return ground.events(word)
            case "on_hold" | "news":
                return answers
            case "undo":  # one that the person was not told of is none
                return min(ground.undone(word), answers) if ground.threads(word) == 1 else 2
            case "shared":  # one of them made the thread
                created = [ground.entries(one.submitter)[:1] for one in beside]
                made = sum(row.state is State.CREATED for rows in created for row in rows)
                return max(made, ground.threads(word))
        return ground.threads(word)

    async def _recover(self, case: Case) -> Sequence[Asking]:
        """Die once after Plain created the thread, and once more on the way back."""
        askings = await self._die_first()
        self._replica.order("kill", case.place)
        if await self._replica.start():
            await self._death()
        self._asked[case] = (askings, await self._again())
        return askings

    async def _places_of_a_recovery(self) -> list[str]:
        askings = await self._die_first()
        self._replica.order()
        await self._replica.start()
        self._ground.hear(self._replica)
        await self._finished(askings)
        passed = self._replica.watch.passed()
        self._replica.watch.take_back()
        # The start looks through all that was ever posted: once is enough of each.
        return [place for place in passed if place.endswith(":1")]

    async def _die_first(self) -> Sequence[Asking]:
        await self._ready(cold=False)
        door = DOORS["reaction"]
        askings = await door.prepare(self._ground)
        self._replica.order("kill", FIRST)
        await door.ask(self._ground, askings, self._back)
        await until(lambda: self._replica.is_dead)
        await self._replica.end()
        return askings

    async def _ready(self, *, cold: bool) -> None:
        """See to it that a process is there."""
        self._replica.watch.take_back()
        if self._replica.is_dead or cold:
            await self._replica.end()
            await self._replica.start()
            self._ground.hear(self._replica)
            # What it does by itself after its start is over before anything is counted.
            await asyncio.sleep(0.3)

    async def _death(self, acting: asyncio.Task[None] | None = None) -> None:
        """Wait until the process has died, or has nothing left to do that it could die of."""
        async with asyncio.timeout(PATIENCE):
            while not self._replica.is_dead:
                done = acting is None or acting.done()
                if done and not self._replica.watch.is_done and self._ground.is_at_rest:
                    await asyncio.sleep(2)
                    if not self._replica.watch.is_done:
                        return
                await asyncio.sleep(0.02)

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

    async def _finished(self, askings: Sequence[Asking]) -> None:
        await until(lambda: self._ground.is_at_rest)
        await until(lambda: all(map(self._answers, askings)))

    def _answers(self, asking: Asking) -> int:
        """How many answers the person had since the bridge may have died."""
        return self._ground.answers(asking.submitter, _SAID.get(asking.kind, "")) - asking.told


def _has_answered(passed: list[str]) -> bool:
    """Tell if the place behind each message to Slack was passed too."""
    sent = [place for place in passed if place.startswith("slack.before chat.")]
    return all(place.replace("before", "after", 1) in passed for place in sent)


def _is_its_own(place: str) -> bool:
    """Whether an asking passes the place each time, and not just the process beside it."""
    if any(word in place for word in _BY_ITSELF):
        return False
    return "jobs.claim" not in place or place.endswith(":1")
