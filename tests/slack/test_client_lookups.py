"""Users, channels and user groups: who they are to the workspace, and how long that holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.core.directory import Channel, Installation, Names, Profile, UserKind
from bot.core.faults import TryLater
from bot.core.text.richtext import Mention
from bot.slack.lookups import KEPT, MISSING_KEPT, Cache
from tests.slack.canned import INSTALLED, LIMITED, Reply, no, ok, talking


def user(**more: Any) -> Reply:
    profile = {"real_name": "Ana Silva", "display_name": "ana", "email": "ana@acme.test"}
    return ok(
        user={
            "id": "U1",
            "team_id": "T1",
            "name": "ana",
            "is_email_confirmed": True,
            "profile": profile | more.pop("profile", {}),
            **more,
        }
    )


GRID = replace(INSTALLED, enterprise="E1")
STANDINGS: list[tuple[str, dict[str, Any], Installation, UserKind]] = [
    ("a member", {}, INSTALLED, UserKind.MEMBER),
    ("an administrator", {"is_admin": True, "is_owner": True}, INSTALLED, UserKind.MEMBER),
    ("a guest", {"is_restricted": True}, INSTALLED, UserKind.GUEST),
    ("a single-channel guest", {"is_ultra_restricted": True}, INSTALLED, UserKind.GUEST),
    ("of another team", {"team_id": "T2"}, INSTALLED, UserKind.EXTERNAL),
    ("a stranger", {"is_stranger": True}, INSTALLED, UserKind.EXTERNAL),
    ("without a team", {"team_id": None}, INSTALLED, UserKind.EXTERNAL),
    (
        "team in the profile only",
        {"team_id": None, "profile": {"team": "T1"}},
        INSTALLED,
        UserKind.MEMBER,
    ),
    (
        "another company's guest",
        {"team_id": "T2", "is_restricted": True},
        INSTALLED,
        UserKind.EXTERNAL,
    ),
    (
        "of the same organization, another team",
        {"team_id": "T2", "enterprise_user": {"enterprise_id": "E1", "teams": ["T2"]}},
        GRID,
        UserKind.MEMBER,
    ),
    (
        "of this team too",
        {"team_id": "T2", "enterprise_user": {"enterprise_id": "E9", "teams": ["T2", "T1"]}},
        INSTALLED,
        UserKind.MEMBER,
    ),
    (
        "of another organization",
        {"team_id": "T2", "enterprise_user": {"enterprise_id": "E2", "teams": ["T2"]}},
        GRID,
        UserKind.EXTERNAL,
    ),
    (
        "no organization is no common one",
        {"team_id": "T2", "enterprise_user": {"enterprise_id": None}},
        INSTALLED,
        UserKind.EXTERNAL,
    ),
    ("a bot", {"is_bot": True}, INSTALLED, UserKind.BOT),
    ("a workflow", {"is_workflow_bot": True}, INSTALLED, UserKind.BOT),
    ("another company's bot", {"is_bot": True, "team_id": "T2"}, INSTALLED, UserKind.BOT),
    ("Slackbot", {"id": "USLACKBOT", "is_bot": False}, INSTALLED, UserKind.BOT),
    ("nulls", {"is_bot": None, "is_restricted": None}, INSTALLED, UserKind.MEMBER),
]


@pytest.mark.parametrize(
    ("fields", "installed", "standing"), [pytest.param(*row, id=name) for name, *row in STANDINGS]
)
async def test_what_a_user_is_to_the_workspace(
    fields: dict[str, Any], installed: Installation, standing: UserKind
) -> None:
    async with talking({"users.info": user(**fields)}, installed=installed) as (client, _):
        profile = await client.profile("U1")
    assert profile is not None
    assert profile.kind is standing


async def test_a_profile() -> None:
    async with talking({"users.info": user()}) as (client, _):
        assert await client.profile("U1") == Profile(
            user="U1",
            team="T1",
            name="Ana Silva",
            kind=UserKind.MEMBER,
            email="ana@acme.test",
            email_confirmed=True,
        )


@pytest.mark.parametrize(
    ("fields", "email", "confirmed"),
    [
        ({"is_email_confirmed": False}, "ana@acme.test", False),
        ({"is_email_confirmed": None}, "ana@acme.test", False),
        ({"profile": {"email": None}}, None, False),
        ({"profile": {"email": ""}}, None, False),
    ],
)
async def test_an_address_counts_as_confirmed_only_if_slack_says_so(
    fields: dict[str, Any], email: str | None, confirmed: bool
) -> None:
    async with talking({"users.info": user(**fields)}) as (client, _):
        profile = await client.profile("U1")
    assert profile is not None
    assert (profile.email, profile.email_confirmed) == (email, confirmed)


@pytest.mark.parametrize(
    ("profile", "name"),
    [
        ({}, "Ana Silva"),
        ({"real_name": " "}, "ana"),
        ({"real_name": None, "display_name": None}, "ana.s"),
    ],
)
async def test_a_users_name(profile: dict[str, Any], name: str) -> None:
    async with talking({"users.info": user(profile=profile, name="ana.s")}) as (client, _):
        found = await client.profile("U1")
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("code", ["user_not_found", "user_not_visible"])
async def test_a_user_that_slack_does_not_show(code: str) -> None:
    async with talking({"users.info": no(code)}) as (client, _):
        assert await client.profile("U1") is None


@pytest.mark.parametrize(
    ("said", "channel"),
    [
        pytest.param(
            {"id": "C1", "name": "support"}, Channel("C1", name="support"), id="a public channel"
        ),
        pytest.param(
            {"id": "C1", "name": "secret", "is_private": True},
            Channel("C1", name="secret"),
            id="a private channel that the bot is in",
        ),
        pytest.param(
            {"id": "C1", "name": "acme-bolt", "is_ext_shared": True},
            Channel("C1", name="acme-bolt", shared=True),
            id="shared with another company",
        ),
        pytest.param(
            {"id": "C1", "name": "org-wide", "is_org_shared": True, "is_shared": True},
            Channel("C1", name="org-wide"),
            id="shared inside the organization",
        ),
        pytest.param(
            {"id": "C1", "is_im": True, "user": "U1"}, Channel("C1", direct=True), id="a DM"
        ),
        pytest.param(
            {"id": "C1", "name": "mpdm-a--b-1", "is_mpim": True},
            Channel("C1", direct=True),
            id="a group DM",
        ),
    ],
)
async def test_a_channel(said: dict[str, Any], channel: Channel) -> None:
    async with talking({"conversations.info": ok(channel=said)}) as (client, _):
        assert await client.channel("C1") == channel


@pytest.mark.parametrize("code", ["channel_not_found", "missing_scope", "not_in_channel"])
async def test_a_channel_that_cannot_be_read_has_no_name(code: str) -> None:
    async with talking({"conversations.info": no(code)}) as (client, _):
        assert await client.channel("C1") == Channel("C1")


ANA = Mention("user", "U1")
SUPPORT = Mention("channel", "C1")
ON_CALL = Mention("usergroup", "S1", label="@old-name")
GROUPS = ok(usergroups=[{"id": "S1", "handle": "on-call", "name": "On call"}, {"id": "S2"}])


async def test_names_are_asked_once_each() -> None:
    answers = {
        "users.info": user(),
        "conversations.info": ok(channel={"id": "C1", "name": "support"}),
        "usergroups.list": GROUPS,
    }
    async with talking(answers) as (client, slack):
        for _ in range(2):
            assert await client.names([ANA, SUPPORT, ON_CALL, ANA, SUPPORT]) == Names(
                users={"U1": "Ana Silva"},
                channels={"C1": "support"},
                usergroups={"S1": "on-call"},
            )
    assert slack.methods == ["users.info", "conversations.info", "usergroups.list"]


@pytest.mark.parametrize(
    ("mention", "answers"),
    [
        pytest.param(ANA, {"users.info": no("user_not_found")}, id="unknown user"),
        pytest.param(ANA, {"users.info": no("missing_scope")}, id="no scope for users"),
        pytest.param(ANA, {"users.info": ok(user={"name": "?"})}, id="a user without an id"),
        pytest.param(
            SUPPORT, {"conversations.info": no("channel_not_found")}, id="unknown channel"
        ),
        pytest.param(
            SUPPORT,
            {"conversations.info": ok(channel={"id": "C1", "name": "secret", "is_private": True})},
            id="a private channel, whose name others may not see",
        ),
        pytest.param(ON_CALL, {"usergroups.list": no("missing_scope")}, id="no scope for groups"),
        pytest.param(ON_CALL, {"usergroups.list": ok(usergroups=[])}, id="unknown group"),
    ],
)
async def test_what_cannot_be_read_has_no_name_and_stops_nothing(
    mention: Mention, answers: dict[str, Reply]
) -> None:
    async with talking(answers) as (client, _):
        assert await client.names([mention]) == Names()


async def test_names_wait_where_slack_says_to_wait() -> None:
    async with talking({"users.info": LIMITED}) as (client, _):
        with pytest.raises(TryLater) as later:
            await client.names([ANA])
    assert later.value.after == 7.0


async def test_names_at_hand_ask_nobody() -> None:
    async with talking({"users.info": user()}) as (client, slack):
        assert client.cached_names([ANA]) == Names()
        await client.profile("U1")
        assert client.cached_names([ANA]) == Names(users={"U1": "Ana Silva"})
    assert slack.methods == ["users.info"]


async def test_a_profile_is_asked_again_after_a_while() -> None:
    now = [0.0]
    answers = {"users.info": [user(), user(profile={"real_name": "Ana Souza"})]}
    async with talking(answers, clock=lambda: now[0]) as (client, slack):
        names = []
        for moment in (0.0, KEPT - 1, KEPT + 1):
            now[0] = moment
            profile = await client.profile("U1")
            names.append(profile and profile.name)
    assert names == ["Ana Silva", "Ana Silva", "Ana Souza"]
    assert slack.methods == ["users.info", "users.info"]


async def test_what_could_not_be_read_is_tried_again_soon() -> None:
    now = [0.0]
    answers = {
        "conversations.info": [
            no("channel_not_found"),
            ok(channel={"id": "C1", "name": "support"}),
        ]
    }
    async with talking(answers, clock=lambda: now[0]) as (client, _):
        assert (await client.channel("C1")).name is None
        now[0] = MISSING_KEPT + 1
        assert (await client.channel("C1")).name == "support"


async def test_a_cache_is_bounded_and_forgets_what_is_least_used() -> None:
    asked: list[str] = []
    cache: Cache[str] = Cache(lambda: 0.0, bound=2)

    async def get(key: str) -> str | None:
        async def ask() -> str | None:
            asked.append(key)
            return key.upper()

        return await cache.get(key, ask)

    for key in ("a", "b", "a", "c", "a", "b"):
        assert await get(key) == key.upper()
    assert asked == ["a", "b", "c", "b"]


async def test_a_fault_is_not_kept() -> None:
    async with talking({"users.info": [Reply(status=500), user()]}) as (client, _):
        with pytest.raises(TryLater):
            await client.profile("U1")
        assert await client.profile("U1") is not None


async def test_a_text_of_hundreds_of_mentions_asks_for_some_of_them() -> None:
    """Asked one by one, they used up a minute's limit again and again: it was never delivered."""
    mentioned = [Mention("user", f"U{number}") for number in range(300)]
    mentioned += [Mention("channel", f"C{number}") for number in range(300)]
    answers = {"users.info": no("user_not_found"), "conversations.info": no("channel_not_found")}
    async with talking(answers) as (client, slack):
        assert await client.names(mentioned) == Names()
    assert len(slack.sent("users.info")) == len(slack.sent("conversations.info")) == 50


@pytest.mark.parametrize(
    ("answer", "readable"),
    [
        pytest.param(ok(channel={"id": "C1", "is_member": True}), True, id="a member"),
        pytest.param(ok(channel={"id": "C1", "is_member": False}), False, id="no member"),
        pytest.param(ok(channel={"id": "C1", "is_private": True}), True, id="a private one"),
        pytest.param(
            ok(channel={"id": "C1", "is_member": True, "is_private": True, "is_mpim": True}),
            False,
            id="a group message: the app has no scope for it",
        ),
        pytest.param(no("channel_not_found"), False, id="not to be seen"),
    ],
)
async def test_whether_the_messages_of_a_channel_may_be_read(answer: Reply, readable: bool) -> None:
    async with talking({"conversations.info": answer}) as (client, slack):
        assert client.cached_readable("C1") is None
        assert await client.readable("C1") is readable
        assert client.cached_readable("C1") is readable
        assert await client.readable("C1") is readable
    assert len(slack.calls) == 1


async def test_direct_messages_are_never_read() -> None:
    async with talking({}) as (client, slack):
        assert client.cached_readable("D1") is False
        assert await client.readable("D1") is False
    assert slack.calls == []


async def test_an_invitation_shows_within_a_minute() -> None:
    now = 1000.0
    answers = [ok(channel={"id": "C1"}), ok(channel={"id": "C1", "is_member": True})]
    async with talking({"conversations.info": answers}, clock=lambda: now) as (client, _):
        assert not await client.readable("C1")
        now += MISSING_KEPT
        assert client.cached_readable("C1") is None
        assert await client.readable("C1")


async def test_a_channel_that_was_looked_up_for_its_name_need_not_be_asked_for_again() -> None:
    answer = ok(channel={"id": "C1", "name": "support", "is_member": True})
    async with talking({"conversations.info": answer}) as (client, slack):
        await client.channel("C1")
        assert client.cached_readable("C1") is True
    assert len(slack.calls) == 1


async def test_a_fault_tells_nothing_about_a_channel() -> None:
    async with talking({"conversations.info": LIMITED}) as (client, _):
        with pytest.raises(TryLater):
            await client.readable("C1")
        assert client.cached_readable("C1") is None
