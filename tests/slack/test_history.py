"""The channels' history as Slack's methods show it, and the pace at which they are asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bot.core.directory import Channel
from bot.core.faults import Rejected, TryLater
from bot.core.reactions import PostedMessage, Reaction
from bot.core.refs import MessageRef
from bot.flows.reconcile import HistoryPage
from bot.slack.history import MethodPace, SlackHistory
from tests.slack.canned import LIMITED, Canned, Reply, no, ok, talking

TS, ROOT = "1700000001.000100", "1699990000.000100"


@asynccontextmanager
async def reading(
    answers: Mapping[str, Reply | Sequence[Reply]],
) -> AsyncIterator[tuple[SlackHistory, Canned]]:
    async with talking(answers) as (client, slack):
        yield SlackHistory(client.web), slack


async def test_channels() -> None:
    listed = [
        {"id": "C1", "name": "support", "is_channel": True, "is_ext_shared": True},
        {"id": "G1", "name": "secret", "is_private": True},
        {"id": "D1", "is_im": True},
        {"id": "G2", "name": "mpdm-1", "is_mpim": True},
        {"name": "without an id"},
        "junk",
    ]
    said = ok(channels=listed, response_metadata={"next_cursor": "dGVhbTpDMUg="})
    async with reading({"users.conversations": said}) as (history, slack):
        page = await history.channels(None)
        await history.channels("dGVhbTpDMUg=")
    assert page == HistoryPage(
        (Channel("C1", "support", shared=True), Channel("G1", "secret")), "dGVhbTpDMUg="
    )
    first, second = slack.sent("users.conversations")
    assert first["types"] == "public_channel,private_channel"
    assert first["exclude_archived"] == "1"
    assert "cursor" not in first
    assert second["cursor"] == "dGVhbTpDMUg="


@pytest.mark.parametrize("said", [ok(), ok(channels=None), ok(channels={"id": "C1"})])
async def test_a_listing_that_is_none_is_not_an_empty_one(said: Reply) -> None:
    """The channels that a listing lacks are forgotten."""
    async with reading({"users.conversations": said}) as (history, _):
        with pytest.raises(Rejected):
            await history.channels(None)
    async with reading({"users.conversations": ok(channels=[])}) as (history, _):
        assert (await history.channels(None)).items == ()


MESSAGES: list[tuple[str, Any, list[PostedMessage]]] = [
    ("nothing", [], []),
    ("no list", {"messages": "x"}, []),
    ("bare", [{"ts": TS}], [PostedMessage(MessageRef("C1", TS))]),
    (
        "reactions, of which one names fewer people than it counts",
        [
            {
                "ts": TS,
                "reactions": [
                    {"name": "ticket", "users": ["U1"], "count": 3},
                    {"name": "eyes", "users": ["U1", "U2"]},
                    {"name": "bug", "count": 2},
                    {"users": ["U1"]},
                    7,
                ],
            }
        ],
        [
            PostedMessage(
                MessageRef("C1", TS),
                (
                    Reaction("ticket", ("U1",), 3),
                    Reaction("eyes", ("U1", "U2"), 2),
                    Reaction("bug", (), 2),
                ),
            )
        ],
    ),
    (
        "a thread's root",
        [{"ts": ROOT, "thread_ts": ROOT, "reply_count": 2, "latest_reply": TS}],
        [PostedMessage(MessageRef("C1", ROOT), thread_ts=ROOT, has_replies=True, last_reply=TS)],
    ),
    (
        "a root that does not say when it was replied to",
        [{"ts": ROOT, "thread_ts": ROOT, "reply_count": 1}],
        [PostedMessage(MessageRef("C1", ROOT), thread_ts=ROOT, has_replies=True)],
    ),
    (
        "a reply that was sent to the channel too",
        [{"ts": TS, "thread_ts": ROOT, "subtype": "thread_broadcast"}],
        [PostedMessage(MessageRef("C1", TS), thread_ts=ROOT)],
    ),
    ("a deleted root", [{"ts": TS, "subtype": "tombstone", "reply_count": 1}], []),
    ("junk", [{"ts": "now"}, {}, None, {"ts": 5}], []),
]


@pytest.mark.parametrize(
    ("said", "expected"), [case[1:] for case in MESSAGES], ids=[case[0] for case in MESSAGES]
)
async def test_messages(said: Any, expected: list[PostedMessage]) -> None:
    async with reading({"conversations.history": ok(messages=said)}) as (history, slack):
        assert await history.messages("C1", 1_699_999_999.5, None) == HistoryPage(tuple(expected))
    (sent,) = slack.sent("conversations.history")
    assert (sent["channel"], sent["oldest"]) == ("C1", "1699999999.500000")


async def test_replies_come_without_their_root() -> None:
    said = ok(
        messages=[{"ts": ROOT, "thread_ts": ROOT}, {"ts": TS, "thread_ts": ROOT}],
        response_metadata={"next_cursor": ""},
    )
    async with reading({"conversations.replies": said}) as (history, slack):
        page = await history.replies(MessageRef("C1", ROOT), 1.0, "next")
    assert page == HistoryPage((PostedMessage(MessageRef("C1", TS), thread_ts=ROOT),))
    (sent,) = slack.sent("conversations.replies")
    assert (sent["ts"], sent["cursor"]) == (ROOT, "next")


async def test_a_thread_or_message_that_is_gone_is_empty() -> None:
    answers = {
        "conversations.replies": no("thread_not_found"),
        "reactions.get": no("message_not_found"),
    }
    async with reading(answers) as (history, _):
        assert await history.replies(MessageRef("C1", ROOT), 1.0, None) == HistoryPage(())
        assert await history.reactions(MessageRef("C1", TS)) == ()


async def test_a_reaction_comes_under_the_one_name_of_its_emoji() -> None:
    under = [{"name": "thumbsup::skin-tone-2", "users": ["U1"], "count": 1}]
    said = {"ts": TS, "reactions": under}
    async with reading({"reactions.get": ok(type="message", message=said)}) as (history, _):
        (found,) = await history.reactions(MessageRef("C1", TS))
    assert found.emoji == "+1::skin-tone-2"


async def test_reactions_are_asked_for_in_full() -> None:
    said = {"ts": TS, "reactions": [{"name": "ticket", "users": ["U1", "U2"], "count": 2}]}
    async with reading({"reactions.get": ok(type="message", message=said)}) as (history, slack):
        found = await history.reactions(MessageRef("C1", TS))
    assert found == (Reaction("ticket", ("U1", "U2"), 2),)
    (sent,) = slack.sent("reactions.get")
    assert (sent["timestamp"], sent["full"]) == (TS, "1")


async def test_a_cursor_that_slack_forgot_counts_as_none() -> None:
    answers = {"conversations.history": [no("invalid_cursor"), ok(messages=[{"ts": TS}])]}
    async with reading(answers) as (history, slack):
        page = await history.messages("C1", 1.0, "old")
    assert [posted.ref.ts for posted in page.items] == [TS]
    assert ["cursor" in sent for sent in slack.sent("conversations.history")] == [True, False]


@pytest.mark.parametrize("cursor", [None, "old"])
async def test_it_does_not_ask_for_ever(cursor: str | None) -> None:
    async with reading({"conversations.history": no("invalid_cursor")}) as (history, slack):
        with pytest.raises(Rejected):
            await history.messages("C1", 1.0, cursor)
    assert len(slack.calls) == (2 if cursor else 1)


async def test_a_rate_limit_is_a_fault_and_a_closed_channel_a_refusal() -> None:
    answers = {"users.conversations": LIMITED, "conversations.history": no("not_in_channel")}
    async with reading(answers) as (history, _):
        with pytest.raises(TryLater) as limited:
            await history.channels(None)
        assert (limited.value.cause, limited.value.after) == ("slack_ratelimited", 7.0)
        with pytest.raises(Rejected):
            await history.messages("C1", 1.0, None)


async def test_a_burst_then_a_pace_for_each_method() -> None:
    now, slept = 1000.0, []

    async def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(round(seconds, 3))
        now += seconds

    pace = MethodPace(burst=3, per_minute=20, clock=lambda: now, sleep=sleep)
    for _ in range(5):
        await pace.wait("conversations.history")
    assert slept == [3.0, 3.0]
    await pace.wait("conversations.replies")
    assert len(slept) == 2
    now += 600
    for _ in range(3):
        await pace.wait("conversations.history")
    assert len(slept) == 2
