"""Where and how an answer is said: privately by whichever way is open, or as `confirm` has it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeGuard

from slack_sdk.web.async_client import AsyncWebClient

from bot.core.directory import Profile, UserKind
from bot.core.faults import Reason, Rejected, Rejection, SlackError
from bot.core.identity import Answerer, Linkers, Others, asks_who
from bot.core.model import (
    RESPONSE_URL_SECONDS,
    Added,
    Created,
    Form,
    Outcome,
    PostedAnswer,
    Remark,
    ReplyTo,
    Trigger,
    Via,
    chosen,
)
from bot.core.refs import MessageRef, is_ts
from bot.slack.calls import Declined, call, call_once, content, respond
from bot.slack.views import answer as build
from bot.slack.views.form import reopen_button
from bot.slack.views.kit import Answer, Button

Confirm = Literal["ephemeral", "thread", "reaction"]
SharedChannels = Literal["quiet", "open"]


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """How successes are confirmed: `confirm`, `receipt` and `shared_channels` of the settings;
    and whom a question who somebody is can be put to.

    `outsiders`: people of other companies may ask.
    """

    confirm: Confirm = "ephemeral"
    receipt: str = "incoming_envelope"
    shared_channels: SharedChannels = "quiet"
    linkers: Linkers = field(default_factory=Linkers)
    outsiders: bool = False


class Answers:
    """Says answers. `may_be_shared` tells whether others than the own company may read along,
    `profile` who somebody is."""

    def __init__(
        self,
        web: AsyncWebClient,
        manner: AnswerSettings,
        clock: Callable[[], float],
        may_be_shared: Callable[[str], Awaitable[bool]],
        profile: Callable[[str], Awaitable[Profile | None]],
    ) -> None:
        self._web = web
        self._manner = manner
        self._clock = clock
        self._may_be_shared = may_be_shared
        self._profile = profile

    async def tell(
        self, trigger: Trigger, outcome: Outcome, reference: str, bot: str | None
    ) -> PostedAnswer | None:
        """Say the final answer, once; where, if it can and may have to be edited.

        `bot` is the bot's user id. Raises TryLater where it was not said (or, unknown, may have
        been), and Rejected where no way to the person is open.
        """
        if _in_silence(trigger, outcome):
            return None
        root = _thread_of(trigger)
        # Where they may not ask, a reaction of theirs was turned away in silence.
        if self._manner.outsiders and await self.is_outsider(trigger.reply_to):
            if (quiet := build.quietly(outcome, reference, bot)) is not None:
                await self._privately(trigger.reply_to, root, quiet)
            return None
        next_actions = _next_actions(trigger, outcome, reference)
        answerer = await self._answerer(trigger, outcome)
        unused = chosen(trigger) if isinstance(outcome, Added) else ()
        answer = build.outcome(
            outcome, reference, bot, next_actions=next_actions, answerer=answerer, unused=unused
        )
        if answer is None:
            return None
        said = None
        # A reaction as an answer has no words for what was not used.
        wordless = self._manner.confirm == "reaction" and bool(unused)
        if isinstance(outcome, Created | Added) and trigger.ref is not None and not wordless:
            said = await self._openly(trigger.ref, root, answer)
        said = said or await self._privately(trigger.reply_to, root, answer)
        return said if isinstance(outcome, Created) and said is not None and said.ts else None

    async def tell_queued(self, trigger: Trigger, reference: str) -> None:
        """Say that it takes longer; raises as `tell` does."""
        await self._privately(trigger.reply_to, _thread_of(trigger), build.queued(reference))

    async def remark(self, reply_to: ReplyTo, remark: Remark, form: Form | None = None) -> None:
        """Say what came of asking again, with `form` if so; raises as `tell` does."""
        if not await self.is_outsider(reply_to):
            await self.say_privately(reply_to, build.remark(remark, form))
        elif self._manner.outsiders:  # else their reaction is just a reaction
            await self.say_privately(reply_to, build.remark_quietly(remark, form))

    async def say_privately(self, reply_to: ReplyTo, answer: Answer) -> None:
        """Say something to the person who asked; raises as `tell` does."""
        await self._privately(reply_to, reply_to.thread_ts, answer)

    async def edit(self, said: PostedAnswer, answer: Answer, quiet: Answer) -> None:
        """Say something else in place of what was said; `quiet` where others read along by now.

        What the bot posted in a direct message nobody else reads. Raises as `tell` does.
        """
        direct = said.channel.startswith("D")
        if not direct and await self._must_be_quiet(said.channel):
            answer = quiet
        await call(
            "chat.update",
            self._web.chat_update(
                channel=said.channel,
                ts=said.ts,
                text=answer.text,
                blocks=answer.blocks,
                parse="none",
                link_names=False,
            ),
        )

    async def take_receipt(self, said: PostedAnswer) -> None:
        """Take back the reaction that was the answer; harmless twice."""
        try:
            await call(
                "reactions.remove",
                self._web.reactions_remove(
                    channel=said.channel, timestamp=said.ts, name=said.receipt or ""
                ),
            )
        except Declined as declined:
            if declined.code != "no_reaction":
                raise

    async def replace(self, response_url: str, answer: Answer) -> None:
        """Say something in place of the message whose button was clicked; raises as `tell` does.

        Only the `response_url` of a click on an ephemeral message reaches that message.
        https://docs.slack.dev/interactivity/handling-user-interaction#updating_message_response
        """
        await respond(self._web, response_url, _response(answer) | {"replace_original": True})

    async def is_outsider(self, reply_to: ReplyTo) -> bool:
        """Whether this is a person of another company, who shall learn nothing of a ticket."""
        if reply_to.channel is None or not await self._must_be_quiet(reply_to.channel):
            return False
        try:
            profile = await self._profile(reply_to.user)
        except Rejected:
            return False  # Slack shows the bot nobody at all: that is what has to be said
        return profile is None or profile.standing is UserKind.EXTERNAL

    async def _must_be_quiet(self, channel: str) -> bool:
        """Whether people of another company read along, and shall not."""
        return self._manner.shared_channels == "quiet" and await self._may_be_shared(channel)

    async def _answerer(self, trigger: Trigger, outcome: Outcome) -> Answerer | None:
        """Who can say who the requester is, where that is what was missing."""
        if not asks_who(outcome):
            return None
        try:
            submitter = await self._profile(trigger.submitter)
        except Rejected:
            return Others(self._manner.linkers.named or ())
        return self._manner.linkers.answerer(submitter)

    async def _openly(
        self, ref: MessageRef, root: str | None, answer: Answer
    ) -> PostedAnswer | None:
        """Confirm at the message, where that is wanted and possible."""
        if self._manner.confirm == "ephemeral" or await self._must_be_quiet(ref.channel):
            return None
        try:
            if self._manner.confirm == "reaction":
                return await self._react(ref)
            return await self._post(ref.channel, answer, thread_ts=root or ref.ts)
        except Declined:
            return None

    async def _react(self, ref: MessageRef) -> PostedAnswer | None:
        receipt = self._manner.receipt.strip(":")
        try:
            await call(
                "reactions.add",
                self._web.reactions_add(channel=ref.channel, timestamp=ref.ts, name=receipt),
            )
        except Declined as declined:
            if declined.code != "already_reacted":
                return None
        return PostedAnswer(ref.channel, ref.ts, receipt)

    async def _privately(
        self, reply_to: ReplyTo, root: str | None, answer: Answer
    ) -> PostedAnswer | None:
        """By the first way that is open; one whose result is unknown is not followed by another."""
        shut: list[Declined] = []
        for way in self._ways(reply_to, root, answer):
            try:
                return await way()
            except Declined as declined:
                shut.append(declined)
        first = shut[0]
        raise Rejected(
            Rejection(
                Reason.SLACK_REFUSED, slack_error=SlackError(code=first.code, method=first.method)
            )
        )

    def _ways(
        self, to: ReplyTo, root: str | None, answer: Answer
    ) -> list[Callable[[], Awaitable[PostedAnswer | None]]]:
        ways: list[Callable[[], Awaitable[PostedAnswer | None]]] = []
        if to.channel is not None:
            channel = to.channel
            ways.append(lambda: self._ephemeral(channel, to.user, root, answer))
        if to.response_url is not None and to.asked_at + RESPONSE_URL_SECONDS > self._clock():
            url = to.response_url
            ways.append(lambda: respond(self._web, url, _response(answer)))
        ways.append(lambda: self._post(to.user, answer))
        return ways

    async def _ephemeral(
        self, channel: str, user: str, thread_ts: str | None, answer: Answer
    ) -> None:
        """Into a Slack thread only for a reply: elsewhere nobody would see it.

        https://docs.slack.dev/reference/methods/chat.postEphemeral
        """
        await call_once(
            "chat.postEphemeral",
            self._web.chat_postEphemeral(
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
        """Where it stands now: for a person's id, in the direct message with them."""
        posted = await call_once(
            "chat.postMessage",
            self._web.chat_postMessage(
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
        return PostedAnswer(where if isinstance(where, str) else channel, ts if _is_ts(ts) else "")


def _thread_of(trigger: Trigger) -> str | None:
    """Return the root of the Slack thread that is replied in; None for a message of the channel.

    A root with replies is read in the channel, where an ephemeral message of its thread is not
    shown. https://docs.slack.dev/reference/methods/chat.postEphemeral
    """
    root = trigger.reply_to.thread_ts
    if root is None and trigger.message is not None:
        return trigger.message.replies_to
    is_root = trigger.ref is not None and trigger.ref.ts == root  # as older rows have it
    return None if is_root else root


def _is_ts(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and is_ts(value)


def _response(answer: Answer) -> dict[str, Any]:
    said: dict[str, Any] = {
        "response_type": "ephemeral",
        "replace_original": False,
        "text": answer.text,
    }
    return said | ({"blocks": answer.blocks} if answer.blocks else {})


def _next_actions(trigger: Trigger, outcome: Outcome, reference: str) -> tuple[Button, ...]:
    """What the person who asked can do about a refusal, as buttons below it.

    What was typed into a form is not to be typed again; who may not ask needs no form.
    """
    of_a_form = trigger.via in (Via.SHORTCUT, Via.FORM)
    if not of_a_form or not isinstance(outcome, Rejection) or outcome.reason is Reason.NOT_ALLOWED:
        return ()
    return (reopen_button(reference),)


def _in_silence(trigger: Trigger, outcome: Outcome) -> bool:
    """A reaction asks nobody's leave: where it is not allowed, it is just a reaction."""
    return (
        isinstance(outcome, Rejection)
        and outcome.reason is Reason.NOT_ALLOWED
        and trigger.via is Via.REACTION
    )
