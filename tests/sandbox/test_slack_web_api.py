"""The sandbox's Web API, called by Slack's own SDK."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Slack
from tests.sandbox.slack_app import error_of, word_of


async def test_the_bot_reads_only_where_it_is(slack: Slack, web: AsyncWebClient) -> None:
    ada, ben = slack.add_user("ada"), slack.add_user("ben")
    public = slack.add_channel("public", members=[ada], bot_member=False)
    private = slack.add_channel("private", private=True, members=[ada], bot_member=False)
    dm = slack.add_dm(ada, ben)
    ts = {channel: await slack.post(ada, channel, "hi") for channel in (public, private, dm)}
    for channel, error in (
        (public, "not_in_channel"),
        (private, "channel_not_found"),
        (dm, "channel_not_found"),
        ("C404", "channel_not_found"),
    ):
        at = ts.get(channel, "1.000000")
        for call in (
            web.conversations_history(channel=channel),
            web.conversations_replies(channel=channel, ts=at),
            web.reactions_get(channel=channel, timestamp=at),
            web.reactions_add(channel=channel, timestamp=at, name="ticket"),
            web.chat_postMessage(channel=channel, text="hi"),
            web.chat_postEphemeral(channel=channel, user=ada, text="hi"),
        ):
            assert word_of(await error_of(call)) == error
    assert (await web.conversations_info(channel=public))["channel"]["is_member"] is False
    assert word_of(await error_of(web.conversations_info(channel=dm))) == "channel_not_found"
    assert (await web.chat_getPermalink(channel=public, message_ts=ts[public]))["ok"]


async def test_people_as_users_info_shows_them(slack: Slack, web: AsyncWebClient) -> None:
    member = slack.add_user("ada", email="ada@example.com", owner=True)
    unsure = slack.add_user("ben", email="ben@example.com", confirmed=False)
    guest = slack.add_user("gil", email="gil@example.com", guest=True)
    partner = slack.add_user("pam", team="T00000002")
    stranger = slack.add_user("sam", team="T00000003")
    slack.add_channel("shared", shared=True, members=[partner])
    bot = slack.add_user("other-app", bot=True)

    async def shown(user: str) -> dict[str, Any]:
        answer: dict[str, Any] = (await web.users_info(user=user))["user"]
        return answer

    ada = await shown(member)
    assert (ada["profile"]["email"], ada["is_email_confirmed"]) == ("ada@example.com", True)
    assert (ada["is_owner"], ada["is_restricted"], "is_stranger" in ada) == (True, False, False)
    assert (await shown(unsure))["is_email_confirmed"] is False
    assert (await shown(guest))["is_restricted"] is True
    pam = await shown(partner)
    assert (pam["team_id"], pam["is_stranger"], "email" in pam["profile"]) == (
        "T00000002",
        False,
        False,
    )
    assert (await shown(stranger))["is_stranger"] is True
    other = await shown(bot)
    assert other["is_bot"] is True
    named = (await web.bots_info(bot=other["profile"]["bot_id"]))["bot"]
    assert (named["name"], named["user_id"]) == ("other-app", bot)
    slack.scopes.discard("users:read.email")
    assert "email" not in (await shown(member))["profile"]
    hidden = slack.add_user("eve", visible=False)
    assert word_of(await error_of(web.users_info(user=hidden))) == "user_not_visible"
    assert word_of(await error_of(web.users_info(user="U404"))) == "user_not_found"


async def _thread(slack: Slack) -> tuple[str, list[str]]:
    ada = slack.add_user("ada")
    channel = slack.add_channel("support", members=[ada])
    root = await slack.post(ada, channel, "root")
    replies = [await slack.post(ada, channel, f"reply {n}", thread_ts=root) for n in range(2)]
    later = await slack.post(ada, channel, "later")
    return channel, [root, *replies, later]


async def test_history_holds_no_replies(slack: Slack, web: AsyncWebClient) -> None:
    channel, (root, reply, _, later) = await _thread(slack)
    found = (await web.conversations_history(channel=channel))["messages"]
    assert [message["ts"] for message in found] == [later, root]
    assert (found[1]["reply_count"], found[1]["thread_ts"]) == (2, root)
    at = (await web.conversations_history(channel=channel, latest=reply, inclusive=True, limit=1))[
        "messages"
    ]
    assert [message["ts"] for message in at] == [root], "a neighbour, not the reply"
    exact = await web.conversations_history(
        channel=channel, latest=root, oldest=root, inclusive=True
    )
    assert [message["ts"] for message in exact["messages"]] == [root]
    assert not (await web.conversations_history(channel=channel, latest=root))["messages"]


@pytest.mark.parametrize(("how", "count"), [("only_reply", 1), ("whole_thread", 3)])
async def test_what_a_replys_ts_gives_is_a_switch(
    slack: Slack, web: AsyncWebClient, how: Any, count: int
) -> None:
    slack.replies_to_reply = how
    channel, (root, reply, other, _) = await _thread(slack)
    found = (await web.conversations_replies(channel=channel, ts=reply))["messages"]
    assert len(found) == count
    assert {message["thread_ts"] for message in found} == {root}
    whole = (await web.conversations_replies(channel=channel, ts=root))["messages"]
    assert [message["ts"] for message in whole] == [root, reply, other]
    error = await error_of(web.conversations_replies(channel=channel, ts="1.000000"))
    assert word_of(error) == "thread_not_found"


async def test_pages_follow_one_another(slack: Slack, web: AsyncWebClient) -> None:
    slack.page_cap = 2
    channel, _ = await _thread(slack)
    for number in range(3):
        await slack.post(next(iter(slack.users)), channel, str(number))
    seen: list[str] = []
    cursor = ""
    while True:
        page = await web.conversations_history(channel=channel, limit=100, cursor=cursor)
        assert len(page["messages"]) <= 2
        seen += [message["ts"] for message in page["messages"]]
        cursor = page["response_metadata"]["next_cursor"]
        assert page["has_more"] is bool(cursor)
        if not cursor:
            break
    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen, reverse=True)
    error = await error_of(web.conversations_history(channel=channel, cursor="junk!"))
    assert word_of(error) == "invalid_cursor"


@pytest.mark.parametrize("shows", [True, False])
async def test_reactions_get_gives_the_message(
    slack: Slack, web: AsyncWebClient, shows: bool
) -> None:
    slack.reactions_get_shows_thread = shows
    channel, (root, reply, _, _) = await _thread(slack)
    await web.reactions_add(channel=channel, timestamp=reply, name="ticket")
    found = (await web.reactions_get(channel=channel, timestamp=reply, full=True))["message"]
    assert (found["text"], found["reactions"][0]["users"]) == ("reply 0", [slack.bot_user])
    assert found["permalink"].endswith(f"?thread_ts={root}&cid={channel}")
    assert ("thread_ts" in found) is shows


async def test_reactions_come_and_go_once(slack: Slack, web: AsyncWebClient) -> None:
    channel, (root, *_) = await _thread(slack)
    where = {"channel": channel, "timestamp": root}
    await web.reactions_add(name="ticket", **where)
    assert word_of(await error_of(web.reactions_add(name="ticket", **where))) == "already_reacted"
    assert slack.reactions(channel, root) == {"ticket": [slack.bot_user]}
    await web.reactions_remove(name="ticket", **where)
    assert word_of(await error_of(web.reactions_remove(name="ticket", **where))) == "no_reaction"
    assert "reactions" not in slack.message(channel, root)
    assert word_of(await error_of(web.reactions_add(name="No Name", **where))) == "invalid_name"


async def test_a_posted_message_is_the_bots(slack: Slack, web: AsyncWebClient) -> None:
    channel, (root, reply, _, _) = await _thread(slack)
    answer = await web.chat_postMessage(
        channel="#support", text="a &amp; b", thread_ts=reply, blocks=[{"type": "divider"}]
    )
    posted = slack.message(channel, answer["ts"])
    assert (posted["bot_id"], posted["user"]) == (slack.bot_id, slack.bot_user)
    assert (posted["thread_ts"], posted["text"]) == (root, "a &amp; b")
    assert posted["blocks"][0]["block_id"]
    changed = await web.chat_update(channel=channel, ts=answer["ts"], text="other")
    assert changed["message"]["edited"]["user"] == slack.bot_user
    assert slack.message(channel, answer["ts"])["blocks"], "blocks that are not given stay"
    error = await error_of(web.chat_update(channel=channel, ts=root, text="mine"))
    assert word_of(error) == "cant_update_message"


async def test_what_cannot_be_posted(slack: Slack, web: AsyncWebClient) -> None:
    channel = slack.add_channel("support")
    for said, error in (
        ({"text": ""}, "no_text"),
        ({"blocks": [{"type": "divider"}] * 51, "text": "x"}, "invalid_blocks"),
        ({"markdown_text": "x" * 12_001}, "msg_too_long"),
        ({"markdown_text": "x", "text": "x"}, "markdown_text_conflict"),
        ({"text": "x", "thread_ts": "1.000000"}, "cannot_reply_to_message"),
    ):
        sent = web.api_call("chat.postMessage", json={"channel": channel, **said})
        assert word_of(await error_of(sent)) == error
    cut = await web.chat_postMessage(channel=channel, text="x" * 40_001)
    assert len(slack.message(channel, cut["ts"])["text"]) == 40_000
    slack.channel(channel).archived = True
    assert word_of(await error_of(web.chat_postMessage(channel=channel, text="x"))) == "is_archived"


async def test_a_person_can_be_written_to(slack: Slack, web: AsyncWebClient) -> None:
    ada = slack.add_user("ada")
    first = await web.chat_postMessage(channel=ada, text="hello")
    opened = await web.conversations_open(users=ada)
    assert opened["channel"]["id"] == first["channel"]
    assert [message["text"] for message in slack.dms(ada)] == ["hello"]
    slack.messages_tab = False
    assert word_of(await error_of(web.chat_postMessage(channel=ada, text="x"))) == (
        "messages_tab_disabled"
    )
    slack.scopes.discard("im:write")
    error = await error_of(web.conversations_open(users=ada))
    assert word_of(error) == "missing_scope"
    assert "im:write" in error.response["needed"].split(",")


async def test_ephemerals_are_seen_only_where_they_can_be(
    slack: Slack, web: AsyncWebClient
) -> None:
    channel, (root, _, _, later) = await _thread(slack)
    ada = next(user.id for user in slack.users.values() if user.name == "ada")
    for thread_ts in (None, root, later):
        await web.chat_postEphemeral(channel=channel, user=ada, text="psst", thread_ts=thread_ts)
    seen = [(whisper.channel, whisper.thread_ts) for whisper in slack.ephemerals(ada)]
    assert seen == [(channel, None), (channel, root)], "a thread without replies shows nothing"
    outsider = slack.add_user("ben")
    error = await error_of(web.chat_postEphemeral(channel=channel, user=outsider, text="psst"))
    assert word_of(error) == "user_not_in_channel"


async def test_permalinks(slack: Slack, web: AsyncWebClient) -> None:
    channel, (root, reply, _, _) = await _thread(slack)
    plain = await web.chat_getPermalink(channel=channel, message_ts=root)
    assert plain["permalink"] == f"{slack.url}archives/{channel}/p{root.replace('.', '')}"
    of_reply = await web.chat_getPermalink(channel=channel, message_ts=reply)
    assert of_reply["permalink"].endswith(f"?thread_ts={root}&cid={channel}")
    error = await error_of(web.chat_getPermalink(channel=channel, message_ts="1.000000"))
    assert word_of(error) == "message_not_found"


async def test_groups_members_and_the_team(slack: Slack, web: AsyncWebClient) -> None:
    ada = slack.add_user("ada")
    channel = slack.add_channel("support", shared=True, members=[ada])
    group = slack.add_usergroup("oncall", "On call")
    groups = (await web.usergroups_list())["usergroups"]
    assert [(one["id"], one["handle"], one["name"]) for one in groups] == [
        (group, "oncall", "On call")
    ]
    members = (await web.conversations_members(channel=channel))["members"]
    assert set(members) == {ada, slack.bot_user}
    info = (await web.conversations_info(channel=channel))["channel"]
    assert (info["name"], info["is_ext_shared"], info["is_private"]) == ("support", True, False)
    assert word_of(await error_of(web.team_info())) == "missing_scope"
    slack.scopes.add("team:read")
    assert (await web.team_info())["team"]["id"] == slack.team


async def test_metadata_is_shown_where_it_is_asked_for(slack: Slack, web: AsyncWebClient) -> None:
    channel = slack.add_channel("support")
    metadata = {"event_type": "ticket", "event_payload": {"key": "T1:C1:1.2"}}
    posted = await web.chat_postMessage(channel=channel, text="x", metadata=metadata)
    at = {"channel": channel, "ts": posted["ts"]}
    assert "metadata" not in (await web.conversations_replies(**at))["messages"][0]
    shown = await web.conversations_replies(**at, include_all_metadata=True)
    assert shown["messages"][0]["metadata"] == metadata
