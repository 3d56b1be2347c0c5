"""The Slack workspace: where the bridge is installed, its channels, its people and their names."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum


class UserKind(StrEnum):
    """The relation of a Slack user to the installed workspace."""

    MEMBER = "member"
    GUEST = "guest"
    EXTERNAL = "external"
    """Of another company (Slack Connect)."""
    BOT = "bot"


@dataclass(frozen=True, slots=True)
class Installation:
    """The installation of the Slack token, from `auth.test`; `url` ends with a slash.

    `app` is the Slack app's id; None if Slack did not return it.
    https://docs.slack.dev/reference/methods/auth.test
    """

    team: str
    url: str
    bot_user: str
    bot_id: str | None = None
    enterprise: str | None = None
    app: str | None = None


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

    `admin`: an owner or admin of the installed workspace. `deactivated`: nobody can use the
    account any more; Slack may have forgotten that it was a guest's.
    """

    user: str
    team: str
    name: str
    kind: UserKind
    email: str | None = None
    email_confirmed: bool = False
    admin: bool = False
    deactivated: bool = False


def kind_of(profile: Profile | None) -> UserKind:
    """Return what a user is to the workspace; the only users whom Slack does not show (None) are
    those of other companies."""
    return profile.kind if profile else UserKind.EXTERNAL


def is_outsider(profile: Profile | None) -> bool:
    """Return whether this is a bot or a person of another company, whom Slack may not even show
    (None)."""
    return kind_of(profile) in (UserKind.EXTERNAL, UserKind.BOT)


def name_of(profile: Profile | None, user: str) -> str:
    """Return the user's name; the id of one whom Slack does not show."""
    return profile.name if profile else user


def may_submit(profile: Profile | None, who: Set[UserKind]) -> bool:
    """Return whether the user may request tickets if `[escalation] who` is `who`."""
    return kind_of(profile) in who and not (profile is not None and profile.deactivated)


@dataclass(frozen=True, slots=True)
class Names:
    """Names for the ids that a text mentions; an id that could not be read is missing."""

    users: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)
    usergroups: Mapping[str, str] = field(default_factory=dict)
