"""Where an answer is said: one place, which the person who asked can see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from bot.core.faults import Reason, Rejected, Rejection, TryLater
from bot.core.model import (
    Added,
    Created,
    Form,
    FormField,
    Ignored,
    Joined,
    Message,
    Outcome,
    Placement,
    PostedAnswer,
    Priority,
    Trigger,
    Via,
)
from bot.slack.answers import AnswerSettings
from bot.slack.views import answer, rejections
from bot.store.rejections import to_data
from tests.slack.canned import LIMITED, NOW, Reply, no, ok, talking
from tests.slack.triggers import (
    ANY,
    CREATED,
    EPHEMERAL,
    GLOBAL,
    POST,
    REACTION,
    REF,
    REFUSED,
    ROOT,
    TICKET,
    channel,
)

IN_THREAD = replace(REACTION, message=Message(REF, "U2", (), thread_ts=ROOT))
AT_ROOT = replace(REACTION, message=Message(REF, "U2", (), thread_ts=REF.ts))
BESIDE = Created(TICKET, beside=replace(TICKET, ref="T-8"))
SHUT = {"chat.postEphemeral": no("not_in_channel")}


def asked(trigger: Trigger, url: str, ago: float = 60.0) -> Trigger:
    reply_to = replace(trigger.reply_to, response_url=url, asked_at=NOW - ago)
    return replace(trigger, via=Via.SHORTCUT, reply_to=reply_to)


# Privately


async def test_an_answer_is_whole_in_its_text_and_harmless() -> None:
    async with talking(EPHEMERAL) as (client, slack):
        await client.tell(REACTION, CREATED, "PB-1")
    assert slack.calls == [
        (
            "chat.postEphemeral",
            {
                "channel": "C1",
                "user": "U1",
                "text": answer.success(CREATED).text,
                "blocks": answer.success(CREATED, "PB-1").blocks,
                "parse": "none",
                "link_names": False,
            },
        )
    ]


@pytest.mark.parametrize(
    ("trigger", "thread_ts"),
    [
        pytest.param(REACTION, None, id="outside of threads"),
        pytest.param(IN_THREAD, ROOT, id="a reply, as the message tells"),
        pytest.param(
            replace(REACTION, reply_to=replace(REACTION.reply_to, thread_ts=ROOT)),
            ROOT,
            id="a reply, as the shortcut told",
        ),
        pytest.param(AT_ROOT, None, id="the root of a thread, as the message tells"),
        pytest.param(
            replace(REACTION, reply_to=replace(REACTION.reply_to, thread_ts=REF.ts)),
            None,
            id="the root of a thread, as an older row tells",
        ),
    ],
)
async def test_only_a_reply_is_answered_in_its_thread(
    trigger: Trigger, thread_ts: str | None
) -> None:
    async with talking(EPHEMERAL) as (client, slack):
        await client.tell(trigger, CREATED, "PB-1")
    assert [sent.get("thread_ts") for sent in slack.sent("chat.postEphemeral")] == [thread_ts]


@pytest.mark.parametrize(
    "code",
    [
        "not_in_channel",
        "channel_not_found",
        "user_not_in_channel",
        "is_archived",
        "restricted_action",
        "missing_scope",
    ],
)
async def test_where_the_bot_cannot_post_the_response_url_is_used(code: str) -> None:
    async with talking(ANY | {"chat.postEphemeral": no(code)}) as (client, slack):
        await client.tell(asked(REACTION, slack.respond_url), CREATED, "PB-1")
    assert slack.methods == ["chat.postEphemeral", "respond"]
    assert slack.sent("respond") == [
        {
            "response_type": "ephemeral",
            "replace_original": False,
            "text": answer.success(CREATED).text,
            "blocks": answer.success(CREATED, "PB-1").blocks,
        }
    ]


@pytest.mark.parametrize(
    ("ago", "used"), [(0.0, True), (1799.0, True), (1800.0, False), (7200.0, False)]
)
async def test_a_response_url_is_good_for_half_an_hour(ago: float, used: bool) -> None:
    async with talking(ANY | SHUT) as (client, slack):
        await client.tell(asked(REACTION, slack.respond_url, ago), CREATED, "PB-1")
    assert slack.methods[-1] == ("respond" if used else "chat.postMessage")


@pytest.mark.parametrize("word", [b"used_url", b"expired_url"])
async def test_a_response_url_that_is_used_up_gives_way_to_a_dm(word: bytes) -> None:
    used_up = {"respond": Reply(word, 404, "text/plain")}
    async with talking(ANY | SHUT | used_up) as (client, slack):
        await client.tell(asked(REACTION, slack.respond_url), CREATED, "PB-1")
    assert slack.methods == ["chat.postEphemeral", "respond", "chat.postMessage"]


async def test_a_dm_unfurls_nothing() -> None:
    async with talking(POST) as (client, slack):
        await client.tell(GLOBAL, CREATED, "PB-1")
    assert slack.calls == [
        (
            "chat.postMessage",
            {
                "channel": "U1",
                "text": answer.success(CREATED).text,
                "blocks": answer.success(CREATED, "PB-1").blocks,
                "parse": "none",
                "link_names": False,
                "unfurl_links": False,
                "unfurl_media": False,
            },
        )
    ]


async def test_where_every_way_is_shut_the_answer_is_refused() -> None:
    answers = SHUT | {"chat.postMessage": no("messages_tab_disabled")}
    async with talking(answers) as (client, slack):
        with pytest.raises(Rejected) as refused:
            await client.tell(REACTION, CREATED, "PB-1")
    assert refused.value.reason is Reason.SLACK_REFUSED
    assert to_data(refused.value.rejection) == {
        "code": "not_in_channel",
        "method": "chat.postEphemeral",
    }
    assert slack.methods == ["chat.postEphemeral", "chat.postMessage"]


@pytest.mark.parametrize(
    ("answers", "methods"),
    [
        pytest.param(
            {"chat.postEphemeral": Reply(b"", 503)}, ["chat.postEphemeral"], id="ephemeral"
        ),
        pytest.param(SHUT | {"respond": LIMITED}, ["chat.postEphemeral", "respond"], id="respond"),
        pytest.param(
            SHUT | {"respond": Reply(drop=True)}, ["chat.postEphemeral", "respond"], id="dropped"
        ),
    ],
)
async def test_what_may_have_been_said_is_not_said_in_another_way(
    answers: Mapping[str, Reply], methods: Sequence[str]
) -> None:
    async with talking({**ANY, **answers}) as (client, slack):
        with pytest.raises(TryLater):
            await client.tell(asked(REACTION, slack.respond_url), CREATED, "PB-1")
    assert slack.methods == methods


# What is said


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Created(TICKET), answer.success(Created(TICKET)).text),
        (Added(TICKET), answer.success(Added(TICKET)).text),
        (Joined(TICKET), answer.success(Joined(TICKET)).text),
        (
            Joined(TICKET, added_words=True, unused=(FormField.TENANT,)),
            answer.success(Joined(TICKET, added_words=True, unused=(FormField.TENANT,))).text,
        ),
        (BESIDE, answer.success(BESIDE).text),
        (
            Rejection(Reason.NOT_IN_CHANNEL, channel="C1"),
            rejections.rejection(Rejection(Reason.NOT_IN_CHANNEL, channel="C1"), "PB-1", "UBOT"),
        ),
    ],
)
async def test_an_outcome_in_words(outcome: Outcome | Joined, text: str) -> None:
    async with talking(EPHEMERAL) as (client, slack):
        await client.tell(REACTION, outcome, "PB-1")
    assert [sent["text"] for sent in slack.sent("chat.postEphemeral")] == [text]


async def test_a_separate_ticket_that_was_asked_for_is_not_explained() -> None:
    form = Form("x", None, "U1", Priority.NORMAL, placement=Placement.SEPARATE)
    async with talking(EPHEMERAL) as (client, slack):
        await client.tell(replace(REACTION, via=Via.SHORTCUT, form=form), BESIDE, "PB-1")
    (sent,) = slack.sent("chat.postEphemeral")
    assert sent["text"] == answer.success(BESIDE, placement=Placement.SEPARATE).text
    assert "requester" not in sent["text"]


@pytest.mark.parametrize(
    ("trigger", "outcome", "methods"),
    [
        pytest.param(REACTION, Ignored("no rule"), [], id="unwanted"),
        pytest.param(
            REACTION,
            Rejection(Reason.NOT_ALLOWED, user_kind="guest"),
            [],
            id="a guest's reaction",
        ),
        pytest.param(
            replace(REACTION, via=Via.SHORTCUT),
            Rejection(Reason.NOT_ALLOWED, user_kind="guest"),
            ["chat.postEphemeral"],
            id="a guest's shortcut",
        ),
        pytest.param(
            replace(REACTION, via=Via.COMMAND),
            Rejection(Reason.NOT_ALLOWED, user_kind="guest"),
            ["chat.postEphemeral"],
            id="a guest's command",
        ),
    ],
)
async def test_silence(trigger: Trigger, outcome: Outcome, methods: Sequence[str]) -> None:
    async with talking(ANY, manner=AnswerSettings("thread")) as (client, slack):
        await client.tell(trigger, outcome, "PB-1")
    assert slack.methods == methods


# By `confirm`


@pytest.mark.parametrize(
    ("trigger", "root"), [(REACTION, REF.ts), (AT_ROOT, REF.ts), (IN_THREAD, ROOT)]
)
async def test_confirmed_in_the_thread(trigger: Trigger, root: str) -> None:
    async with talking({**ANY, **channel()}, manner=AnswerSettings("thread")) as (client, slack):
        await client.tell(trigger, CREATED, "PB-1")
    assert slack.methods == ["conversations.info", "chat.postMessage"]
    (sent,) = slack.sent("chat.postMessage")
    assert (sent["channel"], sent["thread_ts"]) == ("C1", root)
    assert (sent["unfurl_links"], sent["unfurl_media"]) == (False, False)


@pytest.mark.parametrize(
    ("manner", "answers", "last"),
    [
        pytest.param(
            AnswerSettings("thread"),
            channel(is_ext_shared=True),
            "chat.postEphemeral",
            id="shared: quiet",
        ),
        pytest.param(
            AnswerSettings("thread"),
            {"conversations.info": no("missing_scope")},
            "chat.postEphemeral",
            id="nobody knows who reads: quiet",
        ),
        pytest.param(
            AnswerSettings("thread", shared_channels="open"),
            channel(is_ext_shared=True),
            "chat.postMessage",
            id="shared: open",
        ),
        pytest.param(
            AnswerSettings("thread"),
            {**channel(), "chat.postMessage": no("restricted_action")},
            "chat.postEphemeral",
            id="the thread is shut",
        ),
        pytest.param(
            AnswerSettings("reaction"),
            {"reactions.add": no("missing_scope")},
            "chat.postEphemeral",
            id="the emoji is refused",
        ),
    ],
)
async def test_where_others_read_along_or_the_way_is_shut(
    manner: AnswerSettings, answers: dict[str, Reply], last: str
) -> None:
    async with talking({**ANY, **answers}, manner=manner) as (client, slack):
        await client.tell(REACTION, CREATED, "PB-1")
    assert slack.methods[-1] == last


@pytest.mark.parametrize("reply", [ok(), no("already_reacted")])
async def test_confirmed_by_an_emoji(reply: Reply) -> None:
    answers = {"reactions.add": reply, **channel()}
    async with talking(answers, manner=AnswerSettings("reaction", ":inbox:")) as (client, slack):
        said = await client.tell(REACTION, CREATED, "PB-1")
    assert slack.calls[1:] == [
        ("reactions.add", {"channel": "C1", "timestamp": REF.ts, "name": "inbox"})
    ]
    assert said == PostedAnswer("C1", REF.ts, "inbox")


@pytest.mark.parametrize(
    "outcome", [BESIDE, Added(TICKET, unused=(FormField.PRIORITY,)), Joined(TICKET)]
)
async def test_what_an_emoji_cannot_say_is_said_in_words(outcome: Outcome | Joined) -> None:
    async with talking({**ANY, **channel()}, manner=AnswerSettings("reaction")) as (client, slack):
        await client.tell(REACTION, outcome, "PB-1")
    assert slack.sent("reactions.add") == []
    assert len(slack.sent("chat.postEphemeral")) == 1


async def test_that_a_message_had_its_ticket_already_is_for_the_submitter_alone() -> None:
    """Everybody else was told when it came about."""
    async with talking({**ANY, **channel()}, manner=AnswerSettings("thread")) as (client, slack):
        assert await client.tell(REACTION, Joined(TICKET), "PB-1") is None
    assert slack.methods == ["chat.postEphemeral"]


@pytest.mark.parametrize("confirm", ["thread", "reaction"])
async def test_a_refusal_is_private_in_any_manner(confirm: Any) -> None:
    async with talking({**ANY, **channel()}, manner=AnswerSettings(confirm)) as (client, slack):
        await client.tell(REACTION, REFUSED, "PB-1")
    assert slack.methods == ["chat.postEphemeral"]


@pytest.mark.parametrize("confirm", ["thread", "reaction"])
async def test_without_a_message_the_answer_is_private_in_any_manner(confirm: Any) -> None:
    async with talking(ANY, manner=AnswerSettings(confirm)) as (client, slack):
        await client.tell(GLOBAL, CREATED, "PB-1")
    assert slack.methods == ["chat.postMessage"]
    assert slack.sent("chat.postMessage")[0]["channel"] == "U1"


async def test_looking_before_speaking_leaves_nothing_unknown() -> None:
    answers = {**ANY, "conversations.info": Reply(b"", 502)}
    async with talking(answers, manner=AnswerSettings("thread")) as (client, slack):
        with pytest.raises(TryLater) as later:
            await client.tell(REACTION, CREATED, "PB-1")
    assert later.value.outcome_unknown is False
    assert slack.methods == ["conversations.info"]
