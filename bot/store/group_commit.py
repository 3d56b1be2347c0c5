"""Group commit: what comes in while one commit is on its way shares the next one."""

from __future__ import annotations

import asyncio
import time
from collections import deque

from bot.core.faults import Fault
from bot.core.model import Escalation
from bot.store.accepting import Accepting, Recorded
from bot.store.database import is_conflict
from bot.store.executor import Run

LARGEST_GROUP = 64

LOCK_SHARE = 0.1
"""How much of its time an asking may wait for a lock, once its group met a conflict."""

LEAST_LOCK_SECONDS = 0.02

_Asking = tuple[Escalation, float, asyncio.Future[Recorded]]
"""What is to be recorded, until when (monotonic seconds), and the answer."""


class GroupCommit:
    """Records askings with as few commits as they allow; each is committed when it is answered.

    A lone asking is committed at once. Nothing waits for company: a group is what has come in
    while the group before it was written.
    """

    def __init__(self, accepting: Accepting, run: Run) -> None:
        self._accepting = accepting
        self._run = run
        self._waiting: deque[_Asking] = deque()
        self._writing: asyncio.Task[None] | None = None

    async def record(self, escalation: Escalation, *, within: float) -> Recorded:
        """See `intake.Record`: committed within so many seconds, or not at all."""
        answer: asyncio.Future[Recorded] = asyncio.get_running_loop().create_future()
        self._waiting.append((escalation, time.monotonic() + within, answer))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await answer

    async def _write(self) -> None:
        while self._waiting:
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), LARGEST_GROUP))]
            # Who has gone by now was told that nothing was recorded.
            group = [one for one in group if not one[2].done()]
            if group:
                await self._commit(group)

    async def _commit(self, group: list[_Asking]) -> None:
        until = min(until for _, until, _ in group)
        asked = [one for one, _, _ in group]

        def record_all() -> list[Recorded]:
            # Counted here: the wait for a free thread is part of the time.
            return self._accepting.record_all(asked, within=until - time.monotonic())

        try:
            recorded = await self._run(record_all)
        except Fault as fault:
            if is_conflict(fault):
                await self._one_by_one(group)
                return
            for _, _, answer in group:
                _fail(answer, fault)
            return
        except Exception as error:  # noqa: BLE001 — whose asking it is has to hear of it
            if len(group) == 1:
                _fail(group[0][2], error)
                return
            for one in group:  # one that cannot be written takes no other with it
                await self._commit([one])
            return
        for (_, _, answer), met in zip(group, recorded, strict=True):
            if not answer.done():
                answer.set_result(met)

    async def _one_by_one(self, group: list[_Asking]) -> None:
        """Record what another transaction was in the way of, each by itself.

        Whoever meets it again goes to the end of the line, until its time is over: a row that
        stays locked keeps nobody else from being recorded.
        """
        line = deque(group)
        while line:
            asking, until, answer = line.popleft()
            if answer.done():
                continue

            def record(asking: Escalation = asking, until: float = until) -> Recorded:
                left = until - time.monotonic()
                lock_seconds = max(LEAST_LOCK_SECONDS, left * LOCK_SHARE)
                return self._accepting.record(asking, within=left, lock_seconds=lock_seconds)

            try:
                met = await self._run(record)
            except Fault as fault:
                if is_conflict(fault) and time.monotonic() < until:
                    line.append((asking, until, answer))
                else:
                    _fail(answer, fault)
            except Exception as error:  # noqa: BLE001 — whose asking it is has to hear of it
                _fail(answer, error)
            else:
                if not answer.done():
                    answer.set_result(met)


def _fail(answer: asyncio.Future[Recorded], error: Exception) -> None:
    """Answer with what went wrong, unless the submitter has gone."""
    if not answer.done():
        answer.set_exception(error)
