"""Clicks and reactions that go, as Slack sends them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from bot.core.model import ReplyTo
from bot.core.refs import MessageRef
from bot.slack.payloads import LONGEST_VALUE, ButtonClicked, ReactionRemoved

CLICK: dict[str, Any] = {
    "type": "block_actions",
    "user": {"id": "U1", "name": "ada", "team_id": "T1"},
    "team": {"id": "T1", "domain": "acme"},
    "trigger_id": "1.2.abc",
    "response_url": "https://hooks.slack.com/actions/T1/1/x",
    "channel": {"id": "C1", "name": "support"},
    "container": {
        "type": "message",
        "message_ts": "1700000000.000100",
        "channel_id": "C1",
        "is_ephemeral": True,
        "thread_ts": "1690000000.000100",
    },
    "actions": [{"type": "button", "action_id": "undo_ticket", "value": "PB-7", "block_id": "b"}],
}
IN_A_VIEW = {
    "type": "block_actions",
    "user": {"id": "U1"},
    "container": {"type": "view", "view_id": "V1"},
    "view": {"id": "V1", "type": "home"},
    "actions": [{"type": "button", "action_id": "undo_ticket"}],
}


def test_a_click_on_a_message() -> None:
    click = ButtonClicked.model_validate(CLICK)
    assert (click.value, click.user) == ("PB-7", "U1")
    assert (click.channel, click.view_id) == ("C1", None)
    assert (click.message_ts, click.thread_ts) == ("1700000000.000100", "1690000000.000100")
    assert click.is_ephemeral
    assert click.response_url == "https://hooks.slack.com/actions/T1/1/x"
    assert click.trigger_id == "1.2.abc"


def test_a_click_is_answered_where_it_was_made() -> None:
    url = "https://hooks.slack.com/actions/T1/1/x"
    click = ButtonClicked.model_validate(CLICK)
    assert click.reply_to(5.0) == ReplyTo("U1", 5.0, "C1", "1690000000.000100", url)
    click = ButtonClicked.model_validate(IN_A_VIEW)
    assert click.reply_to(5.0) == ReplyTo("U1", 5.0)


def test_the_root_of_a_thread_stands_in_the_channel() -> None:
    ts = "1700000000.000100"
    container = {"type": "message", "message_ts": ts, "thread_ts": ts, "channel_id": "C1"}
    assert ButtonClicked.model_validate(CLICK | {"container": container}).thread_ts is None


def test_a_click_on_a_view() -> None:
    click = ButtonClicked.model_validate(IN_A_VIEW)
    assert (click.view_id, click.value, click.channel) == ("V1", "", None)
    assert (click.message_ts, click.response_url, click.is_ephemeral) == (None, None, False)


@pytest.mark.parametrize(
    "changed",
    [
        {"actions": []},
        {"actions": [{"action_id": "undo_ticket", "value": "x" * (LONGEST_VALUE + 1)}]},
        {"user": {}},
        {"user": {"id": "a b"}},
        {"response_url": "file:///etc/passwd"},
        {"container": {"message_ts": "now"}},
        {"channel": {"id": ""}},
    ],
)
def test_what_is_no_click(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ButtonClicked.model_validate(CLICK | changed)


def test_a_reaction_that_goes() -> None:
    body = {
        "event_id": "Ev1",
        "event": {
            "type": "reaction_removed",
            "user": "U1",
            "reaction": "ticket",
            "item": {"type": "message", "channel": "C1", "ts": "1700000000.000100"},
        },
    }
    asked = ReactionRemoved.model_validate(body).trigger("T1", 5.0)
    assert asked is not None
    assert (asked.submitter, asked.emoji) == ("U1", "ticket")
    assert asked.ref == MessageRef("C1", "1700000000.000100")
