"""What Slack sends, as lenient models that give core's nouns.

A missing field that is needed, or one of a wrong form, is pydantic's ValidationError.
https://docs.slack.dev/reference/interaction-payloads
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

from bot.core.model import UNNAMED_APP, Message, ReplyTo, Trigger, Via
from bot.core.refs import MessageRef, is_ts
from bot.core.routing import bare_emoji
from bot.core.text.excerpt import GOES_ON, bounded
from bot.slack.fields import ID, is_id, mapping, string
from bot.slack.text import bounds
from bot.slack.text.message import blocks_of, files_of, plain_blocks

_SLACK_ITSELF = {"USLACKBOT": "Slackbot", "USLACK": "Slack"}

Id = Annotated[str, StringConstraints(pattern=rf"^{ID}$")]
Ts = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}\.[0-9]{6}$")]
URL = "https?://[!-~]{1,2000}"
Url = Annotated[str, StringConstraints(pattern=rf"^{URL}$")]


class _Sent(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


class _Named(_Sent):
    id: Id


class _Item(_Sent):
    type: str
    channel: Id | None = None
    ts: Ts | None = None

    @model_validator(mode="after")
    def _message_is_named(self) -> Self:
        if self.type == "message" and (self.channel is None or self.ts is None):
            raise ValueError("a reaction to a message names its channel and ts")
        return self


class _Reaction(_Sent):
    user: Id
    reaction: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    item: _Item
    event_ts: Ts | None = None


class ReactionAdded(_Sent):
    """The envelope of a `reaction_added` event.

    https://docs.slack.dev/reference/events/reaction_added
    """

    event_id: Id
    event: _Reaction

    def trigger(self, team: str, now: float) -> Trigger | None:
        """Who asked for which message; None for a reaction to anything but a message.

        `team` is the installed one: the payload's may be the sender's (Slack Connect).
        """
        item = self.event.item
        if item.type != "message" or item.channel is None or item.ts is None:
            return None
        return Trigger(
            via=Via.REACTION,
            team=team,
            submitter=self.event.user,
            request=self.event_id,
            reply_to=ReplyTo(user=self.event.user, asked_at=self._at(now), channel=item.channel),
            channel=item.channel,
            ref=MessageRef(item.channel, item.ts),
            emoji=bare_emoji(self.event.reaction),
        )

    def _at(self, now: float) -> float:
        """When the person reacted: an event may come an hour late."""
        return now if self.event.event_ts is None else min(now, float(self.event.event_ts))


class MessageShortcut(_Sent):
    """A shortcut of a message's menu; it brings the message, wherever it stands."""

    callback_id: str
    trigger_id: Id
    user: _Named
    channel: _Named
    message_ts: Ts
    message: dict[str, Any]
    response_url: Url | None = None

    def trigger(self, team: str, now: float) -> Trigger:
        """Who asked for which message, which is known whole."""
        ref = MessageRef(self.channel.id, self.message_ts)
        message = message_of(self.message, ref)
        return Trigger(
            via=Via.SHORTCUT,
            team=team,
            submitter=self.user.id,
            request=self.trigger_id,
            reply_to=ReplyTo(
                user=self.user.id,
                asked_at=now,
                channel=self.channel.id,
                thread_ts=message.replies_to,
                response_url=self.response_url,
            ),
            channel=self.channel.id,
            ref=ref,
            message=message,
        )


class GlobalShortcut(_Sent):
    """A shortcut of the `+` menu; it stands in no channel and brings no `response_url`."""

    callback_id: str
    trigger_id: Id
    user: _Named

    def trigger(self, team: str, now: float) -> Trigger:
        """Who asked; about no message."""
        return Trigger(
            via=Via.FORM,
            team=team,
            submitter=self.user.id,
            request=self.trigger_id,
            reply_to=ReplyTo(user=self.user.id, asked_at=now),
        )


_ONE_WORD = re.compile(r"[a-z]{1,20}")


class SlashCommand(_Sent):
    """`/plain-ticket`; its text has Slack's escapes (`should_escape`).

    https://docs.slack.dev/interactivity/implementing-slash-commands
    """

    command: str
    trigger_id: Id
    user_id: Id
    channel_id: Id
    text: str = ""
    response_url: Url | None = None

    @property
    def word(self) -> str:
        """The whole text, as it is looked up among the words that ask for no ticket."""
        return self.text.strip().casefold().rstrip("!?.")

    @property
    def is_one_word(self) -> bool:
        """Whether it is a word as commands have: more likely a mistake than a ticket's text.

        Of ASCII letters only: in some scripts a whole sentence has no spaces.
        """
        return _ONE_WORD.fullmatch(self.word) is not None

    @property
    def is_bare(self) -> bool:
        """Without a text: the form is wanted."""
        return not self.text.strip()

    def trigger(self, team: str, now: float) -> Trigger:
        """Who asked, with the text as the message; a bare command asks for the form."""
        text = self.text.strip()
        message = Message(ref=None, author=self.user_id, blocks=bounded(plain_blocks(text)))
        return Trigger(
            via=Via.COMMAND if text else Via.FORM,
            team=team,
            submitter=self.user_id,
            request=self.trigger_id,
            reply_to=ReplyTo(
                user=self.user_id,
                asked_at=now,
                channel=self.channel_id,
                response_url=self.response_url,
            ),
            channel=self.channel_id,
            message=message if text else None,
        )


def message_of(message: Mapping[str, Any], ref: MessageRef) -> Message:
    """Return Slack's message object as core's Message; `ref` says where it stands.

    A message with a `bot_id` can carry a user too: the app's bot user, or the person who posted
    through the app. What is beyond `LONGEST_MESSAGE` is left out, and said to be.
    https://docs.slack.dev/reference/events/message
    """
    message, is_cut = bounds.bounded(message)
    blocks = bounded(blocks_of(message))
    if is_cut and blocks[-1:] != (GOES_ON,):
        blocks = (*blocks, GOES_ON)
    user, thread_ts = message.get("user"), message.get("thread_ts")
    bot, made_up = _app(message)
    return Message(
        ref=ref,
        author=user if is_id(user) else None,
        blocks=blocks,
        thread_ts=thread_ts if isinstance(thread_ts, str) and is_ts(thread_ts) else None,
        bot=bot,
        files=files_of(message),
        made_up=made_up,
    )


def _app(message: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the name of the app that posted the message, and the name that it made up for it.

    `username` is what whoever posts chooses; the app's own name stands in `bot_profile`.
    https://docs.slack.dev/reference/methods/chat.postMessage#authorship
    """
    user = message.get("user")
    if isinstance(user, str) and user in _SLACK_ITSELF:
        return _SLACK_ITSELF[user], None
    if user and not message.get("bot_id") and message.get("subtype") != "bot_message":
        return None, None
    own, shown = string(mapping(message.get("bot_profile")), "name"), string(message, "username")
    return own or UNNAMED_APP, shown if shown != own else None
