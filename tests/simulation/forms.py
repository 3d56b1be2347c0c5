"""People who type: commands and forms, and words that can be found again wherever they go."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.core.directory import may_submit
from bot.core.model import (
    EventDraft,
    Form,
    Message,
    Placement,
    Priority,
    ReplyTo,
    ThreadDraft,
    Trigger,
    Via,
)
from bot.core.text.richtext import Paragraph, Text
from tests.nouns import TEAM
from tests.simulation.slack import View, profile_of

if TYPE_CHECKING:
    from tests.simulation.world import Simulation

_WORDS = re.compile(r"Words (\d+)\b")


@dataclass(frozen=True, slots=True)
class Typed:
    """What one request's form or command says: `Words <number>`. For whom, and where."""

    number: int
    requester: str
    placement: Placement


def words_in(draft: ThreadDraft | EventDraft) -> Iterator[int]:
    """Yield the numbers of the words that an entry of Plain's holds, from the title on."""
    for text in (draft.title, *(getattr(part, "text", "") for part in draft.parts)):
        yield from map(int, _WORDS.findall(text))


class Forms:
    """Types commands, and fills in forms."""

    def __init__(self, world: Simulation) -> None:
        self._world = world
        self._dice = world.dice
        self._choice = world.dice.random.choice

    async def type_command(self, submitter: str) -> None:
        """Typed again where Slack says that nothing was recorded."""
        for _ in range(3):
            number = self._world.numbers.next("words")
            trigger = Trigger(
                via=Via.COMMAND,
                team=TEAM,
                submitter=submitter,
                request=f"{self._world.numbers.next('command')}.1",
                reply_to=self._reply_to(submitter, "CSUPPORT"),
                channel="CSUPPORT",
                message=Message(None, submitter, (Paragraph((Text(f"Words {number}"),)),)),
            )
            self._world.asked(trigger, Typed(number, submitter, Placement.ANY))
            if await self._world.slack.deliver_once(
                lambda process, trigger=trigger: process.on_event(trigger)  # type: ignore[misc]
            ):
                self._world.slack.accepted.append(trigger)
                return
            await asyncio.sleep(self._dice.between(2.0, 20.0))

    async def fill(self, message: Message | None, submitter: str, *, whole: bool = False) -> None:
        """Open a form, type for a while, and submit it until it was taken."""
        world = self._world
        trigger_id = f"{world.numbers.next('trigger')}.2"
        ref = message.ref if message else None
        trigger = Trigger(
            via=Via.SHORTCUT if message else Via.FORM,
            team=TEAM,
            submitter=submitter,
            request=trigger_id,
            reply_to=self._reply_to(submitter, ref.channel if ref else None),
            channel=ref.channel if ref else None,
            ref=ref,
            message=message,
        )
        may_know = may_submit(profile_of(submitter), world.policy.who)
        await world.slack.deliver_once(
            lambda process: process.on_shortcut(trigger_id, trigger, may_know=may_know)
        )
        view = world.slack.views.get(trigger_id)
        if view is None:
            return
        form, typed = self._typed(view, message, whole=whole)
        submitted = replace(trigger, request=view.id, form=form)
        world.asked(submitted, typed)
        longest = self._choice((10.0, 90.0, 90.0, 900.0))
        for _ in range(3):
            await asyncio.sleep(self._dice.between(2.0, longest))
            if await world.slack.deliver_once(
                lambda process: process.on_submit(view.draft.id, view.id, form)
            ):
                world.slack.accepted.append(submitted)
                return

    def _typed(
        self, view: View, message: Message | None, *, whole: bool
    ) -> tuple[Form, Typed | None]:
        """Return what somebody types; nothing where they leave the form as it is."""
        placement = view.placement
        if view.draft.adds_to is not None and self._dice.likely(0.4):
            placement = self._choice((Placement.ADD, Placement.SEPARATE))
        requester = view.draft.default_requester
        if placement is not Placement.ADD:
            requester = self._choice((requester, "UADA", "UBEN", "UCEM"))
        form = Form(
            _first_line(message),
            None,
            requester,
            Priority.NORMAL,
            whole_thread=whole,
            placement=placement,
        )
        if message is not None and self._dice.likely(0.3):
            return form, None
        typed = Typed(self._world.numbers.next("words"), requester, placement)
        words = f"Words {typed.number}"
        if message is not None and self._dice.likely(0.2):
            return replace(form, title=words), typed
        return replace(form, title="It broke", description=words), typed

    def _reply_to(self, user: str, channel: str | None) -> ReplyTo:
        return ReplyTo(user=user, asked_at=self._world.slack_time(), channel=channel)


def _first_line(message: Message | None) -> str:
    """Return the title that the form is preset with."""
    if message is None:
        return "It broke"
    (block,) = message.blocks
    assert isinstance(block, Paragraph)
    return "".join(run.text for run in block.children if isinstance(run, Text))
