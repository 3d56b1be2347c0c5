"""Open the ticket form, update it while it is open, and open it again after a rejection."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from cachetools import LRUCache
from slack_bolt.async_app import AsyncAck

from bot.core import quote
from bot.core.directory import may_submit
from bot.core.faults import Fault
from bot.core.model import (
    Form,
    FormDraft,
    Priority,
    ReplyTo,
    Trigger,
    default_requester,
)
from bot.core.text.excerpt import beginning
from bot.core.text.richtext import mentions
from bot.flows import authorship
from bot.flows.admission import confined, is_confined, not_admitted
from bot.flows.form import LOOK_SECONDS, Choices, FormContext, FormContexts, or_none
from bot.flows.intake import (
    AlreadyExists,
    InProgress,
    Intake,
    NotYourRequest,
    OpenedForm,
    Reopened,
    ReopenedForm,
    UnknownRequest,
    reopen,
)
from bot.flows.workspace import Workspace
from bot.slack.background import BackgroundTasks, note
from bot.slack.client import SlackClient
from bot.slack.fields import Body
from bot.slack.payloads import ButtonClicked
from bot.slack.payloads_view import OptionsWanted, PlacementChosen, RequesterChosen, ViewClosed
from bot.slack.views import answer, form
from bot.slack.views.kit import Answer
from bot.store.drafts import Drafts
from bot.store.executor import Run
from bot.store.records import Records

KNOWN_SECONDS = 0.4
"""Limit for looking up a profile before the form opens: its trigger is valid for three seconds."""
READ_SECONDS = 0.4
"""Limit for reading a row; with the form's two and a half it stays within Slack's three seconds."""
_PLACED = "\n"
"""Replaces the latest requester of a form whose button was pressed; no user id."""
MOST_FORMS = 1000
"""Open forms whose latest requester is remembered; updates of older ones are dropped."""


def _latest() -> LRUCache[str, str]:
    return LRUCache(MOST_FORMS)


@dataclass
class FormListeners:
    """Handlers of the ticket form.

    A form opens with what is cached and is updated once the rest is looked up.
    """

    workspace: Workspace
    intake: Intake
    contexts: FormContexts
    choices: Choices
    drafts: Drafts
    records: Records
    slack: SlackClient
    run: Run
    clock: Callable[[], float]
    background: BackgroundTasks
    _latest: LRUCache[str, str] = field(default_factory=_latest)

    # Opening

    async def open(
        self,
        trigger_id: str,
        trigger: Trigger,
        prefill: Form | None = None,
        key: str | None = None,
        replaces: int | None = None,
    ) -> None:
        """Open the form for `trigger`, or tell the person that it did not open.

        `prefill`, `key` and `replaces` (its id) are those of an earlier request if the form is
        opened again.
        """
        submitter, trigger = await asyncio.gather(
            or_none(self.slack.profile(trigger.submitter), KNOWN_SECONDS),
            self._with_author(trigger),
        )
        filled = prefill or self._prefill(trigger)
        if submitter is not None and is_confined(submitter):
            filled = confined(filled, trigger.submitter, trigger.message)
        draft = FormDraft(uuid.uuid4().hex, trigger, filled, key, replaces)
        context = self.contexts.cached(draft, submitter)
        may_know = submitter is not None and may_submit(submitter, self.workspace.policy.who)
        try:
            opened = await self.intake.open_form(trigger_id, draft, context, may_know=may_know)
        except (Fault, TimeoutError) as fault:
            note("form_not_opened", fault)
            self._say(trigger.reply_to, form.not_opened())
            return
        if opened is not None:
            draft = replace(draft, adds_to=opened.adds_to)
            context = replace(context, placement=draft.first_placement)
            self.background.spawn(self._complete(opened, draft, context))

    async def _with_author(self, trigger: Trigger) -> Trigger:
        """Return the trigger with its message's author, if that can be looked up in time.

        The requester is preset when the form opens. A delivery looks the author up again.
        """
        if trigger.message is None:
            return trigger
        message = await or_none(authorship.settled(trigger.message, self.slack), KNOWN_SECONDS)
        return trigger if message is None else replace(trigger, message=message)

    def _prefill(self, trigger: Trigger) -> Form:
        message = trigger.message
        if message is None:
            return Form("", None, trigger.submitter, Priority.NORMAL)
        first = beginning(message.blocks, quote.LONGEST_BEGINNING)
        names = self.slack.cached_names(mentions(first))
        return Form(
            title=quote.default_title(message, names),
            description=None,
            requester=default_requester(message, trigger.submitter),
            priority=Priority.NORMAL,
        )

    async def _complete(self, opened: OpenedForm, draft: FormDraft, context: FormContext) -> None:
        """Update a form that has just opened or changed with what had to be looked up."""
        found = await self.contexts.look(draft, context, draft.prefill.requester)
        if form.form(draft, found) != form.form(draft, context):
            await self.slack.update_form(opened, draft, found)

    # While it is open

    async def on_options(self, body: Body, ack: AsyncAck) -> None:
        """Offer labels or tenants; none as long as they are not known."""
        wanted = OptionsWanted.model_validate(body)
        match wanted.block_id:
            case "labels":
                found = await self.choices.labels(wanted.user, wanted.typed)
            case "tenant":
                found = await self.choices.tenants(wanted.user, wanted.typed)
            case _:
                found = ()
        await ack(options=form.options(found))

    async def on_requester(self, body: Body, ack: AsyncAck) -> None:
        """Show which customer the newly chosen requester is."""
        chosen = RequesterChosen.model_validate(body)
        self.background.spawn(self._show_customer(chosen))
        await ack()

    async def on_closed(self, body: Body, ack: AsyncAck) -> None:
        """Erase the draft of a form that was closed."""
        closed = ViewClosed.model_validate(body)
        self.background.spawn(self.run(self.drafts.erase, closed.draft_id))
        await ack()

    async def _show_customer(self, chosen: RequesterChosen) -> None:
        self._latest[chosen.view_id] = chosen.requester or ""
        async with asyncio.timeout(LOOK_SECONDS):
            draft = await self.run(self.drafts.load, chosen.draft_id)
        if draft is None:
            return
        requester = chosen.requester or draft.prefill.requester
        known = replace(
            self.contexts.cached(draft),
            offers_thread=chosen.has("whole_thread"),
            offers_tenants=chosen.has("tenant"),
            placement=chosen.placement,
        )
        found = await self.contexts.look(draft, known, requester)
        if self._latest.get(chosen.view_id) != (chosen.requester or ""):
            return  # somebody else was chosen, or a button pressed meanwhile
        # Without a hash: an earlier update may have changed the form since the choice.
        opened = OpenedForm(chosen.view_id, is_preset=chosen.is_preset)
        await self.slack.update_form(opened, draft, found)

    async def on_placement(self, body: Body, ack: AsyncAck) -> None:
        """Let an open form add to its Slack thread's ticket, or create a ticket of its own."""
        chosen = PlacementChosen.model_validate(body)
        self.background.spawn(self._place(chosen))
        await ack()

    async def _place(self, chosen: PlacementChosen) -> None:
        """Change the open form. Slack keeps what was typed into the inputs that stay.

        Nothing is stored: the view itself says what it is.
        https://docs.slack.dev/surfaces/modals#updating_views
        """
        self._latest[chosen.view_id] = _PLACED
        async with asyncio.timeout(LOOK_SECONDS):
            draft = await self.run(self.drafts.load, chosen.draft_id)
        if draft is None or draft.adds_to is None:
            return
        submitter = await or_none(self.slack.profile(draft.trigger.submitter), KNOWN_SECONDS)
        context = replace(
            self.contexts.cached(draft, submitter),
            offers_thread=chosen.has("whole_thread"),
            placement=chosen.wanted,
        )
        opened = OpenedForm(chosen.view_id, chosen.hash)
        changed = await self.slack.update_form(opened, draft, context)
        if changed is not None:
            await self._complete(changed, draft, context)

    # Opening it again

    async def on_reopen(self, body: Body, ack: AsyncAck) -> None:
        """Open the form of a rejected request as it was, for its submitter only."""
        click = ButtonClicked.model_validate(body)
        reply_to = click.reply_to(self.clock())
        try:
            async with asyncio.timeout(READ_SECONDS):
                earlier = await self.run(self.records.request, self.workspace.team, click.value)
            await self._reopen(click.trigger_id or "", reopen(earlier, reply_to), reply_to)
        except (Fault, TimeoutError) as fault:
            note("form_not_opened_again", fault)
            self._say(reply_to, form.not_opened())
        await ack()

    async def _reopen(
        self,
        trigger_id: str,
        found: Reopened,
        reply_to: ReplyTo,
    ) -> None:
        match found:
            case ReopenedForm(trigger, key, row_id, prefill):
                await self.open(trigger_id, trigger, prefill, key, row_id)
            case AlreadyExists() | InProgress() if refused := await not_admitted(
                reply_to.user, self.workspace
            ):
                self._say(reply_to, answer.not_allowed(refused))
            case AlreadyExists(ticket):
                await self.slack.show_ticket(trigger_id, ticket)
            case InProgress():
                self._say(reply_to, answer.in_progress())
            case NotYourRequest():
                self._say(reply_to, form.not_yours())
            case UnknownRequest():
                self._say(reply_to, form.not_known())

    def _say(self, reply_to: ReplyTo, said: Answer) -> None:
        self.background.spawn(self.slack.say_privately(reply_to, said))
