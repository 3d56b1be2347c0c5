"""Act as people on messages: write, reply, upload, edit, delete, react."""

from __future__ import annotations

import copy
import mimetypes
from collections.abc import Iterable
from pathlib import PurePath
from urllib.parse import quote

from bot.sandbox.slack import payloads
from bot.sandbox.slack.nouns import Delivery, Json, Upload
from bot.sandbox.slack.payloads import Events
from bot.sandbox.slack.world import SlackWorld
from bot.sandbox.slack.writing import add_reaction, remove_reaction


class MessageActions(SlackWorld):
    """The people of the workspace; each action gives what came of telling the app."""

    news: Events

    async def post(
        self,
        user: str | None,
        channel: str,
        text: str = "",
        *,
        blocks: list[Json] | None = None,
        thread_ts: str | None = None,
        files: Iterable[str | Json] = (),
        attachments: list[Json] | None = None,
        bot_name: str | None = None,
        bot_id: str | None = None,
        rich_text: bool = True,
    ) -> str:
        """Write a message; return its `ts`.

        `text` is what is typed: `&`, `<` and `>` are escaped, but for `<@U…>`, `<#C…>`,
        `<!subteam^S…>` and `<!here>` that name something, which stand for a mention that was
        picked. `blocks` take the place of the `rich_text` block; `rich_text=False` leaves it out.
        With `bot_name` it is an integration's or a workflow's message (`bot_message`, without a
        user), under a name made up for it where `bot_id` names another app. With a `user` and a
        `bot_id` it is an app's: by itself where `user` is its bot user, else with the token of
        that person.
        """
        message: Json = {"text": self.typed_text(text)}
        if bot_name is not None:
            message |= {"subtype": "bot_message", "username": bot_name}
            message |= self._posted_by(bot_id) if bot_id else {"bot_id": self.add_bot(bot_name)}
        else:
            message |= self._written_by(user, bot_id)
        if blocks is None and rich_text and text and bot_name is None:
            blocks = self.typed_blocks(text)
        attached = [self._file(name, user) for name in files]
        extra = {"blocks": blocks, "files": attached, "attachments": attachments}
        message |= {key: value for key, value in extra.items() if value}
        written = self.write(channel, message, thread_ts)
        event = payloads.message(self.channel(channel), written)
        await self.news.tell(event, user, channel)
        return str(written["ts"])

    async def post_json(self, channel: str, message: Json) -> str:
        """Put a message of any JSON into the channel, as an app's or a client's of tomorrow; its
        `ts`, which takes the place of the one that is given."""
        written = self.write(channel, copy.deepcopy(message))
        event = payloads.message(self.channel(channel), written)
        await self.news.tell(event, message.get("user"), channel)
        return str(written["ts"])

    def add_file(
        self, name: str, content: bytes, *, user: str | None = None, **more: object
    ) -> Json:
        """Add an uploaded file in Slack's shape; `more` overrides its fields.

        Messages can carry it from now on.
        https://docs.slack.dev/reference/objects/file-object
        """
        file_id = self.next_id("F")
        base = self.base_url or "https://files.slack.com"
        address = f"{base}/files-pri/{self.team}-{file_id}"
        shape: Json = {
            "id": file_id,
            "created": int(self.clock()),
            "name": name,
            "title": name,
            "mimetype": mimetypes.guess_type(name)[0] or "application/octet-stream",
            "filetype": PurePath(name).suffix.lstrip(".") or "binary",
            "user": user,
            "size": len(content),
            "mode": "hosted",
            "is_external": False,
            "is_public": False,
            "url_private": f"{address}/{quote(name)}",
            "url_private_download": f"{address}/download/{quote(name)}",
            "permalink": f"{self.url}files/{user}/{file_id}/{quote(name)}",
            **more,
        }
        self.uploads[file_id] = Upload(shape, content)
        return shape

    def redirect_file(self, file_id: str, address: str) -> None:
        """Redirect the file's address elsewhere from now on."""
        self.uploads[file_id].leads_to = address

    async def edit(self, user: str, channel: str, ts: str, text: str) -> Delivery | None:
        message = self.message(channel, ts)
        before = payloads.shown(message)
        edited = {"user": user, "ts": self.next_ts()}
        message |= {"text": self.typed_text(text), "blocks": self.typed_blocks(text)}
        message["edited"] = edited
        place = self.channel(channel)
        event = payloads.changed(place, message, before, edited["ts"])
        return await self.news.tell(event, user, channel)

    async def delete(self, user: str, channel: str, ts: str) -> Delivery | None:
        place, message = self.channel(channel), self.message(channel, ts)
        place.messages.remove(message)
        event = payloads.changed(place, None, message, self.next_ts())
        return await self.news.tell(event, user, channel)

    async def react(
        self, user: str, channel: str, ts: str, emoji: str, *, deliver: bool = True
    ) -> Delivery | None:
        """React; with `deliver=False` the event is lost. Return None if the app is not told."""
        add_reaction(self, user, channel, ts, emoji)
        return await self._tell_reaction("reaction_added", user, channel, ts, emoji, deliver)

    async def unreact(
        self, user: str, channel: str, ts: str, emoji: str, *, deliver: bool = True
    ) -> Delivery | None:
        remove_reaction(self, user, channel, ts, emoji)
        return await self._tell_reaction("reaction_removed", user, channel, ts, emoji, deliver)

    async def send_event(
        self, event: Json, *, actor: str | None = None, channel: str | None = None
    ) -> Delivery:
        """Send any event in its envelope, whether or not the app subscribed to it."""
        return await self.courier.event(payloads.envelope(self, event, actor, channel))

    async def _tell_reaction(
        self, change: str, user: str, channel: str, ts: str, emoji: str, deliver: bool
    ) -> Delivery | None:
        event = payloads.reaction(self, change, user, channel, ts, emoji)
        return await self.news.tell(event, user, channel) if deliver else None

    def _file(self, name: str | Json, user: str | None) -> Json:
        """Return a hosted file of a kilobyte by its name; a file in Slack's own shape is kept."""
        if isinstance(name, dict):
            return name
        return self.add_file(name, b"sandbox\n" * 128, user=user)

    def _written_by(self, user: str | None, bot_id: str | None) -> Json:
        if user is None:
            raise ValueError("a message without a user needs a bot_name")
        bot_id = bot_id or self.person(user).bot_id
        if bot_id is None:
            author = {"user": user, "team": self.users[user].team}
            return {**author, "client_msg_id": self.nonce("message")}
        return {"user": user, "team": self.team, **self._posted_by(bot_id)}

    def _posted_by(self, bot_id: str) -> Json:
        profile = {"id": bot_id, "name": self.bots[bot_id], "team_id": self.team}
        return {"bot_id": bot_id, "bot_profile": profile}
