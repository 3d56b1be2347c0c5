"""Ask who a person is: the button, the search for a customer, and the submitted form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from slack_bolt.async_app import AsyncAck

from bot.core.faults import Fault
from bot.flows.link import (
    CustomerNotCreated,
    Linked,
    Linking,
    LinkQuestion,
    MayNotLink,
    NothingToLink,
)
from bot.slack.background import BackgroundTasks, note
from bot.slack.client import SlackClient
from bot.slack.fields import Body
from bot.slack.payloads import ButtonClicked
from bot.slack.payloads_view import LinkSubmission, OptionsWanted
from bot.slack.views import link as build

OPEN_SECONDS = 1.6
"""Limit for opening the view, which comes after a look-up."""


@dataclass
class LinkListeners:
    """Handlers of linking a person, from an answer, the Home or the window of *why*."""

    link: Linking
    slack: SlackClient
    clock: Callable[[], float]
    background: BackgroundTasks

    async def on_clicked(self, body: Body, ack: AsyncAck) -> None:
        """Open the form, or show why it is not needed or not for this person."""
        clicked = ButtonClicked.model_validate(body)
        try:
            await self._show(clicked, await self.link.ask(clicked.user, clicked.value))
        except (Fault, TimeoutError) as fault:
            note("link_form_not_opened", fault)
            self.background.spawn(
                self.slack.say_privately(clicked.reply_to(self.clock()), build.not_opened())
            )
        await ack()

    async def on_typed(self, body: Body, ack: AsyncAck) -> None:
        """Offer the customers that match the search."""
        wanted = OptionsWanted.model_validate(body)
        await ack(options=build.options(await self.link.search(wanted.user, wanted.typed)))

    async def on_submit(self, body: Body, ack: AsyncAck) -> None:
        """Link the person and confirm it, or show what is wrong."""
        sent = LinkSubmission.model_validate(body)
        if errors := sent.errors():
            await ack(response_action="errors", errors=errors)
            return
        try:
            result = await self.link.submit(sent.user, sent.reference, sent.choice())
        except (Fault, TimeoutError) as fault:
            note("link_not_recorded", fault)
            await ack(response_action="errors", errors={"customer": build.NOT_SAVED})
            return
        match result:
            case CustomerNotCreated():
                await ack(response_action="errors", errors={"email": build.not_made(result)})
            case Linked():
                self._replace(sent.answer, result)
                await ack(response_action="update", view=build.linked(result))
            case NothingToLink():
                self._replace(sent.answer, result)
                await ack(response_action="update", view=build.over(result))
            case MayNotLink():
                await ack(response_action="update", view=build.not_yours(result))

    async def _show(
        self, clicked: ButtonClicked, found: LinkQuestion | MayNotLink | NothingToLink
    ) -> None:
        """Show the form or why there is none, in the place of the modal that was clicked."""
        answer = clicked.response_url
        match found:
            case LinkQuestion():
                view = build.form(found, answer)
            case MayNotLink():
                view = build.not_yours(found)
            case NothingToLink():
                view = build.over(found)
        if clicked.window_id is not None:
            # Slack opens no second modal beside one that is open: https://docs.slack.dev/surfaces/modals
            await self.slack.update_view(clicked.window_id, view, limit=OPEN_SECONDS)
        elif clicked.trigger_id is not None:
            await self.slack.open_view(clicked.trigger_id, view, limit=OPEN_SECONDS)
        if isinstance(found, NothingToLink):
            self._replace(answer, found)

    def _replace(self, answer: str | None, result: Linked | NothingToLink) -> None:
        """Replace the answer that was clicked (a `response_url`); a view has none."""
        if answer is not None:
            self.background.spawn(self.slack.replace(answer, build.instead(result)))
