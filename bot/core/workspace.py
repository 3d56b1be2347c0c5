"""The Slack workspace: where the bridge is installed, its channels, its people and their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Standing(StrEnum):
    """What a Slack user is to the installed workspace."""

    MEMBER = "member"
    GUEST = "guest"
    EXTERNAL = "external"
    """Of another company (Slack Connect)."""
    BOT = "bot"


@dataclass(frozen=True, slots=True)
class Installation:
    """Where the Slack token is installed, as `auth.test` tells it; `url` ends with a slash.

    https://docs.slack.dev/reference/methods/auth.test
    """

    team: str
    url: str
    bot_user: str
    bot_id: str | None = None
    enterprise: str | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """A Slack conversation. `name` is None for direct messages and where it cannot be read.

    `shared`: people of another company can read it.
    """

    id: str
    name: str | None = None
    direct: bool = False
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """A Slack user. `team` is the user's own; `email` may be withheld.

    `admin`: an owner or admin of the installed workspace.
    """

    user: str
    team: str
    name: str
    standing: Standing
    email: str | None = None
    email_confirmed: bool = False
    admin: bool = False


@dataclass(frozen=True, slots=True)
class Names:
    """Names for the ids that a text mentions; an id that could not be read is missing."""

    users: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)
    usergroups: Mapping[str, str] = field(default_factory=dict)
