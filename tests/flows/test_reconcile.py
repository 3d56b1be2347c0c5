"""A look through Slack's history: what is escalated, what is left alone, and how far it comes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from bot.core.faults import Reason, Refused, TryLater
from bot.core.findings import DAY, Finding, Report, Scope, Verdict
from bot.core.model import (
    Channel,
    Created,
    Installation,
    Profile,
    Rule,
    Standing,
    Turned,
    Unwanted,
    Via,
)
from bot.core.reactions import identity
from bot.core.refs import MessageRef
from bot.flows.intake import Intake
from bot.flows.ports import Claim, Place
from bot.flows.reconcile import World, reconcile
from bot.store.engine import Database
from bot.store.first_loaded import FirstLoaded
from bot.store.history import History
from bot.store.ledger import Ledger
from bot.store.memory import Memory
from tests.conftest import Clock
from tests.flows.fake_history import FakeHistory
from tests.flows.fakes import profile, run
from tests.nouns import TEAM, TICKET

ADA, BEN, PAM, GIL = "U0ADA", "U0BEN", "U0PAM", "U0GIL"
BOT, ALERTS = "U0BRIDGE", "U0ALERTS"
WHOM = {
    PAM: profile(PAM, standing=Standing.EXTERNAL),
    GIL: profile(GIL, standing=Standing.GUEST),
    BOT: profile(BOT, standing=Standing.BOT),
    ALERTS: profile(ALERTS, standing=Standing.BOT),
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
    who: frozenset[Standing] = frozenset({Standing.MEMBER})

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
    def world(self) -> World:
        async def who_is(user: str) -> Profile | None:
            self.asked.append(user)
            return WHOM.get(user, profile(user))

        nothing = None
        intake = Intake(
            ledger=self.ledger,
            drafts=nothing,  # type: ignore[arg-type]
            forms=nothing,  # type: ignore[arg-type]
            rules=self.rules,
            run=run,
            wake=lambda: None,
        )
        return World(
            history=self.slack,
            profile=who_is,
            known=self.ledger.known,
            take=intake.take,
            first_loaded=FirstLoaded(self.database),
            places=Memory(self.database, Place),
            run=run,
            rules=self.rules,
            who=self.who,
            installation=Installation(TEAM, "https://example.slack.com/", BOT),
            clock=self.clock,
        )

    async def look(self, **scope: object) -> Report:
        return await reconcile(self.world, Scope(**scope))  # type: ignore[arg-type]

    async def find(self, **scope: object) -> list[MessageRef]:
        """What a pass escalated; the ledger's new rows are these and no others."""
        before = set(self.keys())
        found = [f.posted.ref for f in (await self.look(**scope)).of(Verdict.ESCALATED)]
        new = [key for key in self.keys() if key not in before]
        assert sorted(new) == sorted(f"{TEAM}:{ref.channel}:{ref.ts}" for ref in found)
        return found

    def keys(self) -> list[str]:
        return [entry.key for entry in History(self.database).export()]

    def claim(self) -> Claim:
        (claim,) = self.ledger.claim("worker", 1)
        return claim


@pytest.fixture
def bench(sqlite_url: str, clock: Clock) -> Iterator[Bench]:
    database = Database(sqlite_url, clock)
    yield Bench(database, clock)
    database.close()


# What is escalated


async def test_a_reaction_whose_event_never_came_is_escalated_as_if_it_had(bench: Bench) -> None:
    ref = bench.slack.react(bench.post(), "ticket", ADA)
    bench.post(30)
    assert await bench.find() == [ref]
    escalation = bench.claim().escalation
    trigger = escalation.trigger
    assert escalation.key == f"{TEAM}:C1:{ref.ts}"
    assert escalation.rules == (TICKETS,)
    assert (trigger.via, trigger.team, trigger.asker) == (Via.REACTION, TEAM, ADA)
    assert (trigger.ref, trigger.channel, trigger.emoji) == (ref, "C1", "ticket")
    assert trigger.request == f"reconcile:C1:{ref.ts}:ticket"
    assert (trigger.reply_to.user, trigger.reply_to.channel) == (ADA, "C1")
    assert trigger.reply_to.asked_at == NOW


async def test_a_second_pass_finds_nothing(bench: Bench) -> None:
    bench.mark()
    bench.mark(90, "C2")
    root = bench.post(120)
    bench.slack.react(bench.post(100, thread=root), "ticket", BEN)
    assert len(await bench.find()) == 3
    assert await bench.find() == []


@pytest.mark.parametrize(
    ("channel", "emoji", "is_found"),
    [
        ("C1", "bug", True),
        ("C2", "bug", False),
        ("C2", "ticket", True),
        ("C1", "ticket::skin-tone-2", True),
        ("C1", "eyes", False),
    ],
)
async def test_the_rules_decide(bench: Bench, channel: str, emoji: str, is_found: bool) -> None:
    ref = bench.mark(60, channel, emoji)
    assert await bench.find() == ([ref] if is_found else [])


async def test_a_message_with_two_rules_emoji_is_one_escalation(bench: Bench) -> None:
    ref = bench.mark(emoji="bug")
    bench.slack.react(ref, "ticket", BEN)
    (found,) = (await bench.look()).findings
    assert (found.posted.ref, found.emoji, found.rule, found.asker) == (ref, "bug", 0, ADA)


async def test_replies_of_a_thread_whose_root_is_at_most_seven_days_old(bench: Bench) -> None:
    young, old = bench.post(6.9 * DAY), bench.post(7.1 * DAY)
    reply = bench.slack.react(bench.post(60, thread=young), "ticket", ADA)
    bench.slack.react(bench.post(61, thread=old), "ticket", ADA)
    assert await bench.find() == [reply]


async def test_older_threads_stay_closed_however_far_back_it_looks(bench: Bench) -> None:
    old = bench.post(8 * DAY)
    bench.slack.react(bench.post(60, thread=old), "ticket", ADA)
    assert await bench.find(messages=30 * DAY, replies=30 * DAY) == []
    assert ("replies", old.ts) not in bench.slack.calls


async def test_a_thread_without_recent_replies_costs_no_call(bench: Bench) -> None:
    root = bench.post(3 * DAY)
    bench.slack.react(bench.post(2 * DAY, thread=root), "ticket", ADA)
    assert await bench.find() == []
    assert ("replies", root.ts) not in bench.slack.calls
    assert len(await bench.find(replies=3 * DAY)) == 1


@pytest.mark.parametrize(("since", "count"), [(3600.0, 1), (DAY, 2), (5 * DAY, 3)])
async def test_how_far_back(bench: Bench, since: float, count: int) -> None:
    for ago in (60.0, 0.9 * DAY, 4 * DAY):
        bench.mark(ago)
    assert len(await bench.find(messages=since, replies=since)) == count


@pytest.mark.parametrize(
    ("channels", "unknown"), [(("C2",), ()), (("#SALES",), ()), (("sales", "#lobby"), ("#lobby",))]
)
async def test_only_these_channels(
    bench: Bench, channels: tuple[str, ...], unknown: tuple[str, ...]
) -> None:
    bench.mark()
    ref = bench.mark(60, "C2")
    report = await bench.look(channels=channels)
    assert [one.posted.ref for one in report.findings] == [ref]
    assert report.unknown == unknown


async def test_channels_in_which_no_rule_counts_are_not_read(bench: Bench) -> None:
    bench.rules = (BUGS,)
    await bench.look()
    assert bench.slack.calls == [("channels", ""), ("messages", "C1")]


# Who asked


@pytest.mark.parametrize(
    ("users", "asker"),
    [
        ((ADA, BEN), ADA),
        ((BOT, ALERTS, BEN), BEN),
        ((PAM, BEN), BEN),
        ((PAM, GIL), PAM),
        ((BOT,), None),
        ((ALERTS, BOT), None),
    ],
    ids=[
        "the first",
        "no bot",
        "one who may ask",
        "nobody may: the worker refuses the first",
        "the bridge itself",
        "bots only",
    ],
)
async def test_who_counts_as_having_asked(
    bench: Bench, users: tuple[str, ...], asker: str | None
) -> None:
    bench.slack.react(bench.post(), "ticket", *users)
    assert [one.asker for one in (await bench.look()).findings] == ([asker] if asker else [])
    assert len(bench.keys()) == (1 if asker else 0)


async def test_the_bridge_knows_itself_without_asking(bench: Bench) -> None:
    bench.slack.react(bench.post(), "ticket", BOT, ADA)
    await bench.look()
    assert bench.asked == [ADA]


async def test_a_reaction_by_bots_does_not_hide_anothers(bench: Bench) -> None:
    ref = bench.slack.react(bench.post(), "bug", ALERTS)
    bench.slack.react(ref, "ticket", BEN)
    (found,) = (await bench.look()).findings
    assert (found.emoji, found.asker) == ("ticket", BEN)


async def test_a_partial_list_of_people_is_asked_for_whole(bench: Bench) -> None:
    bench.slack.shown = 1
    ref = bench.slack.react(bench.post(), "ticket", ALERTS, PAM, BEN)
    (found,) = (await bench.look()).findings
    assert found.asker == BEN
    assert ("reactions", ref.ts) in bench.slack.calls


async def test_a_list_that_names_nobody_is_asked_for_whole(bench: Bench) -> None:
    bench.slack.shown = 0
    bench.slack.react(bench.post(), "ticket", BEN)
    assert [one.asker for one in (await bench.look()).findings] == [BEN]


async def test_a_partial_list_with_one_who_may_ask_is_enough(bench: Bench) -> None:
    bench.slack.shown = 1
    bench.slack.react(bench.post(), "ticket", ADA, BEN)
    assert [one.asker for one in (await bench.look()).findings] == [ADA]
    assert "reactions" not in dict(bench.slack.calls)


async def test_a_person_is_looked_up_once_in_a_pass(bench: Bench) -> None:
    for ago in range(60, 65):
        bench.mark(ago)
    report = await bench.look()
    assert bench.asked == [ADA]
    assert report.calls == len(bench.slack.calls) + 1


# What is left alone


@pytest.mark.parametrize(
    "outcome",
    [
        Created(TICKET),
        Turned(Reason.NO_CUSTOMER, {"requester": "U0AUTHOR"}),
        Turned(Reason.GAVE_UP, {}),
        Unwanted("no_rule"),
        None,
    ],
    ids=["created", "refused", "parked", "unwanted", "waiting"],
)
async def test_whatever_has_a_row_is_left_alone(bench: Bench, outcome: object) -> None:
    bench.mark()
    await bench.find()
    if outcome is not None:
        bench.ledger.settle(bench.claim(), outcome)  # type: ignore[arg-type]
    before = [entry.as_dict() for entry in History(bench.database).export()]
    assert await bench.find() == []
    assert [entry.as_dict() for entry in History(bench.database).export()] == before


async def test_a_first_start_escalates_no_old_emoji(sqlite_url: str, clock: Clock) -> None:
    database = Database(sqlite_url, clock)
    bench = Bench(database, clock)
    bench.start()
    FirstLoaded(database).load([])
    bench.clock.now = NOW
    for days in (0.01, 1, 5):
        bench.mark(days * DAY)
    assert await bench.find() == []
    bench.clock.move(3600)
    new = bench.slack.react(bench.post(-60), "ticket", ADA)
    assert await bench.find() == [new]
    database.close()


async def test_never_what_is_older_than_its_rule(bench: Bench) -> None:
    bench.rules = (BUGS, TICKETS, Rule(("incident",)))
    bench.start(ago=3600)
    bench.clock.now = NOW
    bench.mark(3601, emoji="incident")
    new = bench.mark(3599, emoji="incident")
    old = bench.mark(3700)
    report = await bench.look()
    assert {one.posted.ref for one in report.of(Verdict.ESCALATED)} == {new, old}
    (late,) = report.of(Verdict.BEFORE_RULE)
    assert (late.rule, late.rule_since, late.asker) == (2, NOW - 3600, None)


async def test_a_changed_label_makes_no_new_rule(bench: Bench) -> None:
    ref = bench.mark(DAY / 2)
    bench.rules = (BUGS, replace(TICKETS, labels=("Bug",), customer="c_1"))
    bench.start(ago=60)
    bench.clock.now = NOW
    assert await bench.find() == [ref]


async def test_an_older_rule_for_another_emoji_of_the_message_counts(bench: Bench) -> None:
    bench.rules = (Rule(("incident",)), BUGS, TICKETS)
    bench.start(ago=10)
    bench.clock.now = NOW
    bench.slack.react(bench.mark(emoji="incident"), "ticket", BEN)
    assert [(one.emoji, one.verdict) for one in (await bench.look()).findings] == [
        ("ticket", Verdict.ESCALATED)
    ]


async def test_an_event_that_comes_after_all_makes_no_second_row(bench: Bench) -> None:
    bench.mark()
    world = bench.world

    def too_late(keys: object) -> frozenset[str]:
        return frozenset()

    blind = replace(world, known=too_late)
    await reconcile(blind, Scope())
    assert (await reconcile(blind, Scope())).findings == ()
    assert len(bench.keys()) == 1


# How far a pass comes


def many(bench: Bench, channels: int = 6, each: int = 3) -> set[MessageRef]:
    """Channels with `each` marked messages on as many pages."""
    bench.slack.rooms = [Channel(f"C{n}", f"room-{n}") for n in range(channels)]
    bench.slack.size = 1
    bench.slack.rooms.sort(key=lambda room: room.id)
    return {bench.mark(60.0 + n, f"C{c}") for c in range(channels) for n in range(each)}


async def test_a_pass_keeps_to_its_budget_and_the_next_goes_on(bench: Bench) -> None:
    wanted = many(bench)
    found: set[MessageRef] = set()
    passes = 0
    while True:
        passes += 1
        before = len(bench.slack.calls) + len(bench.asked)
        report = await bench.look(calls=10)
        new = {one.posted.ref for one in report.findings}
        assert report.calls == len(bench.slack.calls) + len(bench.asked) - before <= 10
        assert not found & new
        found |= new
        assert report.went_on is (passes > 1)
        if report.stopped is None:
            break
        assert report.stopped == "call_budget"
        assert {one.why for one in report.left} == {"call_budget"}
    assert (found, passes, report.left) == (wanted, 3, ())
    assert not (await bench.look(calls=10)).went_on


async def test_what_is_not_looked_at_is_said(bench: Bench) -> None:
    many(bench)
    report = await bench.look(calls=10)
    assert report.looked_at == 2
    assert [one.channel.id for one in report.left] == ["C2", "C3", "C4", "C5"]
    report = await bench.look(calls=10)
    assert report.looked_at == 3
    assert [one.channel.id for one in report.left] == ["C5"]


async def test_it_goes_on_within_a_page_of_threads(bench: Bench) -> None:
    wanted = set()
    for number in range(6):
        root = bench.post(1000.0 + number)
        for reply in range(18):
            ref = bench.post(900.0 - 20 * number - reply, thread=root)
            wanted.add(bench.slack.react(ref, "ticket", ADA))
    bench.slack.size = 6  # one page of roots, three of replies for each
    found: set[MessageRef] = set()
    for _ in range(12):
        report = await bench.look(calls=5, channels=("C1",))
        found |= {one.posted.ref for one in report.findings}
        if report.stopped is None:
            break
    assert (found, report.stopped) == (wanted, None)


@pytest.mark.parametrize(("later", "goes_on"), [(900.0, True), (3700.0, False)])
async def test_a_place_is_good_for_an_hour(bench: Bench, later: float, goes_on: bool) -> None:
    many(bench)
    await bench.look(calls=12)
    fresh = bench.mark(1.0, "C0")
    bench.clock.move(later)
    report = await bench.look(calls=100)
    assert report.went_on is goes_on
    assert (fresh in {one.posted.ref for one in report.findings}) is not goes_on
    assert fresh in {*await bench.find(calls=100)} or not goes_on


async def test_a_place_in_a_channel_that_is_gone_is_no_trouble(bench: Bench) -> None:
    wanted = many(bench)
    first = await bench.look(calls=8)
    gone = first.left[0].channel
    bench.slack.rooms.remove(gone)
    report = await bench.look(calls=100)
    found = {one.posted.ref for one in (*first.findings, *report.findings)}
    assert found >= {ref for ref in wanted if ref.channel != gone.id}
    assert report.left == ()


async def test_passes_over_other_things_have_other_places(bench: Bench) -> None:
    many(bench)
    await bench.look(calls=12)
    for other in ({"channels": ("C0",)}, {"messages": DAY}):
        report = await bench.look(calls=100, **other)
        assert (report.stopped, report.went_on) == (None, False)
        assert report.looked_at == (1 if "channels" in other else 6)
    assert (await bench.look(calls=100)).went_on


@pytest.mark.parametrize("at", [3, 4, 7])
async def test_a_rate_limit_ends_the_pass_and_the_next_goes_on(bench: Bench, at: int) -> None:
    wanted = many(bench, channels=3, each=2)
    bench.slack.faults[at] = TryLater("slack_ratelimited", after=30.0)
    first = await bench.look(calls=100)
    assert first.stopped == "slack_ratelimited"
    assert len(bench.slack.calls) == at
    assert first.left
    second = await bench.look(calls=100)
    found = [one.posted.ref for one in (*first.findings, *second.findings)]
    assert (second.stopped, len(found), set(found)) == (None, len(wanted), wanted)


async def test_a_rate_limit_at_the_list_of_channels_is_raised(bench: Bench) -> None:
    bench.slack.faults[1] = TryLater("slack_ratelimited", after=30.0)
    with pytest.raises(TryLater, match="ratelimited"):
        await bench.look()


async def test_a_closed_channel_does_not_hide_the_others(bench: Bench) -> None:
    bench.slack.closed = {"C1"}
    bench.mark()
    ref = bench.mark(60, "C2")
    report = await bench.look()
    assert [one.posted.ref for one in report.findings] == [ref]
    assert [(one.channel.id, one.why) for one in report.left] == [("C1", "not_in_channel")]
    assert report.stopped is None


async def test_a_database_that_fails_ends_the_pass(bench: Bench) -> None:
    bench.mark()

    async def broken(_: object) -> None:
        raise TryLater("database")

    report = await reconcile(replace(bench.world, take=broken), Scope())
    assert (report.stopped, report.findings) == ("database", ())
    assert len(await bench.find()) == 1


# A dry run


def verdicts(findings: tuple[Finding, ...]) -> dict[str, Verdict]:
    return {one.posted.ref.ts: one.verdict for one in findings}


async def test_a_dry_run_tells_all_and_writes_nothing(bench: Bench) -> None:
    known = bench.mark(100)
    await bench.find()
    bench.rules = (*bench.rules, Rule(("incident",)))
    new, late = bench.mark(50), bench.mark(40, emoji="incident")
    before = dump(bench.database)
    report = await bench.look(dry_run=True, calls=12)
    assert verdicts(report.findings) == {
        known.ts: Verdict.IN_LEDGER,
        new.ts: Verdict.ESCALATED,
        late.ts: Verdict.BEFORE_RULE,
    }
    (unloaded,) = report.of(Verdict.BEFORE_RULE)
    assert (unloaded.rule_since, unloaded.asker) == (None, ADA)
    assert dump(bench.database) == before


async def test_a_dry_run_of_a_month_answers_for_the_time_before_the_rules(bench: Bench) -> None:
    bench.start(ago=30 * DAY)
    FirstLoaded(bench.database).load([])
    bench.start(ago=10 * DAY)
    bench.clock.now = NOW
    late, new = bench.mark(29 * DAY), bench.mark(9 * DAY)
    bench.mark(31 * DAY)
    report = await bench.look(dry_run=True, messages=30 * DAY, replies=30 * DAY)
    assert verdicts(report.findings) == {
        late.ts: Verdict.BEFORE_RULE,
        new.ts: Verdict.ESCALATED,
    }


async def test_a_dry_run_leaves_the_place_where_it_was(bench: Bench) -> None:
    many(bench)
    await bench.look(calls=12)
    before = dump(bench.database)
    assert (await bench.look(calls=8, dry_run=True)).stopped == "call_budget"
    assert dump(bench.database) == before


async def test_what_only_bots_asked_for_is_nothing_in_a_dry_run_either(bench: Bench) -> None:
    bench.slack.react(bench.post(), "ticket", ALERTS)
    assert (await bench.look(dry_run=True)).findings == ()


async def test_channels_that_cannot_be_listed_are_a_refusal(bench: Bench) -> None:
    bench.slack.faults[1] = Refused(Reason.MISSING_SCOPE, needed="groups:read")
    with pytest.raises(Refused):
        await bench.look()


def dump(database: Database) -> list[tuple[object, ...]]:
    """Every row of the tables that a pass may write to."""
    with database.reading() as connection:
        return [
            tuple(row)
            for table in ("escalation", "memory")
            for row in connection.exec_driver_sql(f"SELECT * FROM {table}")  # noqa: S608
        ]
