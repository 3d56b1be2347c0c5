"""Who a message and a profile are of, from what Slack sends to what the bridge makes of it."""

from __future__ import annotations

from typing import Any

import pytest

from bot.core import identity
from bot.core.conversation import app_of
from bot.core.identity import ByEmail, Identity, IdentityPolicy, Unidentified
from bot.core.refs import MessageRef
from bot.flows import authorship, customer
from bot.slack.text.message import message_of
from tests.nouns import trigger
from tests.slack.canned import ok, talking

REF = MessageRef("C1", "1700000300.000200")
OWN: dict[str, Any] = {"team_id": "T1", "is_bot": False}
THROUGH_AN_APP: dict[str, Any] = {
    "type": "message",
    "ts": REF.ts,
    "user": "U0DANA",
    "team": "T1",
    "bot_id": "B0DICTATE",
    "app_id": "A0DICTATE",
    "bot_profile": {"id": "B0DICTATE", "app_id": "A0DICTATE", "name": "Dictate"},
    "text": "Badge readers are down in building C",
}


@pytest.mark.parametrize(
    ("message", "user", "requester", "app"),
    [
        pytest.param(THROUGH_AN_APP, OWN, "U0DANA", None, id="a person's own token"),
        pytest.param(
            THROUGH_AN_APP, OWN | {"is_bot": True}, "U0ASKER", "Dictate (app)", id="an app's token"
        ),
        pytest.param(
            THROUGH_AN_APP,
            OWN | {"is_workflow_bot": True},
            "U0ASKER",
            "Dictate (app)",
            id="a workflow",
        ),
        pytest.param(
            THROUGH_AN_APP | {"username": "Dana, Director"},
            OWN,
            "U0ASKER",
            "Posted as “Dana, Director” by the app Dictate",
            id="a made-up name, with a person's token",
        ),
        pytest.param(
            {"subtype": "bot_message", "bot_id": "B0HOOK", "username": "Facilities", "text": "!"},
            OWN,
            "U0ASKER",
            "Posted as “Facilities” by an app",
            id="a webhook",
        ),
    ],
)
async def test_whose_a_message_is(
    message: dict[str, Any], user: dict[str, Any], requester: str, app: str | None
) -> None:
    shown = {"id": "U0DANA", "real_name": "Dana Reyes", **user}
    async with talking({"users.info": ok(user=shown)}) as (client, _):
        found = await authorship.settled(message_of(message, REF), client)
    assert customer.requester_of(trigger(), found) == requester
    assert app_of(found) == app


@pytest.mark.parametrize(
    ("user", "decided"),
    [
        pytest.param(
            {"is_email_confirmed": False}, Unidentified(unconfirmed=True), id="signed in by SSO"
        ),
        pytest.param({}, Unidentified(unconfirmed=True), id="Slack does not say"),
        pytest.param(
            {"is_email_confirmed": True},
            ByEmail("dana@acme.example", "Dana Reyes", verified=True, source="email"),
            id="confirmed",
        ),
        pytest.param(
            {"is_email_confirmed": False, "is_restricted": True}, Unidentified(), id="a guest's"
        ),
    ],
)
async def test_an_address_that_is_there_and_unconfirmed(
    user: dict[str, Any], decided: Identity
) -> None:
    profile = {"email": "dana@acme.example", "real_name": "Dana Reyes"}
    shown = {"id": "U0DANA", "profile": profile, **OWN, **user}
    async with talking({"users.info": ok(user=shown)}) as (client, _):
        found = await client.profile("U0DANA")
    policy = IdentityPolicy()
    assert identity.decide(policy, rule=None, link=None, user="U0DANA", profile=found) == decided


@pytest.mark.parametrize(("said", "gone"), [({"deleted": True}, True), ({}, False)])
async def test_a_deactivated_account_is_known_as_one(said: dict[str, Any], gone: bool) -> None:
    async with talking({"users.info": ok(user={"id": "U0DANA", **OWN, **said})}) as (client, _):
        found = await client.profile("U0DANA")
    assert found is not None
    assert found.deactivated is gone


async def test_the_app_of_the_token_is_asked_for_once_and_may_stay_unknown() -> None:
    said = {"bot": {"id": "B1", "app_id": "A0001"}}
    async with talking({"bots.info": ok(**said)}) as (client, slack):
        assert await client.app() == "A0001"
        assert slack.sent("bots.info") == [{"bot": "B1"}]
    for silent in (ok(bot={}), ok(bot=None), ok()):
        async with talking({"bots.info": silent}) as (client, _):
            assert await client.app() is None
