"""Who is an owner or admin here, asked anew where a right hangs on it, and who is asked whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.core.directory import Installation
from bot.core.faults import Reason, Rejection, TryLater
from bot.core.identity import Linkers
from bot.core.model import ReplyTo, Trigger, Via
from bot.slack.answers import AnswerSettings
from tests.slack.canned import INSTALLED, LIMITED, NOW, Reply, no, ok, talking

GRID = replace(INSTALLED, enterprise="E1")
REACTION = Trigger(
    via=Via.REACTION,
    team="T1",
    submitter="U1",
    request="Ev1",
    reply_to=ReplyTo(user="U1", asked_at=NOW - 60, channel="C1"),
    channel="C1",
)
PLACE = {
    "conversations.info": ok(channel={"id": "C1", "name": "support"}),
    "chat.postEphemeral": ok(),
}
NO_CUSTOMER = Rejection(Reason.NO_CUSTOMER, requester="U2")


def user(**more: Any) -> Reply:
    return ok(user={"id": "U1", "team_id": "T1", "name": "ana", **more})


@pytest.mark.parametrize(
    ("fields", "installed", "admin"),
    [
        pytest.param({}, INSTALLED, False, id="a member"),
        pytest.param({"is_admin": True}, INSTALLED, True, id="an admin"),
        pytest.param({"is_owner": True}, INSTALLED, True, id="an owner"),
        pytest.param({"is_primary_owner": True}, INSTALLED, True, id="the primary owner"),
        pytest.param({"is_admin": None}, INSTALLED, False, id="null"),
        pytest.param(
            {"is_admin": True, "team_id": "T2"}, INSTALLED, False, id="another company's admin"
        ),
        pytest.param(
            {"is_owner": True, "is_stranger": True}, INSTALLED, False, id="a stranger, an owner"
        ),
        pytest.param({"is_admin": True, "is_bot": True}, INSTALLED, False, id="a bot"),
        pytest.param({"is_admin": True, "is_restricted": True}, INSTALLED, False, id="a guest"),
        pytest.param(
            {
                "is_admin": True,
                "team_id": "T2",
                "enterprise_user": {"enterprise_id": "E1", "teams": ["T2"]},
            },
            GRID,
            True,
            id="of the same organization",
        ),
    ],
)
async def test_who_is_an_admin_here(
    fields: dict[str, Any], installed: Installation, admin: bool
) -> None:
    async with talking({"users.info": user(**fields)}, installed=installed) as (client, _):
        profile = await client.profile("U1")
    assert profile is not None
    assert profile.admin is admin


async def test_a_right_is_asked_for_anew_and_kept_from_then_on() -> None:
    answers = {"users.info": [user(is_admin=True), user(is_admin=False), LIMITED]}
    async with talking(answers) as (client, slack):
        admins = [await client.profile("U1"), await client.profile("U1")]
        assert len(slack.calls) == 1
        admins += [await client.fresh_profile("U1"), await client.profile("U1")]
        with pytest.raises(TryLater):
            await client.fresh_profile("U1")
        admins.append(await client.profile("U1"))
    assert [one.admin for one in admins if one] == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("submitter", "linkers", "words", "has_button"),
    [
        (user(is_admin=True), None, "Choose the customer and the ticket", True),
        (user(), None, "Ask an owner or admin of this workspace to choose", False),
        (user(), ("U7",), "Ask <@U7> to choose", False),
        (user(), ("U1",), "Choose the customer and the ticket", True),
        (user(team_id="T2"), ("U1",), "Ask someone from the workspace that runs", False),
        (no("user_not_found"), None, "Ask someone from the workspace that runs", False),
        (no("missing_scope", needed="users:read"), ("U7",), "Ask <@U7> to choose", False),
    ],
)
async def test_the_refusal_puts_the_question_to_who_can_answer_it(
    submitter: Reply, linkers: tuple[str, ...] | None, words: str, has_button: bool
) -> None:
    manner = AnswerSettings(linkers=Linkers(linkers))
    answers = {"users.info": submitter, **PLACE}
    async with talking(answers, manner=manner) as (client, slack):
        await client.tell(REACTION, NO_CUSTOMER, "PB-7")
    (sent,) = slack.sent("chat.postEphemeral")
    assert words in sent["text"]
    assert (len(sent["blocks"]) == 2) is has_button
    if has_button:
        (button,) = sent["blocks"][1]["elements"]
        assert (button["action_id"], button["value"]) == ("link_person", "PB-7")


async def test_an_answer_waits_while_slack_cannot_say_who_asked() -> None:
    async with talking({"users.info": LIMITED, **PLACE}) as (client, slack):
        with pytest.raises(TryLater):
            await client.tell(REACTION, NO_CUSTOMER, "PB-7")
    assert slack.sent("chat.postEphemeral") == []


async def test_other_refusals_ask_slack_nothing() -> None:
    async with talking(PLACE) as (client, slack):
        await client.tell(REACTION, Rejection(Reason.EMPTY), "PB-7")
    assert "users.info" not in slack.methods
    assert len(slack.sent("chat.postEphemeral")) == 1
