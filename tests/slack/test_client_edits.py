"""What was said otherwise later: remembered where it stands, edited, taken back."""

from __future__ import annotations

import pytest

from bot.core.model import Added, Outcome, PostedAnswer
from bot.slack.answers import AnswerSettings
from bot.slack.views import answer, undo
from bot.slack.views.kit import Answer
from tests.slack.canned import Reply, no, ok, talking
from tests.slack.triggers import (
    ANY,
    CREATED,
    GLOBAL,
    REACTION,
    REF,
    REFUSED,
    RESPOND,
    TICKET,
    channel,
)


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        pytest.param(CREATED, PostedAnswer("D1", "1.000001"), id="a ticket can be undone"),
        pytest.param(Added(TICKET), None, id="an addition stands"),
        pytest.param(REFUSED, None, id="a refusal stands"),
    ],
)
async def test_what_was_posted_is_remembered(outcome: Outcome, said: PostedAnswer | None) -> None:
    async with talking({"chat.postMessage": ok(channel="D1", ts="1.000001")}) as (client, _):
        assert await client.tell(GLOBAL, outcome, "PB-1") == said


async def test_an_ephemeral_answer_is_not_remembered() -> None:
    async with talking(ANY) as (client, _):
        assert await client.tell(REACTION, CREATED, "PB-1") is None


@pytest.mark.parametrize(
    ("place", "shared", "manner", "text"),
    [
        pytest.param(
            "C1", False, AnswerSettings(), undo.undone(TICKET, "U1").text, id="among ourselves"
        ),
        pytest.param("C1", True, AnswerSettings(), undo.UNDONE_QUIETLY, id="others read along"),
        pytest.param(
            "C1",
            True,
            AnswerSettings(shared_channels="open"),
            undo.undone(TICKET, "U1").text,
            id="they may",
        ),
        pytest.param(
            "D1", True, AnswerSettings(), undo.undone(TICKET, "U1").text, id="a direct message"
        ),
    ],
)
async def test_an_answer_is_edited(
    place: str, shared: bool, manner: AnswerSettings, text: str
) -> None:
    answers = {**channel(is_ext_shared=shared), "chat.update": ok()}
    async with talking(answers, manner=manner) as (client, slack):
        await client.edit_undone(PostedAnswer(place, "1.000001"), TICKET, "U1")
    (sent,) = slack.sent("chat.update")
    assert (sent["channel"], sent["ts"], sent["text"]) == (place, "1.000001", text)
    assert [block["type"] for block in sent["blocks"]] == ["section"]


@pytest.mark.parametrize(
    ("shared", "text"),
    [(False, answer.success(CREATED).text), (True, answer.CREATED_QUIETLY)],
)
async def test_an_answer_whose_time_is_over_loses_its_button(shared: bool, text: str) -> None:
    answers = {**channel(is_ext_shared=shared), "chat.update": ok()}
    async with talking(answers) as (client, slack):
        await client.edit_ended(PostedAnswer("C1", "1.000001"), TICKET)
    (sent,) = slack.sent("chat.update")
    assert sent["text"] == text
    assert "undo_ticket" not in str(sent["blocks"])


@pytest.mark.parametrize("reply", [ok(), no("no_reaction")])
async def test_a_receipt_is_taken_back(reply: Reply) -> None:
    async with talking({"reactions.remove": reply}) as (client, slack):
        await client.edit_undone(PostedAnswer("C1", REF.ts, "inbox"), TICKET, "U1")
        await client.edit_ended(PostedAnswer("C1", REF.ts, "inbox"), TICKET)  # it offers nothing
    assert slack.calls == [
        ("reactions.remove", {"channel": "C1", "timestamp": REF.ts, "name": "inbox"})
    ]


async def test_an_ephemeral_message_is_replaced_by_its_clicks_address() -> None:
    async with talking(RESPOND) as (client, slack):
        await client.replace(slack.respond_url, Answer("Undone"))
    (sent,) = slack.sent("respond")
    assert (sent["replace_original"], sent["text"]) == (True, "Undone")


@pytest.mark.parametrize(
    ("shared", "stranger", "text"),
    [
        pytest.param(False, False, undo.told_undone(TICKET, "U2").text, id="among ourselves"),
        pytest.param(True, False, undo.told_undone(TICKET, "U2").text, id="one of us"),
        pytest.param(True, True, undo.UNDONE_QUIETLY, id="of another company"),
    ],
)
async def test_who_requested_it_is_told_that_another_undid_it(
    shared: bool, stranger: bool, text: str
) -> None:
    user = {"id": "U1", "team_id": "T2" if stranger else "T1", "is_stranger": stranger}
    answers = {**ANY, **channel(is_ext_shared=shared), "users.info": ok(user=user)}
    async with talking(answers) as (client, slack):
        await client.tell_undone(REACTION, TICKET, "U2")
    (sent,) = slack.sent("chat.postEphemeral")
    assert (sent["user"], sent["text"]) == ("U1", text)
