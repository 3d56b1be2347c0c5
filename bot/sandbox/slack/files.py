"""Files: what `files.info` tells of them, and the addresses that their bytes come from."""

from __future__ import annotations

from aiohttp import web

from bot.sandbox.slack.methods import Method, text_of
from bot.sandbox.slack.nouns import Json, SlackError
from bot.sandbox.slack.world import World

_LOGIN = "<!DOCTYPE html><html><head><title>Slack</title></head><body>Sign in</body></html>"


class Files:
    def __init__(self, world: World) -> None:
        self._world = world

    def table(self) -> dict[str, Method]:
        return {"files.info": Method(self.info, ("files:read",))}

    def info(self, arguments: Json) -> Json:
        """https://docs.slack.dev/reference/methods/files.info"""
        upload = self._world.uploads.get(text_of(arguments, "file"))
        if upload is None or not _is_seen_by_bot(self._world, upload.shape["id"]):
            raise SlackError("file_not_found")
        if upload.shape["mode"] == "tombstone":
            raise SlackError("file_deleted")
        return {"file": dict(upload.shape), "comments": []}


def served(world: World, request: web.Request) -> web.StreamResponse:
    """The file's bytes. Who may not read it gets the login page, with status 200."""
    upload = world.uploads.get(request.match_info["place"].partition("-")[2])
    if upload is None:
        return web.Response(status=404, text="not found")
    may = (
        request.headers.get("Authorization") == f"Bearer {world.bot_token}"
        and "files:read" in world.scopes
        and _is_seen_by_bot(world, upload.shape["id"])
    )
    if not may:
        return web.Response(text=_LOGIN, content_type="text/html")
    if upload.leads_to is not None:
        return web.Response(status=302, headers={"Location": upload.leads_to})
    return web.Response(body=upload.content, content_type=upload.shape["mimetype"])


def _is_seen_by_bot(world: World, file_id: str) -> bool:
    """Whether it stands in a conversation that the bot is in, be it that somebody forwarded it."""
    return any(
        _holds(message, file_id)
        for place in world.conversations.values()
        if world.bot_user in place.members
        for message in place.messages
    )


def _holds(message: Json, file_id: str) -> bool:
    carried = [message]
    for attachment in message.get("attachments") or []:
        whole = (one.get("message", {}) for one in attachment.get("message_blocks", []))
        carried += [attachment, *whole]
    return any(file.get("id") == file_id for one in carried for file in one.get("files") or [])
