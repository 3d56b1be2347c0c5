"""Model what Slack sends: events, shortcuts, commands and clicks on buttons.

Those that can ask for a ticket give a `Trigger`. Views are in `payloads_view`.
https://docs.slack.dev/reference/interaction-payloads
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Self

from pydantic import AliasChoices, AliasPath, Field, StringConstraints, model_validator

from bot.core.model import Message, ReplyTo, Trigger, Via
from bot.core.refs import MessageRef
from bot.core.routing import bare_emoji
from bot.core.text.excerpt import bounded
from bot.slack.fields import Id, Payload, Ts, Url
from bot.slack.text.message import message_of, plain_blocks

LONGEST_VALUE = 2000
"""https://docs.slack.dev/reference/block-kit/block-elements/button-element#fields"""

_ONE_WORD = re.compile(r"[a-z]{1,20}")

UserId = Annotated[Id, Field(validation_alias=AliasPath("user", "id"))]
"""The person who acted, in interaction payloads."""


# Events


class _Item(Payload):
    type: str
    channel: Id | None = None
    ts: Ts | None = None

    @model_validator(mode="after")
    def _message_is_named(self) -> Self:
        if self.type == "message" and (self.channel is None or self.ts is None):
            raise ValueError("a reaction to a message names its channel and ts")
        return self


class _Reaction(Payload):
    user: Id
    reaction: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    item: _Item
    event_ts: Ts | None = None


class ReactionAdded(Payload):
    """The envelope of a `reaction_added` event.

    https://docs.slack.dev/reference/events/reaction_added
    """

    event_id: Id
    event: _Reaction

    def trigger(self, team: str, now: float) -> Trigger | None:
        """Return the request; None for a reaction to anything but a message.

        `team` is the installed one: the payload's may be the sender's (Slack Connect). `now` is in
        Unix seconds.
        """
        item = self.event.item
        if item.type != "message" or item.channel is None or item.ts is None:
            return None
        return Trigger(
            via=Via.REACTION,
            team=team,
            submitter=self.event.user,
            request=self.event_id,
            reply_to=ReplyTo(
                user=self.event.user, asked_at=self._reacted_at(now), channel=item.channel
            ),
            channel=item.channel,
            ref=MessageRef(item.channel, item.ts),
            emoji=bare_emoji(self.event.reaction),
        )

    def _reacted_at(self, now: float) -> float:
        """Return when the person reacted: an event may come an hour late."""
        return now if self.event.event_ts is None else min(now, float(self.event.event_ts))


class ReactionRemoved(ReactionAdded):
    """The envelope of a `reaction_removed` event, which has the same fields.

    https://docs.slack.dev/reference/events/reaction_removed
    """


class HomeOpened(Payload):
    """The envelope of an `app_home_opened` event.

    https://docs.slack.dev/reference/events/app_home_opened
    """

    user: Id = Field(validation_alias=AliasPath("event", "user"))
    tab: Annotated[str, StringConstraints(max_length=100)] = Field(
        "", validation_alias=AliasPath("event", "tab")
    )
    view: dict[str, Any] | None = Field(None, validation_alias=AliasPath("event", "view"))

    @property
    def is_blank(self) -> bool:
        """Return whether nothing was published there yet."""
        return not self.view


# Shortcuts and the command


class MessageShortcut(Payload):
    """A shortcut in a message's menu, which carries the message from any conversation."""

    trigger_id: Id
    user: UserId
    channel: Id = Field(validation_alias=AliasPath("channel", "id"))
    message_ts: Ts
    message: dict[str, Any]
    response_url: Url | None = None

    def trigger(self, team: str, now: float) -> Trigger:
        """Return the request, with the whole message."""
        ref = MessageRef(self.channel, self.message_ts)
        message = message_of(self.message, ref)
        return Trigger(
            via=Via.SHORTCUT,
            team=team,
            submitter=self.user,
            request=self.trigger_id,
            reply_to=ReplyTo(
                user=self.user,
                asked_at=now,
                channel=self.channel,
                thread_ts=message.replies_to,
                response_url=self.response_url,
            ),
            channel=self.channel,
            ref=ref,
            message=message,
        )


class GlobalShortcut(Payload):
    """A shortcut of the `+` menu; it belongs to no channel and has no `response_url`."""

    trigger_id: Id
    user: UserId

    def trigger(self, team: str, now: float) -> Trigger:
        """Return the request, which is about no message."""
        return Trigger(
            via=Via.FORM,
            team=team,
            submitter=self.user,
            request=self.trigger_id,
            reply_to=ReplyTo(user=self.user, asked_at=now),
        )


class SlashCommand(Payload):
    """A `/plain-ticket` command; its text has Slack's escapes (`should_escape`).

    https://docs.slack.dev/interactivity/implementing-slash-commands
    """

    trigger_id: Id
    user_id: Id
    channel_id: Id
    text: str = ""
    response_url: Url | None = None

    @property
    def word(self) -> str:
        """Return the whole text as it is looked up among the subcommands."""
        return self.text.strip().casefold().rstrip("!?.")

    @property
    def is_one_word(self) -> bool:
        """Return whether the text is more likely a mistyped subcommand than a ticket's text.

        Of ASCII letters only: in some scripts a whole sentence has no spaces.
        """
        return _ONE_WORD.fullmatch(self.word) is not None

    @property
    def is_bare(self) -> bool:
        """Return whether there is no text, which asks for the form."""
        return not self.text.strip()

    def trigger(self, team: str, now: float) -> Trigger:
        """Return the request, with the text as the message; a bare command asks for the form."""
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


# Clicks


class _Action(Payload):
    value: Annotated[str, StringConstraints(max_length=LONGEST_VALUE)] | None = None


class ButtonClicked(Payload):
    """A click on a button of a message, an ephemeral message, a view or the Home tab.

    In a message `channel`, `message_ts` and `response_url` are set, in a view `view_id` is.
    Slack does not deduplicate clicks: a double click comes twice.
    https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
    """

    actions: Annotated[tuple[_Action, ...], Field(min_length=1)]
    user: UserId
    channel: Id | None = Field(None, validation_alias=AliasPath("channel", "id"))
    message_ts: Ts | None = Field(None, validation_alias=AliasPath("container", "message_ts"))
    root_ts: Ts | None = Field(None, validation_alias=AliasPath("container", "thread_ts"))
    is_ephemeral: bool = Field(False, validation_alias=AliasPath("container", "is_ephemeral"))
    """Only the user sees the message, and `chat.update` cannot change it."""
    view_id: Id | None = Field(
        None,
        validation_alias=AliasChoices(AliasPath("container", "view_id"), AliasPath("view", "id")),
    )
    view_type: Annotated[str, StringConstraints(max_length=100)] = Field(
        "", validation_alias=AliasPath("view", "type")
    )
    response_url: Url | None = None
    trigger_id: Id | None = None

    @property
    def window_id(self) -> str | None:
        """Return the id of the modal that has the button; None for one elsewhere."""
        return self.view_id if self.view_type == "modal" else None

    @property
    def value(self) -> str:
        """Return the button's value; empty if it has none."""
        return self.actions[0].value or ""

    @property
    def thread_ts(self) -> str | None:
        """Return the root of the Slack thread that the message replies in, if Slack names it.

        None for the root itself, which is read in the channel.
        """
        return None if self.root_ts == self.message_ts else self.root_ts

    def reply_to(self, now: float) -> ReplyTo:
        """Return where to answer the click; `now` is in Unix seconds."""
        return ReplyTo(
            user=self.user,
            asked_at=now,
            channel=self.channel,
            thread_ts=self.thread_ts,
            response_url=self.response_url,
        )
