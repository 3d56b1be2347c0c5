"""Find reactions in Slack's history whose events never came, and record them as requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar

from bot.core import reactions
from bot.core.directory import (
    Channel,
    Installation,
    Profile,
    UserKind,
    kind_of,
    may_submit,
)
from bot.core.faults import Rejected, TryLater
from bot.core.model import ReplyTo, Rule, Trigger, Via
from bot.core.reactions import (
    MOST_SUBMITTERS,
    PostedMessage,
    Reaction,
    RequestedByReaction,
)
from bot.core.reconcile import (
    PLACE_SECONDS,
    THREAD_SECONDS,
    Finding,
    FindingVerdict,
    ReconcileReport,
    Scope,
    SkippedChannel,
)
from bot.core.refs import MessageRef, found_request, message_key
from bot.core.routing import bare_emoji
from bot.store.executor import Run
from bot.store.kv import FirstLoaded, FirstSeen, KeyValueStore
from bot.store.requests import Recorded

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HistoryPage(Generic[T]):
    """A page of a longer list; `cursor` leads to the next one, None if there is none."""

    items: tuple[T, ...]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """The position where a pass stopped, for the next one to resume.

    `cursor` is the page of the channel's history (None: its first), `thread` the root of the
    Slack thread of that page, `thread_cursor` the page of that thread. `at`: when it stopped
    (Unix seconds).
    """

    channel: str
    cursor: str | None = None
    thread: str | None = None
    thread_cursor: str | None = None
    at: float = 0.0


class ChannelHistory(Protocol):
    """Slack's channels, without the texts; each method is one call of Slack's Web API.

    `oldest` is Unix seconds. A cursor that Slack no longer knows counts as none.
    """

    async def channels(self, cursor: str | None) -> HistoryPage[Channel]:
        """Return the channels that the bot is in, without direct messages and archived ones."""

    async def messages(
        self, channel: str, oldest: float, cursor: str | None
    ) -> HistoryPage[PostedMessage]:
        """Return the channel's messages outside of Slack threads, and the threads' roots."""

    async def replies(
        self, root: MessageRef, oldest: float, cursor: str | None
    ) -> HistoryPage[PostedMessage]:
        """Return the replies of a Slack thread, without its root; none if it is gone."""

    async def reactions(self, ref: MessageRef) -> tuple[Reaction, ...]:
        """Return the reactions under a message with all who gave them; none if it is gone."""


@dataclass(frozen=True, slots=True)
class ReconcileContext:
    """Everything that a pass uses.

    `known` returns those of some message keys that have a row; `take` records a request, as it
    does for an event; `who` may submit requests; `clock` gives Unix seconds.
    """

    history: ChannelHistory
    profile: Callable[[str], Awaitable[Profile | None]]
    known: Callable[[Sequence[str]], frozenset[str]]
    take: Callable[[Trigger], Awaitable[Recorded | None]]
    first_loaded: FirstLoaded
    first_seen: FirstSeen
    resume_points: KeyValueStore[ResumePoint]
    run: Run
    rules: Sequence[Rule]
    who: frozenset[UserKind]
    installation: Installation
    clock: Callable[[], float]


async def reconcile(context: ReconcileContext, scope: Scope) -> ReconcileReport:
    """Run one pass over `scope`, or over what the previous pass left; safe to run twice.

    Slack gives no time for a reaction, so that of its message counts. Raises TryLater and Rejected
    if the channels cannot even be listed.
    """
    identities = [reactions.identity(rule) for rule in context.rules]
    if scope.dry_run:
        known = await context.run(context.first_loaded.known)
        moments = [known.get(identity) for identity in identities]
    else:
        noted = await context.run(context.first_loaded.note, identities)
        moments = [noted[identity] for identity in identities]
    return await _Pass(context, scope, moments, context.clock()).look()


@dataclass
class _Pass:
    """A running pass; `_at` is its position."""

    context: ReconcileContext
    scope: Scope
    moments: list[float | None]
    now: float
    _calls: int = 0
    _at: ResumePoint | None = None
    _findings: list[Finding] = field(default_factory=list)
    _judged: set[str] = field(default_factory=set)
    _profiles: dict[str, Profile | None] = field(default_factory=dict)
    _seen: dict[str, float] = field(default_factory=dict)

    async def look(self) -> ReconcileReport:
        """Read each channel once; keep a resume point if the pass ends before the last one."""
        channels, unknown = await self._channels()
        place = None if self.scope.dry_run else await self._recall()
        turns = list(_turns(channels, place))
        left: dict[str, SkippedChannel] = {}
        stopped = None
        for number, (channel, start) in enumerate(turns):
            try:
                await self._channel(channel, start)
            except Rejected as refused:
                why = refused.rejection.code or refused.reason.value
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

    # The resume point

    async def _recall(self) -> ResumePoint | None:
        """Return where the previous pass stopped, unless that is too long ago."""
        place = await self.context.run(self.context.resume_points.recall, self._name)
        return place if place is not None and place.at > self.now - PLACE_SECONDS else None

    @property
    def _name(self) -> str:
        return self.scope.name(self.context.installation.team)

    async def _keep(self, place: ResumePoint | None) -> None:
        points, name = self.context.resume_points, self._name
        try:
            if place is None:
                await self.context.run(points.forget, name)
            else:
                await self.context.run(points.keep, name, replace(place, at=self.now))
        except TryLater:
            return  # the next pass reads something twice, which does no harm

    # Reading

    def _spend(self) -> None:
        if self._calls >= self.scope.calls:
            raise TryLater("call_budget")
        self._calls += 1

    async def _channels(self) -> tuple[list[Channel], tuple[str, ...]]:
        """Return the channels to read, by id, and the wanted ones that the bot is not in."""
        found: dict[str, Channel] = {}
        cursor = None
        while True:
            self._spend()
            page = await self.context.history.channels(cursor)
            found |= {channel.id: channel for channel in page.items}
            cursor = page.cursor
            if cursor is None:
                break
        self._seen = await self._first_seen(list(found))
        wanted = self.scope.channels
        here = [channel for channel in found.values() if not wanted or _is_one(channel, wanted)]
        unknown = tuple(one for one in wanted if not any(_is_one(c, (one,)) for c in here))
        counted = [
            channel for channel in here if reactions.rules_in_channel(self.context.rules, channel)
        ]
        return sorted(counted, key=lambda channel: channel.id), unknown

    async def _first_seen(self, channels: Sequence[str]) -> dict[str, float]:
        """Return when passes first listed these channels, which are all that the bot is in."""
        first, team = self.context.first_seen, self.context.installation.team
        look = first.known if self.scope.dry_run else first.note
        return await self.context.run(look, team, channels)

    async def _channel(self, channel: Channel, start: ResumePoint) -> None:
        """Read a channel from `start` on: each page, and then the page's Slack threads."""
        oldest = self.now - max(self.scope.messages, THREAD_SECONDS)
        while True:
            self._at = start
            self._spend()
            page = await self.context.history.messages(channel.id, oldest, start.cursor)
            await self._judge(channel, page.items, self.now - self.scope.messages)
            for root in self._threads(channel, page):
                if start.thread is None or float(root.ts) <= float(start.thread):
                    again = start.thread_cursor if root.ts == start.thread else None
                    await self._thread(channel, start.cursor, root, again)
            if page.cursor is None:
                return
            start = ResumePoint(channel.id, page.cursor)

    def _threads(self, channel: Channel, page: HistoryPage[PostedMessage]) -> Iterator[MessageRef]:
        """Yield the roots whose threads may hold missed reactions, the newest first."""
        newest = self.now - self.scope.replies
        if not self.scope.dry_run:
            # Nothing is recorded that is older than every rule that applies here, or was here
            # before the bot.
            rules = reactions.rules_in_channel(self.context.rules, channel)
            since = [self.moments[self.context.rules.index(rule)] or self.now for rule in rules]
            seen = self._seen.get(channel.id, self.now)
            newest = max(newest, seen, min(since, default=self.now))
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
            replies = await self.context.history.replies(root, oldest, cursor)
            await self._judge(channel, replies.items, oldest)
            cursor = replies.cursor
            if cursor is None:
                return

    # Judging

    async def _judge(
        self, channel: Channel, messages: Sequence[PostedMessage], oldest: float
    ) -> None:
        """Record the messages that have a rule's emoji and no row."""
        wanted: dict[str, tuple[PostedMessage, tuple[RequestedByReaction, ...]]] = {}
        for posted in messages:
            key = message_key(self.context.installation.team, posted.ref)
            requested = reactions.requested(self.context.rules, posted, channel)
            if requested and posted.posted_at >= oldest and key not in self._judged:
                wanted[key] = (posted, requested)
        known = await self.context.run(self.context.known, list(wanted)) if wanted else frozenset()
        for key, (posted, requested) in wanted.items():
            if key not in known:
                finding = await self._decide(channel, posted, requested)
            elif self.scope.dry_run:
                finding = self._finding(channel, posted, requested[0], FindingVerdict.IN_LEDGER)
            else:
                finding = None
            self._judged.add(key)
            if finding is not None:
                self._findings.append(finding)

    async def _decide(
        self, channel: Channel, posted: PostedMessage, requested: Sequence[RequestedByReaction]
    ) -> Finding | None:
        """Decide about a message without a row.

        None if only bots reacted, or if the events came meanwhile.
        """
        late: Finding | None = None
        for one in requested:
            left_alone = self._is_late(channel, posted, one)
            if left_alone is not None:
                late = late or left_alone
                continue
            # Finding the submitter costs calls, and is needed only for what is recorded.
            submitter = await self._submitter(posted, one.reaction)
            if submitter is None:
                continue
            if await self._escalate(posted, one, submitter):
                return self._finding(channel, posted, one, FindingVerdict.ESCALATED, submitter)
        return late

    def _is_late(
        self, channel: Channel, posted: PostedMessage, requested: RequestedByReaction
    ) -> Finding | None:
        """Return the finding of a message that is older than its rule, or than the bot's stay.

        A dry run applies today's rules, however young they are, wherever the bot is now.
        """
        if self.scope.dry_run:
            return None
        late = self._finding(channel, posted, requested, FindingVerdict.BEFORE_RULE)
        if late.is_before_rule:
            return late
        if late.is_before_channel:
            return replace(late, verdict=FindingVerdict.BEFORE_CHANNEL)
        return None

    async def _escalate(
        self, posted: PostedMessage, requested: RequestedByReaction, submitter: str
    ) -> bool:
        """Record the request as if the event had come; return whether that made a row."""
        if self.scope.dry_run:
            return True
        emoji, channel = bare_emoji(requested.reaction.emoji), posted.ref.channel
        recorded = await self.context.take(
            Trigger(
                via=Via.REACTION,
                team=self.context.installation.team,
                submitter=submitter,
                request=found_request(posted.ref, emoji, submitter),
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
        requested: RequestedByReaction,
        verdict: FindingVerdict,
        submitter: str | None = None,
    ) -> Finding:
        return Finding(
            posted=posted,
            channel=channel,
            emoji=bare_emoji(requested.reaction.emoji),
            rule=requested.rule,
            verdict=verdict,
            submitter=submitter,
            rule_since=self.moments[requested.rule],
            channel_since=self._seen.get(channel.id),
        )

    async def _submitter(self, posted: PostedMessage, reaction: Reaction) -> str | None:
        """Return the submitter among those who gave the reaction.

        The first who may submit, else the first person (whom the worker rejects with an answer);
        None if they all are bots.
        """
        submitter, may = await self._first(reaction.users)
        if may or not reaction.is_partial:
            return submitter
        self._spend()
        whole = await self.context.history.reactions(posted.ref)
        users = [user for one in whole if one.emoji == reaction.emoji for user in one.users]
        return (await self._first(users))[0]

    async def _first(self, users: Sequence[str]) -> tuple[str | None, bool]:
        """Return the best submitter of `users`, and whether that one may submit."""
        first: str | None = None
        others = (user for user in users if user != self.context.installation.bot_user)
        for _, user in zip(range(MOST_SUBMITTERS), others, strict=False):
            profile = await self._profile(user)
            if may_submit(profile, self.context.who):
                return user, True
            if first is None and kind_of(profile) is not UserKind.BOT:
                first = user
        return first, False

    async def _profile(self, user: str) -> Profile | None:
        if user not in self._profiles:
            self._spend()
            self._profiles[user] = await self.context.profile(user)
        return self._profiles[user]


def _turns(
    channels: Sequence[Channel], place: ResumePoint | None
) -> Iterator[tuple[Channel, ResumePoint]]:
    """Yield the channels to read, by id, each with where to begin."""
    for channel in channels:
        if place is None or channel.id > place.channel:
            yield channel, ResumePoint(channel.id)
        elif channel.id == place.channel:
            yield channel, place


def _is_one(channel: Channel, wanted: Sequence[str]) -> bool:
    name = channel.name.lower() if channel.name else None
    return any(one == channel.id or one.lower().removeprefix("#") == name for one in wanted)
