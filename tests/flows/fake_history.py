"""A Slack whose channels can be read page by page, in memory; it fits `ports.ChannelHistory`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from bot.core.directory import Channel
from bot.core.faults import Fault, Reason, Rejected, Rejection
from bot.core.reactions import PostedMessage, Reaction
from bot.core.refs import MessageRef
from bot.flows.reconcile import HistoryPage

T = TypeVar("T")


@dataclass
class FakeHistory:
    """`shown` is how many of the people who gave a reaction a page names, `size` that of a page.

    `faults` are raised by the calls with these numbers, from 1; `closed` channels are refused.
    """

    rooms: list[Channel] = field(default_factory=list)
    posted: dict[MessageRef, PostedMessage] = field(default_factory=dict)
    shown: int = 100
    size: int = 100
    faults: dict[int, Fault] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    calls: list[tuple[str, str]] = field(default_factory=list)

    def post(self, channel: str, ts: str, thread_ts: str | None = None) -> MessageRef:
        ref = MessageRef(channel, ts)
        self.posted[ref] = PostedMessage(ref, thread_ts=thread_ts)
        if thread_ts is not None:
            root = MessageRef(channel, thread_ts)
            self.posted[root] = replace(
                self.posted[root], thread_ts=thread_ts, has_replies=True, last_reply=ts
            )
        return ref

    def react(self, ref: MessageRef, emoji: str, *users: str) -> MessageRef:
        before = self.posted[ref]
        given = Reaction(emoji, users, len(users))
        self.posted[ref] = replace(before, reactions=(*before.reactions, given))
        return ref

    async def channels(self, cursor: str | None) -> HistoryPage[Channel]:
        self._called("channels", "")
        return _page(self.rooms, cursor, 100)

    async def messages(
        self, channel: str, oldest: float, cursor: str | None
    ) -> HistoryPage[PostedMessage]:
        self._called("messages", channel)
        if channel in self.closed:
            raise Rejected(Rejection(Reason.NOT_IN_CHANNEL, channel=channel))
        top = [p for p in self._in(channel) if p.thread_ts in (None, p.ref.ts)]
        newest_first = sorted(top, key=lambda p: p.posted_at, reverse=True)
        return self._shown([p for p in newest_first if p.posted_at > oldest], cursor)

    async def replies(
        self, root: MessageRef, oldest: float, cursor: str | None
    ) -> HistoryPage[PostedMessage]:
        self._called("replies", root.ts)
        thread = [p for p in self._in(root.channel) if p.thread_ts == root.ts and p.ref != root]
        return self._shown([p for p in thread if p.posted_at > oldest], cursor)

    async def reactions(self, ref: MessageRef) -> tuple[Reaction, ...]:
        self._called("reactions", ref.ts)
        return self.posted[ref].reactions if ref in self.posted else ()

    def _in(self, channel: str) -> list[PostedMessage]:
        return [posted for posted in self.posted.values() if posted.ref.channel == channel]

    def _shown(
        self, found: Sequence[PostedMessage], cursor: str | None
    ) -> HistoryPage[PostedMessage]:
        page = _page(found, cursor, self.size)
        return replace(page, items=tuple(self._partly(posted) for posted in page.items))

    def _partly(self, posted: PostedMessage) -> PostedMessage:
        named = (replace(one, users=one.users[: self.shown]) for one in posted.reactions)
        return replace(posted, reactions=tuple(named))

    def _called(self, method: str, about: str) -> None:
        self.calls.append((method, about))
        if (fault := self.faults.get(len(self.calls))) is not None:
            raise fault


def _page(items: Sequence[T], cursor: str | None, size: int) -> HistoryPage[T]:
    start = int(cursor or 0)
    end = start + size
    return HistoryPage(tuple(items[start:end]), str(end) if end < len(items) else None)
