"""A method that Slack limits is left alone until its wait is over; the others are not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from bot.core.faults import Reason, Rejected, Rejection, TryLater
from bot.core.model import ReplyTo
from bot.core.refs import MessageRef
from bot.slack.calls import open_session, web_client
from bot.slack.client import SlackClient
from bot.slack.limits import Limits
from bot.slack.views import answer
from tests.conftest import Clock
from tests.nouns import TICKET
from tests.slack.canned import INSTALLED, LIMITED, TOKEN, Canned, Reply, no, ok, talking

ADA = ok(user={"id": "U1", "team_id": "T1", "name": "ada"})


@dataclass
class Talk:
    client: SlackClient
    slack: Canned
    clock: Clock

    async def limited(self, user: str = "U1") -> TryLater:
        """Ask who that is, expecting a limit."""
        with pytest.raises(TryLater) as raised:
            await self.client.profile(user)
        assert raised.value.cause == "slack_ratelimited"
        assert not raised.value.outcome_unknown
        return raised.value


@asynccontextmanager
async def limited_by(answers: Mapping[str, Reply | Sequence[Reply]]) -> AsyncIterator[Talk]:
    clock = Clock()
    async with talking(answers) as (_, slack):
        session = open_session()
        try:
            web = web_client(TOKEN, f"{slack.base}/api/", session, Limits(clock))
            yield Talk(SlackClient(web, installed=INSTALLED, clock=clock), slack, clock)
        finally:
            await session.close()


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        pytest.param(LIMITED, 7.0, id="429"),
        pytest.param(
            Reply(b"slow", 429, "text/plain", {"Retry-After": "7"}), 7.0, id="429 as text"
        ),
        pytest.param(Reply(b"{}", 429, headers={"Retry-After": "soon"}), 1.0, id="without a word"),
        pytest.param(Reply(b"{}", 429, headers={"Retry-After": "0"}), 1.0, id="at once"),
        pytest.param(Reply(b"{}", 429, headers={"Retry-After": "0.001"}), 1.0, id="nearly at once"),
        pytest.param(no("ratelimited"), 1.0, id="as an error with 200"),
    ],
)
async def test_a_limited_method_is_asked_again_when_its_wait_is_over_and_not_before(
    reply: Reply, seconds: float
) -> None:
    async with limited_by({"users.info": [reply, ADA]}) as talk:
        await talk.limited()
        talk.clock.move(seconds - 0.5)
        assert (await talk.limited("U2")).after == pytest.approx(0.5)
        assert len(talk.slack.sent("users.info")) == 1
        talk.clock.move(0.5)
        found = await talk.client.profile("U1")
        assert found is not None
        assert len(talk.slack.sent("users.info")) == 2


async def test_the_other_methods_go_on() -> None:
    answers = {
        "users.info": LIMITED,
        "views.open": ok(view={"id": "V1"}),
        "conversations.info": ok(channel={"id": "C1", "name": "support"}),
        "chat.getPermalink": LIMITED,
    }
    async with limited_by(answers) as talk:
        await talk.limited()
        async with asyncio.timeout(5):  # nothing waits for the seven seconds
            await talk.client.show_ticket("trigger", TICKET)
            assert (await talk.client.channel("C1")).name == "support"
            ref = MessageRef("C1", "1700000000.000100")
            for _ in range(2):  # a link is built where none is given
                assert "archives/C1" in await talk.client.permalink(ref, None)
        assert len(talk.slack.sent("chat.getPermalink")) == 1
        assert len(talk.slack.sent("views.open")) == 1


async def test_a_later_limit_that_is_shorter_does_not_end_the_longer_one() -> None:
    replies = [
        Reply(LIMITED.body, 429, headers={"Retry-After": "9"}, delay=0.2),
        Reply(LIMITED.body, 429, headers={"Retry-After": "2"}, delay=0.2),
        ADA,
    ]
    async with limited_by({"users.info": replies}) as talk:
        await asyncio.gather(talk.limited("U1"), talk.limited("U2"))
        assert len(talk.slack.sent("users.info")) == 2
        talk.clock.move(8.5)
        assert (await talk.limited()).after == pytest.approx(0.5)


async def test_another_fault_is_no_limit() -> None:
    async with limited_by({"users.info": [Reply(b"{}", 500), ADA]}) as talk:
        with pytest.raises(TryLater):
            await talk.client.profile("U1")
        assert await talk.client.profile("U1") is not None


@pytest.mark.parametrize("error", [b"{}", b"[]", b"7", b"null"])
async def test_an_error_that_is_no_word_is_no_limit(error: bytes) -> None:
    """It was looked for in a set, which takes no object and no list."""
    replies = [Reply(b'{"ok":false,"error":' + error + b"}"), ADA]
    async with limited_by({"users.info": replies}) as talk:
        with pytest.raises((TryLater, Rejected)):
            await talk.client.profile("U1")
        assert await talk.client.profile("U1") is not None


async def test_a_full_answer_address_does_not_stop_the_others() -> None:
    answers = {"respond": [LIMITED, Reply(b"ok", content_type="text/plain")]}
    async with limited_by(answers) as talk:
        to = ReplyTo("U1", talk.clock(), response_url=f"{talk.slack.base}/respond")
        said = answer.outcome(Rejection(Reason.EMPTY), "PB-1", None)
        assert said is not None
        with pytest.raises(TryLater):
            await talk.client.say_privately(to, said)
        await talk.client.say_privately(to, said)
        assert len(talk.slack.calls) == 2
