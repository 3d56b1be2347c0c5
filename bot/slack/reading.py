"""The escalated message, read by its channel and `ts`, whether it is a reply or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.core.faults import Reason, Refused
from bot.core.model import Message
from bot.core.refs import MessageRef, from_permalink
from bot.slack.calls import Declined, call, content
from bot.slack.payloads import message_of

_SHUT = frozenset({"channel_not_found", "not_in_channel"})
_GONE = frozenset({"message_not_found", "thread_not_found"})
_SAID = ("text", "blocks", "attachments", "files")


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
