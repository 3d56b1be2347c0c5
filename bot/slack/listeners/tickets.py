"""What Slack tells the bridge: each listener parses, calls one flow, and returns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import structlog
from pydantic import ValidationError
from slack_bolt import BoltResponse
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.error import BoltUnhandledRequestError

from bot.core.faults import Fault
from bot.core.model import Form, FormDraft, Priority, Remark, ReplyTo, Trigger, Via
from bot.flows.admission import Gate
from bot.flows.intake import Intake
from bot.slack import payloads, payloads_view
from bot.slack.background import BackgroundTasks, note, raised_at
from bot.slack.listeners.commands import Says
from bot.slack.listeners.form import FormOpener
from bot.slack.views import answer, commands
from bot.slack.views import form as words
from bot.slack.views.kit import Answer
from bot.store.drafts import Drafts
from bot.store.executor import Run, in_place
from bot.store.requests import Recorded

log = structlog.get_logger("bot.slack")

DRAFT_SECONDS = 0.7
"""How long a submit may wait for its draft; with the record's two it stays within Slack's three."""

Asked = dict[str, Any]

LONGEST_WORD = 64
"""Characters of what a payload calls its kind or its fields; a longer one is not for the log."""


class Speaks(Protocol):
    """What the listeners say beside the forms; nothing depends on its arriving."""

    async def remark(self, reply_to: ReplyTo, remark: Remark, form: Form | None = None) -> None: ...
    async def say_privately(self, reply_to: ReplyTo, said: Answer) -> None: ...


@dataclass
class TicketListeners:
    """The listeners, and what they lead to. `team` is the installed workspace's id,
    `commands` the words that `/plain-ticket` answers by itself. `parse` reads texts, which may be
    long and hostile, off the loop."""

    team: str
    intake: Intake
    opening: FormOpener
    drafts: Drafts
    slack: Speaks
    gate: Gate
    run: Run
    clock: Callable[[], float]
    commands: Mapping[str, Says] = field(default_factory=dict)
    parse: Run = in_place
    later: BackgroundTasks = field(default_factory=BackgroundTasks)
    _remarked: dict[str, None] = field(default_factory=dict)

    def register(self, app: AsyncApp) -> None:
        """Every door of the bridge."""
        app.event("reaction_added")(self.on_reaction)
        app.shortcut("create_plain_ticket")(self.on_message_shortcut)
        app.shortcut("new_plain_ticket")(self.on_global_shortcut)
        app.command("/plain-ticket")(self.on_command)
        app.view("plain_ticket_form")(self.on_submit)
        app.view_closed("plain_ticket_form")(self.on_closed)
        app.error(self.on_error)

    async def on_reaction(self, body: Asked) -> None:
        trigger = payloads.ReactionAdded.model_validate(body).trigger(self.team, self.clock())
        if trigger is not None:
            self._speak(trigger, await self.intake.take(trigger))

    async def on_message_shortcut(self, body: Asked, ack: AsyncAck) -> None:
        shortcut = payloads.MessageShortcut.model_validate(body)
        trigger = await self.parse(shortcut.trigger, self.team, self.clock())
        await self.opening.open(shortcut.trigger_id, trigger)
        await ack()

    async def on_global_shortcut(self, body: Asked, ack: AsyncAck) -> None:
        shortcut = payloads.GlobalShortcut.model_validate(body)
        trigger = shortcut.trigger(self.team, self.clock())
        await self.opening.open(shortcut.trigger_id, trigger)
        await ack()

    async def on_command(self, body: Asked, ack: AsyncAck) -> None:
        command = payloads.SlashCommand.model_validate(body)
        trigger = await self.parse(command.trigger, self.team, self.clock())
        if (say := self.commands.get(command.word)) is not None:
            await _reply(ack, await say(command.user_id))
            return
        if command.is_one_word:
            title = command.text.strip()
            await self.opening.open(
                command.trigger_id,
                replace(trigger, via=Via.FORM, message=None),
                Form(title, None, command.user_id, Priority.NORMAL),
            )
            await _reply(ack, commands.unknown_word(title))
            return
        if command.is_bare:
            await self.opening.open(command.trigger_id, trigger)
            await ack()
            return
        try:
            self._speak(trigger, await self.intake.take(trigger))
        except (Fault, TimeoutError) as fault:
            # Slack sends no command twice: the person has the text back, at once.
            note("command_not_recorded", fault)
            await _reply(ack, commands.not_recorded(command.text))
        else:
            await ack()

    async def on_submit(self, body: Asked, ack: AsyncAck) -> None:
        submission = payloads_view.ViewSubmission.model_validate(body)
        if errors := submission.errors():
            await ack(response_action="errors", errors=errors)
            return
        try:
            draft = await self._draft(submission.draft_id)
            if draft is None:
                await ack(response_action="errors", errors={"title": words.FORM_TOO_OLD})
                return
            trigger = submission.trigger(draft)
            self._speak(trigger, await self.intake.take(trigger, draft.key))
        except (Fault, TimeoutError) as fault:
            note("form_not_recorded", fault)
            await ack(response_action="errors", errors={"title": words.NOT_RECORDED_HERE})
        else:
            await ack()

    async def on_closed(self, body: Asked, ack: AsyncAck) -> None:
        closed = payloads_view.ViewClosed.model_validate(body)
        self.later.do(self.run(self.drafts.erase, closed.draft_id))
        await ack()

    async def on_error(self, error: Exception, body: Asked) -> BoltResponse:
        """The answer to what no listener took, or took badly."""
        match error:
            case BoltUnhandledRequestError():
                return BoltResponse(status=200)  # not ours: Slack need not send it again
            case Fault() | TimeoutError():
                note("event_not_recorded", error)
                return BoltResponse(status=500)  # Slack sends an event again
            case ValidationError():
                wrong = [".".join(map(_place, each["loc"])) for each in error.errors()]
                log.warning("payload_not_understood", type=_type(body), wrong=wrong)
            case _:
                # Its words may quote the payload; where it was raised says enough.
                name, at = type(error).__name__, raised_at(error)
                log.error("payload_broke", type=_type(body), error=name, at=at)
        return BoltResponse(status=400)

    # What the listeners share

    async def _draft(self, draft_id: str) -> FormDraft | None:
        async with asyncio.timeout(DRAFT_SECONDS):
            return await self.run(self.drafts.load, draft_id)

    def _speak(self, trigger: Trigger, recorded: Recorded | None) -> None:
        """Say what asking again met; once, however often Slack delivers this asking."""
        if recorded is None or recorded.remark is None or trigger.request in self._remarked:
            return
        self._remarked[trigger.request] = None
        if len(self._remarked) > 1000:
            del self._remarked[next(iter(self._remarked))]
        if recorded.thread_ts is not None:
            there = replace(trigger.reply_to, thread_ts=recorded.thread_ts)
            trigger = replace(trigger, reply_to=there)
        self.later.do(self._remark(trigger, recorded.remark))

    async def _remark(self, trigger: Trigger, remark: Remark) -> None:
        """Who may not ask is told of no ticket: a reaction of theirs is just a reaction."""
        refused = await self.gate.refused(trigger.submitter)
        if refused is None:
            await self.slack.remark(trigger.reply_to, remark, trigger.form)
        elif trigger.via is not Via.REACTION:
            await self.slack.say_privately(trigger.reply_to, answer.not_allowed(refused))

    async def rest(self) -> None:
        """Wait for what was left for later (at a graceful stop, and in tests)."""
        await self.later.rest()


async def _reply(ack: AsyncAck, said: Answer) -> None:
    await ack(text=said.text, blocks=said.blocks or None, response_type="ephemeral")


def _type(body: Asked) -> str:
    """What kind of payload it was; never what it held."""
    inner = body.get("event")
    kind = inner.get("type") if isinstance(inner, dict) else body.get("type")
    return kind if isinstance(kind, str) and _is_word(kind) else "unknown"


def _place(key: int | str) -> str:
    """One step of the way to a field; the keys of an object may be anything."""
    return str(key) if isinstance(key, int) or _is_word(key) else "?"


def _is_word(text: str) -> bool:
    return text.isidentifier() and len(text) <= LONGEST_WORD
