"""What Slack shows and the ledger lacks: reactions whose events never came are escalated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from bot.core import reactions
from bot.core.directory import (
    Channel,
    Installation,
    Profile,
    UserKind,
    kind_of,
    may_submit,
)
from bot.core.faults import Refused, TryLater
from bot.core.model import ReplyTo, Rule, Trigger, Via
from bot.core.reactions import PostedMessage, Reaction, RequestedByReaction
from bot.core.reconcile import (
    PLACE_SECONDS,
    THREAD_SECONDS,
    Finding,
    ReconcileReport,
    Scope,
    SkippedChannel,
    Verdict,
)
from bot.core.refs import MessageRef, found_request, message_key
from bot.core.routing import bare_emoji
from bot.flows.history import ChannelHistory, FirstLoaded, HistoryPage, Places, ResumePoint
from bot.store.executor import Run
from bot.store.requests import Recorded

_SUBMITTERS = 10
"""How many of the people who gave one reaction are looked up, in search of one who may ask."""


@dataclass(frozen=True, slots=True)
class ReconcileContext:
    """All that a pass touches. `known` tells which of some message keys have a row; `take`
    records what was asked, as it does for an event; `who` may ask; `clock` gives Unix seconds."""

    history: ChannelHistory
    profile: Callable[[str], Awaitable[Profile | None]]
    known: Callable[[Sequence[str]], frozenset[str]]
    take: Callable[[Trigger], Awaitable[Recorded | None]]
    first_loaded: FirstLoaded
    places: Places
    run: Run
    rules: Sequence[Rule]
    who: frozenset[UserKind]
    installation: Installation
    clock: Callable[[], float]


async def reconcile(world: ReconcileContext, scope: Scope) -> ReconcileReport:
    """Look once at what `scope` names, or at what the pass before left; safe to run twice.

    What has no time of its own in Slack is a reaction: the message's stands in for it. Raises
    TryLater and Refused where the channels cannot even be listed.
    """
    identities = [reactions.identity(rule) for rule in world.rules]
    if scope.dry_run:
        known = await world.run(world.first_loaded.known)
        moments = [known.get(identity) for identity in identities]
    else:
        noted = await world.run(world.first_loaded.note, identities)
        moments = [noted[identity] for identity in identities]
    return await _Pass(world, scope, moments, world.clock()).look()


@dataclass
class _Pass:
    """One pass under way; `_at` is where it is."""

    world: ReconcileContext
    scope: Scope
    moments: list[float | None]
    now: float
    _calls: int = 0
    _at: ResumePoint | None = None
    _findings: list[Finding] = field(default_factory=list)
    _judged: set[str] = field(default_factory=set)
    _profiles: dict[str, Profile | None] = field(default_factory=dict)

    async def look(self) -> ReconcileReport:
        """Go through the channels, each once; keep the place if it did not come to all."""
        channels, unknown = await self._channels()
        place = None if self.scope.dry_run else await self._recall()
        turns = list(_turns(channels, place))
        left: dict[str, SkippedChannel] = {}
        stopped = None
        for number, (channel, start) in enumerate(turns):
            try:
                await self._channel(channel, start)
            except Refused as refused:
                why = refused.data.get("code", refused.reason.value)
                left[channel.id] = SkippedChannel(channel, why)
            except (TryLater, TimeoutError) as fault:
                stopped = fault.cause if isinstance(fault, TryLater) else "timeout"
                left |= {other.id: SkippedChannel(other, stopped) for other, _ in turns[number:]}
                break
        if not self.scope.dry_run:
            await self._keep(self._at if stopped else None)
        return ReconcileReport(
            findings=tuple(self._findings),
            looked_at=len(turns) - len(left),
            calls=self._calls,
            left=tuple(left.values()),
            stopped=stopped,
            went_on=place is not None,
            unknown=unknown,
        )

    # The place

    async def _recall(self) -> ResumePoint | None:
        """Where the pass before stopped, unless so long ago that all is to be looked at anew."""
        place = await self.world.run(self.world.places.recall, self.scope.name)
        return place if place is not None and place.at > self.now - PLACE_SECONDS else None

    async def _keep(self, place: ResumePoint | None) -> None:
        places, name = self.world.places, self.scope.name
        try:
            if place is None:
                await self.world.run(places.forget, name)
            else:
                await self.world.run(places.keep, name, replace(place, at=self.now))
        except TryLater:
            return  # the next pass looks at something twice, which is no loss

    # Reading

    def _spend(self) -> None:
        if self._calls >= self.scope.calls:
            raise TryLater("call_budget")
        self._calls += 1

    async def _channels(self) -> tuple[list[Channel], tuple[str, ...]]:
        """The channels to look at, by id, and the wanted ones that are not there."""
        found: dict[str, Channel] = {}
        cursor = None
        while True:
            self._spend()
            page = await self.world.history.channels(cursor)
            found |= {channel.id: channel for channel in page.items}
            cursor = page.cursor
            if cursor is None:
                break
        wanted = self.scope.channels
        here = [channel for channel in found.values() if not wanted or _is_one(channel, wanted)]
        unknown = tuple(one for one in wanted if not any(_is_one(c, (one,)) for c in here))
        counted = [
            channel for channel in here if reactions.rules_in_channel(self.world.rules, channel)
        ]
        return sorted(counted, key=lambda channel: channel.id), unknown

    async def _channel(self, channel: Channel, start: ResumePoint) -> None:
        """Look at a channel from `start` on: each page, and then the page's Slack threads."""
        oldest = self.now - max(self.scope.messages, THREAD_SECONDS)
        while True:
            self._at = start
            self._spend()
            page = await self.world.history.messages(channel.id, oldest, start.cursor)
            await self._judge(channel, page.items, self.now - self.scope.messages)
            for root in self._threads(channel, page):
                if start.thread is None or float(root.ts) <= float(start.thread):
                    again = start.thread_cursor if root.ts == start.thread else None
                    await self._thread(channel, start.cursor, root, again)
            if page.cursor is None:
                return
            start = ResumePoint(channel.id, page.cursor)

    def _threads(self, channel: Channel, page: HistoryPage[PostedMessage]) -> Iterator[MessageRef]:
        """The roots whose threads may hold what is looked for, the newest first."""
        newest = self.now - self.scope.replies
        if not self.scope.dry_run:
            # Nothing is escalated that is older than every rule that counts here.
            rules = reactions.rules_in_channel(self.world.rules, channel)
            since = [self.moments[self.world.rules.index(rule)] or self.now for rule in rules]
            newest = max(newest, min(since, default=self.now))
        for posted in sorted(page.items, key=lambda posted: posted.posted_at, reverse=True):
            if not posted.has_replies or posted.posted_at < self.now - THREAD_SECONDS:
                continue
            if posted.last_reply is None or float(posted.last_reply) >= newest:
                yield posted.ref

    async def _thread(
        self, channel: Channel, page: str | None, root: MessageRef, cursor: str | None
    ) -> None:
        oldest = self.now - self.scope.replies
        while True:
            self._at = ResumePoint(channel.id, page, root.ts, cursor)
            self._spend()
            replies = await self.world.history.replies(root, oldest, cursor)
            await self._judge(channel, replies.items, oldest)
            cursor = replies.cursor
            if cursor is None:
                return

    # Judging

    async def _judge(
        self, channel: Channel, messages: Sequence[PostedMessage], oldest: float
    ) -> None:
        """Escalate what bears a rule's emoji and has no row."""
        wanted: dict[str, tuple[PostedMessage, tuple[RequestedByReaction, ...]]] = {}
        for posted in messages:
            key = message_key(self.world.installation.team, posted.ref)
            asked = reactions.requested(self.world.rules, posted, channel)
            if asked and posted.posted_at >= oldest and key not in self._judged:
                wanted[key] = (posted, asked)
        known = await self.world.run(self.world.known, list(wanted)) if wanted else frozenset()
        for key, (posted, asked) in wanted.items():
            if key not in known:
                finding = await self._decide(channel, posted, asked)
            elif self.scope.dry_run:
                finding = self._finding(channel, posted, asked[0], Verdict.IN_LEDGER)
            else:
                finding = None
            self._judged.add(key)
            if finding is not None:
                self._findings.append(finding)

    async def _decide(
        self, channel: Channel, posted: PostedMessage, asked: Sequence[RequestedByReaction]
    ) -> Finding | None:
        """What comes of a message without a row; None where nobody asked but bots, or where
        somebody else was faster."""
        late: Finding | None = None
        for one in asked:
            moment = self.moments[one.rule]
            # A dry run answers for the rules as they are now, however young they are.
            in_time = self.scope.dry_run or (moment is not None and posted.posted_at >= moment)
            if not in_time and late is not None:
                continue
            # Who asked costs calls, and is needed only for what is escalated.
            submitter = await self._submitter(posted, one.reaction) if in_time else None
            if submitter is None and in_time:
                continue
            if not in_time:
                late = self._finding(channel, posted, one, Verdict.BEFORE_RULE, submitter)
            elif submitter is not None and await self._escalate(posted, one, submitter):
                return self._finding(channel, posted, one, Verdict.ESCALATED, submitter)
            else:
                return None
        return late

    async def _escalate(
        self, posted: PostedMessage, asked: RequestedByReaction, submitter: str
    ) -> bool:
        """Record it as if the event had come; whether that made a row."""
        if self.scope.dry_run:
            return True
        emoji, channel = bare_emoji(asked.reaction.emoji), posted.ref.channel
        recorded = await self.world.take(
            Trigger(
                via=Via.REACTION,
                team=self.world.installation.team,
                submitter=submitter,
                request=found_request(posted.ref, emoji),
                reply_to=ReplyTo(user=submitter, asked_at=self.now, channel=channel),
                channel=channel,
                ref=posted.ref,
                emoji=emoji,
            )
        )
        return recorded is not None and recorded.fresh

    def _finding(
        self,
        channel: Channel,
        posted: PostedMessage,
        asked: RequestedByReaction,
        verdict: Verdict,
        submitter: str | None = None,
    ) -> Finding:
        return Finding(
            posted=posted,
            channel=channel,
            emoji=bare_emoji(asked.reaction.emoji),
            rule=asked.rule,
            verdict=verdict,
            submitter=submitter,
            rule_since=self.moments[asked.rule],
        )

    async def _submitter(self, posted: PostedMessage, reaction: Reaction) -> str | None:
        """Who of those who gave the reaction counts as having asked: the first who may, else the
        first person (whom the worker refuses, in words); None where they all are bots."""
        submitter, may = await self._first(reaction.users)
        if may or not reaction.is_partial:
            return submitter
        self._spend()
        whole = await self.world.history.reactions(posted.ref)
        users = [user for one in whole if one.emoji == reaction.emoji for user in one.users]
        return (await self._first(users))[0]

    async def _first(self, users: Sequence[str]) -> tuple[str | None, bool]:
        """The best submitter of `users`, and whether that one may ask."""
        first: str | None = None
        others = (user for user in users if user != self.world.installation.bot_user)
        for _, user in zip(range(_SUBMITTERS), others, strict=False):
            profile = await self._profile(user)
            if may_submit(profile, self.world.who):
                return user, True
            if first is None and kind_of(profile) is not UserKind.BOT:
                first = user
        return first, False

    async def _profile(self, user: str) -> Profile | None:
        if user not in self._profiles:
            self._spend()
            self._profiles[user] = await self.world.profile(user)
        return self._profiles[user]


def _turns(
    channels: Sequence[Channel], place: ResumePoint | None
) -> Iterator[tuple[Channel, ResumePoint]]:
    """The channels that are to be looked at, by id, each with where to begin."""
    for channel in channels:
        if place is None or channel.id > place.channel:
            yield channel, ResumePoint(channel.id)
        elif channel.id == place.channel:
            yield channel, place


def _is_one(channel: Channel, wanted: Sequence[str]) -> bool:
    name = channel.name.lower() if channel.name else None
    return any(one == channel.id or one.lower().removeprefix("#") == name for one in wanted)
