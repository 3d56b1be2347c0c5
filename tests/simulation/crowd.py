"""What people do in a day, and what befalls the processes and services meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.core.model import Form, Message, Priority, ReplyTo, Trigger, Via
from bot.core.text.richtext import Paragraph, Text
from bot.store.customer_links import CustomerLink
from tests.nouns import TEAM
from tests.simulation.limits import FEW
from tests.simulation.slack import CHANNELS, WITHOUT_EMAIL

if TYPE_CHECKING:
    from tests.simulation.world import Simulation

_HABITS: tuple[tuple[str, int], ...] = (
    ("react", 10),
    ("react_again", 4),
    ("command", 2),
    ("use_shortcut", 3),
    ("discuss", 3),
    ("use_global_form", 1),
    ("relink", 2),
    ("unlink", 1),
    ("retry", 1),
    ("delete_message", 1),
    ("shut_channel", 1),
    ("open_channel", 2),
    ("delete_customer", 1),
)
_MISHAPS: tuple[tuple[str, int], ...] = (
    ("kill", 3),
    ("pause", 3),
    ("deploy", 1),
    ("plain_goes_down", 1),
    ("slack_goes_down", 1),
    ("set_clock", 2),
)


class Crowd:
    """Everybody who is not the bridge."""

    def __init__(self, world: Simulation) -> None:
        self._world = world
        self._dice = world.dice
        self._choice = world.dice.random.choice
        self._mishaps = [
            (name, weight if world.dice.likely(0.4) else 0) for name, weight in _MISHAPS
        ]
        # Rare, for each takes as long to simulate as another world's whole day.
        rushes = world.limit.per_window < FEW and world.dice.likely(0.2)
        self._habits = [*_HABITS, ("rush", 10 if rushes else 0)]
        self._turmoil = world.dice.between(0.0, 0.5) if any(w for _, w in self._mishaps) else 0.0

    async def live_a_day(self) -> None:
        """Two or three busy spells, with hours between."""
        for _ in range(self._choice((1, 2, 2, 3))):
            length = self._choice((5.0, 60.0, 300.0))
            for moment in sorted(
                self._dice.between(0.0, length) for _ in range(self._choice((3, 5, 8)))
            ):
                self._world.loop.call_later(moment, self._happen)
            await asyncio.sleep(length + self._dice.between(600.0, 6 * 3600.0))

    def _happen(self) -> None:
        if self._dice.likely(self._turmoil):
            name = self._drawn(self._mishaps)
            self._world.seen[name] += 1
        else:
            name = self._drawn(self._habits)
        self._world.note(name)
        action: Callable[[], None] = getattr(self, f"_{name}")
        action()

    def _drawn(self, weights: list[tuple[str, int]]) -> str:
        names, numbers = zip(*weights, strict=True)
        (name,) = self._dice.random.choices(names, weights=numbers)
        return str(name)

    # People

    def _react(self) -> None:
        """Most often to a new message, which mostly stands in a Slack thread."""
        messages = list(self._world.slack.messages.values())
        channel = self._choice((*CHANNELS, "CSUPPORT"))
        here = [m for m in messages if m.ref is not None and m.ref.channel == channel]
        if here and self._dice.likely(0.2):
            return self._ask(self._choice(here))
        root = self._choice(here[-4:]) if here and self._dice.likely(0.6) else None
        author = self._choice(("UADA", "UADA", "UBEN", "UBEN", "UCEM", "UGUS"))
        return self._ask(self._world.slack.post(author, channel, root))

    def _rush(self) -> None:
        """Something broke for many at once: more than Plain's rate limit may let through."""
        for _ in range(self._choice((8, 12, 16))):
            self._world.loop.call_later(self._dice.between(0.0, 5.0), self._ask_anew)

    def _ask_anew(self) -> None:
        author = self._choice(("UADA", "UBEN", "UCEM"))
        self._ask(self._world.slack.post(author, self._choice(list(CHANNELS))))

    def _react_again(self) -> None:
        if self._world.slack.messages:
            self._ask(self._choice(list(self._world.slack.messages.values())[-6:]))

    def _ask(self, message: Message) -> None:
        assert message.ref is not None
        submitter = self._submitter()
        trigger = Trigger(
            via=Via.REACTION,
            team=TEAM,
            submitter=submitter,
            request=f"Ev{self._world.numbers.next('event')}",
            reply_to=self._reply_to(submitter, message.ref.channel),
            channel=message.ref.channel,
            ref=message.ref,
            emoji="bug" if self._dice.likely(0.15) else "ticket",
        )
        self._world.asked(trigger)
        self._world.spawn(self._world.slack.deliver_event(trigger))

    def _submitter(self) -> str:
        if self._dice.likely(0.1):
            return self._choice(("UGUS", "UBOT"))
        return self._choice(("UADA", "UBEN", "UCEM"))

    def _reply_to(self, user: str, channel: str | None) -> ReplyTo:
        return ReplyTo(user=user, asked_at=self._world.wall(), channel=channel)

    def _command(self) -> None:
        self._world.spawn(self._type_command())

    async def _type_command(self) -> None:
        """Typed again where Slack says that nothing was recorded."""
        submitter = self._choice(("UADA", "UBEN", "UCEM"))
        for _ in range(3):
            trigger = Trigger(
                via=Via.COMMAND,
                team=TEAM,
                submitter=submitter,
                request=f"{self._world.numbers.next('command')}.1",
                reply_to=self._reply_to(submitter, "CSUPPORT"),
                channel="CSUPPORT",
                message=Message(None, submitter, (Paragraph((Text("It broke"),)),)),
            )
            self._world.asked(trigger)
            if await self._world.slack.deliver_once(
                lambda process, trigger=trigger: process.on_event(trigger)  # type: ignore[misc]
            ):
                self._world.slack.accepted.append(trigger)
                return
            await asyncio.sleep(self._dice.between(2.0, 20.0))

    def _use_shortcut(self) -> None:
        if self._world.slack.messages:
            message = self._choice(list(self._world.slack.messages.values())[-6:])
            self._world.spawn(self._fill_form(message))

    def _discuss(self) -> None:
        """Many words about one thing; somebody wants all of them in the ticket."""
        channel = self._choice(list(CHANNELS))
        root = self._world.slack.post("UBEN", channel)
        said = [
            self._world.slack.post(self._choice(("UADA", "UBEN")), channel, root)
            for _ in range(self._choice((1, 3, 6)))
        ]
        self._world.spawn(self._fill_form(self._choice(said), whole=True))

    def _use_global_form(self) -> None:
        self._world.spawn(self._fill_form(None))

    async def _fill_form(self, message: Message | None, *, whole: bool = False) -> None:
        world, submitter = self._world, self._choice(("UADA", "UBEN"))
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
        await world.slack.deliver_once(lambda process: process.on_shortcut(trigger_id, trigger))
        view = world.slack.views.get(trigger_id)
        if view is None:
            return
        view_id, draft = view
        requester = self._choice(("UADA", "UBEN", "UCEM"))
        form = Form("It broke", "Since today", requester, Priority.NORMAL, whole_thread=whole)
        submitted = replace(trigger, request=view_id, form=form)
        world.asked(submitted)
        for _ in range(3):
            await asyncio.sleep(self._dice.between(2.0, 90.0))
            if await world.slack.deliver_once(
                lambda process: process.on_submit(draft.id, view_id, form)
            ):
                world.slack.accepted.append(submitted)
                return

    def _relink(self) -> None:
        user = self._choice((WITHOUT_EMAIL, "UADA", "UBEN"))
        name = self._choice(("c_one", "c_two", "external:three", "external:nobody"))
        self._world.store.people.link([CustomerLink(TEAM, user, name)])
        self._world.notice(None)

    def _unlink(self) -> None:
        self._world.store.people.unlink(self._choice((WITHOUT_EMAIL, "UADA", "UBEN")))

    def _retry(self) -> None:
        refused = self._world.store.rows("state IN ('refused', 'parked')")
        if refused:
            self._world.store.history.retry(f"PB-{self._choice(refused)['id']}")
            self._world.notice(None)

    def _delete_message(self) -> None:
        if self._world.slack.messages:
            del self._world.slack.messages[self._choice(list(self._world.slack.messages))]

    def _shut_channel(self) -> None:
        self._world.slack.shut.add(self._choice(list(CHANNELS)))

    def _open_channel(self) -> None:
        self._world.slack.shut.clear()

    def _delete_customer(self) -> None:
        self._world.plain.gone.add(self._choice(("c_one", "c_uada", "c_uben")))

    # Mishaps

    def _kill(self) -> None:
        if running := self._world.running():
            self._choice(running).die()

    def _pause(self) -> None:
        if running := self._world.running():
            seconds = self._choice((2.0, 20.0, 60.0, 100.0, 200.0))
            self._choice(running).stand_still(self._dice.between(0.5, 1.0) * seconds)

    def _deploy(self) -> None:
        if running := self._world.running():
            old = self._choice(running)
            old.spawn(old.stop(self._dice.between(0.0, 30.0)))

    def _plain_goes_down(self) -> None:
        self._dice.plain_down_until = self._world.loop.time() + self._dice.between(5.0, 900.0)

    def _slack_goes_down(self) -> None:
        self._dice.slack_down_until = self._world.loop.time() + self._dice.between(5.0, 900.0)

    def _set_clock(self) -> None:
        self._world.set_clock(self._choice((-300.0, -60.0, -3.0, 3.0, 100.0, 3600.0)))
