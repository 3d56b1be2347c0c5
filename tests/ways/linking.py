"""What the ways to a link share: somebody unknown, and the form about them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.sandbox.slack import Ephemeral, Json
from tests.ways.stage import Stage, stage


@pytest.fixture
async def on(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Ada is an admin; Gus is a guest, whom Slack's e-mail address does not prove."""
    async with stage(sqlite_url, tmp_path) as set_up:
        set_up.slack.users[set_up.ada].admin = True
        yield set_up


def guest(on: Stage, name: str = "Gus Grant", email: str | None = None) -> str:
    user = on.slack.add_user(name, email=email, guest=True)
    on.slack.conversations[on.support].members.add(user)
    return user


async def asked(on: Stage, author: str, submitter: str | None = None, text: str = "Help") -> None:
    """Somebody writes, and `submitter` (Ada) wants a ticket of it."""
    ts = await on.slack.post(author, on.support, text)
    await on.slack.react(submitter or on.ada, on.support, ts, "ticket")
    await on.settled()


def last(on: Stage, user: str) -> Ephemeral:
    return on.slack.ephemerals(user)[-1]


async def opened(on: Stage, user: str) -> Json:
    """The form, by the button below the last answer to this person."""
    clicked = await on.slack.click(user, "link_person", ephemeral=last(on, user))
    assert clicked.status == 200
    assert clicked.view is not None
    return clicked.view


def said(view: Json | None) -> str:
    assert view is not None
    return str(view["blocks"][0]["text"]["text"])


def fields(view: Json) -> list[str]:
    return [block["block_id"] for block in view["blocks"] if block["type"] == "input"]


def buttons(answer: Ephemeral) -> list[Json]:
    return [one for block in answer.blocks for one in block.get("elements", [])]


def _actions(value: str) -> Json:
    text = {"type": "plain_text", "text": "Say"}
    button = {"type": "button", "action_id": "link_person", "value": value, "text": text}
    return {"type": "actions", "block_id": "b", "elements": [button]}
