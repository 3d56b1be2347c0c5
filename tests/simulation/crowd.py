"""What people do in a day, and what befalls the processes and services meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.core.model import Message, ReplyTo, Trigger, Via
from bot.core.refs import MessageRef, row_id
from bot.store import forgetting
from bot.store.customer_links import CustomerLink
from tests.nouns import TEAM
from tests.simulation.forms import Forms
from tests.simulation.limits import FEW
from tests.simulation.slack import CHANNELS, WITHOUT_EMAIL, Told

if TYPE_CHECKING:
    from tests.simulation.world import Simulation

DAY = 24 * 3600.0

_HABITS: tuple[tuple[str, int], ...] = (
    ("react", 10),
    ("react_again", 3),
    ("ask_at_once", 3),
    ("command", 2),
    ("use_shortcut", 3),
    ("compete_with_forms", 2),
    ("discuss", 2),
    ("use_global_form", 1),
    ("relink", 2),
    ("unlink", 1),
    ("retry", 1),
    ("undo", 4),
    ("answer_in_plain", 1),
    ("delete_in_plain", 2),
    ("delete_message", 1),
    ("shut_channel", 1),
    ("open_channel", 2),
    ("delete_customer", 1),
    ("erase", 1),
    ("forget", 0),
)
_MISHAPS: tuple[tuple[str, int], ...] = (
    ("kill", 3),
    ("pause", 3),
    ("deploy", 1),
    ("plain_goes_down", 1),
    ("slack_goes_down", 1),
    ("set_clock", 2),
)
_MEMBERS = ("UADA", "UBEN", "UCEM")
_OTHERS = ("UGUS", "UPAM", "UOLD", "UBOT")


class Crowd:
    """Everybody who is not the bridge."""

    def __init__(self, world: Simulation) -> None:
        self._world = world
        self._dice = world.dice
        self._choice = world.dice.random.choice
        self._forms = Forms(world)
        self._mishaps = [
            (name, weight if world.dice.likely(0.4) else 0) for name, weight in _MISHAPS
        ]
        # Rare, for each takes as long to simulate as another world's whole day.
        rushes = world.limit.per_window < FEW and world.dice.likely(0.2)
        # Whoever is forgotten takes what could be checked along.
        forgets = world.dice.likely(0.15)
        self._habits = [*_HABITS, ("rush", 10 if rushes else 0), ("forget", 2 if forgets else 0)]
        self._turmoil = world.dice.between(0.0, 0.5) if any(w for _, w in self._mishaps) else 0.0
        self._keeps_days = self._choice((0, 0, 1, 30))
        self._waits_long = world.dice.likely(0.1)

    async def live_a_day(self) -> None:
        """A busy spell or two, with hours between."""
        for _ in range(self._choice((1, 1, 2, 2))):
            length = self._choice((5.0, 60.0, 300.0))
            for moment in sorted(
                self._dice.between(0.0, length) for _ in range(self._choice((2, 4, 6)))
            ):
                self._world.loop.call_later(moment, self._happen)
            await asyncio.sleep(length + self._dice.between(600.0, 6 * 3600.0))
        if self._waits_long:
            await asyncio.sleep(DAY)
            self._world.seen["erase"] += 1
            self._erase()

    def _happen(self) -> None:
        if self._dice.likely(self._turmoil):
            name = self._drawn(self._mishaps)
        else:
            name = self._drawn(self._habits)
        self._world.seen[name] += 1
        self._world.note(name)
        action: Callable[[], None] = getattr(self, f"_{name}")
        action()

    def _drawn(self, weights: list[tuple[str, int]]) -> str:
        names, numbers = zip(*weights, strict=True)
        (name,) = self._dice.random.choices(names, weights=numbers)
        return str(name)

    # People who react

    def _react(self) -> None:
        """Most often to a new message, which mostly stands in a Slack thread."""
        self._ask(self._message(), self._submitter())

    def _message(self) -> Message:
        messages = list(self._world.slack.messages.values())
        channel = self._choice((*CHANNELS, "CSUPPORT"))
        here = [m for m in messages if m.ref is not None and m.ref.channel == channel]
        if here and self._dice.likely(0.2):
            return self._choice(here)
        root = self._choice(here[-4:]) if here and self._dice.likely(0.6) else None
        author = self._choice(("UADA", "UADA", "UBEN", "UBEN", "UCEM", "UGUS"))
        return self._world.slack.post(author, channel, root)

    def _rush(self) -> None:
        """Something broke for many at once: more than Plain's rate limit may let through."""
        for _ in range(self._choice((8, 12, 16))):
            self._world.loop.call_later(self._dice.between(0.0, 5.0), self._ask_anew)

    def _ask_anew(self) -> None:
        author = self._choice(_MEMBERS)
        message = self._world.slack.post(author, self._choice(list(CHANNELS)))
        self._ask(message, self._submitter())

    def _react_again(self) -> None:
        if self._world.slack.messages:
            self._ask(self._recent(), self._submitter())

    def _ask_at_once(self) -> None:
        """Several people, of every kind and in any order, ask for one message."""
        message, within = self._message(), self._choice((0.5, 0.5, 3.0, 60.0))
        count = self._choice((2, 2, 3))
        for user in self._dice.random.sample((*_MEMBERS, *_OTHERS), count):
            self._world.loop.call_later(self._dice.between(0.0, within), self._ask, message, user)

    def _ask(self, message: Message, submitter: str) -> None:
        assert message.ref is not None
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
        if self._world.undoes_by_reaction and self._dice.likely(0.2):
            moment = self._choice((0.2, 2.0, 60.0, 500.0)) * self._dice.between(0.1, 1.0)
            self._world.loop.call_later(moment, self._take_back, trigger)

    def _take_back(self, trigger: Trigger) -> None:
        self._world.seen["take_back"] += 1
        self._world.note("takes back", trigger.request)
        self._world.undos.taken_back(trigger)
        removed = replace(trigger, reply_to=self._reply_to(trigger.submitter, trigger.channel))
        self._world.spawn(self._world.slack.deliver_event(removed, removed=True))

    def _submitter(self) -> str:
        return self._choice(_OTHERS if self._dice.likely(0.15) else _MEMBERS)

    def _reply_to(self, user: str, channel: str | None) -> ReplyTo:
        return ReplyTo(user=user, asked_at=self._world.slack_time(), channel=channel)

    def _recent(self) -> Message:
        return self._choice(list(self._world.slack.messages.values())[-6:])

    # People who type

    def _command(self) -> None:
        self._world.spawn(self._forms.type_command(self._choice(_MEMBERS)))

    def _use_shortcut(self) -> None:
        if self._world.slack.messages:
            submitter = self._choice(("UADA", "UBEN", "UADA", "UBEN", "UGUS", "UPAM"))
            self._world.spawn(self._forms.fill(self._recent(), submitter))

    def _compete_with_forms(self) -> None:
        """Two have the form of one message open, and somebody else is faster."""
        message = self._message()
        for submitter in ("UADA", "UBEN"):
            self._world.spawn(self._forms.fill(message, submitter))
        moment = self._dice.between(0.0, 30.0)
        self._world.loop.call_later(moment, self._ask, message, self._submitter())

    def _discuss(self) -> None:
        """Many words about one thing; somebody wants all of them in the ticket."""
        channel = self._choice(list(CHANNELS))
        root = self._world.slack.post("UBEN", channel)
        said = [
            self._world.slack.post(self._choice(("UADA", "UBEN")), channel, root)
            for _ in range(self._choice((1, 3, 6)))
        ]
        submitter = self._choice(("UADA", "UBEN"))
        self._world.spawn(self._forms.fill(self._choice(said), submitter, whole=True))

    def _use_global_form(self) -> None:
        self._world.spawn(self._forms.fill(None, self._choice(("UADA", "UBEN"))))

    # People who change what is there

    def _relink(self) -> None:
        user = self._choice((WITHOUT_EMAIL, WITHOUT_EMAIL, "UADA", "UBEN"))
        name = self._choice(("c_one", "c_two", "external:three", "external:nobody"))
        self._world.links(user, name)
        self._world.store.people.link([CustomerLink(TEAM, user, name)])
        self._world.notice(None)

    def _unlink(self) -> None:
        self._world.store.people.unlink(self._choice((WITHOUT_EMAIL, "UADA", "UBEN")))

    def _retry(self) -> None:
        ended = self._world.store.requests("state IN ('rejected', 'parked', 'on_hold')")
        if ended:
            self._world.store.history.retry(f"PB-{self._choice(ended)['id']}")
            self._world.notice(None)

    def _undo(self) -> None:
        """Somebody clicks on Undo, mostly who was told of the ticket."""
        told = [one for one in self._world.slack.told if one.heard and one.is_success]
        if told:
            self._world.spawn(self._click_undo(self._choice(told[-4:])))

    async def _click_undo(self, told: Told) -> None:
        submitter = self._world.asked_for[told.request].submitter
        by = submitter if self._dice.likely(0.8) else self._choice((*_MEMBERS, "UGUS"))
        request_id = row_id(told.reference) or 0
        self._world.note("clicks", by, told.reference)
        for _ in range(3):
            if await self._world.slack.deliver_once(
                lambda process: process.on_undo(request_id, by)
            ):
                return
            await asyncio.sleep(self._dice.between(2.0, 20.0))

    def _erase(self) -> None:
        """The leader erases what is old."""
        retention = self._world.store.retention
        retention.erase_addresses()
        retention.erase_texts(self._keeps_days)
        self._world.seen["holds_ended"] += retention.end_holds(self._keeps_days)
        self._world.notice(None)

    def _forget(self) -> None:
        user = self._choice(("UADA", "UBEN", "UCEM", "UGUS"))
        self._world.forgets(user)
        self._world.seen["forgotten"] += 1
        forgetting.forget(self._world.store.database, user)
        self._world.notice(None)

    def _delete_message(self) -> None:
        if self._world.slack.messages:
            self._delete(self._choice(list(self._world.slack.messages)))

    def _delete(self, ref: MessageRef) -> None:
        del self._world.slack.messages[ref]
        self._world.slack.deleted.add(ref)

    def _shut_channel(self) -> None:
        channel = self._choice(list(CHANNELS))
        self._world.slack.shut.add(channel)
        self._world.slack.ever_shut.add(channel)

    def _open_channel(self) -> None:
        self._world.slack.shut.clear()

    # Agents

    def _answer_in_plain(self) -> None:
        if standing := self._world.plain.standing():
            self._choice(standing[-4:]).answered = True

    def _delete_in_plain(self) -> None:
        """Only of what the bridge knows: who deletes what it looks for makes it create another."""
        known = {row["thread_id"] for row in self._world.store.tickets() if row["state"] == "open"}
        if standing := [one for one in self._world.plain.standing() if one.id in known]:
            thread = self._choice(standing[-4:])
            self._world.note("deletes", thread.ref)
            self._world.seen["deleted"] += 1
            thread.deleted = True

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
        self._dice.plain_down_until = self._world.loop.time() + self._dice.between(5.0, 400.0)

    def _slack_goes_down(self) -> None:
        self._dice.slack_down_until = self._world.loop.time() + self._dice.between(5.0, 400.0)

    def _set_clock(self) -> None:
        self._world.set_clock(self._choice((-300.0, -60.0, -3.0, 3.0, 100.0, 3600.0)))
