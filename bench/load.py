"""Signed requests of Slack's over kept-alive connections, and how soon a server answers them."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urlencode

SIGNING_SECRET = "signing-secret-test"
TEAM = "T00000001"
CHANNEL = "C00000001"
ASKER = "U00000002"

_NUMBERS = count(1)


def ts_of(number: int) -> str:
    """Return the ts of message `number`, written just now, after the bridge started: what is older
    it looks for first."""
    return f"{int(time.time()) + 1}.{number % 1_000_000:06}"


def reactions(host: str) -> Iterator[bytes]:
    """HTTP requests, each a signed reaction to a message of its own."""
    while True:
        yield reaction(host, next(_NUMBERS))


def reaction(host: str, number: int) -> bytes:
    """The reaction to message `number`."""
    body = {
        "token": "verification-test",
        "team_id": TEAM,
        "api_app_id": "A00000001",
        "event": {
            "type": "reaction_added",
            "user": ASKER,
            "reaction": "ticket",
            "item": {"type": "message", "channel": CHANNEL, "ts": ts_of(number)},
            "item_user": "U00000003",
            "event_ts": f"{time.time():.6f}",
        },
        "type": "event_callback",
        "event_id": f"Ev{number:010}",
        "event_time": 1_700_000_000,
        "authorizations": [
            {"enterprise_id": None, "team_id": TEAM, "user_id": "U1", "is_bot": True}
        ],
    }
    return _signed(host, json.dumps(body).encode(), "application/json")


def shortcut(host: str, number: int) -> bytes:
    """The message shortcut on message `number`.

    https://docs.slack.dev/reference/interaction-payloads/shortcuts-interaction-payload
    """
    ts = ts_of(number)
    payload = {
        "type": "message_action",
        "token": "verification-test",
        "action_ts": ts,
        "team": {"id": TEAM, "domain": "example"},
        "user": {"id": ASKER, "username": "ada", "team_id": TEAM, "name": "ada"},
        "channel": {"id": CHANNEL, "name": "support"},
        "is_enterprise_install": False,
        "enterprise": None,
        "callback_id": "create_plain_ticket",
        "trigger_id": f"{number}.1.trigger",
        "response_url": f"http://{host}/answer/{number}",
        "message_ts": ts,
        "message": {
            "type": "message",
            "user": "U00000003",
            "text": "The export fails with a time-out since this morning",
            "ts": ts,
        },
    }
    body = urlencode({"payload": json.dumps(payload)}).encode()
    return _signed(host, body, "application/x-www-form-urlencoded")


def _signed(host: str, body: bytes, kind: str) -> bytes:
    """https://docs.slack.dev/authentication/verifying-requests-from-slack"""
    now = str(int(time.time()))
    signature = hmac.new(
        SIGNING_SECRET.encode(), b"v0:" + now.encode() + b":" + body, hashlib.sha256
    ).hexdigest()
    head = (
        f"POST /slack/events HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\nX-Slack-Request-Timestamp: {now}\r\n"
        f"X-Slack-Signature: v0={signature}\r\n\r\n"
    )
    return head.encode() + body


def next_number() -> int:
    """The number of a message that nobody asked for yet."""
    return next(_NUMBERS)


@dataclass
class Outcome:
    """What came of a run. `latencies` in seconds."""

    seconds: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)

    @property
    def good(self) -> int:
        return self.statuses.get(200, 0)

    @property
    def per_second(self) -> float:
        return self.good / self.seconds

    def quantile(self, part: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


class Connection:
    """One connection, opened anew where the server closes it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> int:
        """Send a request; the status of its answer, once that was read whole."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        for line in head.split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
                if length:
                    await reader.readexactly(length)
        if b"connection: close" in head:
            self.close()
        return int(head[9:12])

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def saturate(port: int, seconds: float, connections: int = 64) -> Outcome:
    """As many requests as `connections` can send, each waiting for its answer."""
    outcome = Outcome()
    requests = reactions(f"127.0.0.1:{port}")
    end = time.perf_counter() + seconds

    async def one() -> None:
        connection = Connection(port)
        while time.perf_counter() < end:
            await _exchange(connection, next(requests), outcome)
        connection.close()

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    outcome.seconds = time.perf_counter() - started
    return outcome


async def steady(port: int, seconds: float, per_second: float) -> Outcome:
    """Requests at a fixed rate; a late answer delays no later request."""
    outcome = Outcome()
    requests = reactions(f"127.0.0.1:{port}")
    idle: list[Connection] = []

    async def one() -> None:
        connection = idle.pop() if idle else Connection(port)
        await _exchange(connection, next(requests), outcome)
        idle.append(connection)

    started = time.perf_counter()
    tasks = []
    for number in range(int(seconds * per_second)):
        await asyncio.sleep(max(0.0, started + number / per_second - time.perf_counter()))
        tasks.append(asyncio.create_task(one()))
    await asyncio.gather(*tasks)
    outcome.seconds = time.perf_counter() - started
    for connection in idle:
        connection.close()
    return outcome


async def _exchange(connection: Connection, request: bytes, outcome: Outcome) -> None:
    started = time.perf_counter()
    status = await connection.ask(request)
    outcome.latencies.append(time.perf_counter() - started)
    outcome.statuses[status] = outcome.statuses.get(status, 0) + 1
