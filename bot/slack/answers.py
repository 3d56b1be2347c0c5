"""Answer people: privately by the first route that is open, or publicly as `confirm` says."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.directory import Installation, UserKind, kind_of
from bot.core.faults import Reason, Rejected, Rejection, SlackError
from bot.core.identity import Answerer, Linkers, Others, asks_who
from bot.core.model import (
    RESPONSE_URL_SECONDS,
    Added,
    Created,
    Outcome,
    Placement,
    PostedAnswer,
    ReplyTo,
    Ticket,
    Trigger,
    Via,
)
from bot.core.refs import MessageRef, is_ts
from bot.slack.calls import SlackRejected, call, call_once, content, respond
from bot.slack.lookups import Lookups
from bot.slack.views import answer as build
from bot.slack.views import undo
from bot.slack.views.form import reopen_button
from bot.slack.views.kit import Answer, Button

log = structlog.get_logger("bot.slack")

Confirm = Literal["ephemeral", "thread", "reaction"]
SharedChannels = Literal["quiet", "open"]


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """The settings of answers: how successes are confirmed (`confirm`, `receipt`,
    `shared_channels`), and who can link people.

    `outsiders`: people of other companies may create tickets.
    """

    confirm: Confirm = "ephemeral"
    receipt: str = "incoming_envelope"
    shared_channels: SharedChannels = "quiet"
    linkers: Linkers = field(default_factory=Linkers)
    outsiders: bool = False


class Answers(Lookups):
    """The answers in one workspace, redacted for people of other companies."""

    def __init__(
        self,
        web: AsyncWebClient,
        settings: AnswerSettings | None = None,
        *,
        installed: Installation | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(web, installed=installed, clock=clock)
        self._settings = settings or AnswerSettings()

    async def tell(self, trigger: Trigger, outcome: Outcome, reference: str) -> PostedAnswer | None:
        """Send the final answer, once; return its place if it may have to be edited.

        `reference` ("PB-7") is what the person can quote. Raises TryLater if it was not sent (or,
        unknown, may have been), and Rejected if no route to the person is open.
        """
        if _is_silent(trigger, outcome):
            return None
        root = _thread_of(trigger)
        # If they may not create tickets, their reaction got no answer.
        if self._settings.outsiders and await self._is_outsider(
            trigger.submitter, _channel_of(trigger)
        ):
            redacted = build.quietly(outcome, reference, self.bot_user)
            if redacted is not None:
                await self._privately(trigger.reply_to, root, redacted)
            return None
        answer = build.outcome(
            outcome,
            reference,
            self.bot_user,
            next_actions=_next_actions(trigger, outcome, reference),
            answerer=await self._who_can_link(trigger, outcome),
            placement=trigger.form.placement if trigger.form else Placement.ANY,
        )
        if answer is None:
            return None
        said = None
        wordless = self._settings.confirm == "reaction" and _needs_words(outcome)
        if isinstance(outcome, Created | Added) and trigger.ref is not None and not wordless:
            said = await self._publicly(trigger.ref, root, answer)
        said = said or await self._privately(trigger.reply_to, root, answer)
        return said if isinstance(outcome, Created) and said is not None and said.ts else None

    async def tell_queued(self, trigger: Trigger, reference: str) -> None:
        """Tell the submitter that it takes longer; raises as `tell` does."""
        await self._privately(trigger.reply_to, _thread_of(trigger), build.queued(reference))

    async def say_privately(self, reply_to: ReplyTo, answer: Answer) -> None:
        """Answer one person; raises as `tell` does."""
        await self._privately(reply_to, reply_to.thread_ts, answer)

    async def edit_undone(self, posted: PostedAnswer, ticket: Ticket | None, by: str) -> None:
        """Replace an answer by a note that the user `by` undid the ticket; raises as `tell`."""
        if posted.receipt is not None:
            await self._remove_receipt(posted)
            return
        await self._edit(
            posted, undo.undone(ticket, by), redacted=undo.undone(ticket, by, quiet=True)
        )

    async def tell_undone(self, trigger: Trigger, ticket: Ticket | None, by: str) -> None:
        """Tell the submitter that the user `by` undid the ticket of their request; raises as `tell`
        does."""
        is_outsider = await self._is_outsider(trigger.submitter, _channel_of(trigger))
        said = undo.told_undone(ticket, by, quiet=is_outsider)
        await self._privately(trigger.reply_to, _thread_of(trigger), said)

    async def edit_ended(self, posted: PostedAnswer, ticket: Ticket | None) -> None:
        """Remove the answer's Undo button; raises as `tell`."""
        if posted.receipt is None:
            await self._edit(posted, build.ended(ticket), redacted=build.ended(ticket, quiet=True))

    async def _edit(self, posted: PostedAnswer, answer: Answer, *, redacted: Answer) -> None:
        """Replace an answer; by the `redacted` one if others can read the channel by now.

        Nobody else reads a direct message of the bot's.
        """
        direct = posted.channel.startswith("D")
        if not direct and await self._must_redact(posted.channel):
            answer = redacted
        await call(
            "chat.update",
            self.web.chat_update(
                channel=posted.channel,
                ts=posted.ts,
                text=answer.text,
                blocks=answer.blocks,
                parse="none",
                link_names=False,
            ),
        )

    async def _remove_receipt(self, posted: PostedAnswer) -> None:
        """Remove the reaction that was the answer; harmless if repeated."""
        try:
            await call(
                "reactions.remove",
                self.web.reactions_remove(
                    channel=posted.channel, timestamp=posted.ts, name=posted.receipt or ""
                ),
            )
        except SlackRejected as declined:
            if declined.code != "no_reaction":
                raise

    async def replace(self, response_url: str, answer: Answer) -> None:
        """Say something in place of the message whose button was clicked; raises as `tell` does.

        Only the `response_url` of a click on an ephemeral message reaches that message.
        https://docs.slack.dev/interactivity/handling-user-interaction#updating_message_response
        """
        await respond(self.web, response_url, _response(answer) | {"replace_original": True})

    async def _is_outsider(self, user: str, channel: str | None) -> bool:
        """Return whether this is a person of another company, who must learn of no ticket.

        `channel` is where they asked, which is not where the answer goes once its address is
        erased. Without one the person alone decides.
        """
        if self._settings.shared_channels == "open":
            return False
        if channel is not None and not await self.may_be_shared(channel):
            return False
        try:
            profile = await self.profile(user)
        except Rejected:
            return False  # the bot may see nobody at all, which is what the answer has to say
        return kind_of(profile) is UserKind.EXTERNAL

    async def _must_redact(self, channel: str) -> bool:
        """Return whether people of another company can read the channel and must learn less."""
        return self._settings.shared_channels == "quiet" and await self.may_be_shared(channel)

    async def _who_can_link(self, trigger: Trigger, outcome: Outcome) -> Answerer | None:
        """Return who can link the requester; None if that is not what was missing."""
        if not asks_who(outcome):
            return None
        try:
            submitter = await self.profile(trigger.submitter)
        except Rejected:
            return Others(self._settings.linkers.named or ())
        return self._settings.linkers.answerer(submitter)

    async def _publicly(
        self, ref: MessageRef, root: str | None, answer: Answer
    ) -> PostedAnswer | None:
        """Confirm at the message, if the settings and the channel allow it."""
        if self._settings.confirm == "ephemeral" or await self._must_redact(ref.channel):
            return None
        try:
            if self._settings.confirm == "reaction":
                return await self._react(ref)
            return await self._post(ref.channel, answer, thread_ts=root or ref.ts)
        except SlackRejected:
            return None

    async def _react(self, ref: MessageRef) -> PostedAnswer | None:
        receipt = self._settings.receipt.strip(":")
        try:
            await call(
                "reactions.add",
                self.web.reactions_add(channel=ref.channel, timestamp=ref.ts, name=receipt),
            )
        except SlackRejected as declined:
            if declined.code != "already_reacted":
                return None
        return PostedAnswer(ref.channel, ref.ts, receipt)

    async def _privately(
        self, reply_to: ReplyTo, root: str | None, answer: Answer
    ) -> PostedAnswer | None:
        """Answer by the first route that Slack does not refuse.

        No other route follows one whose outcome is unknown. Raises Rejected if all are refused.
        """
        refusals: list[SlackRejected] = []
        for send in self._routes(reply_to, root, answer):
            try:
                return await send()
            except SlackRejected as declined:
                refusals.append(declined)
        first = refusals[0]
        error = SlackError(code=first.code, method=first.method)
        raise Rejected(Rejection(Reason.SLACK_REFUSED, slack_error=error))

    def _routes(
        self, to: ReplyTo, root: str | None, answer: Answer
    ) -> list[Callable[[], Awaitable[PostedAnswer | None]]]:
        routes: list[Callable[[], Awaitable[PostedAnswer | None]]] = []
        if to.channel is not None:
            channel = to.channel
            routes.append(lambda: self._ephemeral(channel, to.user, root, answer))
        if to.response_url is not None and to.asked_at + RESPONSE_URL_SECONDS > self.clock():
            url = to.response_url
            routes.append(lambda: respond(self.web, url, _response(answer)))
        routes.append(lambda: self._post(to.user, answer))
        return routes

    async def _ephemeral(
        self, channel: str, user: str, thread_ts: str | None, answer: Answer
    ) -> None:
        """Post to one person; `thread_ts` for a reply only, elsewhere nobody would see it.

        https://docs.slack.dev/reference/methods/chat.postEphemeral
        """
        await call_once(
            "chat.postEphemeral",
            self.web.chat_postEphemeral(
                channel=channel,
                user=user,
                text=answer.text,
                blocks=answer.blocks or None,
                thread_ts=thread_ts,
                parse="none",
                link_names=False,
            ),
        )

    async def _post(
        self, channel: str, answer: Answer, thread_ts: str | None = None
    ) -> PostedAnswer:
        """Post a message, to a person's id as a direct message; return its place."""
        posted = await call_once(
            "chat.postMessage",
            self.web.chat_postMessage(
                channel=channel,
                text=answer.text,
                blocks=answer.blocks or None,
                thread_ts=thread_ts,
                parse="none",
                link_names=False,
                unfurl_links=False,
                unfurl_media=False,
            ),
        )
        where, ts = content(posted).get("channel"), content(posted).get("ts")
        return PostedAnswer(where if isinstance(where, str) else channel, ts if is_ts(ts) else "")


def _channel_of(trigger: Trigger) -> str | None:
    """Return the channel in which the ticket was requested; None if it was in none."""
    return trigger.channel or (trigger.ref.channel if trigger.ref is not None else None)


def _thread_of(trigger: Trigger) -> str | None:
    """Return the root of the Slack thread to answer in; None for a message of the channel.

    A root with replies is read in the channel, where an ephemeral message of its thread is not
    shown. https://docs.slack.dev/reference/methods/chat.postEphemeral
    """
    root = trigger.reply_to.thread_ts
    if root is None and trigger.message is not None:
        return trigger.message.replies_to
    is_root = trigger.ref is not None and trigger.ref.ts == root  # in rows of earlier releases
    return None if is_root else root


def _response(answer: Answer) -> dict[str, Any]:
    said: dict[str, Any] = {
        "response_type": "ephemeral",
        "replace_original": False,
        "text": answer.text,
    }
    return said | ({"blocks": answer.blocks} if answer.blocks else {})


def _next_actions(trigger: Trigger, outcome: Outcome, reference: str) -> tuple[Button, ...]:
    """Return the buttons of what the submitter can do about a rejection.

    A rejected form can be opened again as it was, unless the person may not create tickets.
    """
    of_a_form = trigger.via in (Via.SHORTCUT, Via.FORM)
    if not of_a_form or not isinstance(outcome, Rejection) or outcome.reason is Reason.NOT_ALLOWED:
        return ()
    return (reopen_button(reference),)


def _needs_words(outcome: Outcome) -> bool:
    """Return whether a reaction alone cannot say the outcome: what was not used of a form, or
    that there is another ticket."""
    match outcome:
        case Added(unused=unused):
            return bool(unused)
        case Created(beside=beside):
            return beside is not None
        case _:
            return False


def _is_silent(trigger: Trigger, outcome: Outcome) -> bool:
    """Return whether to send no answer: to a reaction of a person who may not create tickets."""
    return (
        isinstance(outcome, Rejection)
        and outcome.reason is Reason.NOT_ALLOWED
        and trigger.via is Via.REACTION
    )
