"""Opening the form: with what is at hand, and a moment later with what was still to be asked."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.core import quote
from bot.core.directory import Names, Profile, may_submit
from bot.core.faults import Fault
from bot.core.model import Form, FormDraft, Priority, ReplyTo, Trigger, default_requester
from bot.core.text.excerpt import beginning
from bot.core.text.richtext import Mention, mentions
from bot.flows import authorship
from bot.flows.admission import confined, is_confined
from bot.flows.form import LOOK_SECONDS, FormContext, FormContexts
from bot.flows.intake import Intake, OpenedForm
from bot.slack.background import BackgroundTasks, note
from bot.slack.payloads_view import RequesterChosen
from bot.slack.views import form
from bot.slack.views.form import CALLBACK_ID, VALUE
from bot.slack.views.kit import Answer
from bot.store.drafts import Drafts
from bot.store.executor import Run

Asked = dict[str, Any]
T = TypeVar("T")

KNOWN_SECONDS = 0.4
"""How long the form may wait for who somebody is: its trigger lives for three seconds."""
MOST_FORMS = 1000
"""Open forms of which it is known who was chosen in them last; more are not looked after."""


class Forms(Protocol):
    """What an open form needs of Slack."""

    async def update_form(self, opened: OpenedForm, draft: FormDraft, beside: FormContext) -> None:
        """Say something else beside the inputs, unless the form is gone or was changed since."""

    async def say_privately(self, reply_to: ReplyTo, said: Answer) -> None: ...

    def names_at_hand(self, mentions: Sequence[Mention]) -> Names: ...

    async def profile(self, user: str) -> Profile | None: ...


@dataclass
class FormOpener:
    """Opens forms, and keeps what stands beside their inputs true."""

    intake: Intake
    surroundings: FormContexts
    drafts: Drafts
    slack: Forms
    run: Run
    later: BackgroundTasks
    _latest: dict[str, str] = field(default_factory=dict)

    def register(self, app: AsyncApp) -> None:
        in_the_form = [_is_of_the_form]
        app.action({"action_id": VALUE, "block_id": "requester"}, matchers=in_the_form)(
            self.on_requester
        )

    async def open(
        self,
        trigger_id: str,
        trigger: Trigger,
        prefill: Form | None = None,
        key: str | None = None,
    ) -> None:
        """Open the form for what `trigger` asks; `prefill` and `key` where it was open before.

        Where it does not open, the person is told.
        """
        submitter, trigger = await asyncio.gather(
            _in_time(self.slack.profile(trigger.submitter)), self._settled(trigger)
        )
        filled = prefill or self._prefill(trigger)
        if submitter is not None and is_confined(submitter):
            filled = confined(filled, trigger.submitter, trigger.message)
        draft = FormDraft(id=uuid.uuid4().hex, trigger=trigger, prefill=filled, key=key)
        beside = self.surroundings.at_hand(draft, submitter)
        may_know = submitter is not None and may_submit(submitter, self.surroundings.who)
        try:
            opened = await self.intake.open_form(trigger_id, draft, beside, may_know=may_know)
        except (Fault, TimeoutError) as fault:
            note("form_not_opened", fault)
            self.later.do(self.slack.say_privately(trigger.reply_to, form.not_opened()))
            return
        if opened is not None:
            beside = replace(beside, adds_to=opened.adds_to)
            self.later.do(self._complete(opened, draft, beside))

    async def on_requester(self, body: Asked, ack: AsyncAck) -> None:
        """Somebody else was chosen: the line below says who that is."""
        chosen = RequesterChosen.model_validate(body)
        self.later.do(self._look_again(chosen))
        await ack()

    async def _complete(self, opened: OpenedForm, draft: FormDraft, beside: FormContext) -> None:
        found = await self.surroundings.look(draft, beside, draft.prefill.requester)
        if found != replace(beside, requester=found.requester):
            await self.slack.update_form(opened, draft, found)

    async def _look_again(self, chosen: RequesterChosen) -> None:
        self._chose_last(chosen)
        async with asyncio.timeout(LOOK_SECONDS):
            draft = await self.run(self.drafts.load, chosen.draft_id)
        if draft is None:
            return
        requester = chosen.requester or draft.prefill.requester
        at_hand = replace(
            self.surroundings.at_hand(draft),
            offers_thread=chosen.has("whole_thread"),
            offers_tenants=chosen.has("tenant"),
        )
        found = await self.surroundings.look(draft, at_hand, requester)
        if self._latest.get(chosen.view_id) != (chosen.requester or ""):
            return  # somebody else was chosen meanwhile
        # Without a hash: an earlier look may have changed the form since the choice.
        opened = OpenedForm(chosen.view_id, is_preset=chosen.is_preset)
        await self.slack.update_form(opened, draft, found)

    def _chose_last(self, chosen: RequesterChosen) -> None:
        self._latest.pop(chosen.view_id, None)
        self._latest[chosen.view_id] = chosen.requester or ""
        while len(self._latest) > MOST_FORMS:
            del self._latest[next(iter(self._latest))]

    async def _settled(self, trigger: Trigger) -> Trigger:
        """Say whose the message is, where that can be known in time: the requester is chosen
        before the form is seen. A delivery looks again."""
        if trigger.message is None:
            return trigger
        message = await _in_time(authorship.settled(trigger.message, self.slack))
        return trigger if message is None else replace(trigger, message=message)

    def _prefill(self, trigger: Trigger) -> Form:
        message = trigger.message
        if message is None:
            return Form("", None, trigger.submitter, Priority.NORMAL)
        first = beginning(message.blocks, quote.LONGEST_BEGINNING)
        names = self.slack.names_at_hand(mentions(first))
        return Form(
            title=quote.default_title(message, names),
            description=None,
            requester=default_requester(message, trigger.submitter),
            priority=Priority.NORMAL,
        )


async def _in_time(asked: Awaitable[T]) -> T | None:
    """Return what is asked for, or None where Slack does not tell it at once."""
    try:
        async with asyncio.timeout(KNOWN_SECONDS):
            return await asked
    except (Fault, TimeoutError):
        return None


async def _is_of_the_form(body: Asked) -> bool:
    view = body.get("view")
    return isinstance(view, dict) and view.get("callback_id") == CALLBACK_ID
