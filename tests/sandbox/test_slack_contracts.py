"""The sandbox's payloads have every field of the published ones."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from bot.sandbox.slack import Json
from tests.contracts import Contract
from tests.sandbox.slack_app import FormApp, opened_form, over_http, recording

# The sandbox's workspace is in no Enterprise organisation; `authed_users` is deprecated.
_LEFT_OUT = {"enterprise_id", "enterprise_name", "authed_users"}


Lacks = Callable[..., set[str]]


@pytest.fixture
def lacks(contract: Contract) -> Lacks:
    """Return the fields of a published payload that are missing in what was sent."""

    def missing(name: str, sent: Json, *inside: str) -> set[str]:
        published = json.loads(contract(f"slack-payloads/{name}.json").read_text())
        for key in inside:
            published, sent = published[key], sent[key]
        return set(published.keys() - sent.keys() - _LEFT_OUT)

    return missing


async def test_reactions(lacks: Lacks) -> None:
    async with recording(200) as (slack, bodies):
        ada = slack.add_user("ada")
        channel = slack.add_channel("support", members=[ada])
        await slack.react(ada, channel, await slack.post(ada, channel, "x"), "ticket")
    for name in ("reaction_added", "reaction_added-slack_connect"):
        assert lacks(name, bodies[0]) == set()
        assert lacks(name, bodies[0], "event") == set()
        assert lacks(name, bodies[0], "event", "item") == set()
        assert lacks(name, {**bodies[0], "event": {}}, "event") != set()
    authorization = bodies[0]["authorizations"][0]
    assert {"enterprise_id", "team_id", "user_id", "is_bot"} <= authorization.keys()


async def test_messages(lacks: Lacks) -> None:
    async with recording(200) as (slack, bodies):
        slack.subscriptions.add("message")
        ada = slack.add_user("ada")
        await slack.post(ada, slack.add_channel("support", members=[ada]), "x")
    assert lacks("message", bodies[0]["event"]) == set()


async def test_message_shortcuts(lacks: Lacks) -> None:
    desk = FormApp()
    async with over_http(desk) as slack:
        ada = slack.add_user("ada")
        channel = slack.add_channel("support", members=[ada])
        await slack.use_shortcut(ada, channel, await slack.post(ada, channel, "x"), "create")
    (body,) = desk.bodies
    assert lacks("message_action", body) == set()
    for key in ("team", "user", "channel", "message"):
        assert lacks("message_action", body, key) == set()


async def test_commands(lacks: Lacks) -> None:
    desk = FormApp()
    async with over_http(desk) as slack:
        ada = slack.add_user("ada")
        await slack.command(ada, slack.add_channel("support", members=[ada]), "/say", "x")
    assert lacks("slash_command", desk.bodies[0]) == set()


async def test_submissions(lacks: Lacks) -> None:
    desk = FormApp()
    async with over_http(desk) as slack:
        ada, view = await opened_form(slack)
        await slack.submit(ada, view["id"])
    body = desk.bodies[-1]
    assert lacks("view_submission", body) == set()
    for key in ("team", "user", "view"):
        assert lacks("view_submission", body, key) == set()
