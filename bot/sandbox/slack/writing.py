"""Serve the Web API's methods that change something: messages, reactions, conversations, views."""

from __future__ import annotations

import re
from typing import Any

from bot.sandbox.slack import block_kit, payloads
from bot.sandbox.slack.modals import Modals
from bot.sandbox.slack.nouns import Conversation, Ephemeral, Json, SlackError, View
from bot.sandbox.slack.payloads import Events
from bot.sandbox.slack.web_api import Method, flag, need, text_of
from bot.sandbox.slack.world import SlackWorld

LONGEST_TEXT = 40_000
"""Characters, then Slack cuts.
https://docs.slack.dev/reference/methods/chat.postMessage#truncating"""
LONGEST_UPDATE = 4_000
LONGEST_MARKDOWN = 12_000
_EMOJI = re.compile(r"[a-z0-9_+'-]+(::skin-tone-[2-6])?")


class WriteMethods:
    def __init__(self, world: SlackWorld, modals: Modals, news: Events) -> None:
        self._world = world
        self._modals = modals
        self._news = news

    def table(self) -> dict[str, Method]:
        opens = ("channels:manage", "groups:write", "im:write", "mpim:write")
        return {
            "chat.postMessage": Method(self.post_message, ("chat:write",)),
            "chat.postEphemeral": Method(self.post_ephemeral, ("chat:write",)),
            "chat.update": Method(self.update, ("chat:write",)),
            "reactions.add": Method(self.reactions_add, ("reactions:write",)),
            "reactions.remove": Method(self.reactions_remove, ("reactions:write",)),
            "conversations.open": Method(self.conversations_open, opens),
            "views.open": Method(self.views_open),
            "views.update": Method(self.views_update),
            "views.publish": Method(self.views_publish),
            "apps.connections.open": Method(self.connections_open, caller="app"),
        }

    def post_message(self, arguments: Json) -> Json:
        channel = self._address(text_of(arguments, "channel"))
        said = self._said(arguments)
        metadata, thread_ts = arguments.get("metadata"), arguments.get("thread_ts")
        posted = self._world.bot_message(**said, metadata=metadata)
        if thread_ts and flag(arguments.get("reply_broadcast")):
            posted["subtype"] = "thread_broadcast"
        written = self._world.write(channel.id, posted, thread_ts)
        self._news.spread_message(channel, written)
        return {"channel": channel.id, "ts": written["ts"], "message": payloads.shown(written)}

    def post_ephemeral(self, arguments: Json) -> Json:
        """Post an ephemeral message; nobody sees one in a thread without replies.

        https://docs.slack.dev/reference/methods/chat.postEphemeral#behavior
        """
        world = self._world
        channel = world.joined_by_bot(text_of(arguments, "channel"))
        user = world.person(text_of(arguments, "user"))
        if user.id not in channel.members:
            raise SlackError("user_not_in_channel")
        if channel.archived:
            raise SlackError("is_archived")
        said = self._said(arguments)
        thread_ts = arguments.get("thread_ts")
        root = channel.find(str(thread_ts)) if thread_ts else None
        ts = world.next_ts()
        if not thread_ts or (root and "thread_ts" in root):
            whisper = Ephemeral(channel.id, thread_ts, said["text"], said.get("blocks") or [], ts)
            world.whispers.append((user.id, whisper))
        return {"message_ts": ts}

    def update(self, arguments: Json) -> Json:
        """Update a message that the bot itself posted; an ephemeral message cannot be updated.

        Blocks that are not given stay. https://docs.slack.dev/reference/methods/chat.update
        """
        world = self._world
        channel = world.joined_by_bot(text_of(arguments, "channel"))
        message = world.message(channel.id, text_of(arguments, "ts"))
        if message.get("bot_id") != world.bot_id:
            raise SlackError("cant_update_message")
        if len(arguments.get("text") or "") > LONGEST_UPDATE:
            raise SlackError("msg_too_long")
        before = payloads.shown(message)
        said = self._said(arguments)
        edited = {"user": world.bot_user, "ts": world.next_ts()}
        if arguments.get("blocks") is None:
            said.pop("blocks")
        message |= {**said, "edited": edited}
        event = payloads.changed(channel, message, before, edited["ts"])
        self._news.spread(event, world.bot_user, channel.id)
        shown = payloads.shown(message)
        return {"channel": channel.id, "ts": message["ts"], "text": said["text"], "message": shown}

    def reactions_add(self, arguments: Json) -> Json:
        return self._react(arguments, "reaction_added")

    def reactions_remove(self, arguments: Json) -> Json:
        return self._react(arguments, "reaction_removed")

    def conversations_open(self, arguments: Json) -> Json:
        world = self._world
        if arguments.get("channel"):
            channel = world.seen_by_bot(str(arguments["channel"]))
            return {"channel": {"id": channel.id}, "already_open": True, "no_op": True}
        named = arguments.get("users") or ""
        users = named if isinstance(named, list) else [one for one in named.split(",") if one]
        if not users:
            raise SlackError("users_list_not_supplied")
        need(world, "im:write" if len(users) == 1 else "mpim:write")
        return {"channel": {"id": self._direct(users).id}}

    def views_open(self, arguments: Json) -> Json:
        return _shown(self._modals.open(arguments))

    def views_update(self, arguments: Json) -> Json:
        return _shown(self._modals.update(arguments))

    def views_publish(self, arguments: Json) -> Json:
        return _shown(self._modals.publish(arguments))

    def connections_open(self, _: Json) -> Json:
        ticket = self._world.courier.sockets.ticket(self._world.nonce("ticket"))
        base = self._world.base_url.replace("http://", "ws://", 1)
        return {"url": f"{base}/link?ticket={ticket}"}

    def _address(self, name: str) -> Conversation:
        """Return the conversation to post in: an id, a "#name", or a person's id."""
        world = self._world
        if name in world.users:
            if not world.messages_tab:
                raise SlackError("messages_tab_disabled")
            return self._direct([name])
        if name.startswith("#"):
            named = (one.id for one in world.conversations.values() if one.name == name[1:])
            name = next(named, name)
        channel = world.seen_by_bot(name)
        if channel.archived:
            raise SlackError("is_archived")
        if channel.kind == "channel" and "chat:write.public" in world.scopes:
            return channel
        return world.joined_by_bot(name)

    def _direct(self, users: list[str]) -> Conversation:
        world = self._world
        people = [world.person(user).id for user in users]
        if any(world.users[user].bot_id for user in people):
            raise SlackError("cannot_dm_bot")
        return world.channel(world.add_group_dm({*people, world.bot_user}))

    def _said(self, arguments: Json) -> dict[str, Any]:
        """Return the text and blocks of a call, within Slack's limits.

        https://docs.slack.dev/reference/methods/chat.postMessage#errors
        """
        text = str(arguments.get("text") or "")
        markdown = str(arguments.get("markdown_text") or "")
        blocks = arguments.get("blocks") or []
        if not (text or blocks or markdown or arguments.get("attachments")):
            raise SlackError("no_text")
        if markdown and (text or blocks):
            raise SlackError("markdown_text_conflict")
        if len(markdown) > LONGEST_MARKDOWN:
            raise SlackError("msg_too_long")
        faults = block_kit.faults_of_message(blocks)
        if faults:
            raise SlackError(
                "invalid_blocks", errors=faults, response_metadata={"messages": faults}
            )
        numbered = [{"block_id": self._world.nonce("block")[:5], **block} for block in blocks]
        said = {"text": (text or markdown)[:LONGEST_TEXT], "blocks": numbered}
        attachments = arguments.get("attachments")
        return {**said, "attachments": attachments} if attachments else said

    def _react(self, arguments: Json, change: str) -> Json:
        world = self._world
        emoji = text_of(arguments, "name").strip(":")
        if not _EMOJI.fullmatch(emoji):
            raise SlackError("invalid_name")
        channel = world.joined_by_bot(text_of(arguments, "channel"))
        if channel.archived:
            raise SlackError("is_archived")
        ts = text_of(arguments, "timestamp")
        (add_reaction if change == "reaction_added" else remove_reaction)(
            world, world.bot_user, channel.id, ts, emoji
        )
        event = payloads.reaction(world, change, world.bot_user, channel.id, ts, emoji)
        self._news.spread(event, world.bot_user, channel.id)
        return {}


def add_reaction(world: SlackWorld, user: str, channel: str, ts: str, emoji: str) -> None:
    reactions = world.message(channel, ts).setdefault("reactions", [])
    found = next((one for one in reactions if one["name"] == emoji), None)
    if found is None:
        found = {"name": emoji, "users": [], "count": 0}
        reactions.append(found)
    if user in found["users"]:
        raise SlackError("already_reacted")
    found["users"].append(user)
    found["count"] += 1


def remove_reaction(world: SlackWorld, user: str, channel: str, ts: str, emoji: str) -> None:
    message = world.message(channel, ts)
    reactions = message.get("reactions", [])
    found = next((one for one in reactions if one["name"] == emoji), None)
    if found is None or user not in found["users"]:
        raise SlackError("no_reaction")
    found["users"].remove(user)
    found["count"] -= 1
    left = [one for one in reactions if one["count"]]
    if left:
        message["reactions"] = left
    else:
        del message["reactions"]


def _shown(view: View) -> Json:
    return {"view": payloads.filled(view)}
