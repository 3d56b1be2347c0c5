"""Serve the Web API's methods that read: people, conversations, messages, links."""

from __future__ import annotations

import base64
import binascii
from typing import TypeVar

from bot.sandbox.slack import payloads
from bot.sandbox.slack.nouns import Conversation, Json, SlackError
from bot.sandbox.slack.web_api import KINDS, Method, flag, need, need_for, number, of_kinds, text_of
from bot.sandbox.slack.world import SlackWorld

T = TypeVar("T")

_TYPES = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}
_OF_A_THREAD = (
    *("thread_ts", "parent_user_id", "reply_count", "reply_users", "reply_users_count"),
    "latest_reply",
)


class ReadMethods:
    def __init__(self, world: SlackWorld) -> None:
        self._world = world

    def table(self) -> dict[str, Method]:
        return {
            "auth.test": Method(self.auth_test),
            "users.info": Method(self.users_info, ("users:read",)),
            "bots.info": Method(self.bots_info, ("users:read",)),
            "team.info": Method(self.team_info, ("team:read",)),
            "usergroups.list": Method(self.usergroups_list, ("usergroups:read",)),
            "conversations.info": Method(self.conversations_info, of_kinds("read")),
            "conversations.list": Method(self.conversations_list, of_kinds("read")),
            "users.conversations": Method(self.users_conversations, of_kinds("read")),
            "conversations.members": Method(self.conversations_members, of_kinds("read")),
            "conversations.history": Method(self.conversations_history, of_kinds("history")),
            "conversations.replies": Method(self.conversations_replies, of_kinds("history")),
            "reactions.get": Method(self.reactions_get, ("reactions:read",)),
            "chat.getPermalink": Method(self.get_permalink),
            "files.list": Method(self.files_list, ("files:read",)),
        }

    def auth_test(self, _: Json) -> Json:
        world = self._world
        return {
            "url": world.url,
            "team": world.team_name,
            "user": world.users[world.bot_user].name,
            "team_id": world.team,
            "user_id": world.bot_user,
            "bot_id": world.bot_id,
            "is_enterprise_install": False,
        }

    def users_info(self, arguments: Json) -> Json:
        user = self._world.person(text_of(arguments, "user"))
        if not user.visible:
            raise SlackError("user_not_visible")
        return {"user": payloads.profile(self._world, user)}

    def bots_info(self, arguments: Json) -> Json:
        bot_id = text_of(arguments, "bot")
        if bot_id not in self._world.bots:
            raise SlackError("bot_not_found")
        users = self._world.users.values()
        user = next((user.id for user in users if user.bot_id == bot_id), None)
        bot = {"id": bot_id, "name": self._world.bots[bot_id], "deleted": False, "updated": 0}
        own = {"app_id": self._world.app_id} if bot_id == self._world.bot_id else {}
        return {"bot": {**bot, **own, **({"user_id": user} if user else {})}}

    def team_info(self, _: Json) -> Json:
        world = self._world
        team = {"id": world.team, "name": world.team_name, "domain": world.domain}
        return {"team": {**team, "url": world.url, "email_domain": "", "icon": {}}}

    def usergroups_list(self, _: Json) -> Json:
        return {"usergroups": list(self._world.usergroups.values())}

    def conversations_info(self, arguments: Json) -> Json:
        channel = self._channel(arguments, "read")
        return {"channel": payloads.conversation(self._world, channel)}

    def conversations_list(self, arguments: Json) -> Json:
        """List every public channel, and the others that the bot is in."""
        bot = self._world.bot_user
        found = [c for c in self._of_types(arguments) if c.kind == "channel" or bot in c.members]
        page, after = _page(found, arguments, 100, self._world.page_cap)
        shown = [payloads.conversation(self._world, channel) for channel in page]
        return {"channels": shown, "response_metadata": {"next_cursor": after}}

    def users_conversations(self, arguments: Json) -> Json:
        """List the conversations that the bot, or the named person, is in, without `is_member`."""
        world = self._world
        user = world.person(str(arguments.get("user") or world.bot_user)).id
        found = [
            channel
            for channel in self._of_types(arguments)
            if user in channel.members
            and (channel.kind == "channel" or world.bot_user in channel.members)
        ]
        page, after = _page(found, arguments, 100, world.page_cap)
        shown = [payloads.conversation(world, channel) for channel in page]
        for channel in shown:
            channel.pop("is_member", None)
        return {"channels": shown, "response_metadata": {"next_cursor": after}}

    def _of_types(self, arguments: Json) -> list[Conversation]:
        """https://docs.slack.dev/reference/methods/conversations.list"""
        kinds = set()
        for name in str(arguments.get("types") or "public_channel").split(","):
            if name.strip() not in _TYPES:
                raise SlackError("invalid_types")
            kind = _TYPES[name.strip()]
            need(self._world, f"{KINDS[kind]}:read")
            kinds.add(kind)
        live = not flag(arguments.get("exclude_archived"))
        found = self._world.conversations.values()
        return [one for one in found if one.kind in kinds and (live or not one.archived)]

    def conversations_members(self, arguments: Json) -> Json:
        channel = self._channel(arguments, "read")
        page, after = _page(sorted(channel.members), arguments, 100)
        return {"members": page, "response_metadata": {"next_cursor": after}}

    def conversations_history(self, arguments: Json) -> Json:
        """List top-level messages, the newest first."""
        channel = self._joined(arguments)
        top = [message for message in channel.messages if _is_top(message)]
        within = [message for message in reversed(top) if _within(message["ts"], arguments)]
        return self._messages(within, arguments)

    def conversations_replies(self, arguments: Json) -> Json:
        """List the root, which is always included, and the replies, the oldest first.

        What a reply's `ts` gives is disputed: https://github.com/slackapi/bolt-python/issues/783
        """
        channel = self._joined(arguments)
        asked = channel.find(text_of(arguments, "ts"))
        if asked is None:
            raise SlackError("thread_not_found")
        root = str(asked.get("thread_ts", asked["ts"]))
        if root != asked["ts"] and self._world.replies_to_reply == "only_reply":
            return self._messages([asked], arguments)
        first, *replies = channel.thread(root) or [asked]
        within = [reply for reply in replies if _within(reply["ts"], arguments)]
        return self._messages([first, *within], arguments)

    def reactions_get(self, arguments: Json) -> Json:
        """Return a message's reactions; `reactions_get_shows_thread`: undocumented for replies."""
        world = self._world
        channel = world.joined_by_bot(text_of(arguments, "channel"))
        message = payloads.shown(world.message(channel.id, text_of(arguments, "timestamp")))
        if not flag(arguments.get("full")):
            self._leave_out_reactors(message)
        message["permalink"] = world.permalink(channel.id, message["ts"])
        if not world.reactions_get_shows_thread:
            message = {key: of for key, of in message.items() if key not in _OF_A_THREAD}
        return {"type": "message", "channel": channel.id, "message": message}

    def get_permalink(self, arguments: Json) -> Json:
        channel = self._world.seen_by_bot(text_of(arguments, "channel"))
        ts = text_of(arguments, "message_ts")
        return {"channel": channel.id, "permalink": self._world.permalink(channel.id, ts)}

    def files_list(self, arguments: Json) -> Json:
        """List the newest files of the conversations that the bot is in.

        https://docs.slack.dev/reference/methods/files.list
        """
        world = self._world
        found = [
            file
            for channel in world.conversations.values()
            if world.bot_user in channel.members
            for message in channel.messages
            for file in message.get("files", [])
        ]
        found.sort(key=lambda file: -int(file.get("created", 0)))
        count = number(arguments.get("count"), 100)
        paging = {"count": count, "total": len(found), "page": 1, "pages": 1}
        return {"files": found[:count], "paging": paging}

    def _channel(self, arguments: Json, what: str) -> Conversation:
        channel = self._world.seen_by_bot(text_of(arguments, "channel"))
        need_for(self._world, channel, what)
        return channel

    def _joined(self, arguments: Json) -> Conversation:
        channel = self._channel(arguments, "history")
        return self._world.joined_by_bot(channel.id)

    def _messages(self, messages: list[Json], arguments: Json) -> Json:
        page, after = _page(messages, arguments, 100, self._world.page_cap)
        shown = [payloads.shown(message) for message in page]
        for message in shown:
            self._leave_out_reactors(message)
        if flag(arguments.get("include_all_metadata")):
            for copy, message in zip(shown, page, strict=True):
                copy |= {"metadata": message["metadata"]} if "metadata" in message else {}
        return {
            "messages": shown,
            "has_more": bool(after),
            "response_metadata": {"next_cursor": after},
        }

    def _leave_out_reactors(self, message: Json) -> None:
        """https://docs.slack.dev/reference/methods/reactions.get"""
        for reaction in message.get("reactions", []):
            del reaction["users"][self._world.reactors_shown :]


def _is_top(message: Json) -> bool:
    root = message.get("thread_ts", message["ts"])
    return root == message["ts"] or message.get("subtype") == "thread_broadcast"


def _within(ts: str, arguments: Json) -> bool:
    """Return the messages between `oldest` and `latest`, which count only if `inclusive`."""
    oldest = str(arguments.get("oldest") or "0")
    latest = str(arguments.get("latest") or "9" * 12)
    if flag(arguments.get("inclusive")):
        return _micros(oldest) <= _micros(ts) <= _micros(latest)
    return _micros(oldest) < _micros(ts) < _micros(latest)


def _micros(ts: str) -> int:
    seconds, _, rest = ts.partition(".")
    try:
        return int(seconds) * 1_000_000 + int(rest[:6].ljust(6, "0"))
    except ValueError:
        raise SlackError("invalid_ts_latest") from None


def _page(
    everything: list[T], arguments: Json, default: int, most: int = 1000
) -> tuple[list[T], str]:
    """Return a page, and the cursor of the next one; "" if there is none.

    Fewer than asked for may come. https://docs.slack.dev/apis/web-api/pagination
    """
    limit = min(number(arguments.get("limit"), default) or default, most)
    try:
        cursor = base64.b64decode(str(arguments.get("cursor") or ""), validate=True)
        start = int(cursor.decode().removeprefix("next:") or 0)
    except (binascii.Error, ValueError):
        raise SlackError("invalid_cursor") from None
    end = start + limit
    after = base64.b64encode(f"next:{end}".encode()).decode() if end < len(everything) else ""
    return everything[start:end], after
