"""The escalated message, whether it is a reply or not, and the whole of its Slack thread."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.core.faults import Reason, Refused, TryLater
from bot.core.model import Message
from bot.core.refs import MessageRef, from_permalink, is_ts, time_of
from bot.slack.calls import Declined, call, content
from bot.slack.fields import mapping, maps, string
from bot.slack.payloads import message_of

_SHUT = frozenset({"channel_not_found", "not_in_channel"})
_GONE = frozenset({"message_not_found", "thread_not_found"})
_SAID = ("text", "blocks", "attachments", "files")

THREAD_SECONDS = 30.0
"""For all pages of one Slack thread; the next attempt begins anew."""
PAGE = 1000
"""Messages of one page, the most that there may be: Slack takes 50 questions a minute, and each
attempt begins anew. Slack may give fewer."""
MOST_PAGES = 100
"""A cursor that leads in a circle ends there."""


async def read(web: AsyncWebClient, ref: MessageRef) -> Message:
    """The message. Raises Refused where it cannot be read.

    `conversations.replies` gives the whole of a message of any kind, its thread and its files.
    Whether a reply's `ts` gives that reply or its whole thread is disputed, so the request
    bounds the time and the answer is searched. `reactions.get` knows the message for sure but
    may show neither its thread (the permalink does) nor its files; it stands in where the
    history's scopes are missing or the first answer lacks the message.
    https://docs.slack.dev/reference/methods/conversations.replies
    https://docs.slack.dev/reference/methods/reactions.get
    """
    missed: Declined | None = None
    try:
        found = await _from_replies(web, ref)
    except Declined as declined:
        if declined.code in _SHUT:
            raise _refused(declined, ref) from None
        found, missed = None, declined
    if found is None:
        found = await _from_reactions(web, ref, missed)
    if found.get("subtype") == "tombstone":  # a deleted root whose replies stand
        raise Refused(Reason.MESSAGE_NOT_FOUND)
    return message_of(found, ref)


async def read_thread(web: AsyncWebClient, root: MessageRef) -> tuple[Message, ...]:
    """All messages of a Slack thread, oldest first; the root stands on every page, and counts
    once. Raises Refused where it cannot be read, and TryLater.

    https://docs.slack.dev/reference/methods/conversations.replies
    """
    try:
        async with asyncio.timeout(THREAD_SECONDS):
            found = await _all_replies(web, root)
    except Declined as declined:
        raise _refused(declined, root) from None
    except TimeoutError:
        raise TryLater("slack_timeout") from None
    return tuple(
        message_of(found[ts], MessageRef(root.channel, ts)) for ts in sorted(found, key=time_of)
    )


async def _all_replies(web: AsyncWebClient, root: MessageRef) -> dict[str, Mapping[str, Any]]:
    """The messages by their `ts`."""
    found: dict[str, Mapping[str, Any]] = {}
    cursor = None
    for _ in range(MOST_PAGES):
        asked = web.conversations_replies(
            channel=root.channel, ts=root.ts, limit=PAGE, cursor=cursor
        )
        said = content(await call("conversations.replies", asked))
        for message in maps(said.get("messages")):
            ts = message.get("ts")
            if isinstance(ts, str) and is_ts(ts) and _is_of(message, root):
                found.setdefault(ts, message)
        cursor = string(mapping(said.get("response_metadata")), "next_cursor")
        if cursor is None:
            return found
    raise Refused(Reason.SLACK_REFUSED, code="endless_pages", method="conversations.replies")


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
    web: AsyncWebClient, ref: MessageRef, missed: Declined | None
) -> Mapping[str, Any]:
    try:
        answer = await call(
            "reactions.get",
            web.reactions_get(channel=ref.channel, timestamp=ref.ts, full=True),
        )
    except Declined as declined:
        raise _refused(missed or declined, ref) from None
    message = content(answer).get("message")
    if not isinstance(message, dict) or message.get("ts") != ref.ts:
        raise _refused(missed, ref)
    if missed is not None and not any(message.get(key) for key in _SAID):
        raise _refused(missed, ref)  # what it said may be there, but not for this method
    link = message.get("permalink")
    linked = from_permalink(link) if isinstance(link, str) else None
    return {"thread_ts": linked[1], **message} if linked and linked[1] else message


def _refused(declined: Declined | None, ref: MessageRef) -> Refused:
    """The reason in words that the person can act on."""
    if declined is None or declined.code in _GONE:
        return Refused(Reason.MESSAGE_NOT_FOUND)
    if declined.code in _SHUT:
        return Refused(Reason(declined.code), channel=ref.channel)
    return declined
