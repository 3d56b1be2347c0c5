"""Who is this? The button that asks, the search, and the form that is sent off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.core.faults import Fault
from bot.core.model import ReplyTo
from bot.flows.link import (
    CustomerNotCreated,
    Linked,
    Linking,
    LinkQuestion,
    MayNotLink,
    NothingToLink,
)
from bot.slack.background import BackgroundTasks, note
from bot.slack.payloads_actions import ButtonClicked
from bot.slack.payloads_link import CustomerTyped, LinkSubmission
from bot.slack.views import link as build
from bot.slack.views.kit import Answer

OPEN_SECONDS = 1.6
"""For opening a view, once it is known which one."""

Asked = dict[str, Any]


class Shows(Protocol):
    """What the listeners show in Slack."""

    async def open_view(self, trigger_id: str, view: Mapping[str, Any], *, limit: float) -> str: ...

    async def say_privately(self, reply_to: ReplyTo, said: Answer) -> None: ...

    async def replace(self, response_url: str, said: Answer) -> None: ...


@dataclass
class LinkListeners:
    """The listeners of what links a person, wherever its button stands: below an answer, or in
    the app's home."""

    link: Linking
    slack: Shows
    clock: Callable[[], float]
    later: BackgroundTasks = field(default_factory=BackgroundTasks)

    def register(self, app: AsyncApp) -> None:
        app.action(build.ACTION)(self.on_clicked)
        app.options(build.SEARCH_ACTION)(self.on_typed)
        app.view(build.CALLBACK_ID)(self.on_submit)

    async def on_clicked(self, body: Asked, ack: AsyncAck) -> None:
        clicked = ButtonClicked.model_validate(body)
        try:
            asked = await self.link.ask(clicked.user, clicked.value)
            if clicked.trigger_id is not None:
                await self._open(clicked.trigger_id, asked, clicked.response_url)
        except (Fault, TimeoutError) as fault:
            note("link_form_not_opened", fault)
            self.later.do(self.slack.say_privately(self._way_back(clicked), build.not_opened()))
        await ack()

    async def on_typed(self, body: Asked, ack: AsyncAck) -> None:
        typed = CustomerTyped.model_validate(body)
        await ack(options=build.options(await self.link.search(typed.user, typed.term)))

    async def on_submit(self, body: Asked, ack: AsyncAck) -> None:
        sent = LinkSubmission.model_validate(body)
        if errors := sent.errors():
            await ack(response_action="errors", errors=errors)
            return
        try:
            came = await self.link.submit(sent.user, sent.reference, sent.choice())
        except (Fault, TimeoutError) as fault:
            note("link_not_recorded", fault)
            await ack(response_action="errors", errors={"customer": build.NOT_SAVED})
            return
        match came:
            case CustomerNotCreated():
                await ack(response_action="errors", errors={"email": build.not_made(came)})
            case Linked():
                self._instead(sent.answer, came)
                await ack(response_action="update", view=build.linked(came))
            case NothingToLink():
                self._instead(sent.answer, came)
                await ack(response_action="update", view=build.over(came))
            case MayNotLink():
                await ack(response_action="update", view=build.not_yours(came))

    async def _open(
        self, trigger_id: str, asked: LinkQuestion | MayNotLink | NothingToLink, answer: str | None
    ) -> None:
        match asked:
            case LinkQuestion():
                view = build.form(asked, answer)
            case MayNotLink():
                view = build.not_yours(asked)
            case NothingToLink():
                view = build.over(asked)
        await self.slack.open_view(trigger_id, view, limit=OPEN_SECONDS)
        if isinstance(asked, NothingToLink):
            self._instead(answer, asked)

    def _instead(self, answer: str | None, came: Linked | NothingToLink) -> None:
        """Let the answer that was clicked ask no more; in the Home there is none."""
        if answer is not None:
            self.later.do(self.slack.replace(answer, build.instead(came)))

    def _way_back(self, clicked: ButtonClicked) -> ReplyTo:
        return ReplyTo(
            user=clicked.user,
            asked_at=self.clock(),
            channel=clicked.channel,
            thread_ts=clicked.thread_ts,
            response_url=clicked.response_url,
        )
