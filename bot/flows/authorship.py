"""Tells a person who posts through an app from the app itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from bot.core.directory import Profile, UserKind
from bot.core.model import Message


class Profiles(Protocol):
    async def profile(self, user: str) -> Profile | None:
        """Return who that is (cached); None for a user that Slack does not show."""


async def settled(message: Message, slack: Profiles) -> Message:
    """Return `message` as its person's where somebody posted it through an app.

    Slack names the app (`bot_id`, `app_id`) on what an app posts by itself and on what it posts
    with a person's own token. Only `user` tells them apart: the app's own bot user, or a person.
    Under a name that the app made up, Slack shows neither. Raises what the look-up raises.
    https://docs.slack.dev/reference/methods/chat.postMessage#authorship
    """
    if message.bot is None or message.author is None or message.made_up is not None:
        return message
    profile = await slack.profile(message.author)
    if profile is None or profile.standing is UserKind.BOT:
        return message
    return replace(message, bot=None)
