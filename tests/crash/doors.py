"""The ways in which people ask while the bridge may die, and what has to come of each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from bot.sandbox.slack import Json
from tests.crash.ground import PARTS, Ground, until

Kind = Literal["thread", "whole", "addition", "shared", "on_hold", "undo", "news"]
"""What has to come of it: a thread; one with every message of a long Slack thread; an addition to
the thread that stands; the one thread of a message that several people asked for; the answer that
it is on hold; an undo; or the news of one, for another who was told of the ticket."""

Back = Callable[[], Awaitable[None]]
"""Waits until a bridge is there again, if it is gone."""


@dataclass
class Asking:
    """One person's request, or click. `word` stands in what it is about, and in nothing else.

    `ts` is the message's, `accepted` whether Slack (and so the person) was told that it is, and
    `told` how many answers the person had before anything could break.
    """

    word: str
    submitter: str
    kind: Kind
    ts: str = ""
    accepted: bool = False
    told: int = 0


@dataclass(frozen=True)
class Door:
    """`prepare` is done while nothing breaks; `ask` returns once nobody would try again."""

    name: str
    prepare: Callable[[Ground], Awaitable[Sequence[Asking]]]
    ask: Callable[[Ground, Sequence[Asking], Back], Coroutine[Any, Any, None]]


# What there is before


async def _message(ground: Ground) -> list[Asking]:
    word = ground.word()
    asking = Asking(word, ground.somebody(), "thread")
    asking.ts = await ground.slack.post(ground.somebody(), ground.support, f"{word} fails")
    return [asking]


async def _long_thread(ground: Ground) -> list[Asking]:
    """A Slack thread that is too long for one request to Plain."""
    word, author = ground.word(), ground.somebody()
    asking = Asking(word, ground.somebody(), "whole")
    for number in range(PARTS):
        text, root = f"{word} part {number:02}", asking.ts or None
        ts = await ground.slack.post(author, ground.support, text, thread_ts=root)
        asking.ts = root or ts
    return [asking]


async def _nobodys_message(ground: Ground) -> list[Asking]:
    """By somebody without an address: nothing says whose customer that is."""
    word = ground.word()
    asking = Asking(word, ground.somebody(), "on_hold")
    author = ground.somebody(email=False)
    asking.ts = await ground.slack.post(author, ground.support, f"{word} fails")
    return [asking]


async def _reply(ground: Ground) -> list[Asking]:
    """In a Slack thread that has its ticket."""
    (root,) = await _message(ground)
    await ground.slack.react(root.submitter, ground.support, root.ts, "ticket")
    await _answered(ground, [root])
    word = ground.word()
    asking = Asking(word, ground.somebody(), "addition")
    asking.ts = await ground.slack.post(
        ground.somebody(), ground.support, f"{word} too", thread_ts=root.ts
    )
    return [asking]


async def _nothing(ground: Ground) -> list[Asking]:
    return [Asking(ground.word(), ground.somebody(), "thread")]


async def _message_for_two(ground: Ground) -> list[Asking]:
    (asking,) = await _message(ground)
    others = (asking.submitter, ground.somebody())
    return [Asking(asking.word, submitter, "shared", asking.ts) for submitter in others]


async def _two_on_hold(ground: Ground) -> list[Asking]:
    """Two requests for somebody whom nobody knows; the first submitter can say who it is."""
    (asking,) = await _nobodys_message(ground)
    admin = ground.somebody()
    ground.slack.users[admin].admin = True
    askings = [
        Asking(asking.word, submitter, "shared", asking.ts)
        for submitter in (admin, asking.submitter)
    ]
    await _react(ground, askings)
    await _answered(ground, askings)
    return askings


async def _ticket_of_two(ground: Ground) -> list[Asking]:
    """A ticket that two people were told of; the first one opened it."""
    first, second = await _message_for_two(ground)
    for one in (first, second):
        await _react(ground, [one])
        await _answered(ground, [one])
    # Of what follows other answers are counted.
    return [
        Asking(first.word, first.submitter, "undo", first.ts),
        Asking(first.word, second.submitter, "news", first.ts),
    ]


async def _answered(ground: Ground, askings: Sequence[Asking]) -> None:
    await until(lambda: all(ground.answers(one.submitter) for one in askings))
    await until(lambda: ground.is_at_rest)
    for asking in askings:
        asking.told = ground.answers(asking.submitter)


# What is done


async def _react(ground: Ground, askings: Sequence[Asking], _back: Back | None = None) -> None:
    """Let each person react, all at once. Slack delivers an event until it is taken."""

    async def one(asking: Asking) -> None:
        delivery = await ground.slack.react(asking.submitter, ground.support, asking.ts, "ticket")
        assert delivery is not None
        asking.accepted = delivery.ok

    await asyncio.gather(*map(one, askings))


async def _command(ground: Ground, askings: Sequence[Asking], _back: Back) -> None:
    """Slack delivers a command once; what is not answered was not accepted."""
    (asking,) = askings
    delivery = await ground.slack.command(
        asking.submitter, ground.support, "/plain-ticket", f"{asking.word} fails"
    )
    asking.accepted = delivery.ok and delivery.ephemeral is None


async def _form(ground: Ground, askings: Sequence[Asking], back: Back) -> None:
    """A person opens the form again where it did not open, and submits again what stays open."""
    slack, (asking,) = ground.slack, askings
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
    await _submit(ground, asking.submitter, view, values, back)
    asking.accepted = True


async def _link(ground: Ground, askings: Sequence[Asking], back: Back) -> None:
    """The first submitter says who the person is, by the button below the answer."""
    linker = askings[0].submitter
    customer = ground.plain.add_customer(askings[0].word, f"{askings[0].word}@customers.example")
    while True:
        button = ground.slack.ephemerals(linker)[-1]
        opened = await ground.slack.click(linker, "link_person", ephemeral=button)
        if opened.ok and opened.view is not None:
            break
        await back()
    await _submit(ground, linker, str(opened.view["id"]), {"customer": customer.id}, back)


async def _submit(ground: Ground, user: str, view: str, values: dict[str, Any], back: Back) -> None:
    while True:
        delivery = await ground.slack.submit(user, view, values)
        if delivery.ok and not delivery.errors:
            return
        await back()


async def _undo(ground: Ground, askings: Sequence[Asking], _back: Back) -> None:
    """Slack delivers a click once; what is not answered was not accepted."""
    clicker = askings[0]
    answer = ground.slack.ephemerals(clicker.submitter)[-1]
    clicked = await ground.slack.click(clicker.submitter, "undo_ticket", ephemeral=answer)
    clicker.accepted = clicked.ok


def _is_complete(view: Json | None) -> bool:
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
        Door("second", _message_for_two, _react),
        Door("on_hold", _nobodys_message, _react),
        Door("link", _two_on_hold, _link),
        Door("undo", _ticket_of_two, _undo),
    )
}
