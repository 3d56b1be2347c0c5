"""What a pass over the channels' history needs: what stands in Slack, and where it stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from bot.core.directory import Channel
from bot.core.reactions import PostedMessage, Reaction
from bot.core.refs import MessageRef

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HistoryPage(Generic[T]):
    """A part of a longer list; `cursor` leads to the next one, None where there is none."""

    items: tuple[T, ...]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """Where a pass over the channels' history stopped, for the next one to go on.

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
    """What stands in Slack, without the texts; each method is one call of Slack's Web API.

    `oldest` is Unix seconds. A cursor that Slack no longer knows counts as none.
    """

    async def channels(self, cursor: str | None) -> HistoryPage[Channel]:
        """The channels that the bot is in, without direct messages and archived channels."""

    async def messages(
        self, channel: str, oldest: float, cursor: str | None
    ) -> HistoryPage[PostedMessage]:
        """The channel's messages outside of Slack threads, and the threads' roots."""

    async def replies(
        self, root: MessageRef, oldest: float, cursor: str | None
    ) -> HistoryPage[PostedMessage]:
        """The replies of a Slack thread, without its root; none where the thread is gone."""

    async def reactions(self, ref: MessageRef) -> tuple[Reaction, ...]:
        """The reactions under a message with all who gave them; none where it is gone."""


class Places(Protocol):
    """Where passes stopped, by the name of what they look at."""

    def recall(self, name: str) -> ResumePoint | None: ...

    def keep(self, name: str, value: ResumePoint) -> None: ...

    def forget(self, name: str) -> None: ...


class FirstLoaded(Protocol):
    """When each rule was loaded for the first time, by its identity; Unix seconds."""

    def note(self, rules: Sequence[str]) -> Mapping[str, float]:
        """The moments of these rules; the present one for those that are new."""

    def known(self) -> Mapping[str, float]:
        """The moments of all rules that were loaded so far."""
