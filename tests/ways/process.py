"""The bridge as a process of its own, between the sandbox's Slack and Plain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bot.sandbox import process
from bot.sandbox.plain import Plain
from bot.sandbox.slack import Slack


@asynccontextmanager
async def running(
    folder: Path, arguments: Sequence[str] = process.RUN, **variables: str
) -> AsyncIterator[tuple[process.BridgeProcess, Slack, Plain]]:
    """Run a bridge with these variables in `folder`; `arguments` are the interpreter's."""
    slack, plain = Slack(), Plain()
    async with (
        slack.serving(),
        plain.serving() as plain_url,
        process.bridge(
            {
                "SLACK_BOT_TOKEN": "xoxb-test",
                "SLACK_SIGNING_SECRET": slack.signing_secret,
                "SLACK_API_URL": slack.api_url,
                "PLAIN_API_KEY": plain.api_key,
                "PLAIN_API_URL": plain_url,
                **variables,
            },
            folder,
            arguments=arguments,
        ) as bridge,
    ):
        slack.deliver_to(f"{bridge.url}/slack/events")
        yield bridge, slack, plain
