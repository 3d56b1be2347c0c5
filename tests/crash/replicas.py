"""Two bridges on one PostgreSQL database, of which one dies or stands still for a while."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass

from tests.crash.doors import DOORS, Asking
from tests.crash.ground import Ground, Replica, until

KILLED_AT = (
    "commit.after *record*:1",
    "commit.after jobs.claim:1",
    "commit.after tickets.note_thread:1",
    "plain.before createThread:1",
    "plain.after createThread:1",
    "commit.after tickets.settle:1",
)
PAUSED_AT = (
    "commit.after jobs.claim:1",
    "slack.after conversations.replies:1",
    "commit.before tickets.note_thread:1",
    "commit.after tickets.note_thread:1",
    "plain.after createThread:1",
    "commit.before tickets.settle:1",
)
TOO_LATE_AT = "plain.before createThread:1"
"""Past the last look at the lease: what is paused here goes on to send."""


@dataclass(frozen=True)
class Taken:
    """What came of an asking that a second replica finished. `sent` counts creates."""

    name: str
    threads: int
    sent: int
    state: str
    fenced: bool
    doubles: tuple[str, ...] = ()


async def killed(ground: Ground, place: str) -> Taken:
    """The first dies at the place; the second, which is there already, takes over."""
    first, second = await _two(ground)
    (asking,) = await DOORS["reaction"].prepare(ground)
    first.order("kill", place)
    acting = _act(ground, asking)
    await until(lambda: first.is_dead)
    second.signal(signal.SIGCONT)
    ground.hear(second)
    return await _taken(ground, asking, acting, f"killed, {place}", first, second)


async def paused(ground: Ground, place: str) -> Taken:
    """The first stands still at the place until the second has finished, then goes on."""
    first, second = await _two(ground)
    (asking,) = await DOORS["reaction"].prepare(ground)
    first.order("stop", place)
    acting = _act(ground, asking)
    await first.stopped()
    second.signal(signal.SIGCONT)
    ground.hear(second)
    await until(lambda: [entry.state for entry in ground.entries(asking.submitter)] == ["created"])
    first.signal(signal.SIGCONT)
    await until(lambda: "lease_lost" in first.log)
    return await _taken(ground, asking, acting, f"paused, {place}", first, second)


async def _two(ground: Ground) -> tuple[Replica, Replica]:
    """Two that are ready; the second stands still until the first was acted on, so that it is
    the first that claims."""
    number = ground.word()
    first, second = ground.replica(f"{number}-a"), ground.replica(f"{number}-b")
    assert await first.start()
    assert await second.start()
    await asyncio.sleep(0.5)  # in no transaction
    second.signal(signal.SIGSTOP)
    ground.hear(first)
    return first, second


def _act(ground: Ground, asking: Asking) -> asyncio.Task[None]:
    async def back() -> None:
        return

    async def ask() -> None:
        await DOORS["reaction"].ask(ground, [asking], back)

    return asyncio.create_task(ask())


async def _taken(
    ground: Ground,
    asking: Asking,
    acting: asyncio.Task[None],
    name: str,
    first: Replica,
    second: Replica,
) -> Taken:
    await acting
    await ground.settled(asking.submitter)
    await until(lambda: all(e.verify_at is None for e in ground.entries(asking.submitter)))
    (entry,) = ground.entries(asking.submitter)
    fenced = not first.is_dead and "lease_lost" in first.log
    await first.end()
    await second.end()
    sent = [r for r in ground.plain.requests if r.operation == "createThread"]
    return Taken(
        name=name,
        threads=ground.threads(asking.word),
        sent=sum(asking.word in str(request.variables) for request in sent),
        state=entry.state,
        fenced=fenced,
        doubles=tuple(entry.duplicates or ()),
    )
