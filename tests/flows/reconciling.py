"""A workspace with messages and reactions, and a bridge that looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from bot.core.directory import Channel, Installation, Profile, UserKind
from bot.core.model import Rule
from bot.core.reactions import identity
from bot.core.reconcile import DAY, FindingVerdict, ReconcileReport, Scope
from bot.core.refs import MessageRef
from bot.flows.intake import Intake
from bot.flows.reconcile import ReconcileContext, ResumePoint, reconcile
from bot.store.claims import Claim, load
from bot.store.database import Database
from bot.store.kv import FirstLoaded, FirstSeen, KeyValueStore
from bot.store.records import Records
from bot.store.requests import GroupCommit, Requests
from bot.store.tickets import Ledger
from tests.conftest import Clock
from tests.flows.fake_history import FakeHistory
from tests.flows.fakes import profile, run
from tests.nouns import TEAM

ADA, BEN, PAM, GIL, GONE = "U0ADA", "U0BEN", "U0PAM", "U0GIL", "U0GONE"

BOT, ALERTS = "U0BRIDGE", "U0ALERTS"

WHOM = {
    PAM: profile(PAM, kind=UserKind.EXTERNAL),
    GIL: profile(GIL, kind=UserKind.GUEST),
    GONE: profile(GONE, deactivated=True),
    BOT: profile(BOT, kind=UserKind.BOT),
    ALERTS: profile(ALERTS, kind=UserKind.BOT),
}

NOW = 1_700_000_000.0
TICKETS = Rule(("ticket",))
BUGS = Rule(("bug",), ("#support",))


@dataclass
class Bench:
    """A workspace with two channels, and a bridge that was started long ago."""

    database: Database
    clock: Clock
    rules: tuple[Rule, ...] = (BUGS, TICKETS)
    slack: FakeHistory = field(
        default_factory=lambda: FakeHistory([Channel("C1", "support"), Channel("C2", "sales")])
    )
    asked: list[str] = field(default_factory=list)
    who: frozenset[UserKind] = frozenset({UserKind.MEMBER})

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.database)
        self.start()
        self.clock.now = NOW

    def start(self, ago: float = 30 * DAY) -> None:
        self.clock.now = NOW - ago
        FirstLoaded(self.database).load([identity(rule) for rule in self.rules])

    def post(
        self, ago: float = 60.0, channel: str = "C1", thread: MessageRef | None = None
    ) -> MessageRef:
        return self.slack.post(channel, f"{NOW - ago:.6f}", thread.ts if thread else None)

    def mark(self, ago: float = 60.0, channel: str = "C1", emoji: str = "ticket") -> MessageRef:
        return self.slack.react(self.post(ago, channel), emoji, ADA)

    @property
    def world(self) -> ReconcileContext:
        async def who_is(user: str) -> Profile | None:
            self.asked.append(user)
            return WHOM.get(user, profile(user))

        nothing = None
        intake = Intake(
            record=GroupCommit(Requests(self.database), run).record,
            requests=self.ledger,
            drafts=nothing,  # type: ignore[arg-type]
            forms=nothing,  # type: ignore[arg-type]
            rules=self.rules,
            run=run,
            wake=lambda: None,
        )
        return ReconcileContext(
            history=self.slack,
            profile=who_is,
            known=self.ledger.known,
            take=intake.take,
            first_loaded=FirstLoaded(self.database),
            first_seen=FirstSeen(self.database),
            resume_points=KeyValueStore(self.database, ResumePoint),
            run=run,
            rules=self.rules,
            who=self.who,
            installation=Installation(TEAM, "https://example.slack.com/", BOT),
            clock=self.clock,
        )

    async def look(self, **scope: object) -> ReconcileReport:
        return await reconcile(self.world, Scope(**scope))  # type: ignore[arg-type]

    async def find(self, **scope: object) -> list[MessageRef]:
        """What a pass escalated; the ledger's new rows are these and no others."""
        before = set(self.keys())
        found = [f.posted.ref for f in (await self.look(**scope)).of(FindingVerdict.ESCALATED)]
        new = [key for key in self.keys() if key not in before]
        assert sorted(new) == sorted(f"{TEAM}:{ref.channel}:{ref.ts}" for ref in found)
        return found

    def keys(self) -> list[str]:
        return [entry.key for entry in Records(self.database).export()]

    def claim(self) -> Claim:
        (claim,) = load(self.database, self.ledger.claim("worker", 1))
        return claim


@pytest.fixture
def bench(sqlite_url: str, clock: Clock) -> Iterator[Bench]:
    database = Database(sqlite_url, clock)
    yield Bench(database, clock)
    database.close()


def many(bench: Bench, channels: int = 6, each: int = 3) -> set[MessageRef]:
    """Channels with `each` marked messages on as many pages."""
    bench.slack.rooms = [Channel(f"C{n}", f"room-{n}") for n in range(channels)]
    bench.slack.size = 1
    bench.slack.rooms.sort(key=lambda room: room.id)
    return {bench.mark(60.0 + n, f"C{c}") for c in range(channels) for n in range(each)}
