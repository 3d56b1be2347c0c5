"""Build the payloads that Slack sends, and spread events to the app."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

from bot.sandbox.slack.nouns import Conversation, Delivery, Json, User, View
from bot.sandbox.slack.world import SlackWorld

_TOKEN = "verification-token-test"  # noqa: S105 — the deprecated token, worth nothing


def envelope(world: SlackWorld, event: Json, actor: str | None, channel: str | None) -> Json:
    """Return an event as the Events API wraps it.

    In a channel shared with another company `team_id` can be the sender's; `authorizations`
    names the installed workspace. https://docs.slack.dev/apis/events-api#callback-field
    """
    sender = world.users[actor].team if actor in world.users else world.team
    shared = channel in world.conversations and world.conversations[channel].shared
    return {
        "token": _TOKEN,
        "team_id": sender if shared else world.team,
        "context_team_id": world.team,
        "context_enterprise_id": None,
        "api_app_id": world.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": f"Ev{world.nonce('event').upper()[:12]}",
        "event_time": int(world.clock()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": world.team,
                "user_id": world.bot_user,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": shared,
        "event_context": f"4-{world.nonce('context')}",
    }


def reaction(world: SlackWorld, change: str, user: str, channel: str, ts: str, emoji: str) -> Json:
    """Return `reaction_added` or `reaction_removed`; the author only if a user wrote it."""
    author = world.message(channel, ts).get("user")
    return {
        "type": change,
        "user": user,
        "reaction": emoji,
        "item": {"type": "message", "channel": channel, "ts": ts},
        **({"item_user": author} if author else {}),
        "event_ts": world.next_ts(),
    }


def message(channel: Conversation, posted: Json) -> Json:
    """Return a `message` event; a person's files make it a `file_share`."""
    subtype = {"subtype": "file_share"} if posted.get("files") and "user" in posted else {}
    return {
        **subtype,
        **shown(posted),
        "channel": channel.id,
        "channel_type": channel.kind,
        "event_ts": posted["ts"],
    }


def changed(channel: Conversation, now: Json | None, before: Json, ts: str) -> Json:
    """Return `message_changed`, or `message_deleted` if nothing is left."""
    about = {"deleted_ts": before["ts"]} if now is None else {"message": shown(now)}
    return {
        "type": "message",
        "subtype": "message_deleted" if now is None else "message_changed",
        "hidden": True,
        **about,
        "previous_message": shown(before),
        "channel": channel.id,
        "channel_type": channel.kind,
        "ts": ts,
        "event_ts": ts,
    }


def shown(posted: Json) -> Json:
    """Return a copy of a message, apart from what only its own methods show."""
    return copy.deepcopy({key: value for key, value in posted.items() if key != "metadata"})


def message_action(
    world: SlackWorld, user: User, channel: Conversation, posted: Json, callback_id: str
) -> Json:
    return {
        "type": "message_action",
        **_interaction(world, user),
        "action_ts": world.next_ts(),
        "callback_id": callback_id,
        "message_ts": posted["ts"],
        "channel": {"id": channel.id, "name": channel.payload_name},
        "message": shown(posted),
    }


def shortcut(world: SlackWorld, user: User, callback_id: str) -> Json:
    """Return a global shortcut: no channel and no `response_url`."""
    return {
        "type": "shortcut",
        **_interaction(world, user),
        "action_ts": world.next_ts(),
        "callback_id": callback_id,
    }


def command(world: SlackWorld, user: User, channel: Conversation, name: str, text: str) -> Json:
    """Return the form fields of a slash command, which never name a thread."""
    return {
        "token": _TOKEN,
        "team_id": world.team,
        "team_domain": world.domain,
        "channel_id": channel.id,
        "channel_name": channel.payload_name,
        "user_id": user.id,
        "user_name": user.name,
        "command": name,
        "text": text,
        "api_app_id": world.app_id,
        "is_enterprise_install": "false",
    }


def submission(world: SlackWorld, user: User, view: View) -> Json:
    return {
        "type": "view_submission",
        **_interaction(world, user),
        "view": filled(view),
        "response_urls": [],
    }


def closed(world: SlackWorld, user: User, view: View) -> Json:
    """Return a `view_closed`, which has no `trigger_id`: nothing can be opened from it."""
    return {
        "type": "view_closed",
        **_interaction(world, user),
        "view": filled(view),
        "is_cleared": False,
    }


def block_actions(world: SlackWorld, user: User, action: Json, place: Json) -> Json:
    """Return a click; `place` is where: container and view, or channel and message."""
    return {
        "type": "block_actions",
        **_interaction(world, user),
        "actions": [{**action, "action_ts": world.next_ts()}],
        **place,
    }


def block_suggestion(world: SlackWorld, user: User, view: View, where: Json, typed: str) -> Json:
    """Return what an external select sends while a person types."""
    return {
        "type": "block_suggestion",
        **_interaction(world, user),
        **where,
        "value": typed,
        "container": {"type": "view", "view_id": view.id},
        "view": filled(view),
    }


def filled(view: View) -> Json:
    """Return the view with the values of its fields."""
    return copy.deepcopy({**view.shape, "state": {"values": view.state}})


def _interaction(world: SlackWorld, user: User) -> Json:
    return {
        "token": _TOKEN,
        "team": {"id": world.team, "domain": world.domain},
        "user": {
            "id": user.id,
            "name": user.name,
            "username": user.name,
            "team_id": user.team,
        },
        "api_app_id": world.app_id,
        "enterprise": None,
        "is_enterprise_install": False,
    }


def profile(world: SlackWorld, user: User) -> Json:
    """Return a user as `users.info` shows it; the e-mail needs its own scope.

    https://docs.slack.dev/reference/objects/user-object
    """
    external = world.external(user.id)
    details: Json = {"real_name": user.name, "display_name": user.name, "team": user.team}
    if user.email and "users:read.email" in world.scopes:
        details["email"] = user.email
    if user.bot_id:
        details |= {"bot_id": user.bot_id, "api_app_id": world.app_id}
    shape: Json = {
        "id": user.id,
        "team_id": user.team,
        "name": user.name,
        "deleted": user.deleted,
        "real_name": user.name,
        "tz": "Etc/UTC",
        "tz_offset": 0,
        "profile": details,
        "is_admin": user.admin or user.owner,
        "is_owner": user.owner,
        "is_primary_owner": False,
        "is_restricted": user.guest,
        "is_ultra_restricted": False,
        "is_bot": user.bot_id is not None,
        "is_app_user": False,
        "updated": int(world.clock()),
        "is_email_confirmed": user.confirmed and user.email is not None,
    }
    return {**shape, "is_stranger": world.stranger(user.id)} if external else shape


def conversation(world: SlackWorld, channel: Conversation) -> Json:
    """Return a conversation as `conversations.info` shows it.

    https://docs.slack.dev/reference/objects/conversation-object
    """
    kind = channel.kind
    shape: Json = {
        "id": channel.id,
        "created": 1,
        "creator": channel.creator,
        "is_channel": kind == "channel",
        "is_group": kind == "group",
        "is_im": kind == "im",
        "is_mpim": kind == "mpim",
        "is_private": kind != "channel",
        "is_archived": channel.archived,
        "is_shared": channel.shared,
        "is_ext_shared": channel.shared,
        "is_org_shared": False,
        "context_team_id": world.team,
    }
    if kind == "im":
        other: Any = next(iter(sorted(channel.members - {world.bot_user})), None)
        return {**shape, "user": other, "is_open": True}
    return {
        **shape,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_general": False,
        "is_member": world.bot_user in channel.members,
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
    }


class Events:
    """Sends the events that the app subscribed to, from conversations that the bot is in."""

    def __init__(self, world: SlackWorld) -> None:
        self._world = world
        self._tasks: set[asyncio.Task[Delivery | None]] = set()

    async def tell(self, event: Json, actor: str | None, channel: str | None) -> Delivery | None:
        """Send the event and wait for its delivery; return None if the app does not receive it."""
        world = self._world
        inside = channel is None or world.bot_user in world.channel(channel).members
        if event["type"] not in world.subscriptions or not inside:
            return None
        return await world.courier.event(envelope(world, event, actor, channel))

    def spread(self, event: Json, actor: str | None, channel: str | None) -> None:
        """Send the event in the background, for what the app itself did."""
        task = asyncio.create_task(self.tell(event, actor, channel))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def spread_message(self, channel: Conversation, posted: Json) -> None:
        event = message(channel, posted)
        self.spread(event, posted.get("user"), channel.id)

    async def spread_out(self) -> None:
        """Wait until everything in the background has arrived."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self.spread_out()
