"""A Slack that is served, and Slack's own SDK for it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Slack
from tests.conftest import Clock
from tests.sandbox.slack_app import client


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    slack = Slack(clock=Clock())
    async with slack.serving():
        yield slack


@pytest.fixture
def web(slack: Slack) -> AsyncWebClient:
    return client(slack)
