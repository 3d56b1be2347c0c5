"""Answers to people of another company, and courtesies: nobody is sorry for a lost one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.core.faults import PlainError, Reason, Rejection
from bot.core.identity import Hosts
from bot.core.model import (
    Added,
    Created,
    Joined,
    Message,
    Outcome,
    ReplyTo,
    Trigger,
)
from bot.slack.answers import AnswerSettings
from bot.slack.views import answer, form, rejections
from tests.slack.canned import NOW, Reply, no, ok, talking
from tests.slack.triggers import ANY, CREATED, EPHEMERAL, GLOBAL, REACTION, ROOT, TICKET, channel


def user(**more: Any) -> dict[str, Reply]:
    return {"users.info": ok(user={"id": "U1", "name": "pam", **more})}


# To people of another company


async def test_a_user_whom_slack_does_not_show_is_of_another_company() -> None:
    answers = {**ANY, **channel(is_ext_shared=True), "users.info": no("user_not_visible")}
    async with talking(answers, manner=AnswerSettings(outsiders=True)) as (client, slack):
        await client.tell(REACTION, Joined(TICKET), "PB-1")
    assert [sent["text"] for sent in slack.sent("chat.postEphemeral")] == [answer.ALREADY_QUIETLY]


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        pytest.param(CREATED, answer.CREATED_QUIETLY, id="created"),
        pytest.param(Created(TICKET, beside=TICKET), answer.CREATED_QUIETLY, id="beside another"),
        pytest.param(Added(TICKET), answer.ADDED_QUIETLY, id="added"),
        pytest.param(Joined(TICKET), answer.ALREADY_QUIETLY, id="joined"),
        pytest.param(
            Joined(TICKET, added_words=True),
            f"{answer.ALREADY_QUIETLY}\nWhat you typed was added to it.",
            id="joined with words",
        ),
        pytest.param(
            Rejection(
                Reason.PLAIN_FORBIDDEN, plain_error=PlainError(message="Missing thread:create")
            ),
            rejections.rejected_quietly("PB-1"),
            id="refused",
        ),
        pytest.param(
            Rejection(Reason.NO_CUSTOMER, requester="U1", requester_name="Pam"),
            rejections.rejection(
                Rejection(Reason.NO_CUSTOMER, requester="U1", requester_name="Pam"),
                "PB-1",
                "UBOT",
                Hosts(),
            ),
            id="nobody knows them",
        ),
    ],
)
async def test_an_answer_to_a_person_of_another_company(
    outcome: Outcome | Joined, said: str
) -> None:
    answers = {**ANY, **channel(is_ext_shared=True), **user(team_id="T9")}
    async with talking(answers, manner=AnswerSettings("thread", outsiders=True)) as (client, slack):
        assert await client.tell(REACTION, outcome, "PB-1") is None
    (sent,) = slack.sent("chat.postEphemeral")
    assert (sent["text"], len(sent["blocks"])) == (said, 1)
    assert slack.sent("chat.postMessage") == []


ERASED = ReplyTo(user="U1", asked_at=NOW - 3600)


@pytest.mark.parametrize(
    "trigger",
    [
        pytest.param(replace(REACTION, reply_to=ERASED), id="asked in the channel"),
        pytest.param(replace(REACTION, reply_to=ERASED, channel=None), id="about its message"),
        pytest.param(GLOBAL, id="asked in no channel"),
    ],
)
async def test_an_outsider_hears_no_more_once_the_address_is_erased(trigger: Trigger) -> None:
    answers = {**ANY, **channel(is_ext_shared=True), **user(team_id="T9")}
    async with talking(answers, manner=AnswerSettings(outsiders=True)) as (client, slack):
        assert await client.tell(trigger, CREATED, "PB-1") is None
    (sent,) = slack.sent("chat.postMessage")
    assert (sent["channel"], sent["text"]) == ("U1", answer.CREATED_QUIETLY)
    assert len(sent["blocks"]) == 1


@pytest.mark.parametrize(
    ("manner", "shared", "team"),
    [
        pytest.param(AnswerSettings(outsiders=True), True, "T1", id="of the workspace"),
        pytest.param(AnswerSettings(outsiders=True), False, "T9", id="a channel of our own"),
        pytest.param(AnswerSettings(shared_channels="open", outsiders=True), True, "T9", id="open"),
    ],
)
async def test_others_hear_all_once_the_address_is_erased(
    manner: AnswerSettings, shared: bool, team: str
) -> None:
    answers = {**ANY, **channel(is_ext_shared=shared), **user(team_id=team)}
    async with talking(answers, manner=manner) as (client, slack):
        await client.tell(replace(REACTION, reply_to=ERASED), CREATED, "PB-1")
    (sent,) = slack.sent("chat.postMessage")
    assert (sent["channel"], sent["text"]) == ("U1", answer.success(CREATED).text)


# What is said otherwise later


async def test_something_said_privately() -> None:
    async with talking(EPHEMERAL) as (client, slack):
        await client.say_privately(REACTION.reply_to, form.not_opened())
    assert [sent["text"] for sent in slack.sent("chat.postEphemeral")] == [form.NOT_OPENED]


@pytest.mark.parametrize("thread_ts", [None, ROOT])
async def test_that_it_takes_longer_is_said_where_the_message_is_a_reply(
    thread_ts: str | None,
) -> None:
    """Where an earlier attempt has read the message, its Slack thread is known."""
    assert REACTION.ref is not None
    known = Message(REACTION.ref, "U1", (), thread_ts=thread_ts)
    async with talking(EPHEMERAL) as (client, slack):
        await client.tell_queued(replace(REACTION, message=known), "PB-1")
    (sent,) = slack.sent("chat.postEphemeral")
    assert sent.get("thread_ts") == thread_ts
