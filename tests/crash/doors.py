"""The ways in which somebody asks while the bridge may die, and what has to come of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from tests.crash.ground import PARTS, Ground, until

Kind = Literal["thread", "whole", "addition", "refusal"]
"""What has to come of it: a thread, one with every message of a long Slack thread, an addition to
the thread that stands, or a refusal read."""

Back = Callable[[], Awaitable[None]]
"""Waits until a bridge is there again, if it is gone."""


@dataclass
class Asking:
    """One person's asking. `word` stands in what is asked about, and in nothing else.

    `ts` is the message's, `accepted` whether Slack (and so the person) was told that it is.
    """

    word: str
    submitter: str
    kind: Kind
    ts: str = ""
    accepted: bool = False


@dataclass(frozen=True)
class Door:
    """`prepare` is done while nothing breaks; `ask` returns once nobody would try again."""

    name: str
    prepare: Callable[[Ground], Awaitable[Asking]]
    ask: Callable[[Ground, Asking, Back], Coroutine[Any, Any, None]]


async def _message(ground: Ground) -> Asking:
    word = ground.word()
    asking = Asking(word, ground.somebody(), "thread")
    asking.ts = await ground.slack.post(ground.somebody(), ground.support, f"{word} fails")
    return asking


async def _long_thread(ground: Ground) -> Asking:
    """A Slack thread that is too long for one request to Plain."""
    word, author = ground.word(), ground.somebody()
    asking = Asking(word, ground.somebody(), "whole")
    for number in range(PARTS):
        text, root = f"{word} part {number:02}", asking.ts or None
        ts = await ground.slack.post(author, ground.support, text, thread_ts=root)
        asking.ts = root or ts
    return asking


async def _nobodys_message(ground: Ground) -> Asking:
    """By somebody without an address: nothing says whose customer that is."""
    word = ground.word()
    asking = Asking(word, ground.somebody(), "refusal")
    author = ground.somebody(email=False)
    asking.ts = await ground.slack.post(author, ground.support, f"{word} fails")
    return asking


async def _reply(ground: Ground) -> Asking:
    """In a Slack thread that has its ticket."""
    root = await _message(ground)
    await ground.slack.react(root.submitter, ground.support, root.ts, "ticket")
    await until(lambda: ground.threads(root.word))
    await ground.settled(root.submitter)
    await until(lambda: ground.answers(root.submitter))
    word = ground.word()
    asking = Asking(word, ground.somebody(), "addition")
    asking.ts = await ground.slack.post(
        ground.somebody(), ground.support, f"{word} too", thread_ts=root.ts
    )
    return asking


async def _nothing(ground: Ground) -> Asking:
    return Asking(ground.word(), ground.somebody(), "thread")


async def _react(ground: Ground, asking: Asking, _back: Back) -> None:
    """Slack delivers the event until it is taken."""
    delivery = await ground.slack.react(asking.submitter, ground.support, asking.ts, "ticket")
    assert delivery is not None
    asking.accepted = delivery.ok


async def _command(ground: Ground, asking: Asking, _back: Back) -> None:
    """Slack delivers a command once; what is not answered was not accepted."""
    delivery = await ground.slack.command(
        asking.submitter, ground.support, "/plain-ticket", f"{asking.word} fails"
    )
    asking.accepted = delivery.ok and delivery.ephemeral is None


async def _form(ground: Ground, asking: Asking, back: Back) -> None:
    """A person opens the form again where it did not open, and submits again what stays open."""
    slack = ground.slack
    values = {"whole_thread": ["whole_thread"]} if asking.kind == "whole" else {}
    while True:
        opened = await slack.use_shortcut(
            asking.submitter, ground.support, asking.ts, "create_plain_ticket"
        )
        if opened.ok and opened.view is not None:
            break
        await back()
    view = str(opened.view["id"])
    with suppress(TimeoutError):  # the bridge may die before it says all that it has to say there
        await until(lambda: _is_complete(slack.view(view)), 1.0)
    while True:
        delivery = await slack.submit(asking.submitter, view, values)
        if delivery.ok and not delivery.errors:
            break
        await back()
    asking.accepted = True


def _is_complete(view: dict[str, Any] | None) -> bool:
    """Whether the form says what the bridge had to look up first, or is gone."""
    return view is None or any(block["block_id"] == "in_plain" for block in view["blocks"])


DOORS = {
    door.name: door
    for door in (
        Door("reaction", _message, _react),
        Door("command", _nothing, _command),
        Door("form", _message, _form),
        Door("whole", _long_thread, _form),
        Door("addition", _reply, _react),
        Door("refusal", _nobodys_message, _react),
    )
}
