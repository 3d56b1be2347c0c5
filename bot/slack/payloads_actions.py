"""Clicks on buttons and reactions taken away, as lenient models: which one, by whom, and where.

https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasPath, BaseModel, ConfigDict, Field, StringConstraints

from bot.slack.payloads import Id, ReactionAdded, Ts, Url

LONGEST_VALUE = 2000
"""https://docs.slack.dev/reference/block-kit/block-elements/button-element#fields"""


class _Sent(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True, populate_by_name=True)


class _Action(_Sent):
    action_id: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    value: Annotated[str, StringConstraints(max_length=LONGEST_VALUE)] | None = None


class _User(_Sent):
    id: Id
    team_id: Id | None = None


class _Container(_Sent):
    message_ts: Ts | None = None
    thread_ts: Ts | None = None
    is_ephemeral: bool = False
    view_id: Id | None = None


class ReactionRemoved(ReactionAdded):
    """The envelope of a `reaction_removed` event: the same fields.

    https://docs.slack.dev/reference/events/reaction_removed
    """


class ButtonClicked(_Sent):
    """A click on a button of a message, an ephemeral message, a view or the home tab.

    `user_team` is the user's own team, which may be another company's (Slack Connect). In a
    message `channel`, `message_ts` and `response_url` are there, in a view `view_id`.
    Clicks are not deduplicated by Slack: a double click comes twice.
    """

    actions: Annotated[tuple[_Action, ...], Field(min_length=1)]
    by: _User = Field(validation_alias="user")
    container: _Container = Field(default_factory=_Container)
    channel: Id | None = Field(None, validation_alias=AliasPath("channel", "id"))
    viewed: Id | None = Field(None, validation_alias=AliasPath("view", "id"))
    response_url: Url | None = None
    trigger_id: Id | None = None

    @property
    def action_id(self) -> str:
        return self.actions[0].action_id

    @property
    def value(self) -> str:
        """What the button carries; empty where it carries nothing."""
        return self.actions[0].value or ""

    @property
    def user(self) -> str:
        return self.by.id

    @property
    def user_team(self) -> str | None:
        return self.by.team_id

    @property
    def message_ts(self) -> str | None:
        return self.container.message_ts

    @property
    def thread_ts(self) -> str | None:
        """The root of the Slack thread that the message replies in, where Slack says so.

        None for the root itself, which stands in the channel.
        """
        root = self.container.thread_ts
        return None if root == self.container.message_ts else root

    @property
    def is_ephemeral(self) -> bool:
        """Nobody but the user sees the message; `chat.update` cannot change it."""
        return self.container.is_ephemeral

    @property
    def view_id(self) -> str | None:
        return self.container.view_id or self.viewed
