"""One Slack workspace: its people, conversations and messages, and the app that is installed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Literal
from urllib.parse import urlencode

from bot.sandbox.slack import typed
from bot.sandbox.slack.deliveries import Courier
from bot.sandbox.slack.nouns import (
    Call,
    Conversation,
    Ephemeral,
    Json,
    SlackError,
    Upload,
    User,
    View,
)

EVERY_SCOPE = (
    *("commands", "chat:write", "reactions:read", "reactions:write"),
    *("channels:history", "groups:history", "im:history", "mpim:history"),
    *("channels:read", "groups:read", "im:read", "mpim:read", "im:write"),
    *("users:read", "users:read.email", "usergroups:read", "files:read"),
)
"""What a bridge with all its options needs."""


class SlackWorld:
    """The state of the workspace, and the switches for how this Slack behaves.

    Set before or between actions: `scopes` (granted to the bot), `subscriptions` (event types
    that the app hears: "message", "reaction_added", "reaction_removed", "app_home_opened"),
    `replies_to_reply` (what `conversations.replies` gives for a reply's `ts`),
    `reactions_get_shows_thread`, `refuse_initial_user` (ids that `views.open` refuses),
    `should_escape` (commands name people and channels by id), `page_cap` (the most messages
    of a page), `reactors_shown` (the most people that a history names for one reaction; their
    count is always whole), `messages_tab` (whether people can be written to), `limit_rates`
    (Slack's limits per minute), `down` (every request is dropped).
    """

    def __init__(
        self, courier: Courier, clock: Callable[[], float], bot_token: str, app_token: str
    ) -> None:
        self.courier = courier
        self.clock = clock
        self.bot_token = bot_token
        self.app_token = app_token
        self.team = "T00000001"
        self.team_name = "Sandbox"
        self.domain = "sandbox"
        self.url = "https://sandbox.slack.com/"
        self.app_id = "A00000001"
        self.base_url = ""

        self.scopes: set[str] = set(EVERY_SCOPE)
        self.subscriptions: set[str] = {"reaction_added", "reaction_removed", "app_home_opened"}
        self.replies_to_reply: Literal["whole_thread", "only_reply"] = "only_reply"
        self.reactions_get_shows_thread = False
        self.refuse_initial_user: set[str] = set()
        self.should_escape = True
        self.page_cap = 1000
        self.reactors_shown = 1000
        self.messages_tab = True
        self.limit_rates = False
        self.down = False

        self.users: dict[str, User] = {}
        self.bots: dict[str, str] = {}
        self.usergroups: dict[str, Json] = {}
        self.conversations: dict[str, Conversation] = {}
        self.uploads: dict[str, Upload] = {}
        self.views: dict[str, View] = {}
        self.homes: dict[str, View] = {}
        self.whispers: list[tuple[str, Ephemeral]] = []
        self.calls: list[Call] = []
        self._started = clock()
        self._counts: dict[str, int] = {}
        self._last_ts = 0

        self.bot_user = self.add_user("plain_bridge", bot=True)
        self.bot_id = self.users[self.bot_user].bot_id or ""

    # Who and what there is.

    def add_user(
        self,
        name: str,
        *,
        email: str | None = None,
        confirmed: bool = True,
        guest: bool = False,
        team: str | None = None,
        bot: bool = False,
        owner: bool = False,
        admin: bool = False,
        visible: bool = True,
    ) -> str:
        """Add a user and return the id.

        `team`: another workspace, for a person of Slack Connect, whose e-mail is withheld unless
        one is given. Users who are not `visible` cannot be looked up.
        """
        user = User(
            id=self.next_id("U"),
            name=name,
            team=team or self.team,
            email=email,
            confirmed=confirmed,
            guest=guest,
            owner=owner,
            admin=admin,
            visible=visible,
        )
        if bot:
            user.bot_id = self.add_bot(name)
        self.users[user.id] = user
        return user.id

    def add_bot(self, name: str) -> str:
        """Return the id (B…) of a new bot without a user: an integration or a workflow."""
        bot_id = self.next_id("B")
        self.bots[bot_id] = name
        return bot_id

    def add_channel(
        self,
        name: str,
        *,
        private: bool = False,
        shared: bool = False,
        members: Iterable[str] = (),
        bot_member: bool = True,
    ) -> str:
        """Return the id of a new channel; `shared` with another company."""
        inside = {*members, *([self.bot_user] if bot_member else [])}
        kind: Literal["group", "channel"] = "group" if private else "channel"
        return self._add(name, kind, inside, shared=shared)

    def add_dm(self, user_a: str, user_b: str) -> str:
        """Return the id of the direct message between two."""
        return self.add_group_dm({user_a, user_b})

    def add_group_dm(self, members: set[str]) -> str:
        """Return the id of the conversation of just these people; there is one of each."""
        found = self._between(members)
        return found or self._add("", "im" if len(members) < 3 else "mpim", members)

    def add_usergroup(self, handle: str, name: str | None = None) -> str:
        """Return the id of a new user group, "@handle"."""
        group = self.next_id("S")
        self.usergroups[group] = {
            "id": group,
            "team_id": self.team,
            "is_usergroup": True,
            "name": name or handle,
            "handle": handle,
            "date_delete": 0,
        }
        return group

    def _between(self, members: set[str]) -> str | None:
        return next(
            (
                channel.id
                for channel in self.conversations.values()
                if channel.kind in ("im", "mpim") and channel.members == members
            ),
            None,
        )

    def _add(
        self,
        name: str,
        kind: Literal["channel", "group", "im", "mpim"],
        members: set[str],
        shared: bool = False,
    ) -> str:
        channel = Conversation(
            id=self.next_id("D" if kind == "im" else "C"),
            name=name or f"mpdm-{'--'.join(sorted(self.users[m].name for m in members))}-1",
            kind=kind,
            members=members,
            creator=next(iter(sorted(members)), self.bot_user),
            shared=shared,
        )
        self.conversations[channel.id] = channel
        return channel.id

    # Ids and times; all from the clock and counters.

    def next_id(self, prefix: str) -> str:
        self._counts[prefix] = self._counts.get(prefix, 0) + 1
        return f"{prefix}{self._counts[prefix]:08d}"

    def nonce(self, of: str) -> str:
        """Return a word that no earlier sandbox, started at another time, has used."""
        text = f"{self._started}:{self.next_id(of)}"
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    def next_ts(self) -> str:
        """Return a `ts` later than every one before it."""
        self._last_ts = max(self._last_ts + 1, int(self.clock() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    # What is what.

    def known(self, token: str) -> bool:
        """Return True if `<token>` means a person, a channel, a group or a broadcast here."""
        of, name = token[:1], token[1:]
        if of == "!":
            return name in ("here", "channel", "everyone") or name[8:] in self.usergroups
        return name in (self.users if of == "@" else self.conversations)

    def external(self, user: str) -> bool:
        return self.users[user].team != self.team

    def stranger(self, user: str) -> bool:
        """Return True for a person of another workspace who is in no channel that the bot sees.

        https://docs.slack.dev/reference/objects/user-object
        """
        return self.external(user) and not any(
            {user, self.bot_user} <= channel.members for channel in self.conversations.values()
        )

    def person(self, user: str) -> User:
        found = self.users.get(user)
        if found is None:
            raise SlackError("user_not_found")
        return found

    def channel(self, channel: str) -> Conversation:
        found = self.conversations.get(channel)
        if found is None:
            raise SlackError("channel_not_found")
        return found

    def seen_by_bot(self, channel: str) -> Conversation:
        """Return the conversation as the bot finds it: a private one without it does not exist."""
        found = self.channel(channel)
        if found.kind != "channel" and self.bot_user not in found.members:
            raise SlackError("channel_not_found")
        return found

    def joined_by_bot(self, channel: str) -> Conversation:
        """Return the conversation, in which the bot is."""
        found = self.seen_by_bot(channel)
        if self.bot_user not in found.members:
            raise SlackError("not_in_channel")
        return found

    def message(self, channel: str, ts: str) -> Json:
        """Return the message itself: later changes show."""
        found = self.channel(channel).find(ts)
        if found is None:
            raise SlackError("message_not_found")
        return found

    def permalink(self, channel: str, ts: str) -> str:
        """https://docs.slack.dev/reference/methods/chat.getPermalink"""
        root = self.message(channel, ts).get("thread_ts", ts)
        link = f"{self.url}archives/{channel}/p{ts.replace('.', '')}"
        return link if root == ts else f"{link}?{urlencode({'thread_ts': root, 'cid': channel})}"

    # What is written.

    def write(self, channel: str, message: Json, thread_ts: str | None = None) -> Json:
        """Put a message into a conversation; it gets its `ts`, a reply also its place."""
        place = self.channel(channel)
        ts = self.next_ts()
        written = {"type": "message", **message, "ts": ts}
        if thread_ts is not None:
            root = place.find(thread_ts)
            if root is None:
                raise SlackError("cannot_reply_to_message")
            root = place.find(root.get("thread_ts", thread_ts)) or root
            self._count_reply(root, written)
        place.messages.append(written)
        return written

    def _count_reply(self, root: Json, reply: Json) -> None:
        reply["thread_ts"] = root["ts"]
        if "user" in root:
            reply["parent_user_id"] = root["user"]
        root["thread_ts"] = root["ts"]
        root["reply_count"] = root.get("reply_count", 0) + 1
        writers = [*root.get("reply_users", []), reply.get("user", reply.get("bot_id"))]
        root["reply_users"] = list(dict.fromkeys(writers))
        root["reply_users_count"] = len(root["reply_users"])
        root["latest_reply"] = reply["ts"]

    def bot_message(self, text: str, blocks: list[Json], **more: object) -> Json:
        """Return a message as the app's bot posts it."""
        return {
            "user": self.bot_user,
            "bot_id": self.bot_id,
            "app_id": self.app_id,
            "team": self.team,
            "text": text,
            "bot_profile": {
                "id": self.bot_id,
                "app_id": self.app_id,
                "user_id": self.bot_user,
                "name": self.users[self.bot_user].name,
                "team_id": self.team,
                "deleted": False,
            },
            **({"blocks": blocks} if blocks else {}),
            **{key: value for key, value in more.items() if value},
        }

    def typed_text(self, text: str) -> str:
        return typed.mrkdwn(text, self.known)

    def typed_blocks(self, text: str) -> list[Json]:
        return [typed.rich_text(text, self.known, self.nonce("block")[:5])]
