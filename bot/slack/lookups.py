"""Who and what Slack's ids name: users, channels and user groups, asked once, kept a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.core.directory import Channel, Installation, Names, Profile, UserKind
from bot.core.faults import Rejected
from bot.core.text.plaintext import whole
from bot.core.text.richtext import Mention
from bot.slack.calls import Declined, call, content

KEPT = 600.0
"""Seconds for which an answer holds."""
MISSING_KEPT = 60.0
"""Seconds for "cannot be read": an invitation or a new scope shall show soon."""
BOUND = 5000
"""Entries of one cache; the least used goes first."""
MOST_ASKED = 50
"""Ids of a kind that are asked for one text: one of hundreds would use up what Slack allows in a
minute, and what is missing is not kept until the next."""

_SLACK_ITSELF = frozenset({"USLACKBOT", "USLACK"})  # Slackbot's `is_bot` is false
_UNKNOWN_USER = frozenset({"user_not_found", "user_not_visible"})

V = TypeVar("V")
M = TypeVar("M", bound=BaseModel)


class Cache(Generic[V]):
    """What was found for an id, or None for what cannot be read; bounded in number and time."""

    def __init__(self, clock: Callable[[], float], bound: int = BOUND) -> None:
        self._clock = clock
        self._bound = bound
        self._kept: OrderedDict[str, tuple[float, V | None]] = OrderedDict()

    def at_hand(self, key: str) -> V | None:
        """What is known without asking."""
        until, value = self._kept.get(key, (0.0, None))
        return value if self._clock() < until else None

    async def get(self, key: str, ask: Callable[[], Awaitable[V | None]]) -> V | None:
        """What is known, else what `ask` finds; a fault is not kept."""
        until, value = self._kept.get(key, (0.0, None))
        if self._clock() < until:
            self._kept.move_to_end(key)
            return value
        return await self.renew(key, ask)

    async def renew(self, key: str, ask: Callable[[], Awaitable[V | None]]) -> V | None:
        """What `ask` finds, whatever is known; it is kept from here on, a fault is not."""
        return self.keep(key, await ask())

    def knows(self, key: str) -> bool:
        """Whether `key` was looked up lately, also in vain."""
        return self._clock() < self._kept.get(key, (0.0, None))[0]

    def keep(self, key: str, value: V | None) -> V | None:
        """Keep what was found; the least used goes, where there is no room."""
        self._kept[key] = (self._clock() + (MISSING_KEPT if value is None else KEPT), value)
        self._kept.move_to_end(key)
        while len(self._kept) > self._bound:
            self._kept.popitem(last=False)
        return value


@dataclass(frozen=True, slots=True)
class _Seen:
    """A channel that could be read; `private` names are for those who are in it."""

    channel: Channel
    private: bool


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, said: object) -> object:
        return _without_nulls(said) if isinstance(said, dict) else said


class _UserProfile(_Answer):
    real_name: str | None = None
    display_name: str | None = None
    email: str | None = None
    team: str | None = None


class _EnterpriseUser(_Answer):
    enterprise_id: str | None = None
    teams: tuple[str, ...] = ()


class _User(_Answer):
    """https://docs.slack.dev/reference/objects/user-object"""

    id: str
    team_id: str | None = None
    deleted: bool = False
    name: str | None = None
    real_name: str | None = None
    profile: _UserProfile = Field(default_factory=_UserProfile)
    enterprise_user: _EnterpriseUser | None = None
    is_owner: bool = False
    is_admin: bool = False
    is_primary_owner: bool = False
    is_bot: bool = False
    is_workflow_bot: bool = False
    is_connector_bot: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    is_email_confirmed: bool = False


class _UserInfo(_Answer):
    user: _User


class _Conversation(_Answer):
    """https://docs.slack.dev/reference/objects/conversation-object"""

    id: str
    name: str | None = None
    is_im: bool = False
    is_mpim: bool = False
    is_private: bool = False
    is_ext_shared: bool = False
    is_member: bool = False


class _ConversationInfo(_Answer):
    channel: _Conversation


class _Usergroup(_Answer):
    id: str
    name: str | None = None
    handle: str | None = None


class _Usergroups(_Answer):
    usergroups: tuple[_Usergroup, ...]


class Lookups:
    """Looks up ids through `web`; `installed` tells which workspace is the own one."""

    def __init__(
        self,
        web: AsyncWebClient,
        installed: Callable[[], Awaitable[Installation]],
        clock: Callable[[], float],
    ) -> None:
        self._web = web
        self._installed = installed
        self._users: Cache[Profile] = Cache(clock)
        self._channels: Cache[_Seen] = Cache(clock)
        self._joined: Cache[bool] = Cache(clock)
        self._usergroups: Cache[dict[str, str]] = Cache(clock)

    async def profile(self, user: str) -> Profile | None:
        """Who that is; None for a user that Slack does not show."""
        return await self._users.get(user, lambda: self._ask_user(user))

    async def profile_now(self, user: str) -> Profile | None:
        """The same, asked anew: for a right that may have been taken away."""
        return await self._users.renew(user, lambda: self._ask_user(user))

    async def channel(self, channel: str) -> Channel:
        """The conversation; no more than its id tells where it cannot be read."""
        seen = await self._channel(channel)
        # An id with a D names a direct message, which the bot may not look at.
        return seen.channel if seen else Channel(channel, direct=channel.startswith("D"))

    async def may_be_shared(self, channel: str) -> bool:
        """Whether people of another company can read it, or nobody knows."""
        seen = await self._channel(channel)
        return seen is None or seen.channel.shared

    def readable_at_hand(self, channel: str) -> bool | None:
        """Whether the bot may read the messages there, as far as is known without asking."""
        if channel.startswith("D"):
            return False  # the app asks for no scope that would let it
        if self._joined.at_hand(channel):
            return True
        return False if self._joined.knows(channel) else None

    async def readable(self, channel: str) -> bool:
        """The same for sure. That it may not is believed for a minute: somebody may invite it."""
        known = self.readable_at_hand(channel)
        if known is None:
            await self._channels.renew(channel, lambda: _or_none(self._ask_channel(channel)))
            known = self.readable_at_hand(channel)
        return known is True

    async def names(self, mentions: Sequence[Mention]) -> Names:
        """The names of those mentioned; what cannot be read is left out, private channels too."""
        users, channels, usergroups = _ids(mentions)
        for user in users[:MOST_ASKED]:
            await _or_none(self.profile(user))
        for channel in channels[:MOST_ASKED]:
            await self._channel(channel)
        if usergroups:
            await self._usergroups.get("", lambda: _or_none(self._ask_usergroups()))
        return self.names_at_hand(mentions)

    def names_at_hand(self, mentions: Sequence[Mention]) -> Names:
        """The names that are known without asking, for where there is no time to ask."""
        users, channels, usergroups = _ids(mentions)
        people = {user: self._users.at_hand(user) for user in users}
        seen = {channel: self._channels.at_hand(channel) for channel in channels}
        handles = self._usergroups.at_hand("") or {}
        return Names(
            users={user: profile.name for user, profile in people.items() if profile},
            channels={
                id_: found.channel.name
                for id_, found in seen.items()
                if found and found.channel.name and not found.private
            },
            usergroups={id_: handles[id_] for id_ in usergroups if id_ in handles},
        )

    async def _channel(self, channel: str) -> _Seen | None:
        return await self._channels.get(channel, lambda: _or_none(self._ask_channel(channel)))

    async def _ask_user(self, user: str) -> Profile | None:
        try:
            answer = await call("users.info", self._web.users_info(user=user))
        except Declined as declined:
            if declined.code in _UNKNOWN_USER:
                return None
            raise
        return _profile(_parse(_UserInfo, "users.info", answer).user, await self._installed())

    async def _ask_channel(self, channel: str) -> _Seen:
        try:
            answer = await call("conversations.info", self._web.conversations_info(channel=channel))
        except Rejected:
            self._joined.keep(channel, None)
            raise
        found = _parse(_ConversationInfo, "conversations.info", answer).channel
        direct = found.is_im or found.is_mpim
        member = found.is_member or found.is_private  # else it would not be shown
        self._joined.keep(channel, (member and not direct) or None)
        return _Seen(
            Channel(
                id=channel,
                name=None if direct else found.name,
                direct=direct,
                shared=found.is_ext_shared,
            ),
            private=direct or found.is_private,
        )

    async def _ask_usergroups(self) -> dict[str, str]:
        answer = await call("usergroups.list", self._web.usergroups_list(include_disabled=True))
        groups = _parse(_Usergroups, "usergroups.list", answer).usergroups
        return {group.id: group.handle or group.name or group.id for group in groups}


def _ids(mentions: Sequence[Mention]) -> tuple[list[str], list[str], list[str]]:
    """The ids of the users, channels and user groups mentioned, each once."""
    found: dict[str, dict[str, None]] = {"user": {}, "channel": {}, "usergroup": {}}
    for mention in mentions:
        found[mention.of][mention.id] = None
    return list(found["user"]), list(found["channel"]), list(found["usergroup"])


def _profile(user: _User, installation: Installation) -> Profile:
    names = (user.profile.real_name, user.real_name, user.profile.display_name, user.name)
    standing = _standing(user, installation)
    return Profile(
        user=user.id,
        team=user.team_id or user.profile.team or "unknown",
        name=next((name.strip() for name in names if name and name.strip()), user.id),
        standing=standing,
        email=user.profile.email or None,
        email_confirmed=bool(user.profile.email) and user.is_email_confirmed,
        # Another company's admins are no admins here.
        admin=standing is UserKind.MEMBER
        and (user.is_owner or user.is_admin or user.is_primary_owner),
        deactivated=user.deleted,
    )


def _standing(user: _User, installation: Installation) -> UserKind:
    """No one flag says that a user is of another company; what is not surely ours is theirs.

    In an Enterprise organization the user's team may be another one of the same organization.
    https://docs.slack.dev/apis/slack-connect/using-slack-connect-api-methods
    """
    if user.id in _SLACK_ITSELF or user.is_bot or user.is_workflow_bot or user.is_connector_bot:
        return UserKind.BOT
    enterprise = user.enterprise_user or _EnterpriseUser()
    ours = (
        (user.team_id or user.profile.team) == installation.team
        or installation.team in enterprise.teams
        or (
            installation.enterprise is not None
            and enterprise.enterprise_id == installation.enterprise
        )
    )
    if user.is_stranger or not ours:
        return UserKind.EXTERNAL
    if user.is_restricted or user.is_ultra_restricted:
        return UserKind.GUEST
    return UserKind.MEMBER


def _parse(model: type[M], method: str, answer: AsyncSlackResponse) -> M:
    try:
        return model.model_validate(content(answer))
    except ValidationError:
        raise Declined(method, "not_understood") from None


def _without_nulls(said: Mapping[str, object]) -> dict[str, object]:
    return {
        key: whole(value).replace("\0", "") if isinstance(value, str) else value
        for key, value in said.items()
        if value is not None
    }


async def _or_none(asked: Awaitable[V | None]) -> V | None:
    """None for what Slack refuses to show; for what may be shown later the delivery waits."""
    try:
        return await asked
    except Rejected:
        return None
