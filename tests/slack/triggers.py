"""Triggers from every kind of place, and canned answers of Slack to each way of answering."""

from __future__ import annotations

from typing import Any

from bot.core.faults import Reason, Rejection
from bot.core.model import Created, ReplyTo, Ticket, Trigger, Via
from bot.core.refs import MessageRef
from tests.slack.canned import NOW, Reply, ok

TICKET = Ticket("th_1", "T-123", "https://app.plain.com/workspace/w_1/thread/th_1/")
CREATED = Created(TICKET)
REFUSED = Rejection(Reason.EMPTY)
REF = MessageRef("C1", "1599529504.000400")
ROOT = "1599529000.000100"
REACTION = Trigger(
    via=Via.REACTION,
    team="T1",
    submitter="U1",
    request="Ev1",
    reply_to=ReplyTo(user="U1", asked_at=NOW - 60, channel="C1"),
    channel="C1",
    ref=REF,
    emoji="ticket",
)

GLOBAL = Trigger(
    via=Via.FORM,
    team="T1",
    submitter="U1",
    request="V1",
    reply_to=ReplyTo(user="U1", asked_at=NOW - 60),
)

EPHEMERAL = {"chat.postEphemeral": ok(message_ts="1.000001")}
POST = {"chat.postMessage": ok(ts="1.000001")}
RESPOND = {"respond": Reply(b"ok", content_type="text/plain")}
ANY: dict[str, Reply] = {**EPHEMERAL, **POST, **RESPOND, "reactions.add": ok()}


def channel(**more: Any) -> dict[str, Reply]:
    return {"conversations.info": ok(channel={"id": "C1", "name": "support", **more})}
