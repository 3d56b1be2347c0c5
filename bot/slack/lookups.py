"""Look up what Slack's ids name: the installation, users, channels and user groups (cached)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from cachetools import TLRUCache
from pydantic import BaseModel, Field, ValidationError, model_validator
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.core.directory import Channel, Installation, Names, Profile, UserKind
from bot.core.faults import Fault, Reason, Rejected, Rejection, SlackError
from bot.core.text.richtext import Mention
from bot.slack.calls import SlackRejected, call, content
from bot.slack.fields import SLACKS_OWN_USERS, Payload, mapping, storable, string

KEPT = 600.0
"""Seconds for which what was found stays cached."""
MISSING_KEPT = 60.0
"""Seconds for which "cannot be read" stays cached, so that an invitation or a new scope soon has
its effect."""
BOUND = 5000
"""Entries of one cache; the least recently used one is dropped first."""
MOST_ASKED = 50
"""Ids of a kind that are looked up for one text: hundreds would use up what Slack allows in a
minute, and those that failed would not be cached until the next."""

_UNKNOWN_USER = frozenset({"user_not_found", "user_not_visible"})

V = TypeVar("V")
M = TypeVar("M", bound=BaseModel)


class Cache(Generic[V]):
    """A cache of results by id, None for what cannot be read; bounded in number and time."""

    def __init__(self, clock: Callable[[], float], bound: int = BOUND) -> None:
        self._kept: TLRUCache[str, V | None] = TLRUCache(bound, _until, clock)

    def __contains__(self, key: str) -> bool:
        """Return whether a result for `key` is cached, be it None."""
        return key in self._kept

    def cached(self, key: str) -> V | None:
        """Return what is cached; None also if nothing is."""
        return self._kept.get(key)

    async def get(self, key: str, ask: Callable[[], Awaitable[V | None]]) -> V | None:
        """Return what is cached, else what `ask` finds; a fault is not cached."""
        return self._kept[key] if key in self._kept else await self.renew(key, ask)

    async def renew(self, key: str, ask: Callable[[], Awaitable[V | None]]) -> V | None:
        """Return what `ask` finds, and cache it; a fault leaves the cache as it is."""
        found = await ask()
        self.keep(key, found)
        return found

    def keep(self, key: str, value: V | None) -> None:
        """Cache `value`."""
        self._kept[key] = value

    def clear(self) -> None:
        """Drop everything."""
        self._kept.clear()


def _until(_: str, value: object, now: float) -> float:
    return now + (MISSING_KEPT if value is None else KEPT)


@dataclass(frozen=True, slots=True)
class _ReadChannel:
    """A channel that could be read; a `private` name is for its members only."""

    channel: Channel
    private: bool


class _Answer(Payload):
    """An answer of the Web API; a null counts as a missing field."""

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
    """A user. https://docs.slack.dev/reference/objects/user-object"""

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
    """A conversation. https://docs.slack.dev/reference/objects/conversation-object"""

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
    """The reads of one workspace's people and places.

    `web` comes from `bot.slack.calls.web_client`. `installed` is what an earlier `auth.test`
    returned, so that a start needs no call; without it the first need makes one. `clock` gives
    Unix seconds.
    """

    def __init__(
        self,
        web: AsyncWebClient,
        *,
        installed: Installation | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.web = web
        self.installed = installed
        self.clock = clock
        self._users: Cache[Profile] = Cache(clock)
        self._channels: Cache[_ReadChannel] = Cache(clock)
        self._joined: Cache[bool] = Cache(clock)
        self._usergroups: Cache[dict[str, str]] = Cache(clock)

    # The installation

    async def installation(self) -> Installation:
        """Return where the token is installed; calls Slack and remembers the answer.

        A token that Slack does not accept is TryLater: work waits until the operator fixes it.
        """
        said = content(await self._auth_test())
        team, url, user = said.get("team_id"), said.get("url"), said.get("user_id")
        if not (isinstance(team, str) and isinstance(url, str) and isinstance(user, str)):
            error = SlackError(code="no_workspace", method="auth.test")
            raise Rejected(Rejection(Reason.SLACK_REFUSED, slack_error=error))
        self.installed = Installation(
            team=team,
            url=f"{url.rstrip('/')}/",
            bot_user=user,
            bot_id=string(said, "bot_id"),
            enterprise=string(said, "enterprise_id"),
        )
        return self.installed

    async def known_installation(self) -> Installation:
        """Return where the token is installed, without a call if that is known."""
        return self.installed or await self.installation()

    async def app(self) -> str | None:
        """Return the id of the app that the token belongs to; None if Slack does not name it.

        https://docs.slack.dev/reference/methods/bots.info
        """
        bot = (await self.known_installation()).bot_id
        if bot is None:
            return None
        try:
            answer = await call("bots.info", self.web.bots_info(bot=bot))
        except Fault:
            return None
        return string(mapping(content(answer).get("bot")), "app_id")

    async def granted_scopes(self) -> frozenset[str]:
        """Return the token's scopes, which Slack names with every answer.

        https://docs.slack.dev/authentication/installing-with-oauth#inspect
        """
        headers = {k.lower(): v for k, v in (await self._auth_test()).headers.items()}
        scopes = headers.get("x-oauth-scopes", "").split(",")
        return frozenset(scope.strip() for scope in scopes if scope.strip())

    @property
    def bot_user(self) -> str | None:
        """Return the bot's user id, if it is known."""
        return self.installed.bot_user if self.installed else None

    async def _auth_test(self) -> AsyncSlackResponse:
        return await call("auth.test", self.web.auth_test())

    # People and places

    async def profile(self, user: str) -> Profile | None:
        """Return the user (cached); None for one that Slack does not show."""
        return await self._users.get(user, lambda: self._ask_user(user))

    async def fresh_profile(self, user: str) -> Profile | None:
        """Return the user, never from the cache: for a right that may have been revoked."""
        return await self._users.renew(user, lambda: self._ask_user(user))

    async def channel(self, channel: str) -> Channel:
        """Return the conversation (cached); without a name if it cannot be read."""
        seen = await self._channel(channel)
        # An id with a D names a direct message, which the bot may not look at.
        return seen.channel if seen else Channel(channel, direct=channel.startswith("D"))

    async def may_be_shared(self, channel: str) -> bool:
        """Return whether people of another company may read the channel; True if unknown."""
        seen = await self._channel(channel)
        return seen is None or seen.channel.shared

    def cached_readable(self, channel: str) -> bool | None:
        """Return whether the bot may read the conversation; None if that is not cached."""
        if channel.startswith("D"):
            return False  # the app asks for no scope that would let it
        if self._joined.cached(channel):
            return True
        return False if channel in self._joined else None

    async def readable(self, channel: str) -> bool:
        """Return whether the bot may read the conversation (cached).

        "It may not" is cached for a minute only: somebody may invite it.
        """
        known = self.cached_readable(channel)
        if known is None:
            await self._channels.renew(channel, lambda: _or_none(self._ask_channel(channel)))
            known = self.cached_readable(channel)
        return known is True

    async def names(self, mentions: Sequence[Mention]) -> Names:
        """Return the names of those mentioned (cached).

        What cannot be read is left out, and so are private channels.
        """
        users, channels, usergroups = _ids(mentions)
        for user in users[:MOST_ASKED]:
            await _or_none(self.profile(user))
        for channel in channels[:MOST_ASKED]:
            await self._channel(channel)
        if usergroups:
            await self._usergroups.get("", lambda: _or_none(self._ask_usergroups()))
        return self.cached_names(mentions)

    def cached_names(self, mentions: Sequence[Mention]) -> Names:
        """Return the names that are cached, for a form that must open at once."""
        users, channels, usergroups = _ids(mentions)
        people = {user: self._users.cached(user) for user in users}
        seen = {channel: self._channels.cached(channel) for channel in channels}
        handles = self._usergroups.cached("") or {}
        return Names(
            users={user: profile.name for user, profile in people.items() if profile},
            channels={
                id_: found.channel.name
                for id_, found in seen.items()
                if found and found.channel.name and not found.private
            },
            usergroups={id_: handles[id_] for id_ in usergroups if id_ in handles},
        )

    async def _channel(self, channel: str) -> _ReadChannel | None:
        return await self._channels.get(channel, lambda: _or_none(self._ask_channel(channel)))

    async def _ask_user(self, user: str) -> Profile | None:
        try:
            answer = await call("users.info", self.web.users_info(user=user))
        except SlackRejected as declined:
            if declined.code in _UNKNOWN_USER:
                return None
            raise
        return _profile(
            _parse(_UserInfo, "users.info", answer).user, await self.known_installation()
        )

    async def _ask_channel(self, channel: str) -> _ReadChannel:
        try:
            answer = await call("conversations.info", self.web.conversations_info(channel=channel))
        except Rejected:
            self._joined.keep(channel, None)
            raise
        found = _parse(_ConversationInfo, "conversations.info", answer).channel
        direct = found.is_im or found.is_mpim
        member = found.is_member or found.is_private  # else it would not be shown
        self._joined.keep(channel, (member and not direct) or None)
        return _ReadChannel(
            Channel(
                id=channel,
                name=None if direct else found.name,
                direct=direct,
                shared=found.is_ext_shared,
            ),
            private=direct or found.is_private,
        )

    async def _ask_usergroups(self) -> dict[str, str]:
        answer = await call("usergroups.list", self.web.usergroups_list(include_disabled=True))
        groups = _parse(_Usergroups, "usergroups.list", answer).usergroups
        return {group.id: group.handle or group.name or group.id for group in groups}


def _ids(mentions: Sequence[Mention]) -> tuple[list[str], list[str], list[str]]:
    """Return the ids of the users, channels and user groups mentioned, each once."""
    found: dict[str, dict[str, None]] = {"user": {}, "channel": {}, "usergroup": {}}
    for mention in mentions:
        found[mention.of][mention.id] = None
    return list(found["user"]), list(found["channel"]), list(found["usergroup"])


def _profile(user: _User, installation: Installation) -> Profile:
    names = (user.profile.real_name, user.real_name, user.profile.display_name, user.name)
    kind = _kind(user, installation)
    return Profile(
        user=user.id,
        team=user.team_id or user.profile.team or "unknown",
        name=next((name.strip() for name in names if name and name.strip()), user.id),
        kind=kind,
        email=user.profile.email or None,
        email_confirmed=bool(user.profile.email) and user.is_email_confirmed,
        # Another company's admins are no admins here.
        admin=kind is UserKind.MEMBER and (user.is_owner or user.is_admin or user.is_primary_owner),
        deactivated=user.deleted,
    )


def _kind(user: _User, installation: Installation) -> UserKind:
    """Return the user's kind; who is not surely of this company is of another one.

    No single flag says so. In an Enterprise organization the user's team may be another one of the
    same organization.
    https://docs.slack.dev/apis/slack-connect/using-slack-connect-api-methods
    """
    if user.id in SLACKS_OWN_USERS or user.is_bot or user.is_workflow_bot or user.is_connector_bot:
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
        raise SlackRejected(method, "not_understood") from None


def _without_nulls(said: Mapping[str, object]) -> dict[str, object]:
    return {
        key: storable(value) if isinstance(value, str) else value
        for key, value in said.items()
        if value is not None
    }


async def _or_none(lookup: Awaitable[V | None]) -> V | None:
    """Return the result, or None if Slack refuses it for good."""
    try:
        return await lookup
    except Rejected:
        return None
