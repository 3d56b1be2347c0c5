"""Who clicks Undo is answered where the click was; a message that says it already says it once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from bot.core.faults import TryLater
from bot.core.model import RESPONSE_URL_SECONDS, PostedAnswer, ReplyTo
from bot.core.undo import (
    AlreadyUndone,
    NotYours,
    Result,
    TooLate,
    UndoClick,
    Undone,
    UndoTarget,
    Unreached,
)
from bot.slack.listeners.undo import SlackUndoAnswers, click_of
from bot.slack.payloads import ButtonClicked
from bot.slack.views import undo as words
from bot.store.undo import Undoing
from tests.slack.canned import LIMITED, NOW, Canned, Reply, no, ok, talking
from tests.slack.triggers import ANY, ROOT, TICKET, channel

POSTED = PostedAnswer("C1", "1.000001")
ALL: dict[str, Reply] = {**ANY, **channel(), "chat.update": ok()}
NOWHERE = {
    **ALL,
    "chat.postEphemeral": no("channel_not_found"),
    "respond": no("used_url"),
    "chat.postMessage": no("channel_not_found"),
}

IN_CHANNEL = UndoClick(ReplyTo("U1", NOW, "C1"), message_ts="1.000001")
EPHEMERAL = replace(IN_CHANNEL, is_ephemeral=True)
HOME = UndoClick(ReplyTo("U1", NOW), in_home=True)
REACTION = UndoClick(ReplyTo("U1", NOW, "C1"), is_reaction=True)


def undoing(click: UndoClick, slack: Canned | None = None) -> Undoing:
    target = UndoTarget(7, "created", "U1", thread_ts=ROOT, ticket=TICKET)
    if slack is not None:
        reply_to = replace(click.reply_to, response_url=slack.respond_url)
        click = replace(click, reply_to=reply_to)
    return Undoing(1, "U1", click, NOW, target)


@pytest.mark.parametrize(
    ("click", "result", "edited", "methods"),
    [
        pytest.param(EPHEMERAL, Undone(TICKET), (), ["respond"], id="replaced"),
        pytest.param(EPHEMERAL, AlreadyUndone(TICKET), (), ["respond"], id="replaced too"),
        pytest.param(
            EPHEMERAL, Unreached(TICKET, goes_on=True), (), ["respond"], id="a promise replaces it"
        ),
        pytest.param(
            EPHEMERAL, NotYours(), (), ["chat.postEphemeral"], id="the button works for others"
        ),
        pytest.param(IN_CHANNEL, Undone(TICKET), (POSTED,), [], id="edited already"),
        pytest.param(
            IN_CHANNEL, Undone(TICKET), (), ["conversations.info", "chat.update"], id="edited now"
        ),
        pytest.param(
            IN_CHANNEL,
            TooLate(TICKET),
            (),
            ["conversations.info", "chat.update", "chat.postEphemeral"],
            id="its button goes, and why is said",
        ),
        pytest.param(HOME, Undone(TICKET), (), [], id="the Home shows it"),
        pytest.param(
            HOME, TooLate(TICKET), (), ["chat.postMessage"], id="the Home shows no reason"
        ),
        pytest.param(REACTION, Undone(TICKET), (POSTED,), [], id="the answer says it"),
        pytest.param(
            REACTION,
            Undone(TICKET),
            (replace(POSTED, receipt="inbox"),),
            ["chat.postEphemeral"],
            id="a reaction that goes says nothing",
        ),
    ],
)
async def test_where_an_undo_is_answered(
    click: UndoClick, result: Result, edited: tuple[PostedAnswer, ...], methods: list[str]
) -> None:
    async with talking(ALL) as (client, slack):
        its = undoing(click, slack if click.is_ephemeral else None)
        await SlackUndoAnswers(client, lambda: NOW).answer(its, result, edited)
    assert slack.methods == methods


async def test_a_reaction_to_a_reply_is_answered_in_its_slack_thread() -> None:
    async with talking(ALL) as (client, slack):
        await SlackUndoAnswers(client, lambda: NOW).answer(undoing(REACTION), Undone(TICKET), ())
    (sent,) = slack.sent("chat.postEphemeral")
    assert sent["thread_ts"] == ROOT


async def test_an_address_that_is_dead_is_not_used() -> None:
    later = NOW + RESPONSE_URL_SECONDS
    async with talking(ALL, clock=lambda: later) as (client, slack):
        answers = SlackUndoAnswers(client, lambda: later)
        await answers.answer(undoing(EPHEMERAL, slack), Undone(TICKET), ())
    assert slack.methods == ["chat.postEphemeral"]


async def test_an_address_that_is_refused_is_followed_by_another_way() -> None:
    async with talking({**ALL, "respond": no("used_url")}) as (client, slack):
        await SlackUndoAnswers(client, lambda: NOW).answer(
            undoing(EPHEMERAL, slack), Undone(TICKET), ()
        )
    assert slack.methods == ["respond", "chat.postEphemeral"]


@pytest.mark.parametrize(
    ("click", "replies", "is_raised"),
    [
        pytest.param(
            EPHEMERAL, {**ALL, "respond": Reply(status=503)}, True, id="replacing is repeated"
        ),
        pytest.param(REACTION, {**ALL, "chat.postEphemeral": LIMITED}, True, id="not said"),
        pytest.param(
            REACTION, {**ALL, "chat.postEphemeral": Reply(drop=True)}, False, id="may be said"
        ),
        pytest.param(REACTION, NOWHERE, False, id="no way is open"),
    ],
)
async def test_an_answer_that_slack_does_not_take(
    click: UndoClick, replies: Mapping[str, Reply], is_raised: bool
) -> None:
    async with talking(replies) as (client, slack):
        answers = SlackUndoAnswers(client, lambda: NOW)
        answering = answers.answer(undoing(click, slack), Undone(TICKET), ())
        if not is_raised:
            await answering
            return
        with pytest.raises(TryLater) as raised:
            await answering
    assert not raised.value.outcome_unknown


def test_a_click_is_kept_with_where_to_answer_it() -> None:
    clicked = ButtonClicked.model_validate(
        {
            "user": {"id": "U1"},
            "channel": {"id": "C1"},
            "container": {"message_ts": "1.000001", "is_ephemeral": True},
            "response_url": "https://hooks.slack.com/actions/1",
            "actions": [{"action_id": "undo_ticket", "value": "PB-7"}],
        }
    )
    click = click_of(clicked, NOW)
    assert (click.message_ts, click.is_ephemeral, click.in_home) == ("1.000001", True, False)
    assert click.reply_to.response_url == "https://hooks.slack.com/actions/1"
    assert (click.reply_to.user, click.reply_to.asked_at) == ("U1", NOW)


def test_what_others_are_told() -> None:
    assert words.told_undone(TICKET, "U2").text == (
        "T-123 was undone by <@U2>: it is marked as ignored in Plain. "
        "If you still need a ticket, request it again."
    )
    assert words.told_undone(TICKET, "U2", quiet=True).text == words.UNDONE_QUIETLY
