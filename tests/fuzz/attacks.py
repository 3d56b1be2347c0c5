"""One hostile thing at a time: drawn, sent, and judged."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random

from bot.core.faults import Fault
from bot.core.reconcile import Scope
from bot.flows.reconcile import reconcile
from bot.sandbox.slack import Delivery
from bot.slack.history import MethodPace, SlackHistory
from tests.fuzz import mutations
from tests.fuzz.samples import message
from tests.fuzz.target import FORM, JSON, Target, encoded, enveloped

MOST_CHANGES = 5
SPOILT = 0.3
"""The part of the services' answers that is changed."""


@dataclass(frozen=True)
class Attack:
    """What is sent. `repeats`: the same payload does the same, so that a smaller one can be
    looked for."""

    door: str
    payload: mutations.Json
    send: Callable[[mutations.Json], Awaitable[list[str]]]
    repeats: bool = True

    def __str__(self) -> str:
        return f"{self.door}: {mutations.text(self.payload)}"


async def over_http(at: Target, chance: Random) -> Attack:
    """A payload to Slack's door; one in ten is as Slack would send it, one in ten is bytes."""
    kind, payload = await at.samples.any()()
    hostile = mutations.mutated(payload, chance, chance.randrange(MOST_CHANGES + 1))
    what = chance.randrange(10)
    if what == 0:
        hostile = payload
    content_type = chance.choice([JSON, FORM, "text/plain", "", "application/json; charset=x"])

    async def send(it: mutations.Json) -> list[str]:
        body, usual = encoded(kind, it)
        if what == 1:
            body = _torn(body, Random(len(body)))
        return await at.post(body, content_type if what == 2 else usual)

    return Attack(f"POST /slack/events ({kind})", hostile, send)


async def over_socket(at: Target, chance: Random) -> Attack:
    """An envelope; its own fields are hostile as well."""
    kind, payload = await at.samples.any()()
    whole = enveloped(kind, payload)
    if chance.randrange(4):
        whole["payload"] = mutations.mutated(payload, chance, chance.randrange(MOST_CHANGES + 1))
    else:
        whole = mutations.mutated(whole, chance, chance.randrange(MOST_CHANGES + 1))

    async def send(it: mutations.Json) -> list[str]:
        return await at.envelope(mutations.text(it))

    return Attack(f"Socket Mode ({kind})", whole, send)


WEBHOOK: mutations.Json = {
    "id": "pEv_1",
    "type": "thread.thread_created",
    "payload": {"thread": {"id": "th_1", "title": mutations.PRIVATE, "labels": []}},
    "webhookMetadata": {"webhookTargetId": "whTarget_1", "webhookTargetVersion": "2024-09-18"},
}


async def over_webhooks(at: Target, chance: Random) -> Attack:
    """An event of Plain's."""

    async def send(it: mutations.Json) -> list[str]:
        return await at.webhook(mutations.text(it).encode())

    hostile = mutations.mutated(WEBHOOK, chance, chance.randrange(1, MOST_CHANGES + 1))
    return Attack("POST /plain/webhooks", hostile, send)


async def in_answers(at: Target, chance: Random) -> Attack:
    """A good asking, of which Slack and Plain speak nonsense. Its payload is what they said."""
    said: list[mutations.Json] = []
    chance = Random(chance.randrange(2**32))  # its own: an attempt may come later than this attack

    def spoil(name: str, body: bytes) -> bytes:
        if chance.random() >= SPOILT:
            return body
        try:
            answer = json.loads(body)
        except ValueError:
            return body
        hostile = mutations.mutated(answer, chance, chance.randrange(1, MOST_CHANGES + 1))
        text = mutations.text(hostile)
        said.append({name: mutations.Raw(text)})
        return text.encode()

    async def send(_: mutations.Json) -> list[str]:
        at.slack_mirror.spoil = at.plain_mirror.spoil = spoil
        try:
            return [*await _ask_well(at, chance), *await at.check()]
        finally:
            at.slack_mirror.spoil = at.plain_mirror.spoil = None

    return Attack("the answers of Slack and Plain", said, send, repeats=False)


async def _ask_well(at: Target, chance: Random) -> list[str]:
    """By new people about a new message: nothing is remembered of them."""
    on = at.on
    submitter, other, author = (
        on.slack.add_user("Dora Berg", email=f"{on.slack.nonce('dora')}@acme.example")
        for _ in range(3)
    )
    on.slack.channel(on.support).members.update({submitter, other, author})
    ts = on.slack.write(on.support, message(chance, author))["ts"]
    at.asked.add(f"{on.slack.team}:{on.support}:{ts}")
    delivery: Delivery | None
    match chance.randrange(6):
        case 0:
            delivery = await on.slack.use_shortcut(submitter, on.support, ts, "create_plain_ticket")
            if delivery.ok and delivery.view is not None:
                delivery = await on.slack.submit(submitter, delivery.view["id"], {"title": "x"})
        case 1:
            delivery = await on.slack.command(submitter, on.support, "/plain-ticket", "Help me")
            at.asked.add(f"{on.slack.team}:command:{delivery.trigger_id}")
        case 2:
            await on.slack.react(submitter, on.support, ts, "ticket", deliver=False)
            return await _reconciled(at)
        case 3:
            await on.slack.react(other, on.support, ts, "ticket")
            delivery = await on.slack.react(submitter, on.support, ts, "ticket")
        case 4:
            delivery = await on.slack.react(submitter, on.support, ts, "ticket")
            return [*_met(delivery), *await _undone(at, submitter, ts, chance)]
        case _:
            emoji = chance.choice(["ticket", "bug"])
            delivery = await on.slack.react(submitter, on.support, ts, emoji)
    return _met(delivery)


async def _undone(at: Target, submitter: str, ts: str, chance: Random) -> list[str]:
    """Take the reaction back, soon or late, or click on Undo, if the answer has come."""
    on = at.on
    wrong = await at.check() if chance.random() < 0.7 else []
    answers = [one for one in on.slack.ephemerals(submitter) if "undo_ticket" in str(one.blocks)]
    if answers and chance.random() < 0.7:
        clicked = await on.slack.click(submitter, "undo_ticket", ephemeral=answers[-1])
        return [*wrong, *_met(clicked)]
    return [*wrong, *_met(await on.slack.unreact(submitter, on.support, ts, "ticket"))]


def _met(delivery: Delivery | None) -> list[str]:
    return [] if delivery and delivery.ok else [f"a good asking met {delivery}"]


async def _reconciled(at: Target) -> list[str]:
    """Look through what Slack says of its history, without a pause between two calls."""
    world = at.on.bridge.reconciling
    quick = SlackHistory(world.history._web, MethodPace(burst=10**9))  # type: ignore[attr-defined]
    with suppress(Fault):
        await reconcile(replace(world, history=quick), Scope())
    at.on.bridge.worker.wake()
    return []


Draw = Callable[[Target, Random], Awaitable[Attack]]


def _torn(body: bytes, chance: Random) -> bytes:
    """`body` with a few bytes that are wrong, missing, or too many."""
    torn = bytearray(body)
    for _ in range(chance.randrange(1, 8)):
        at = chance.randrange(len(torn) + 1)
        match chance.randrange(3):
            case 0:
                torn[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 5)))
            case 1:
                del torn[at : at + chance.randrange(1, 50)]
            case _:
                torn[at : at + 1] = bytes([chance.randrange(256)])
    return bytes(torn)
