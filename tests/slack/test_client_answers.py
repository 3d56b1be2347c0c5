"""Where an answer is said: one place, which the person who asked can see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from bot.core.faults import Reason, Refused, TryLater
from bot.core.linkers import Hosts
from bot.core.model import (
    Added,
    AlreadyThere,
    Created,
    Message,
    OnItsWay,
    Outcome,
    ReplyTo,
    Ticket,
    Trigger,
    Turned,
    Unwanted,
    Via,
)
from bot.core.refs import MessageRef
from bot.flows.ports import Said
from bot.slack.answers import Manner
from bot.slack.blocks import answer
from bot.slack.words import answers as words
from bot.slack.words import refusals, undo
from tests.slack.canned import LIMITED, NOW, Reply, no, ok, talking

TICKET = Ticket("th_1", "T-123", "https://app.plain.com/workspace/w_1/thread/th_1/")
CREATED = Created(TICKET)
REFUSED = Turned(Reason.EMPTY, {})
REF = MessageRef("C1", "1599529504.000400")
ROOT = "1599529000.000100"

REACTION = Trigger(
    via=Via.REACTION,
    team="T1",
    asker="U1",
    request="Ev1",
    reply_to=ReplyTo(user="U1", asked_at=NOW - 60, channel="C1"),
    channel="C1",
    ref=REF,
    emoji="ticket",
)
IN_THREAD = replace(REACTION, message=Message(REF, "U2", (), thread_ts=ROOT))
GLOBAL = Trigger(
    via=Via.FORM,
    team="T1",
    asker="U1",
    request="V1",
    reply_to=ReplyTo(user="U1", asked_at=NOW - 60),
)

EPHEMERAL = {"chat.postEphemeral": ok(message_ts="1.000001")}
POST = {"chat.postMessage": ok(ts="1.000001")}
RESPOND = {"respond": Reply(b"ok", content_type="text/plain")}
SHUT = {"chat.postEphemeral": no("not_in_channel")}
ANY: dict[str, Reply] = {**EPHEMERAL, **POST, **RESPOND, "reactions.add": ok()}


def channel(**more: Any) -> dict[str, Reply]:
    return {"conversations.info": ok(channel={"id": "C1", "name": "support", **more})}


def user(**more: Any) -> dict[str, Reply]:
    return {"users.info": ok(user={"id": "U1", "name": "pam", **more})}


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
                "text": words.success(CREATED),
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
    ],
)
async def test_only_what_stands_in_a_thread_is_answered_there(
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
            "text": words.success(CREATED),
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
                "text": words.success(CREATED),
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
        with pytest.raises(Refused) as refused:
            await client.tell(REACTION, CREATED, "PB-1")
    assert refused.value.reason is Reason.SLACK_REFUSED
    assert refused.value.data == {"code": "not_in_channel", "method": "chat.postEphemeral"}
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
        (Created(TICKET), words.success(Created(TICKET))),
        (Added(TICKET), words.success(Added(TICKET))),
        (
            Turned(Reason.NOT_IN_CHANNEL, {"channel": "C1"}),
            refusals.refusal(Reason.NOT_IN_CHANNEL, {"channel": "C1"}, "PB-1", "UBOT"),
        ),
    ],
)
async def test_an_outcome_in_words(outcome: Outcome, text: str) -> None:
    async with talking(EPHEMERAL) as (client, slack):
        await client.tell(REACTION, outcome, "PB-1")
    assert [sent["text"] for sent in slack.sent("chat.postEphemeral")] == [text]


@pytest.mark.parametrize(
    ("trigger", "outcome", "methods"),
    [
        pytest.param(REACTION, Unwanted("no rule"), [], id="unwanted"),
        pytest.param(
            REACTION, Turned(Reason.NOT_ALLOWED, {"standing": "guest"}), [], id="a guest's reaction"
        ),
        pytest.param(
            replace(REACTION, via=Via.SHORTCUT),
            Turned(Reason.NOT_ALLOWED, {"standing": "guest"}),
            ["chat.postEphemeral"],
            id="a guest's shortcut",
        ),
        pytest.param(
            replace(REACTION, via=Via.COMMAND),
            Turned(Reason.NOT_ALLOWED, {"standing": "guest"}),
            ["chat.postEphemeral"],
            id="a guest's command",
        ),
    ],
)
async def test_silence(trigger: Trigger, outcome: Outcome, methods: Sequence[str]) -> None:
    async with talking(ANY, manner=Manner("thread")) as (client, slack):
        await client.tell(trigger, outcome, "PB-1")
    assert slack.methods == methods


# By `confirm`


@pytest.mark.parametrize(("trigger", "root"), [(REACTION, REF.ts), (IN_THREAD, ROOT)])
async def test_confirmed_in_the_thread(trigger: Trigger, root: str) -> None:
    async with talking({**ANY, **channel()}, manner=Manner("thread")) as (client, slack):
        await client.tell(trigger, CREATED, "PB-1")
    assert slack.methods == ["conversations.info", "chat.postMessage"]
    (sent,) = slack.sent("chat.postMessage")
    assert (sent["channel"], sent["thread_ts"]) == ("C1", root)
    assert (sent["unfurl_links"], sent["unfurl_media"]) == (False, False)


@pytest.mark.parametrize(
    ("manner", "answers", "last"),
    [
        pytest.param(
            Manner("thread"), channel(is_ext_shared=True), "chat.postEphemeral", id="shared: quiet"
        ),
        pytest.param(
            Manner("thread"),
            {"conversations.info": no("missing_scope")},
            "chat.postEphemeral",
            id="nobody knows who reads: quiet",
        ),
        pytest.param(
            Manner("thread", shared_channels="open"),
            channel(is_ext_shared=True),
            "chat.postMessage",
            id="shared: open",
        ),
        pytest.param(
            Manner("thread"),
            {**channel(), "chat.postMessage": no("restricted_action")},
            "chat.postEphemeral",
            id="the thread is shut",
        ),
        pytest.param(
            Manner("reaction"),
            {"reactions.add": no("missing_scope")},
            "chat.postEphemeral",
            id="the emoji is refused",
        ),
    ],
)
async def test_where_others_read_along_or_the_way_is_shut(
    manner: Manner, answers: dict[str, Reply], last: str
) -> None:
    async with talking({**ANY, **answers}, manner=manner) as (client, slack):
        await client.tell(REACTION, CREATED, "PB-1")
    assert slack.methods[-1] == last


@pytest.mark.parametrize("reply", [ok(), no("already_reacted")])
async def test_confirmed_by_an_emoji(reply: Reply) -> None:
    answers = {"reactions.add": reply, **channel()}
    async with talking(answers, manner=Manner("reaction", ":inbox:")) as (client, slack):
        said = await client.tell(REACTION, CREATED, "PB-1")
    assert slack.calls[1:] == [
        ("reactions.add", {"channel": "C1", "timestamp": REF.ts, "name": "inbox"})
    ]
    assert said == Said("C1", REF.ts, "inbox")


@pytest.mark.parametrize("confirm", ["thread", "reaction"])
async def test_a_refusal_is_private_in_any_manner(confirm: Any) -> None:
    async with talking({**ANY, **channel()}, manner=Manner(confirm)) as (client, slack):
        await client.tell(REACTION, REFUSED, "PB-1")
    assert slack.methods == ["chat.postEphemeral"]


@pytest.mark.parametrize("confirm", ["thread", "reaction"])
async def test_without_a_message_the_answer_is_private_in_any_manner(confirm: Any) -> None:
    async with talking(ANY, manner=Manner(confirm)) as (client, slack):
        await client.tell(GLOBAL, CREATED, "PB-1")
    assert slack.methods == ["chat.postMessage"]
    assert slack.sent("chat.postMessage")[0]["channel"] == "U1"


async def test_looking_before_speaking_leaves_nothing_unknown() -> None:
    answers = {**ANY, "conversations.info": Reply(b"", 502)}
    async with talking(answers, manner=Manner("thread")) as (client, slack):
        with pytest.raises(TryLater) as later:
            await client.tell(REACTION, CREATED, "PB-1")
    assert later.value.unknown is False
    assert slack.methods == ["conversations.info"]


# Remarks and courtesies


@pytest.mark.parametrize("remark", [AlreadyThere(TICKET), OnItsWay()])
async def test_a_remark_is_private(remark: AlreadyThere | OnItsWay) -> None:
    async with talking(ANY, manner=Manner("thread")) as (client, slack):
        await client.remark(replace(REACTION.reply_to, thread_ts=ROOT), remark)
    (sent,) = slack.sent("chat.postEphemeral")
    assert (sent["text"], sent["thread_ts"]) == (words.remark(remark), ROOT)
    assert not slack.sent("chat.postMessage")


@pytest.mark.parametrize(
    ("manner", "said"),
    [
        pytest.param(Manner(), [], id="their reaction is just a reaction"),
        pytest.param(Manner(outsiders=True), [words.ALREADY_QUIETLY], id="they may ask"),
        pytest.param(
            Manner(shared_channels="open"), [words.remark(AlreadyThere(TICKET))], id="open"
        ),
    ],
)
async def test_a_remark_to_a_person_of_another_company(manner: Manner, said: list[str]) -> None:
    answers = {**ANY, **channel(is_ext_shared=True), **user(team_id="T9")}
    async with talking(answers, manner=manner) as (client, slack):
        await client.remark(REACTION.reply_to, AlreadyThere(TICKET))
    assert [sent["text"] for sent in slack.sent("chat.postEphemeral")] == said


async def test_a_user_whom_slack_does_not_show_is_of_another_company() -> None:
    answers = {**ANY, **channel(is_ext_shared=True), "users.info": no("user_not_visible")}
    async with talking(answers) as (client, slack):
        await client.remark(REACTION.reply_to, AlreadyThere(TICKET))
    assert slack.sent("chat.postEphemeral") == []


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        pytest.param(CREATED, words.CREATED_QUIETLY, id="created"),
        pytest.param(Added(TICKET), words.ADDED_QUIETLY, id="added"),
        pytest.param(
            Turned(Reason.PLAIN_FORBIDDEN, {"message": "Missing thread:create"}),
            refusals.refused_quietly("PB-1"),
            id="refused",
        ),
        pytest.param(
            Turned(Reason.NO_CUSTOMER, {"requester": "U1", "name": "Pam"}),
            refusals.refusal(
                Reason.NO_CUSTOMER, {"requester": "U1", "name": "Pam"}, "PB-1", "UBOT", Hosts()
            ),
            id="nobody knows them",
        ),
    ],
)
async def test_an_answer_to_a_person_of_another_company(outcome: Outcome, said: str) -> None:
    answers = {**ANY, **channel(is_ext_shared=True), **user(team_id="T9")}
    async with talking(answers, manner=Manner("thread", outsiders=True)) as (client, slack):
        assert await client.tell(REACTION, outcome, "PB-1") is None
    (sent,) = slack.sent("chat.postEphemeral")
    assert (sent["text"], len(sent["blocks"])) == (said, 1)
    assert slack.sent("chat.postMessage") == []


# What is said otherwise later


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        pytest.param(CREATED, Said("D1", "1.000001"), id="a ticket can be undone"),
        pytest.param(Added(TICKET), None, id="an addition stands"),
        pytest.param(REFUSED, None, id="a refusal stands"),
    ],
)
async def test_what_was_posted_is_remembered(outcome: Outcome, said: Said | None) -> None:
    async with talking({"chat.postMessage": ok(channel="D1", ts="1.000001")}) as (client, _):
        assert await client.tell(GLOBAL, outcome, "PB-1") == said


async def test_an_ephemeral_answer_is_not_remembered() -> None:
    async with talking(ANY) as (client, _):
        assert await client.tell(REACTION, CREATED, "PB-1") is None


@pytest.mark.parametrize(
    ("place", "shared", "manner", "text"),
    [
        pytest.param("C1", False, Manner(), undo.undone_by(TICKET, "U1"), id="among ourselves"),
        pytest.param("C1", True, Manner(), undo.UNDONE_QUIETLY, id="others read along"),
        pytest.param(
            "C1",
            True,
            Manner(shared_channels="open"),
            undo.undone_by(TICKET, "U1"),
            id="they may",
        ),
        pytest.param("D1", True, Manner(), undo.undone_by(TICKET, "U1"), id="a direct message"),
    ],
)
async def test_an_answer_is_edited(place: str, shared: bool, manner: Manner, text: str) -> None:
    answers = {**channel(is_ext_shared=shared), "chat.update": ok()}
    async with talking(answers, manner=manner) as (client, slack):
        await client.edit_undone(Said(place, "1.000001"), TICKET, "U1")
    (sent,) = slack.sent("chat.update")
    assert (sent["channel"], sent["ts"], sent["text"]) == (place, "1.000001", text)
    assert [block["type"] for block in sent["blocks"]] == ["section"]


@pytest.mark.parametrize(
    ("shared", "text"),
    [(False, words.success(CREATED)), (True, words.CREATED_QUIETLY)],
)
async def test_an_answer_whose_time_is_over_loses_its_button(shared: bool, text: str) -> None:
    answers = {**channel(is_ext_shared=shared), "chat.update": ok()}
    async with talking(answers) as (client, slack):
        await client.edit_ended(Said("C1", "1.000001"), TICKET)
    (sent,) = slack.sent("chat.update")
    assert sent["text"] == text
    assert "undo_ticket" not in str(sent["blocks"])


@pytest.mark.parametrize("reply", [ok(), no("no_reaction")])
async def test_a_receipt_is_taken_back(reply: Reply) -> None:
    async with talking({"reactions.remove": reply}) as (client, slack):
        await client.edit_undone(Said("C1", REF.ts, "inbox"), TICKET, "U1")
        await client.edit_ended(Said("C1", REF.ts, "inbox"), TICKET)  # it offers nothing
    assert slack.calls == [
        ("reactions.remove", {"channel": "C1", "timestamp": REF.ts, "name": "inbox"})
    ]


async def test_an_ephemeral_message_is_replaced_by_its_clicks_address() -> None:
    async with talking(RESPOND) as (client, slack):
        await client.replace(slack.respond_url, answer.Answer("Undone"))
    (sent,) = slack.sent("respond")
    assert (sent["replace_original"], sent["text"]) == (True, "Undone")


@pytest.mark.parametrize("reply", [LIMITED, no("messages_tab_disabled"), Reply(drop=True)])
async def test_a_lost_remark_is_nobodys_loss(reply: Reply) -> None:
    answers = {"chat.postEphemeral": reply, "chat.postMessage": reply}
    async with talking(answers) as (client, _):
        await client.remark(REACTION.reply_to, OnItsWay())


async def test_something_said_privately() -> None:
    async with talking(EPHEMERAL) as (client, slack):
        await client.say_privately(REACTION.reply_to, answer.form_not_opened())
    assert [sent["text"] for sent in slack.sent("chat.postEphemeral")] == [words.form_not_opened()]
