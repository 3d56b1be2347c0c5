"""Where and how an answer is said: privately by whichever way is open, or as `confirm` has it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from slack_sdk.web.async_client import AsyncWebClient

from bot.core.faults import Reason, Refused
from bot.core.model import Added, Created, Outcome, ReplyTo, Trigger, Turned, Via
from bot.core.refs import MessageRef
from bot.slack.blocks import answer as build
from bot.slack.blocks.answer import Answer
from bot.slack.calls import Declined, call, call_once, respond

RESPONSE_URL_LIFE = 1800.0
"""Seconds. https://docs.slack.dev/interactivity/handling-user-interaction#message_responses"""

Confirm = Literal["ephemeral", "thread", "reaction"]
SharedChannels = Literal["quiet", "open"]


@dataclass(frozen=True, slots=True)
class Manner:
    """How successes are confirmed: `confirm`, `receipt` and `shared_channels` of the settings."""

    confirm: Confirm = "ephemeral"
    receipt: str = "incoming_envelope"
    shared_channels: SharedChannels = "quiet"


class Answers:
    """Says answers. `may_be_shared` tells whether others than the own company may read along."""

    def __init__(
        self,
        web: AsyncWebClient,
        manner: Manner,
        clock: Callable[[], float],
        may_be_shared: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._web = web
        self._manner = manner
        self._clock = clock
        self._may_be_shared = may_be_shared

    async def tell(
        self, trigger: Trigger, outcome: Outcome, reference: str, bot: str | None
    ) -> None:
        """Say the final answer, once. `bot` is the bot's user id.

        Raises TryLater where it was not said (or, unknown, may have been), and Refused where
        no way to the person is open.
        """
        answer = build.outcome(outcome, reference, bot)
        if answer is None or _in_silence(trigger, outcome):
            return
        root = trigger.reply_to.thread_ts
        if root is None and trigger.message is not None:
            root = trigger.message.thread_ts
        if (
            isinstance(outcome, Created | Added)
            and trigger.ref is not None
            and await self._openly(trigger.ref, root, answer)
        ):
            return
        await self._privately(trigger.reply_to, root, answer)

    async def say_privately(self, reply_to: ReplyTo, answer: Answer) -> None:
        """Say something to the person who asked; raises as `tell` does."""
        await self._privately(reply_to, reply_to.thread_ts, answer)

    async def _openly(self, ref: MessageRef, root: str | None, answer: Answer) -> bool:
        """Confirm at the message, where that is wanted and possible."""
        try:
            if self._manner.confirm == "reaction":
                return await self._react(ref)
            if self._manner.confirm == "thread":
                return await self._reply(ref, root or ref.ts, answer)
        except Declined:
            pass
        return False

    async def _react(self, ref: MessageRef) -> bool:
        try:
            await call(
                "reactions.add",
                self._web.reactions_add(
                    channel=ref.channel, timestamp=ref.ts, name=self._manner.receipt.strip(":")
                ),
            )
        except Declined as declined:
            return declined.code == "already_reacted"
        return True

    async def _reply(self, ref: MessageRef, root: str, answer: Answer) -> bool:
        quiet = self._manner.shared_channels == "quiet"
        if quiet and await self._may_be_shared(ref.channel):
            return False
        await self._post(ref.channel, answer, thread_ts=root)
        return True

    async def _privately(self, reply_to: ReplyTo, root: str | None, answer: Answer) -> None:
        """By the first way that is open; one whose result is unknown is not followed by another."""
        shut: list[Declined] = []
        for way in self._ways(reply_to, root, answer):
            try:
                await way()
            except Declined as declined:
                shut.append(declined)
            else:
                return
        first = shut[0]
        raise Refused(Reason.SLACK_REFUSED, code=first.code, method=first.method)

    def _ways(
        self, to: ReplyTo, root: str | None, answer: Answer
    ) -> list[Callable[[], Awaitable[None]]]:
        ways: list[Callable[[], Awaitable[None]]] = []
        if to.channel is not None:
            channel = to.channel
            ways.append(lambda: self._ephemeral(channel, to.user, root, answer))
        if to.response_url is not None and to.asked_at + RESPONSE_URL_LIFE > self._clock():
            url = to.response_url
            ways.append(lambda: respond(self._web, url, _response(answer)))
        ways.append(lambda: self._post(to.user, answer))
        return ways

    async def _ephemeral(
        self, channel: str, user: str, thread_ts: str | None, answer: Answer
    ) -> None:
        """Into a Slack thread only where there is one: else nobody would see it.

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

    async def _post(self, channel: str, answer: Answer, thread_ts: str | None = None) -> None:
        await call_once(
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


def _response(answer: Answer) -> dict[str, Any]:
    said: dict[str, Any] = {
        "response_type": "ephemeral",
        "replace_original": False,
        "text": answer.text,
    }
    return said | ({"blocks": answer.blocks} if answer.blocks else {})


def _in_silence(trigger: Trigger, outcome: Outcome) -> bool:
    """A reaction asks nobody's leave: where it is not allowed, it is just a reaction."""
    return (
        isinstance(outcome, Turned)
        and outcome.reason is Reason.NOT_ALLOWED
        and trigger.via is Via.REACTION
    )
