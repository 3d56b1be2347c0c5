"""A Slack, a Plain and a database that outlive the bridge's processes between them."""

from __future__ import annotations

import asyncio
import itertools
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

from sqlalchemy import select

from bot.core.record import Record
from bot.sandbox.plain import Plain
from bot.sandbox.plain.world import Duplicates
from bot.sandbox.process import BridgeFailed, BridgeProcess, bridge
from bot.sandbox.slack import Slack
from bot.store.database import Database
from bot.store.records import Records
from bot.store.schema import job
from tests.crash.watching import Act, Folder

ROOT = Path(__file__).parents[2]

PATIENCE = 100.0
"""Seconds that a test waits for what has to come; none of them measures time."""

WINDOWS = {
    "TEST_SETTLE_WINDOW": "1",
    "TEST_LEASE": "3",
    "TEST_PLAIN_SECONDS": "1",
    "TEST_VERIFY_SECONDS": "1",
}
"""Seconds; at work they are 35, 90, 30 and 600."""

ENOUGH = 100_000
"""Requests a minute: a killed process takes its permits along, and here one dies every second."""

SOON_SECONDS = 60.0
"""A job that is due later, such as the end of an Undo, leaves the bridge at rest."""

_DELAYED = "Your request is saved"

PARTS = 30
"""Messages of a long Slack thread: more than a thread of Plain's is created with."""

RETRIES = (0.0, 2.0, 10.0)
"""Slack sends an event again at once, after a minute and after five: here in seconds."""


class Replica:
    """One bridge's process after the other, in a folder of its own."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        folder.mkdir()
        self.folder = folder
        self.watch = Folder(folder)
        self._variables = {**variables, "TEST_FOLDER": str(folder), "PYTHONPATH": str(ROOT)}
        self._stack = AsyncExitStack()
        self.running: BridgeProcess | None = None

    async def start(self) -> bool:
        """Start; whether it is ready (False: it died on its way, as it was ordered to)."""
        running = bridge(self._variables, self.folder, arguments=("-m", "tests.crash.bridge"))
        try:
            self.running = await self._stack.enter_async_context(running)
        except BridgeFailed:
            if not self.watch.is_done:
                raise
            return False
        return True

    @property
    def is_dead(self) -> bool:
        return self.running is None or self.running.process.returncode is not None

    async def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the process, if there is one, and wait until it is gone."""
        if self.running is not None and self.running.process.returncode is None:
            self.running.process.send_signal(number)
            await self.running.process.wait()
        await self._stack.aclose()
        self.running = None

    def signal(self, number: signal.Signals) -> None:
        assert self.running is not None
        self.running.process.send_signal(number)

    async def stopped(self) -> None:
        """Wait until the process has stopped itself."""
        assert self.running is not None
        state = Path(f"/proc/{self.running.process.pid}/stat")
        await until(lambda: self.watch.is_done and state.read_text().rpartition(")")[2][1] == "T")

    @property
    def log(self) -> str:
        return (self.folder / "bridge.log").read_text()

    def order(self, act: Act | None = None, place: str = "") -> None:
        self.watch.give(act, place)


@dataclass
class Ground:
    """All but the bridge. `ben` belongs to #support, as everybody who comes later does."""

    slack: Slack
    plain: Plain
    plain_url: str
    database: Database
    folder: Path
    variables: Mapping[str, str]
    support: str
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def history(self) -> Records:
        return Records(self.database)

    def replica(self, name: str = "one", **variables: str) -> Replica:
        return Replica(self.folder / name, {**self.variables, **variables})

    def hear(self, replica: Replica) -> None:
        """Slack sends to this replica from now on."""
        assert replica.running is not None
        self.slack.deliver_to(f"{replica.running.url}/slack/events")

    def somebody(self, *, email: bool = True) -> str:
        """A new member of the workspace, in #support."""
        name = f"person{next(self._numbers)}"
        user = self.slack.add_user(name, email=f"{name}@acme.example" if email else None)
        self.slack.conversations[self.support].members.add(user)
        return user

    def word(self) -> str:
        """A word that nobody said before."""
        return f"matter-{next(self._numbers):05}"

    def entries(self, submitter: str) -> list[Record]:
        """What the ledger holds of this person's asking."""
        return [entry for entry in self.history.newest(100_000) if entry.submitter == submitter]

    @property
    def is_at_rest(self) -> bool:
        """Whether no job is claimed or due, now or soon."""
        soon = (job.c.due <= self.database.now() + SOON_SECONDS) | job.c.token.is_not(None)
        with self.database.reading() as connection:
            return connection.execute(select(job.c.id).where(soon).limit(1)).first() is None

    async def settled(self, submitter: str) -> list[Record]:
        """Wait until nothing is left to do for this person."""
        await until(lambda: all(entry.due is None for entry in self.entries(submitter)))
        return self.entries(submitter)

    def threads(self, word: str) -> int:
        """How many threads were opened about it."""
        return sum(word in f"{thread.title} {thread.components}" for thread in self.plain.threads)

    def events(self, word: str) -> int:
        """How often it was added to a thread."""
        return sum(
            word in str(event.components)
            for thread in self.plain.threads
            for event in thread.events
        )

    def wholes(self, word: str) -> int:
        """How often a long Slack thread stands there: 0 where a part of it is missing."""
        told = [str(thread.components) for thread in self.plain.threads]
        told += [str(event.components) for thread in self.plain.threads for event in thread.events]
        parts = (f"{word} part {number:02}" for number in range(PARTS))
        counts = [sum(text.count(part) for text in told) for part in parts]
        return max(counts) if min(counts) else 0

    def undone(self, word: str) -> int:
        """How many threads about it are marked as ignored."""
        about = (thread for thread in self.plain.threads if word in f"{thread.title}")
        return sum(one.status_detail.kind == "ThreadStatusDetailIgnored" for one in about)

    def answers(self, user: str, about: str = "") -> int:
        """How many answers this person had, of those that hold these words; delay notices aside."""
        said = [whisper.text for whisper in self.slack.ephemerals(user)]
        said += [str(message["text"]) for message in self.slack.dms(user)]
        return sum(about in text and not text.startswith(_DELAYED) for text in said)


@asynccontextmanager
async def ground(
    database_url: str,
    folder: Path,
    duplicates: Duplicates = "allow",
    windows: Mapping[str, str] = WINDOWS,
) -> AsyncIterator[Ground]:
    """`database_url` is a migrated database's; `duplicates` what Plain does to a second id."""
    async with AsyncExitStack() as stack:
        # A bridge of another test, on a port that was free a moment ago, must not accept anything.
        slack = Slack(signing_secret=token_hex(16), retry_delays=RETRIES)
        await stack.enter_async_context(slack.serving())
        plain = Plain(duplicate_external_id=duplicates, rate_limit=ENOUGH)
        plain_url = await stack.enter_async_context(plain.serving())
        support = slack.add_channel("support")
        variables = {
            "SLACK_BOT_TOKEN": "xoxb-test",
            "SLACK_API_URL": slack.api_url,
            "SLACK_SIGNING_SECRET": slack.signing_secret,
            "PLAIN_API_KEY": plain.api_key,
            "PLAIN_API_URL": plain_url,
            "DATABASE_URL": database_url,
            **windows,
        }
        database = Database(database_url)
        stack.callback(database.close)
        yield Ground(slack, plain, plain_url, database, folder, variables, support)


async def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 — any condition, not one that is announced
            await asyncio.sleep(0.02)
