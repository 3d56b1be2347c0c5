"""Opens what the commands work on: the settings' database and Slack; the workspace's team id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from sqlalchemy import select

from bot import wiring
from bot.cli.console import CommandFailed
from bot.core.directory import Installation
from bot.core.faults import Fault
from bot.settings import Settings
from bot.slack import calls
from bot.slack.client import SlackClient
from bot.store.codec import Codec
from bot.store.database import Database
from bot.store.schema import memory


@contextmanager
def database(settings: Settings, *, create: bool = False) -> Iterator[Database]:
    """The settings' database, at this release's schema; beside a bridge that runs.

    `create`: make the SQLite file where there is none; without, CommandFailed.
    """
    opened = connect(settings)
    try:
        if not create and (file := missing_file(opened)) is not None:
            raise CommandFailed(
                f"there is no database {file} here yet: `plain-bridge run` makes it; "
                "or set DATABASE_URL, or change into the bridge's folder"
            )
        wiring.prepare(opened)
        yield opened
    finally:
        opened.close()


def connect(settings: Settings) -> Database:
    """The settings' database, unopened. CommandFailed where its driver is not installed."""
    try:
        return wiring.open_database(settings)
    except ModuleNotFoundError as error:
        raise CommandFailed(
            f"{error.name} is not installed, which PostgreSQL needs: "
            "install the wheel with its extra `postgres` (pip install 'FILE.whl[postgres]')"
        ) from None


def missing_file(opened: Database) -> Path | None:
    """Return the path of the SQLite file if there is none.

    Where this user may not look (a folder that is closed to them, a name that is too long), return
    None: opening the database then says so in SQLite's words.
    """
    name = opened.url.database
    if not opened.is_sqlite or not name or name.startswith("file:"):
        return None
    path = Path(name)
    try:
        return None if path.exists() else path
    except OSError:
        return None


def team(settings: Settings, opened: Database) -> str:
    """The id of the workspace that the bridge is installed in.

    Slack says it; where it cannot be asked, what the database remembers of an earlier start.
    """
    if settings.slack_bot_token is not None:
        try:
            return asyncio.run(_installed(settings)).team
        except Fault:
            pass  # the database may know
    remembered = {one.team for one in _remembered(opened)}
    if len(remembered) == 1:
        return remembered.pop()
    raise CommandFailed(
        "the workspace's team id is not known: set SLACK_BOT_TOKEN so that Slack can be asked, "
        "or say it with --team T…"
    )


async def _installed(settings: Settings) -> Installation:
    async with slack(settings) as client:
        return await client.installation()


@asynccontextmanager
async def slack(settings: Settings) -> AsyncIterator[SlackClient]:
    """Slack with the settings' token; without one it refuses whatever it is asked."""
    token = settings.slack_bot_token.get_secret_value() if settings.slack_bot_token else ""
    async with calls.open_session() as session:
        yield SlackClient(calls.web_client(token, settings.slack_api_url, session))


def _remembered(opened: Database) -> list[Installation]:
    known = select(memory.c.value).where(memory.c.name.startswith("slack.installation."))
    codec = Codec(Installation)
    with opened.reading() as connection:
        values = [codec.value(text) for text in connection.scalars(known)]
    return [value for value in values if value is not None]
