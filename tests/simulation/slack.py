"""A Slack in memory: messages, people, deliveries on Slack's schedule, and the bridge's answers.

It runs on the simulation's virtual clock and with its dice, which the sandbox's Slack, on real
sockets, cannot have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bot.core.directory import Channel, Names, Profile, UserKind
from bot.core.faults import Reason, Rejected, Rejection, TryLater
from bot.core.model import (
    Added,
    Created,
    FormDraft,
    Ignored,
    Joined,
    Message,
    Outcome,
    Placement,
    PostedAnswer,
    Ticket,
    Trigger,
    Via,
)
from bot.core.refs import MessageRef, message_key, permalink
from bot.core.text.richtext import Mention, Paragraph, Text
from bot.core.undo import Result
from bot.flows.form import FormContext
from bot.flows.intake import OpenedForm
from bot.store.undo import Undoing
from tests.nouns import TEAM

if TYPE_CHECKING:
    from tests.simulation.clock import Numbers, VirtualLoop
    from tests.simulation.process import Process
    from tests.simulation.weather import Dice, Fate

RETRIES = (3.0, 60.0, 300.0)
"""Seconds after which Slack sends an event again that was not taken.
https://docs.slack.dev/apis/events-api/#retries"""
PATIENCE = 3.0
"""Seconds within which Slack wants its answer."""

PEOPLE = {
    "UADA": UserKind.MEMBER,
    "UBEN": UserKind.MEMBER,
    "UCEM": UserKind.MEMBER,
    "UOLD": UserKind.MEMBER,
    "UGUS": UserKind.GUEST,
    "UPAM": UserKind.EXTERNAL,
    "UBOT": UserKind.BOT,
}
WITHOUT_EMAIL = "UCEM"
DEACTIVATED = "UOLD"
CHANNELS = {"CSUPPORT": "support", "CRANDOM": "random"}


@dataclass(frozen=True, slots=True)
class Told:
    """An answer as it was attempted. `heard`: the person sees it, now or in a moment."""

    reference: str
    request: str
    outcome: Outcome
    heard: bool
    refused: bool
    at: float

    @property
    def is_success(self) -> bool:
        """Return whether it says that there is a ticket."""
        return is_success(self.outcome)


@dataclass(frozen=True, slots=True)
class View:
    """An open form: its id, what the bridge keeps of it, and what it says of its ticket."""

    id: str
    draft: FormDraft
    placement: Placement


@dataclass
class Slack:
    """The service. `post` hands a delivery to some process; False where nobody took it."""

    loop: VirtualLoop
    dice: Dice
    numbers: Numbers
    hand_over: Callable[[Callable[[Process], Awaitable[bool]]], Awaitable[bool]]
    messages: dict[MessageRef, Message] = field(default_factory=dict)
    roots: dict[str, str] = field(default_factory=dict)
    """Message key to the key of its Slack thread's root; also of what was deleted."""
    shut: set[str] = field(default_factory=set)
    """Channels that the bot was removed from."""
    ever_shut: set[str] = field(default_factory=set)
    deleted: set[MessageRef] = field(default_factory=set)
    accepted: list[Trigger] = field(default_factory=list)
    """What Slack, or the person, was told "taken" for."""
    told: list[Told] = field(default_factory=list)
    views: dict[str, View] = field(default_factory=dict)
    """Open forms by the trigger id that opened them."""
    posts: bool = False
    """Answers are posted where everybody can see them, and can be edited."""
    posted: dict[PostedAnswer, str] = field(default_factory=dict)
    """What the posted answers are about ("PB-7")."""
    under_way: int = 0
    """Deliveries that are not over."""

    def post(self, author: str, channel: str, root: Message | None = None) -> Message:
        """Somebody writes, at the top or into the Slack thread of `root`."""
        number = self.numbers.next("message")
        ref = MessageRef(channel, f"{1_700_000_000 + number}.000100")
        root_ts = None
        if root is not None and root.ref is not None:
            root_ts = root.thread_ts or root.ref.ts
            self._open_thread(MessageRef(channel, root_ts))
        message = Message(ref, author, (Paragraph((Text(f"Line {number}"),)),), root_ts)
        self.messages[ref] = message
        self.roots[message_key(TEAM, ref)] = message_key(
            TEAM, MessageRef(channel, root_ts or ref.ts)
        )
        return message

    def _open_thread(self, ref: MessageRef) -> None:
        if ref in self.messages:
            self.messages[ref] = replace(self.messages[ref], thread_ts=ref.ts)

    async def deliver_event(self, trigger: Trigger, *, removed: bool = False) -> None:
        """An event: sent again until it is taken, and sometimes for no reason at all.

        `removed`: the reaction was taken back.
        """
        self.under_way += 1
        try:
            if self.dice.strikes("delivered_late"):
                await asyncio.sleep(self.dice.between(1.0, 60.0))
            for pause in (*RETRIES, None):
                if await self._deliver(trigger, removed=removed):
                    break
                if pause is not None:
                    await asyncio.sleep(pause + self.dice.between(0.0, 1.0))
            if self.dice.strikes("delivered_twice"):
                await asyncio.sleep(self.dice.between(0.0, 120.0))
                await self._deliver(trigger, removed=removed)
        finally:
            self.under_way -= 1

    async def deliver_once(self, take: Callable[[Process], Awaitable[bool]]) -> bool:
        """A command or an interaction, which Slack never sends again."""
        self.under_way += 1
        try:
            return not self.dice.strikes("delivery_fails") and await self.hand_over(take)
        finally:
            self.under_way -= 1

    async def _deliver(self, trigger: Trigger, *, removed: bool) -> bool:
        if self.dice.strikes("delivery_fails"):
            return False

        async def take(process: Process) -> bool:
            return await (process.on_removal if removed else process.on_event)(trigger)

        if not await self.hand_over(take):
            return False
        if self.dice.strikes("ack_lost"):
            return False
        if not removed:
            self.accepted.append(trigger)
        return True


class SlackPort:
    """One process's way to Slack: `ports.Slack` and `intake.FormViews`."""

    def __init__(self, slack: Slack, process: Process) -> None:
        self._slack = slack
        self._process = process
        self._known: set[str] = set()

    async def message(self, ref: MessageRef) -> Message:
        await self._call("message")
        if ref.channel in self._slack.shut:
            raise Rejected(Rejection(Reason.NOT_IN_CHANNEL, channel=ref.channel))
        if ref not in self._slack.messages:
            raise Rejected(Rejection(Reason.MESSAGE_NOT_FOUND))
        return self._slack.messages[ref]

    async def replies(self, root: MessageRef) -> tuple[Message, ...]:
        await self._call("replies")
        if root.channel in self._slack.shut:
            raise Rejected(Rejection(Reason.NOT_IN_CHANNEL, channel=root.channel))
        found = (
            message
            for ref, message in self._slack.messages.items()
            if ref == root or (ref.channel == root.channel and message.thread_ts == root.ts)
        )
        return tuple(sorted(found, key=lambda message: message.ref.ts if message.ref else ""))

    async def profile(self, user: str) -> Profile | None:
        await self._call_once(user)
        return profile_of(user)

    async def channel(self, channel: str) -> Channel:
        await self._call_once(channel)
        return Channel(channel, CHANNELS[channel])

    async def names(self, mentions: Sequence[Mention]) -> Names:
        return Names()

    def cached_names(self, mentions: Sequence[Mention]) -> Names:
        return Names()

    async def readable(self, channel: str) -> bool:
        raise NotImplementedError

    def cached_readable(self, channel: str) -> bool | None:
        raise NotImplementedError

    async def permalink(self, ref: MessageRef, thread_ts: str | None) -> str:
        await self._call("permalink")
        return permalink("https://example.slack.com/", ref, thread_ts)

    async def tell(self, trigger: Trigger, outcome: Outcome, reference: str) -> PostedAnswer | None:
        if isinstance(outcome, Ignored) or _in_silence(trigger, outcome):
            return None
        await self._process.step("slack.tell")
        fate = self._slack.dice.slack_answer(self._slack.loop.time())
        told = Told(
            reference,
            trigger.request,
            outcome,
            heard=fate.effect is not None,
            refused=isinstance(fate.fault, Rejected),
            at=self._slack.loop.time(),
        )
        self._slack.told.append(told)
        self._process.tells(told)
        await self._end(fate, "slack.tell.answer")
        self._process.was_told(told)
        if not self._slack.posts or not is_success(outcome):
            return None
        posted = PostedAnswer("CSUPPORT", f"1800000000.{self._slack.numbers.next('posted'):06}")
        self._slack.posted[posted] = reference
        return posted

    async def tell_queued(self, trigger: Trigger, reference: str) -> None:
        await self._process.step("slack.tell_queued")
        fate = self._slack.dice.slack_answer(self._slack.loop.time())
        self._process.tells_queued(reference, heard=fate.effect is not None)
        await self._end(fate, "slack.tell_queued.answer")

    async def tell_undone(self, trigger: Trigger, ticket: Ticket | None, by: str) -> None:
        await self._process.step("slack.tell_undone")
        fate = self._slack.dice.slack_answer(self._slack.loop.time())
        self._process.tells_undone(trigger.request, _may_be_heard(fate))
        await self._end(fate, "slack.tell_undone.answer")

    async def edit_undone(self, said: PostedAnswer, ticket: Ticket | None, by: str) -> None:
        await self._process.step("slack.edit_undone")
        fate = self._slack.dice.slack_answer(self._slack.loop.time())
        self._process.edits_undone(self._slack.posted[said], _may_be_heard(fate))
        await self._end(fate, "slack.edit_undone.answer")

    async def edit_ended(self, said: PostedAnswer, ticket: Ticket | None) -> None:
        await self._call("edit_ended")

    async def answer_undo(self, undoing: Undoing, result: Result) -> None:
        """Answer who wanted an undo, as `slack.listeners.undo` does."""
        await self._process.step("slack.answer_undo")
        self._process.answers_undo(undoing, result)
        fate = self._slack.dice.slack_answer(self._slack.loop.time())
        with suppress(Rejected):
            try:
                await self._end(fate, "slack.answer_undo.answer")
            except TryLater as fault:
                if not fault.outcome_unknown:
                    raise

    async def fresh_profile(self, user: str) -> Profile | None:
        await self._call("profile")
        return profile_of(user)

    async def _end(self, fate: Fate, where: str) -> None:
        """Wait for the answer to something that was said; raise the fault that it is."""
        await asyncio.sleep(fate.answer)
        await self._process.step(where)
        if fate.fault is not None:
            self._process.disturbances += 1
            raise fate.fault

    async def open_form(
        self, trigger_id: str, draft: FormDraft, context: FormContext
    ) -> OpenedForm:
        await self._call("open_form")
        view = View(f"V{self._slack.numbers.next('view')}", draft, context.placement)
        self._slack.views[trigger_id] = view
        return OpenedForm(view.id)

    async def show_ticket(self, trigger_id: str, ticket: Ticket) -> None:
        await self._call("show_ticket")

    async def show_not_recorded(self, view_id: str) -> None:
        await self._call("show_not_recorded")

    async def _call_once(self, name: str) -> None:
        """Of what the client keeps at hand."""
        if name not in self._known:
            await self._call(name)
            self._known.add(name)

    async def _call(self, name: str) -> None:
        await self._process.step(f"slack.{name}")
        fate = self._slack.dice.slack_call(self._slack.loop.time())
        await asyncio.sleep(fate.answer)
        await self._process.step(f"slack.{name}.answer")
        if fate.fault is not None:
            raise fate.fault


def _in_silence(trigger: Trigger, outcome: Outcome) -> bool:
    """As `slack.answers` has it: where a reaction is not allowed, it is just a reaction."""
    return (
        isinstance(outcome, Rejection)
        and outcome.reason is Reason.NOT_ALLOWED
        and trigger.via is Via.REACTION
    )


def profile_of(user: str) -> Profile | None:
    """Return what Slack shows of a person; None of one whom it does not know."""
    kind = PEOPLE.get(user)
    if kind is None:
        return None
    return Profile(
        user=user,
        team="T0OTHER" if kind is UserKind.EXTERNAL else TEAM,
        name=user.removeprefix("U").title(),
        kind=kind,
        email=None if user == WITHOUT_EMAIL else f"{user.lower()}@example.com",
        email_confirmed=True,
        deactivated=user == DEACTIVATED,
    )


def _may_be_heard(fate: Fate) -> bool:
    """Return whether the bridge has no reason to say it again."""
    fault = fate.fault
    return not isinstance(fault, TryLater) or fault.outcome_unknown


def is_success(outcome: Outcome) -> bool:
    return isinstance(outcome, Created | Added | Joined)
