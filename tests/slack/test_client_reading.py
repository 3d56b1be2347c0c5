"""The escalated message is the one that was meant, whatever Slack's methods show of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from bot.core.faults import Reason, Rejected, TryLater
from bot.core.model import Message
from bot.core.refs import MessageRef
from bot.slack.text.message import blocks_of
from bot.store.rejections import to_data
from tests.slack.canned import LIMITED, Reply, no, ok, talking

ROOT = "1599529000.000100"
REF = MessageRef("C1", "1599529504.000400")
LINK = "https://acme.slack.com/archives/C1/p1599529504000400"


def said(ts: str = REF.ts, text: str = "the VPN is down", **more: Any) -> dict[str, Any]:
    return {"type": "message", "user": "U2", "text": text, "ts": ts, **more}


def replies(*messages: dict[str, Any]) -> Reply:
    return ok(messages=list(messages), has_more=False)


def reacted(message: dict[str, Any]) -> Reply:
    return ok(type="message", channel="C1", message=message)


def expected(text: str = "the VPN is down", thread_ts: str | None = None) -> Message:
    return Message(REF, "U2", blocks_of({"text": text}), thread_ts=thread_ts)


CASES: list[tuple[str, dict[str, Reply], Message, list[str]]] = [
    (
        "a message outside of threads",
        {"conversations.replies": replies(said())},
        expected(),
        ["conversations.replies"],
    ),
    (
        "the root of a thread",
        {"conversations.replies": replies(said(thread_ts=REF.ts), said(ROOT, "no"))},
        expected(thread_ts=REF.ts),
        ["conversations.replies"],
    ),
    (
        "a reply, alone",
        {"conversations.replies": replies(said(thread_ts=ROOT))},
        expected(thread_ts=ROOT),
        ["conversations.replies"],
    ),
    (
        "a reply, behind its root and its siblings",
        {
            "conversations.replies": replies(
                said(ROOT, "the root", thread_ts=ROOT),
                said("1599529400.000300", "a sibling", thread_ts=ROOT),
                said(thread_ts=ROOT),
            )
        },
        expected(thread_ts=ROOT),
        ["conversations.replies"],
    ),
    (
        "a reply that the thread's page lacks",
        {
            "conversations.replies": replies(said(ROOT, "the root", thread_ts=ROOT)),
            "reactions.get": reacted(said(permalink=f"{LINK}?thread_ts={ROOT}&cid=C1")),
        },
        expected(thread_ts=ROOT),
        ["conversations.replies", "reactions.get"],
    ),
    (
        "history's scope is missing",
        {
            "conversations.replies": no("missing_scope", needed="channels:history"),
            "reactions.get": reacted(said(permalink=LINK)),
        },
        expected(),
        ["conversations.replies", "reactions.get"],
    ),
    (
        "reactions.get shows the thread itself",
        {
            "conversations.replies": no("thread_not_found"),
            "reactions.get": reacted(said(thread_ts=ROOT)),
        },
        expected(thread_ts=ROOT),
        ["conversations.replies", "reactions.get"],
    ),
    (
        "replies gives no list",
        {"conversations.replies": ok(messages=None), "reactions.get": reacted(said())},
        expected(),
        ["conversations.replies", "reactions.get"],
    ),
]


@pytest.mark.parametrize(
    ("answers", "message", "methods"), [pytest.param(*row, id=name) for name, *row in CASES]
)
async def test_the_message_that_was_meant(
    answers: dict[str, Reply], message: Message, methods: Sequence[str]
) -> None:
    async with talking(answers) as (client, slack):
        assert await client.message(REF) == message
    assert slack.methods == methods


async def test_the_request_is_bounded_to_the_message() -> None:
    async with talking({"conversations.replies": replies(said())}) as (client, slack):
        await client.message(REF)
    (params,) = slack.sent("conversations.replies")
    assert params["channel"] == "C1"
    assert params["ts"] == params["oldest"] == params["latest"] == REF.ts
    assert params["inclusive"] == "1"


async def test_files_come_with_the_message() -> None:
    with_files = said(files=[{"id": "F1", "name": "log.txt", "mimetype": "text/plain"}])
    async with talking({"conversations.replies": replies(with_files)}) as (client, _):
        message = await client.message(REF)
    assert [file.name for file in message.files] == ["log.txt"]


REFUSALS: list[tuple[str, dict[str, Reply], Reason, dict[str, str]]] = [
    (
        "the bot is not in the channel",
        {"conversations.replies": no("not_in_channel")},
        Reason.NOT_IN_CHANNEL,
        {"channel": "C1"},
    ),
    (
        "a private channel that the bot is not in",
        {"conversations.replies": no("channel_not_found")},
        Reason.CHANNEL_NOT_FOUND,
        {"channel": "C1"},
    ),
    (
        "the first refusal counts",
        {
            "conversations.replies": no("missing_scope", needed="groups:history"),
            "reactions.get": no("channel_not_found"),
        },
        Reason.MISSING_SCOPE,
        {"needed": "groups:history"},
    ),
    (
        "the message is gone",
        {
            "conversations.replies": no("thread_not_found"),
            "reactions.get": no("message_not_found"),
        },
        Reason.MESSAGE_NOT_FOUND,
        {},
    ),
    (
        "the message is in neither answer",
        {
            "conversations.replies": replies(said(ROOT, "another")),
            "reactions.get": reacted(said(ROOT, "another")),
        },
        Reason.MESSAGE_NOT_FOUND,
        {},
    ),
    (
        "a file was reacted to",
        {"conversations.replies": replies(), "reactions.get": ok(type="file", file={"id": "F1"})},
        Reason.MESSAGE_NOT_FOUND,
        {},
    ),
    (
        "a deleted root",
        {"conversations.replies": replies(said(subtype="tombstone"))},
        Reason.MESSAGE_NOT_FOUND,
        {},
    ),
    (
        "both scopes are missing",
        {
            "conversations.replies": no("missing_scope", needed="channels:history"),
            "reactions.get": no("missing_scope", needed="reactions:read"),
        },
        Reason.MISSING_SCOPE,
        {"needed": "channels:history"},
    ),
    (
        "reactions.get hides what it said",
        {
            "conversations.replies": no("missing_scope", needed="channels:history"),
            "reactions.get": reacted(said(text="")),
        },
        Reason.MISSING_SCOPE,
        {"needed": "channels:history"},
    ),
]


@pytest.mark.parametrize(
    ("answers", "reason", "data"), [pytest.param(*row, id=name) for name, *row in REFUSALS]
)
async def test_a_message_that_cannot_be_read(
    answers: dict[str, Reply], reason: Reason, data: dict[str, str]
) -> None:
    async with talking(answers) as (client, _):
        with pytest.raises(Rejected) as refused:
            await client.message(REF)
    assert (refused.value.reason, to_data(refused.value.rejection)) == (reason, data)


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param({"conversations.replies": LIMITED}, id="replies"),
        pytest.param(
            {"conversations.replies": no("thread_not_found"), "reactions.get": LIMITED},
            id="reactions.get",
        ),
    ],
)
async def test_too_many_requests_wait_as_long_as_slack_says(answers: dict[str, Reply]) -> None:
    async with talking(answers) as (client, _):
        with pytest.raises(TryLater) as later:
            await client.message(REF)
    assert later.value.after == 7.0
