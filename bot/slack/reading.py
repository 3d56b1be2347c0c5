"""Read a message, be it a reply or not, and the whole of its Slack thread."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.core.faults import Reason, Rejected, Rejection, SlackError, TryLater
from bot.core.model import Message
from bot.core.refs import MessageRef, from_permalink, is_ts, time_of
from bot.core.text.excerpt import GOES_ON, weight
from bot.slack.calls import MESSAGE_GONE, SlackRejected, call, content, next_cursor
from bot.slack.fields import maps, string
from bot.slack.text.message import message_of
from bot.store.executor import Run, in_place

_SHUT = frozenset({"channel_not_found", "not_in_channel"})
_SAID = ("text", "blocks", "attachments", "files")

THREAD_SECONDS = 30.0
"""Limit for all pages of one Slack thread; the next attempt starts over."""
PAGE = 1000
"""Messages of one page, the most that Slack allows: it takes 50 calls a minute, and each attempt
starts over. Slack may return fewer."""
FIRST_PAGE = 30
"""Messages of the first page: their length decides how many the next may have."""
FEWEST = 15
PAGE_WEIGHT = 400_000
"""Weight of one page."""
MOST_READ = 3_000_000
"""Weight of all messages together, in characters (an inline weighs at least three): more than is
sent to Plain of one thread (`conversation.ThreadLimits`), and some 100 MB in memory."""
MOST_PAGES = 100
"""Ends a cursor that leads in a circle."""


async def read(web: AsyncWebClient, ref: MessageRef, render: Run = in_place) -> Message:
    """Return the message, parsed by `render`. Raises Rejected if it cannot be read, and TryLater.

    `conversations.replies` returns any message whole, with its thread and its files. It is
    disputed whether a reply's `ts` returns that reply or its whole thread, so the request bounds
    the time and the answer is searched. `reactions.get` always returns the message, but perhaps
    neither its thread (the permalink names it) nor its files; it is the fallback if the history's
    scopes are missing or the first answer lacks the message.
    https://docs.slack.dev/reference/methods/conversations.replies
    https://docs.slack.dev/reference/methods/reactions.get
    """
    missed: SlackRejected | None = None
    try:
        found = await _from_replies(web, ref)
    except SlackRejected as declined:
        if declined.code in _SHUT:
            raise _refused(declined, ref) from None
        found, missed = None, declined
    if found is None:
        found = await _from_reactions(web, ref, missed)
    if found.get("subtype") == "tombstone":  # a deleted root that still has replies
        raise Rejected(Rejection(Reason.MESSAGE_NOT_FOUND))
    return await render(message_of, found, ref)


async def read_thread(
    web: AsyncWebClient, root: MessageRef, render: Run = in_place
) -> tuple[Message, ...]:
    """Return all messages of a Slack thread, oldest first; the root is on every page, and counts
    once. Raises Rejected if it cannot be read, and TryLater.

    Of messages beyond `MOST_READ` only the author and the time are kept.

    https://docs.slack.dev/reference/methods/conversations.replies
    """
    reading = _Reading(web, root, render)
    try:
        await reading.all()
    except SlackRejected as declined:
        raise _refused(declined, root) from None
    except TimeoutError:
        raise TryLater("slack_timeout") from None
    found = reading.found
    return tuple(found[ts] for ts in sorted(found, key=time_of))


class _Reading:
    """Reads page by page, and keeps no page after its messages are parsed."""

    def __init__(self, web: AsyncWebClient, root: MessageRef, render: Run) -> None:
        self.found: dict[str, Message] = {}
        self._web = web
        self._root = root
        self._render = render
        self._left = THREAD_SECONDS
        self._weight = 0

    async def all(self) -> None:
        """Fill `found` with the messages by their `ts`."""
        cursor, limit = None, FIRST_PAGE
        for _ in range(MOST_PAGES):
            said = await self._page(cursor, limit)
            for message in maps(said.get("messages")):
                await self._take(message)
            cursor = next_cursor(said)
            if cursor is None:
                return
            limit = self._next_limit()
        error = SlackError(code="endless_pages", method="conversations.replies")
        raise Rejected(Rejection(Reason.SLACK_REFUSED, slack_error=error))

    async def _page(self, cursor: str | None, limit: int) -> Mapping[str, Any]:
        """Request a page within the time left for Slack; parsing does not count."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        request = self._web.conversations_replies(
            channel=self._root.channel, ts=self._root.ts, limit=limit, cursor=cursor
        )
        async with asyncio.timeout(self._left):
            said = content(await call("conversations.replies", request))
        self._left -= loop.time() - begun
        return said

    async def _take(self, message: Mapping[str, Any]) -> None:
        ts = message.get("ts")
        if not (is_ts(ts) and _is_of(message, self._root)):
            return
        if ts in self.found:
            return
        read = await self._render(message_of, message, MessageRef(self._root.channel, ts))
        self._weight += weight(read.blocks)
        beyond = self._weight > MOST_READ
        self.found[ts] = replace(read, blocks=(GOES_ON,), files=()) if beyond else read

    def _next_limit(self) -> int:
        """Return how many messages to request, so that their JSON does not take much memory."""
        average = self._weight // max(1, len(self.found)) + 1
        return max(FEWEST, min(PAGE, PAGE_WEIGHT // average))


def _is_of(message: Mapping[str, Any], root: MessageRef) -> bool:
    return message.get("ts") == root.ts or message.get("thread_ts") == root.ts


async def _from_replies(web: AsyncWebClient, ref: MessageRef) -> Mapping[str, Any] | None:
    answer = await call(
        "conversations.replies",
        web.conversations_replies(
            channel=ref.channel,
            ts=ref.ts,
            oldest=ref.ts,
            latest=ref.ts,
            inclusive=True,
            limit=15,
        ),
    )
    messages = content(answer).get("messages")
    every = messages if isinstance(messages, list) else []
    return next((m for m in every if isinstance(m, dict) and m.get("ts") == ref.ts), None)


async def _from_reactions(
    web: AsyncWebClient, ref: MessageRef, missed: SlackRejected | None
) -> Mapping[str, Any]:
    try:
        answer = await call(
            "reactions.get",
            web.reactions_get(channel=ref.channel, timestamp=ref.ts, full=True),
        )
    except SlackRejected as declined:
        raise _refused(missed or declined, ref) from None
    message = content(answer).get("message")
    if not isinstance(message, dict) or message.get("ts") != ref.ts:
        raise _refused(missed, ref)
    if missed is not None and not any(message.get(key) for key in _SAID):
        raise _refused(missed, ref)  # its content may exist, but not for this method
    return with_thread(message)


def with_thread(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a message from `reactions.get` with the thread that its permalink names."""
    linked = from_permalink(string(message, "permalink") or "")
    return {"thread_ts": linked[1], **message} if linked and linked[1] else message


def _refused(declined: SlackRejected | None, ref: MessageRef) -> Rejected:
    """Return the refusal with a reason that the person can act on."""
    if declined is None or declined.code in MESSAGE_GONE:
        return Rejected(Rejection(Reason.MESSAGE_NOT_FOUND))
    if declined.code in _SHUT:
        return Rejected(Rejection(Reason(declined.code), channel=ref.channel))
    return declined
