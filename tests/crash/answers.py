"""What Plain may answer without saying whether it did what it was asked to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from bot.core.refs import MessageRef, message_key
from bot.plain import operations, protocol
from bot.sandbox.plain import How
from bot.store.customer_links import CustomerLink, CustomerLinks
from tests.crash.doors import DOORS, Asking
from tests.crash.ground import Ground, Replica, until

WINDOWS = {
    "TEST_SETTLE_WINDOW": "3",
    "TEST_LEASE": "6",
    "TEST_PLAIN_SECONDS": "1",
    "TEST_VERIFY_SECONDS": "4",
}


@dataclass(frozen=True)
class Ambiguous:
    """How the first request ends. `blind`: the look-ups after it fail for a while as well."""

    name: str
    how: How
    committed: bool = False
    seconds: float | None = None
    blind: bool = False


AMBIGUOUS: Sequence[Ambiguous] = (
    Ambiguous("committed, then 502", "502", committed=True),
    Ambiguous("committed, then 502, and no look-up for a while", "502", True, blind=True),
    Ambiguous("committed, then the connection drops", "drop", committed=True),
    Ambiguous("committed, then silence past the timeout", "hang", committed=True, seconds=4),
    Ambiguous("committed after the timeout, inside the window", "late", seconds=1.5),
    Ambiguous("committed, then an HTML page with 200", "html", committed=True),
    Ambiguous("not committed, 502", "502"),
    Ambiguous("not committed, the connection drops", "drop"),
    Ambiguous("not committed, an HTML page with 200", "html"),
)


@dataclass(frozen=True)
class Seen:
    """What came of a scene: how many threads or additions there are, and how it is recorded."""

    name: str
    made: int
    state: str
    told: int
    note: str = ""

    @property
    def is_good(self) -> bool:
        return self.made == 1 and self.state in ("created", "added") and self.told == 1


async def ambiguous(ground: Ground, case: Ambiguous, door: str) -> Seen:
    """One asking at `door` ("reaction" or "addition") whose first request ends so."""
    (asking,) = await DOORS[door].prepare(ground)
    is_thread = asking.kind == "thread"
    ground.plain.fail(
        "createThread" if is_thread else "createThreadEvent",
        case.how,
        seconds=case.seconds,
        committed=case.committed,
    )
    if case.blind:
        ground.plain.fail("threadByExternalId" if is_thread else "threadEvents", "503", 2)
    await _ask(ground, asking, door)
    seen = await _seen(ground, asking, f"{case.name} ({asking.kind})")
    ground.plain.heal()
    return seen


async def relinked(ground: Ground, *, committed: bool) -> Seen:
    """The person's link changes while nobody knows what became of the first create."""
    plain = ground.plain
    old, new = (plain.add_customer(n, f"{n}@customers.example") for n in _two(ground))
    (asking,) = await DOORS["reaction"].prepare(ground)
    author = str(ground.slack.message(ground.support, asking.ts)["user"])
    people = CustomerLinks(ground.database)
    people.link([CustomerLink(ground.slack.team, author, old.id)])
    plain.fail("createThread", "502", committed=committed)
    plain.fail("threadByExternalId", "503", 1000)
    await _ask(ground, asking, "reaction")
    await until(lambda: _requests(ground, "threadByExternalId", asking))
    people.link([CustomerLink(ground.slack.team, author, new.id)])
    plain.heal()
    word = "committed" if committed else "not committed"
    seen = await _seen(ground, asking, f"the link changed between two attempts ({word})")
    owners = {t.customer.id for t in plain.threads if asking.word in t.title}
    assert owners == {old.id}, "the customer was frozen before the first create"
    return seen


async def late_beyond_the_window(ground: Ground, replica: Replica) -> Seen:
    """The first create takes effect when the second has long been answered.

    The request is sent once more from here, for that is what Plain then does with it.
    """
    (asking,) = await DOORS["reaction"].prepare(ground)
    ground.plain.fail("createThread", "502")
    await _ask(ground, asking, "reaction")
    await until(lambda: ground.threads(asking.word))
    first = _requests(ground, "createThread", asking)[0]
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(
            ground.plain_url,
            content=protocol.request(operations.CREATE_THREAD.document, first, "createThread"),
            headers={
                "Authorization": f"Bearer {ground.plain.api_key}",
                "Content-Type": "application/json",
            },
        )
    assert answer.status_code == httpx.codes.OK
    seen = await _seen(ground, asking, "committed after the window")
    (entry,) = ground.entries(asking.submitter)
    await until(lambda: _looked_again(ground, asking))
    (entry,) = ground.entries(asking.submitter)
    found = ", ".join(entry.duplicates or ())
    if found:
        await until(lambda: f'"others": "{found}"' in replica.log)
    return Seen(seen.name, seen.made, seen.state, seen.told, note=found)


def _looked_again(ground: Ground, asking: Asking) -> bool:
    """Whether the later look-up has come, and what came of it was written down."""
    (entry,) = ground.entries(asking.submitter)
    return entry.verify_at is None


def _two(ground: Ground) -> tuple[str, str]:
    return ground.word(), ground.word()


async def _ask(ground: Ground, asking: Asking, door: str) -> None:
    async def back() -> None:
        return

    await DOORS[door].ask(ground, [asking], back)
    assert asking.accepted


async def _seen(ground: Ground, asking: Asking, name: str) -> Seen:
    await until(lambda: ground.entries(asking.submitter))
    (entry,) = await ground.settled(asking.submitter)
    await until(lambda: ground.answers(asking.submitter))
    count = ground.threads if asking.kind == "thread" else ground.events
    return Seen(name, count(asking.word), entry.state, ground.answers(asking.submitter))


def _requests(ground: Ground, operation: str, asking: Asking) -> list[Any]:
    """The variables of the requests about this asking."""
    key = message_key(ground.slack.team, MessageRef(ground.support, asking.ts))
    return [
        request.variables
        for request in ground.plain.requests
        if request.operation == operation and key in str(request.variables)
    ]
