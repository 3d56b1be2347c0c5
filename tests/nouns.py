"""Core's nouns with fitting defaults, for tests to vary."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.core.model import (
    Escalation,
    Form,
    Message,
    Priority,
    ReplyTo,
    Rule,
    Ticket,
    Trigger,
    Via,
)
from bot.core.refs import MessageRef, message_key
from bot.core.text.richtext import Paragraph, Text

TEAM = "T0001"
CHANNEL = "C0001"
TICKET = Ticket("th_1", "T-1", "https://app.plain.com/workspace/w_1/thread/th_1/")


def ts(number: int) -> str:
    """The `ts` of the nth message."""
    return f"1700000{number:03}.000100"


def message(number: int = 1, text: str = "The export fails", **more: Any) -> Message:
    values: dict[str, Any] = {
        "ref": MessageRef(CHANNEL, ts(number)),
        "author": "U0AUTHOR",
        "blocks": (Paragraph((Text(text),)),),
    }
    return Message(**(values | more))


def form(**more: Any) -> Form:
    base = Form("Export fails", None, "U0AUTHOR", Priority.NORMAL)
    return replace(base, **more)


def trigger(number: int = 1, **more: Any) -> Trigger:
    """A reaction to the nth message."""
    submitter = more.get("submitter", "U0ASKER")
    values: dict[str, Any] = {
        "via": Via.REACTION,
        "team": TEAM,
        "submitter": submitter,
        "request": f"Ev{number}",
        "reply_to": ReplyTo(user=submitter, asked_at=1_700_000_000.0, channel=CHANNEL),
        "channel": CHANNEL,
        "ref": MessageRef(CHANNEL, ts(number)),
        "emoji": "ticket",
    }
    return Trigger(**(values | more))


def escalation(number: int = 1, **more: Any) -> Escalation:
    asked = trigger(number, **more)
    key = message_key(TEAM, asked.ref or MessageRef(CHANNEL, ts(number)))
    return Escalation(key, asked, (Rule(emoji=("ticket",)),))
