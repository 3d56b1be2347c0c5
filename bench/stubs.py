"""A Slack and a Plain that answer at once, and know how long each of their answers took.

The sandbox's servers check all that they are sent, which would be measured with the bridge. These
speak just enough of both for one kind of work, in the shapes that the sandbox uses and that are
checked against both contracts.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bench.load import CHANNEL, TEAM

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """A request: when it was there whole, and when its answer was written (`perf_counter`)."""

    name: str
    came: float
    left: float


@dataclass
class Stubs:
    """Both, on one port. `delay`: seconds that Plain takes."""

    delay: float = 0.0
    seen: list[Seen] = field(default_factory=list)
    port: int = 0
    _moved: asyncio.Event = field(default_factory=asyncio.Event)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def environ(self) -> dict[str, str]:
        """What makes the bridge, and the other apps, ask here."""
        return {
            "SLACK_API_URL": f"http://127.0.0.1:{self.port}/api/",
            "PLAIN_API_URL": f"http://127.0.0.1:{self.port}/graphql/v1",
            "SLACK_BOT_TOKEN": "xoxb-test",
            "PLAIN_API_KEY": "plainApiKey_test",
        }

    def counts(self) -> Counter[str]:
        return Counter(one.name for one in self.seen)

    async def wait(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        """Until `condition` holds, looked at after every answer."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._moved.clear()
                await self._moved.wait()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Stubs]:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in self._open:
                writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = 0
                for line in head.split("\r\n"):
                    name, _, value = line.partition(":")
                    if name.lower() == "content-length":
                        length = int(value)
                body = await reader.readexactly(length)
                came = time.perf_counter()
                name, said = self._answer(head.split(" ", 2)[1], body)
                if self.delay and not name.startswith("slack."):
                    await asyncio.sleep(self.delay)
                writer.write(_response(said))
                self.seen.append(Seen(name, came, time.perf_counter()))
                self._moved.set()
        self._open.discard(writer)
        writer.close()

    def _answer(self, target: str, body: bytes) -> tuple[str, Json]:
        url = urlsplit(target)
        if not url.path.startswith("/api/"):
            asked = json.loads(body)
            name = asked["operationName"]
            return f"plain.{name}", _PLAIN.get(name, _nothing)(asked["variables"])
        name = url.path.removeprefix("/api/")
        given = {key: values[0] for key, values in parse_qs(url.query).items()}
        if body[:1] == b"{":
            given = json.loads(body)
        elif body:
            given |= {key: values[0] for key, values in parse_qs(body.decode()).items()}
        return f"slack.{name}", {"ok": True, **_SLACK[name](given)}


def _response(said: Json) -> bytes:
    body = json.dumps(said).encode()
    reset = (datetime.now(UTC) + timedelta(seconds=60)).isoformat()
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
        f"x-ratelimit-limit: 1000000\r\nx-ratelimit-remaining: 999999\r\n"
        f"x-ratelimit-reset: {reset}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


# Slack


def _replies(given: Json) -> Json:
    ts = given["ts"]
    author = "U" + ts.replace(".", "")  # each message has an author of its own
    text = "The export fails with a time-out since this morning, *every* time. Can you look?"
    return {"messages": [{"type": "message", "user": author, "text": text, "ts": ts}]}


def _user(given: Json) -> Json:
    user = given["user"]
    profile = {"real_name": f"Person {user}", "display_name": "", "email": f"{user}@example.com"}
    return {
        "user": {
            "id": user,
            "team_id": TEAM,
            "name": user.lower(),
            "real_name": f"Person {user}",
            "profile": {**profile, "team": TEAM},
            "is_bot": False,
            "is_email_confirmed": True,
        }
    }


_SLACK: dict[str, Callable[[Json], Json]] = {
    "auth.test": lambda _: {
        "url": "https://example.slack.com/",
        "team": "Example",
        "team_id": TEAM,
        "user": "plain",
        "user_id": "U1",
        "bot_id": "B1",
    },
    "bots.info": lambda _: {"bot": {"id": "B1", "app_id": "A00000001"}},
    "conversations.replies": _replies,
    "users.info": _user,
    "conversations.info": lambda _: {
        "channel": {"id": CHANNEL, "name": "support", "is_channel": True, "is_member": True}
    },
    "chat.getPermalink": lambda given: {
        "channel": given["channel"],
        "permalink": f"https://example.slack.com/archives/{given['channel']}/"
        f"p{given['message_ts'].replace('.', '')}",
    },
    "chat.postEphemeral": lambda _: {"message_ts": "1700000000.000001"},
    "views.open": lambda _: {"view": {"id": "V1"}},
    "users.conversations": lambda _: {"channels": []},
}

# Plain


def _upserted(given: Json) -> Json:
    asked = given["input"]["onCreate"]
    email = asked["email"]["email"]
    customer = {
        "id": f"c_{email.partition('@')[0]}",
        "fullName": asked["fullName"],
        "email": {"email": email},
    }
    return {"data": {"upsertCustomer": {"customer": customer, "error": None}}}


def _created(given: Json) -> Json:
    asked = given["input"]
    customer = asked["customerIdentifier"]["customerId"]
    thread = {
        "id": "th_1",
        "ref": "T-1",
        "title": asked["title"],
        "status": "TODO",
        "priority": asked.get("priority", 2),
        "externalId": asked.get("externalId"),
        "previewText": None,
        "customer": {"id": customer, "fullName": "Ada", "email": {"email": "ada@example.com"}},
        "labels": [],
        "assignedTo": None,
        "createdAt": {"iso8601": "2026-01-01T00:00:00.000Z"},
        "createdBy": {"machineUserId": "mu_1"},
    }
    return {"data": {"createThread": {"thread": thread, "error": None}}}


def _nothing(_: Json) -> Json:
    return {"data": {}}


_PLAIN: dict[str, Callable[[Json], Json]] = {
    "workspaceId": lambda _: {"data": {"myWorkspace": {"id": "w_1"}}},
    "upsertCustomer": _upserted,
    "createThread": _created,
}
