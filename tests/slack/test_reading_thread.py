"""A whole Slack thread, page by page."""

from __future__ import annotations

from typing import Any

import pytest

from bot.core.faults import Reason, Rejected, TryLater
from bot.core.refs import MessageRef
from bot.core.text.excerpt import GOES_ON
from bot.core.text.richtext import Paragraph, Text
from bot.slack import reading
from bot.store.rejections import to_data
from tests.slack.canned import LIMITED, Reply, no, ok, talking

ROOT = MessageRef("C1", "1700000001.000100")


def said(number: int, **more: Any) -> dict[str, Any]:
    ts = f"170000000{number}.000100"
    return {
        "type": "message",
        "user": "U1",
        "text": f"N{number}",
        "ts": ts,
        "thread_ts": ROOT.ts,
    } | more


def page(*messages: dict[str, Any], cursor: str | None = None) -> Reply:
    return ok(messages=list(messages), response_metadata={"next_cursor": cursor or ""})


async def numbers(*pages: Reply) -> tuple[list[str], list[dict[str, Any]]]:
    async with talking({"conversations.replies": pages}) as (client, slack):
        found = await client.replies(ROOT)
        return [one.ref.ts[9] for one in found if one.ref], slack.sent("conversations.replies")


async def test_pages_are_followed_to_the_end() -> None:
    found, sent = await numbers(
        page(said(1), said(2), cursor="a"), page(said(1), said(3), cursor="b"), page(said(4))
    )
    assert found == ["1", "2", "3", "4"]
    assert [one.get("cursor") for one in sent] == [None, "a", "b"]
    assert {(one["channel"], one["ts"]) for one in sent} == {("C1", ROOT.ts)}


async def test_the_first_page_tells_how_many_messages_the_next_may_bring() -> None:
    """A page is in memory as a whole: that of a thousand long messages would fill it."""
    long = {"text": "*a* " * 10_000}
    _, short = await numbers(page(said(1), cursor="a"), page(said(2)))
    _, much = await numbers(page(said(1, **long), cursor="a"), page(said(2)))
    assert [one["limit"] for one in short] == [str(reading.FIRST_PAGE), str(reading.PAGE)]
    assert [one["limit"] for one in much] == [str(reading.FIRST_PAGE), str(reading.FEWEST)]


async def test_of_messages_beyond_the_bound_no_text_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "MOST_READ", 100)
    pages = page(said(1, text="a" * 90), said(2, text="b" * 90, files=[{"id": "F1"}]), said(3))
    async with talking({"conversations.replies": pages}) as (client, _):
        first, second, third = await client.replies(ROOT)
    assert first.blocks == (Paragraph((Text("a" * 90),)),)
    assert (second.blocks, second.files, second.author) == ((GOES_ON,), (), "U1")
    assert third.blocks == (GOES_ON,)


async def test_what_is_of_another_thread_or_no_message_is_left_out() -> None:
    stray = said(2, thread_ts="1600000000.000100")
    junk: Any = [None, "x", {"ts": 5}, {"ts": "soon"}]
    found, _ = await numbers(page(said(1, thread_ts=None), stray, *junk, said(3)))
    assert found == ["1", "3"]


async def test_they_come_in_the_order_of_their_time() -> None:
    found, _ = await numbers(page(said(3), said(1), said(2)))
    assert found == ["1", "2", "3"]


async def test_what_they_say_and_carry() -> None:
    bot = said(2, user=None, bot_id="B1", bot_profile={"name": "Alerts"})
    with_file = said(3, files=[{"id": "F1", "name": "a.png"}])
    pages = {"conversations.replies": page(said(1), bot, with_file)}
    async with talking(pages) as (client, _):
        first, second, third = await client.replies(ROOT)
    assert (first.author, second.bot) == ("U1", "Alerts")
    assert [file.name for file in third.files] == ["a.png"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("not_in_channel", Reason.NOT_IN_CHANNEL),
        ("channel_not_found", Reason.CHANNEL_NOT_FOUND),
        ("thread_not_found", Reason.MESSAGE_NOT_FOUND),
        ("missing_scope", Reason.MISSING_SCOPE),
        ("fatal_nonsense", Reason.SLACK_REFUSED),
    ],
)
async def test_a_thread_that_cannot_be_read(code: str, reason: Reason) -> None:
    async with talking({"conversations.replies": no(code)}) as (client, _):
        with pytest.raises(Rejected) as refusal:
            await client.replies(ROOT)
    assert refusal.value.reason is reason


async def test_a_limit_is_a_wait() -> None:
    pages = [page(said(1), cursor="a"), LIMITED]
    async with talking({"conversations.replies": pages}) as (client, _):
        with pytest.raises(TryLater) as raised:
            await client.replies(ROOT)
    assert raised.value.after == 7.0


async def test_a_cursor_in_a_circle_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be one the next time too: the message is quoted without its thread."""
    monkeypatch.setattr(reading, "MOST_PAGES", 3)
    async with talking({"conversations.replies": page(said(1), cursor="a")}) as (client, slack):
        with pytest.raises(Rejected) as refusal:
            await client.replies(ROOT)
    assert to_data(refusal.value.rejection)["code"] == "endless_pages"
    assert len(slack.calls) == 3


async def test_all_pages_together_have_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "THREAD_SECONDS", 0.2)
    slow = Reply(delay=30.0)
    async with talking({"conversations.replies": slow}) as (client, _):
        with pytest.raises(TryLater, match="slack_timeout"):
            await client.replies(ROOT)
