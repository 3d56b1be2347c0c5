"""What Slack sends, as core's nouns: reactions, shortcuts and commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from bot.core.model import Message, ReplyTo, Trigger, Via
from bot.core.refs import MessageRef
from bot.slack.payloads import (
    GlobalShortcut,
    MessageShortcut,
    ReactionAdded,
    SlashCommand,
)
from bot.slack.payloads_view import OptionsWanted, RequesterChosen, ViewClosed, ViewSubmission
from bot.slack.text.message import blocks_of, files_of, message_of, plain_blocks
from tests.contracts import Contract

NOW = 1_700_000_000.0


Recorded = Callable[[str], dict[str, Any]]


@pytest.fixture
def recorded(contract: Contract) -> Recorded:
    """Return a payload that Slack published, by its name."""
    return lambda name: json.loads(contract(f"slack-payloads/{name}.json").read_bytes())


def reaction(**changes: Any) -> dict[str, Any]:
    event = {
        "type": "reaction_added",
        "user": "U1",
        "item": {"type": "message", "channel": "C1", "ts": "1599529504.000400"},
        "reaction": "ticket",
        "event_ts": "1599616881.000800",
    }
    return {"team_id": "T9", "type": "event_callback", "event_id": "Ev1", "event": event | changes}


def shortcut(message: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    said = {"type": "message", "user": "U2", "text": "the VPN is down", "ts": "1583636382.000300"}
    return {
        "type": "message_action",
        "callback_id": "create_plain_ticket",
        "trigger_id": "1.2.abc",
        "response_url": "https://hooks.slack.com/app/T1/1/x",
        "message_ts": "1583636382.000300",
        "team": {"id": "T9", "domain": "other"},
        "user": {"id": "U1", "name": "ana", "team_id": "T9"},
        "channel": {"id": "C1", "name": "privategroup"},
        "message": said | (message or {}),
    } | changes


def command(text: str = "the VPN is down", **changes: Any) -> dict[str, Any]:
    return {
        "command": "/plain-ticket",
        "team_id": "T9",
        "channel_id": "C1",
        "user_id": "U1",
        "text": text,
        "response_url": "https://hooks.slack.com/commands/1/2",
        "trigger_id": "1.2.abc",
    } | changes


# Reactions


@pytest.mark.parametrize("name", ["reaction_added", "reaction_added-slack_connect"])
def test_a_recorded_reaction(name: str, recorded: Recorded) -> None:
    assert ReactionAdded.model_validate(recorded(name)).trigger("T_INSTALLED", NOW) == Trigger(
        via=Via.REACTION,
        team="T_INSTALLED",
        submitter="W111",
        request="Ev111",
        reply_to=ReplyTo(user="W111", asked_at=1599616881.0008, channel="C111"),
        channel="C111",
        ref=MessageRef("C111", "1599529504.000400"),
        emoji="heart_eyes",
    )


@pytest.mark.parametrize(
    ("reaction_name", "emoji"),
    [
        ("ticket", "ticket"),
        ("thumbsup::skin-tone-2", "+1"),
        ("handshake::skin-tone-2-3", "handshake"),
        (":ticket:", "ticket"),
        ("+1", "+1"),
        ("übung", "übung"),
    ],
)
def test_an_emoji_is_named_bare(reaction_name: str, emoji: str) -> None:
    trigger = ReactionAdded.model_validate(reaction(reaction=reaction_name)).trigger("T1", NOW)
    assert trigger is not None
    assert trigger.emoji == emoji


@pytest.mark.parametrize(
    "item",
    [
        {"type": "file", "file": "F1"},
        {"type": "file_comment", "file": "F1", "file_comment": "Fc1"},
    ],
)
def test_a_reaction_to_a_file_asks_for_nothing(item: dict[str, str]) -> None:
    assert ReactionAdded.model_validate(reaction(item=item)).trigger("T1", NOW) is None


# Shortcuts


def test_the_recorded_message_shortcut(recorded: Recorded) -> None:
    sent = recorded("message_action")
    trigger = MessageShortcut.model_validate(sent).trigger("T_INSTALLED", NOW)
    ref = MessageRef("C123", "1583636382.000300")
    assert trigger == Trigger(
        via=Via.SHORTCUT,
        team="T_INSTALLED",
        submitter="U123",
        request="123.123.xxx",
        reply_to=ReplyTo(
            user="U123",
            asked_at=NOW,
            channel="C123",
            response_url="https://hooks.slack.com/app/T123/123/yYHNzRxpHc2xHjezSVw9e4zB",
        ),
        channel="C123",
        ref=ref,
        message=Message(ref=ref, author="U123", blocks=blocks_of(sent["message"])),
    )
    assert trigger.message is not None
    assert trigger.message.blocks != ()


def test_a_shortcut_on_a_reply_is_answered_in_its_thread() -> None:
    sent = shortcut({"thread_ts": "1583636000.000100"})
    trigger = MessageShortcut.model_validate(sent).trigger("T1", NOW)
    assert trigger.reply_to.thread_ts == "1583636000.000100"
    assert trigger.message is not None
    assert trigger.message.thread_ts == "1583636000.000100"


def test_a_shortcut_on_the_root_of_a_thread_is_answered_in_the_channel() -> None:
    sent = shortcut()
    sent["message"]["thread_ts"] = sent["message_ts"]
    trigger = MessageShortcut.model_validate(sent).trigger("T1", NOW)
    assert trigger.reply_to.thread_ts is None
    assert trigger.message is not None
    assert trigger.message.thread_ts == sent["message_ts"]


def test_a_shortcut_without_a_response_url_is_taken() -> None:
    sent = shortcut()
    del sent["response_url"]
    assert MessageShortcut.model_validate(sent).trigger("T1", NOW).reply_to.response_url is None


def test_the_global_shortcut_stands_in_no_channel() -> None:
    sent = {
        "type": "shortcut",
        "callback_id": "new_plain_ticket",
        "trigger_id": "1.2.abc",
        "user": {"id": "U1"},
    }
    assert GlobalShortcut.model_validate(sent).trigger("T1", NOW) == Trigger(
        via=Via.FORM,
        team="T1",
        submitter="U1",
        request="1.2.abc",
        reply_to=ReplyTo(user="U1", asked_at=NOW),
    )


# Messages

REF = MessageRef("C1", "1583636382.000300")


@pytest.mark.parametrize(
    ("message", "author", "bot"),
    [
        pytest.param({"user": "U2"}, "U2", None, id="a person"),
        pytest.param(
            {"subtype": "bot_message", "bot_id": "B1", "username": "Statuspage"},
            None,
            "an app",
            id="a webhook that Slack does not name",
        ),
        pytest.param(
            {"user": "U9", "bot_id": "B1", "bot_profile": {"id": "B1", "name": "Deploys"}},
            "U9",
            "Deploys",
            id="an app with a bot user",
        ),
        pytest.param({"bot_id": "B1"}, None, "an app", id="a bot without a name"),
        pytest.param({}, None, "an app", id="nobody"),
        pytest.param({"user": "USLACKBOT"}, "USLACKBOT", "Slackbot", id="Slackbot"),
        pytest.param({"user": "USLACK"}, "USLACK", "Slack", id="Slack itself"),
        pytest.param(
            {"bot_id": "B1", "username": None, "bot_profile": None}, None, "an app", id="nulls"
        ),
    ],
)
def test_who_wrote_a_message(message: dict[str, Any], author: str | None, bot: str | None) -> None:
    found = message_of({"text": "x", **message}, REF)
    assert (found.author, found.bot) == (author, bot)


@pytest.mark.parametrize(
    ("message", "made_up"),
    [
        ({"bot_profile": {"name": "Alerts"}}, None),
        ({"bot_profile": {"name": "Alerts"}, "username": "Alerts"}, None),
        ({"bot_profile": {"name": "Alerts"}, "username": "Cleo (CEO)"}, "Cleo (CEO)"),
        ({"username": "Cleo (CEO)"}, "Cleo (CEO)"),
        ({"username": "ben", "user": "U2", "bot_id": None}, None),
        ({"username": "Slackbot", "user": "USLACKBOT"}, None),
    ],
)
def test_a_name_that_was_made_up_for_a_message(
    message: dict[str, Any], made_up: str | None
) -> None:
    assert message_of({"text": "x", "bot_id": "B1", **message}, REF).made_up == made_up


@pytest.mark.parametrize(
    ("thread_ts", "expected"),
    [
        ("1583636000.000100", "1583636000.000100"),
        (REF.ts, REF.ts),
        (None, None),
        ("", None),
        ("yesterday", None),
        (1583636000, None),
    ],
)
def test_the_thread_of_a_message(thread_ts: object, expected: str | None) -> None:
    assert message_of({"text": "x", "thread_ts": thread_ts}, REF).thread_ts == expected


def test_a_messages_files_are_kept() -> None:
    sent = {"text": "", "user": "U2", "files": [{"id": "F1", "name": "log.txt"}]}
    assert message_of(sent, REF).files == files_of(sent)
    assert [file.name for file in message_of(sent, REF).files] == ["log.txt"]


# Commands


def test_the_recorded_command(recorded: Recorded) -> None:
    trigger = SlashCommand.model_validate(recorded("slash_command")).trigger("T1", NOW)
    assert trigger == Trigger(
        via=Via.COMMAND,
        team="T1",
        submitter="U2147483697",
        request="13345224609.738474920.8088930838d88f008e0",
        reply_to=ReplyTo(
            user="U2147483697",
            asked_at=NOW,
            channel="C2147483705",
            response_url="https://hooks.slack.com/commands/1234/5678",
        ),
        channel="C2147483705",
        message=Message(ref=None, author="U2147483697", blocks=plain_blocks("94070")),
    )


@pytest.mark.parametrize(
    ("text", "word", "bare", "via"),
    [
        ("The VPN is down", "the vpn is down", False, Via.COMMAND),
        ("help", "help", False, Via.COMMAND),
        (" MINE ", "mine", False, Via.COMMAND),
        ("Help!", "help", False, Via.COMMAND),
        ("help me", "help me", False, Via.COMMAND),
        ("", "", True, Via.FORM),
        (" \n ", "", True, Via.FORM),
    ],
)
def test_what_a_command_asks_for(text: str, word: str, bare: bool, via: Via) -> None:
    sent = SlashCommand.model_validate(command(text))
    assert (sent.word, sent.is_bare) == (word, bare)
    trigger = sent.trigger("T1", NOW)
    assert trigger.via is via
    assert (trigger.message is None) is bare


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("status", True),
        ("Status?", True),
        ("the status", False),
        ("ERR-4711", False),
        ("https://a.example", False),
        ("サーバーが落ちています", False),
        ("x" * 21, False),
        ("?", False),
        ("", False),
    ],
)
def test_what_is_one_word(text: str, is_one: bool) -> None:
    assert SlashCommand.model_validate(command(text)).is_one_word is is_one


def test_a_command_without_the_text_field_is_bare() -> None:
    sent = command()
    del sent["text"]
    assert SlashCommand.model_validate(sent).is_bare


# What is needed

NEEDED: list[tuple[type[BaseModel], dict[str, Any], str]] = [
    (ReactionAdded, reaction(), "event_id"),
    (ReactionAdded, reaction(), "event"),
    (ReactionAdded, reaction(), "event.user"),
    (ReactionAdded, reaction(), "event.reaction"),
    (ReactionAdded, reaction(), "event.item"),
    (ReactionAdded, reaction(), "event.item.type"),
    (ReactionAdded, reaction(), "event.item.channel"),
    (ReactionAdded, reaction(), "event.item.ts"),
    (MessageShortcut, shortcut(), "trigger_id"),
    (MessageShortcut, shortcut(), "user.id"),
    (MessageShortcut, shortcut(), "channel.id"),
    (MessageShortcut, shortcut(), "message_ts"),
    (MessageShortcut, shortcut(), "message"),
    (SlashCommand, command(), "trigger_id"),
    (SlashCommand, command(), "user_id"),
    (SlashCommand, command(), "channel_id"),
]


@pytest.mark.parametrize(
    ("model", "sent", "field"),
    [pytest.param(*row, id=f"{row[0].__name__} {row[2]}") for row in NEEDED],
)
def test_a_payload_without_a_field_that_is_needed_is_not_taken(
    model: type[BaseModel], sent: dict[str, Any], field: str
) -> None:
    model.model_validate(sent)
    broken = json.loads(json.dumps(sent))
    *parents, last = field.split(".")
    inner = broken
    for parent in parents:
        inner = inner[parent]
    del inner[last]
    with pytest.raises(ValidationError):
        model.model_validate(broken)


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        pytest.param(ReactionAdded, reaction(user="U 1"), id="a blank in an id"),
        pytest.param(ReactionAdded, reaction(user=""), id="an empty id"),
        pytest.param(ReactionAdded, reaction(user="U1\0"), id="a NUL in an id"),
        pytest.param(ReactionAdded, reaction(user="U" * 256), id="an endless id"),
        pytest.param(
            ReactionAdded,
            reaction(item={"type": "message", "channel": "C1", "ts": "now"}),
            id="a ts that is none",
        ),
        pytest.param(MessageShortcut, shortcut(message_ts="1583636382.0003"), id="a short ts"),
        pytest.param(SlashCommand, command(response_url="file:///etc/passwd"), id="no web address"),
        pytest.param(MessageShortcut, shortcut(message_ts=None), id="null"),
    ],
)
def test_a_field_of_a_wrong_form_is_not_taken(model: type[BaseModel], sent: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(sent)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["event", "event_id", "user", "item", "type", "view", "state", "id"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "model",
    [
        *(ReactionAdded, MessageShortcut, GlobalShortcut, SlashCommand),
        *(ViewSubmission, ViewClosed, RequesterChosen, OptionsWanted),
    ],
)
@given(junk=json_values)
def test_junk_is_a_validation_error_and_nothing_else(model: type[BaseModel], junk: object) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(junk)


@pytest.mark.parametrize(
    ("event_ts", "asked_at"),
    [("1600000000.000100", 1600000000.0001), ("1800000000.000100", NOW), (None, NOW)],
    ids=["late", "Slack's clock goes before", "unknown"],
)
def test_an_event_that_comes_late_was_asked_when_the_person_reacted(
    event_ts: str | None, asked_at: float
) -> None:
    trigger = ReactionAdded.model_validate(reaction(event_ts=event_ts)).trigger("T1", NOW)
    assert trigger is not None
    assert trigger.reply_to.asked_at == asked_at
