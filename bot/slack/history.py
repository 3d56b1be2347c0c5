"""List channels, messages without their texts, and reactions, for reconciliation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.core.directory import Channel
from bot.core.emoji import canonical
from bot.core.reactions import PostedMessage, Reaction
from bot.core.refs import MessageRef, is_ts
from bot.flows.reconcile import HistoryPage
from bot.slack import bodies
from bot.slack.calls import MESSAGE_GONE, SlackRejected, call, content, next_cursor
from bot.slack.fields import Json, integer, is_id, mapping, maps, string
from bot.slack.reading import with_thread

_ITEMS = 200
"""Slack's advice for the size of a page. https://docs.slack.dev/apis/web-api/pagination"""

_MOST_ITEMS = 1000
"""Of `conversations.list`, which Slack allows twenty times a minute only."""

_UNUSED = ("text", "blocks", "attachments", "files")
"""Fields of a message that are dropped: its content is read when a ticket is made of it."""


class MethodPace:
    """Delays the calls of each method so that deliveries keep room within Slack's limits.

    Both share a method's limit, which is at least 50 a minute for the methods that both need:
    `burst` calls at once, then `per_minute`. https://docs.slack.dev/apis/web-api/rate-limits
    """

    def __init__(
        self,
        burst: int = 15,
        per_minute: float = 20.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._apart = 60.0 / per_minute
        self._ahead = (burst - 1) * self._apart
        self._clock = clock
        self._sleep = sleep
        self._next: dict[str, float] = {}

    async def wait(self, method: str) -> None:
        """Wait until this method may be called."""
        now = self._clock()
        due = max(now, self._next.get(method, now))
        self._next[method] = due + self._apart
        if due - self._ahead > now:
            await self._sleep(due - self._ahead - now)


class SlackHistory:
    """The history of one workspace; fits `bot.flows.reconcile.ChannelHistory`.

    `web` comes from `bot.slack.calls.web_client`.
    """

    def __init__(self, web: AsyncWebClient, pace: MethodPace | None = None) -> None:
        self._web = web
        self._pace = pace or MethodPace()

    async def channels(self, cursor: str | None) -> HistoryPage[Channel]:
        """Return a page of the public and private channels that the bot is in.

        https://docs.slack.dev/reference/methods/users.conversations
        """
        said = await self._call(
            "users.conversations",
            self._web.users_conversations,
            types="public_channel,private_channel",
            exclude_archived=True,
            limit=_ITEMS,
            cursor=cursor,
        )
        if not isinstance(said.get("channels"), list):
            # Reconciliation forgets the channels that a listing lacks.
            raise SlackRejected("users.conversations", "not_understood")
        return HistoryPage(tuple(_channels(said)), next_cursor(said))

    async def public_channels(self, cursor: str | None) -> HistoryPage[Channel]:
        """Return a page of the public channels that are not archived, be the bot in them or not.

        https://docs.slack.dev/reference/methods/conversations.list
        """
        said = await self._call(
            "conversations.list",
            self._web.conversations_list,
            types="public_channel",
            exclude_archived=True,
            limit=_MOST_ITEMS,
            cursor=cursor,
        )
        return HistoryPage(tuple(_channels(said)), next_cursor(said))

    async def messages(
        self, channel: str, oldest: float, cursor: str | None
    ) -> HistoryPage[PostedMessage]:
        """Return a page of the channel's messages that are newer than `oldest` (Unix seconds).

        https://docs.slack.dev/reference/methods/conversations.history
        """
        said = await self._call(
            "conversations.history",
            self._web.conversations_history,
            channel=channel,
            oldest=f"{oldest:.6f}",
            limit=_ITEMS,
            cursor=cursor,
        )
        return HistoryPage(tuple(_messages(said, channel)), next_cursor(said))

    async def replies(
        self, root: MessageRef, oldest: float, cursor: str | None
    ) -> HistoryPage[PostedMessage]:
        """Return a page of the thread's replies that are newer than `oldest` (Unix seconds).

        https://docs.slack.dev/reference/methods/conversations.replies
        """
        said = await self._call(
            "conversations.replies",
            self._web.conversations_replies,
            channel=root.channel,
            ts=root.ts,
            oldest=f"{oldest:.6f}",
            limit=_ITEMS,
            cursor=cursor,
        )
        found = (posted for posted in _messages(said, root.channel) if posted.ref != root)
        return HistoryPage(tuple(found), next_cursor(said))

    async def reactions(self, ref: MessageRef) -> tuple[Reaction, ...]:
        """Return all reactions to the message; none if it is gone.

        https://docs.slack.dev/reference/methods/reactions.get
        """
        return tuple(_reactions(await self._reacted(ref)))

    async def posted(self, ref: MessageRef) -> PostedMessage | None:
        """Return the message with all who reacted to it; None if it is gone.

        If Slack does not name its thread, its permalink does.
        https://docs.slack.dev/reference/methods/reactions.get
        """
        message = await self._reacted(ref)
        return next(_messages({"messages": [with_thread(message)]}, ref.channel), None)

    async def _reacted(self, ref: MessageRef) -> Mapping[str, Any]:
        """Return the message with all who reacted to it; empty if it is gone."""
        said = await self._call(
            "reactions.get",
            self._web.reactions_get,
            channel=ref.channel,
            timestamp=ref.ts,
            full=True,
        )
        return mapping(said.get("message"))

    async def _call(
        self, method: str, request: Callable[..., Awaitable[AsyncSlackResponse]], **arguments: Any
    ) -> Mapping[str, Any]:
        """Return Slack's answer; empty for what is gone, the first page for an expired cursor."""
        await self._pace.wait(method)
        try:
            with bodies.without(*_UNUSED):
                return content(await call(method, request(**arguments)))
        except SlackRejected as declined:
            if declined.code in MESSAGE_GONE:
                return {}
            if declined.code != "invalid_cursor" or arguments.get("cursor") is None:
                raise
        return await self._call(method, request, **arguments | {"cursor": None})


def _channels(said: Json) -> Iterator[Channel]:
    for one in maps(said.get("channels")):
        channel = one.get("id")
        if is_id(channel) and one.get("is_im") is not True and one.get("is_mpim") is not True:
            yield Channel(
                id=channel, name=string(one, "name"), shared=one.get("is_ext_shared") is True
            )


def _messages(said: Json, channel: str) -> Iterator[PostedMessage]:
    for one in maps(said.get("messages")):
        ts = string(one, "ts")
        if not is_ts(ts) or one.get("subtype") == "tombstone":
            continue
        thread_ts, last_reply = string(one, "thread_ts"), string(one, "latest_reply")
        yield PostedMessage(
            ref=MessageRef(channel, ts),
            reactions=tuple(_reactions(one)),
            thread_ts=thread_ts if is_ts(thread_ts) else None,
            has_replies=bool(integer(one, "reply_count")),
            last_reply=last_reply if is_ts(last_reply) else None,
        )


def _reactions(message: Json) -> Iterator[Reaction]:
    for one in maps(message.get("reactions")):
        emoji = string(one, "name")
        if emoji is None:
            continue
        users = one.get("users")
        named = tuple(filter(is_id, users)) if isinstance(users, list) else ()
        yield Reaction(canonical(emoji), named, max(integer(one, "count") or 0, len(named)))
