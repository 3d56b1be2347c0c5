"""Large answers of Slack's hold up nobody, and what is not used of them is not kept."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from typing import Any

import pytest

from bot.core.faults import TryLater
from bot.core.refs import MessageRef
from bot.slack import bodies
from bot.slack.history import SlackHistory
from tests.slack.canned import Reply, ok, talking

ELEMENTS = [{"type": "text", "text": "ab", "style": {"bold": True}}] * 1000
BLOCKS = [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": ELEMENTS}]}]


def hostile(number: int) -> dict[str, Any]:
    return {
        "ts": f"1700000{number:03}.000100",
        "text": "*a* " * 10_000,
        "blocks": BLOCKS,
        "attachments": [{"message_blocks": [{"message": {"blocks": BLOCKS}}]}],
        "reactions": [{"name": "ticket", "users": ["U1"], "count": 1}],
    }


@dataclass
class Loop:
    """The turns of the event loop. `longest`: seconds of its thread's own processor time, which a
    busy machine does not stretch. `waits`: how often it waited for another thread's turn to end."""

    longest: float = 0.0
    waits: int = 0

    async def watch(self) -> None:
        used, last = time.thread_time(), time.monotonic()
        while True:
            await asyncio.sleep(0)
            using, now = time.thread_time(), time.monotonic()
            self.longest = max(self.longest, using - used)
            self.waits += now - last > sys.getswitchinterval() / 2
            used, last = using, now


async def test_a_page_of_200_hostile_messages_does_not_hold_up_the_loop() -> None:
    """It stood still for over three seconds."""
    page = ok(messages=[hostile(number) for number in range(200)])
    begun = time.thread_time()
    json.loads(page.body)
    needed = time.thread_time() - begun
    async with talking({"conversations.history": page}) as (client, _):
        loop = Loop()
        watching = asyncio.create_task(loop.watch())
        found = await SlackHistory(client.web).messages("C1", 0.0, None)
        await asyncio.sleep(0)
        watching.cancel()
    assert len(found.items) == 200
    assert {one.reactions[0].emoji for one in found.items} == {"ticket"}
    assert loop.longest < needed / 3


async def test_the_loop_has_its_turns_while_a_large_text_is_parsed() -> None:
    """The parser kept the interpreter's lock from beginning to end, in whatever thread it ran."""
    text = json.dumps([hostile(number) for number in range(100)])
    loop = Loop()
    watching = asyncio.create_task(loop.watch())

    def parse() -> int:
        before = loop.waits
        bodies.parse(text)
        return loop.waits - before

    assert await asyncio.to_thread(parse) > 5
    watching.cancel()


@pytest.mark.parametrize("size", [0, bodies.PARSED_INLINE])
async def test_what_is_not_used_is_left_out_of_that_answer_alone(size: int) -> None:
    said = ok(messages=[{"ts": "1", "text": "x" * size, "more": {"text": "y", "kept": 1}}])
    async with talking({"conversations.history": said}) as (client, _):
        with bodies.without("text"):
            short = await client.web.conversations_history(channel="C1")
        whole = await client.web.conversations_history(channel="C1")
    assert short["messages"] == [{"ts": "1", "more": {"kept": 1}}]
    assert whole["messages"][0]["more"] == {"text": "y", "kept": 1}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>" + b" " * bodies.PARSED_INLINE + b"</html>", id="no JSON"),
        pytest.param(b"[" * 2 * bodies.PARSED_INLINE, id="nested without end"),
        pytest.param(b" " * 2 * bodies.PARSED_INLINE, id="white space"),
    ],
)
async def test_a_large_answer_that_is_not_slacks_is_an_outage(body: bytes) -> None:
    async with talking({"reactions.get": Reply(body)}) as (client, _):
        with pytest.raises(TryLater) as raised:
            await SlackHistory(client.web).reactions(MessageRef("C1", "1700000001.000100"))
    assert raised.value.cause == "slack_not_json"
