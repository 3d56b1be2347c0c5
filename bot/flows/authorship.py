"""Distinguish people who post through an app from the app itself."""

from __future__ import annotations

from dataclasses import replace

from bot.core.directory import UserKind
from bot.core.model import Message
from bot.flows.ports import Profiles


async def settled(message: Message, slack: Profiles) -> Message:
    """Return `message` as a person's message if a person posted it through an app.

    Slack names the app (`bot_id`, `app_id`) on what an app posts by itself and on what it posts
    with a person's own token. Only `user` tells them apart: the app's own bot user, or a person.
    Under a name that the app made up, Slack shows neither. Raise what the look-up raises.
    https://docs.slack.dev/reference/methods/chat.postMessage#authorship
    """
    if message.bot is None or message.author is None or message.made_up is not None:
        return message
    profile = await slack.profile(message.author)
    if profile is None or profile.kind is UserKind.BOT:
        return message
    return replace(message, bot=None)
