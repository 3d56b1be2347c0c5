"""A whole bridge that is sent hostile things, and what may never come of them."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import hmac
import io
import json
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

import httpx
import structlog
from sqlalchemy import select

from bot import telemetry
from bot.sandbox.plain import Plain
from bot.sandbox.plain.nouns import Thread
from bot.sandbox.slack import Slack
from bot.store.jobs import Kind as JobKind
from bot.store.schema import job, request, undo
from tests.fuzz import mutations
from tests.fuzz.mirror import Mirror
from tests.fuzz.samples import Kind, Samples, read
from tests.ways.stage import Stage, Transport, stage, until

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
WEBHOOK_SECRET = "webhook-secret-test"

ANSWER_SECONDS = 3.0
"""What Slack waits. Here it is what the process may compute: a busy machine makes no finding."""

LARGEST_ENVELOPE = 2 * 1024 * 1024
"""Characters; the library that holds the connection gives it up at four mebibytes."""

_SDK_TOLD = (
    # slack_sdk itself takes an envelope apart, and says so where it is none; it goes on.
    "Failed to run message listeners: ",
    "Failed to process a message: ",
)

RULES = """
[escalation]
undo_by_reaction = true

[[rule]]
emoji = "bug"
labels = ["Bug"]
assignee = "agent@acme.example"

[[rule]]
emoji = "ticket"
"""


class Log:
    """What was logged at INFO and above, line by line."""

    def __init__(self) -> None:
        self._stream = io.StringIO()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Set the log up as `plain-bridge run` does, until the context ends."""
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        levels = {
            name: one.level
            for name, one in root.manager.loggerDict.items()
            if isinstance(one, logging.Logger)
        }
        telemetry.set_up("INFO", "json", self._stream)
        try:
            yield
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
            for name, before in levels.items():
                logging.getLogger(name).setLevel(before)
            structlog.reset_defaults()

    def findings(self) -> list[str]:
        """What is wrong with the lines since the last call."""
        lines = self._stream.getvalue().splitlines()
        self._stream.seek(0)
        self._stream.truncate()
        return [found for line in lines for found in _wrong(line)]


def _wrong(line: str) -> Iterator[str]:
    said = json.loads(line)
    for word in mutations.NEVER_LOGGED:
        if word in line:
            yield f"the log holds {word!r}: {line[:1500]}"
    event = str(said.get("event"))
    told = (
        event.startswith(_SDK_TOLD)
        or str(said.get("at")).startswith("slack_bolt.")  # Bolt stumbled, and was answered for
        or said.get("logger") == "aiohttp.server"  # the sandbox's Slack
    )
    if said.get("level") in ("error", "critical") and not told:
        where = said.get("error", ""), said.get("at", "")
        yield f"an error was logged: {event[:300]} {where}\n{_end(said)}"


def _end(said: dict[str, object]) -> str:
    return str(said.get("exception", ""))[-2500:]


@dataclass
class Target:
    """`check` gives what is wrong since it was last called."""

    on: Stage
    log: Log
    samples: Samples
    http: httpx.AsyncClient
    slack_mirror: Mirror
    plain_mirror: Mirror
    slack_url: str
    asked: set[str] = field(default_factory=set)
    _checks: int = 0
    _seen: int = 0

    # The doors

    async def post(self, body: bytes, content_type: str) -> list[str]:
        """To Slack's door, signed; what is wrong with the answer."""
        self.asked |= self.samples.asked(read(body.decode(errors="replace")))
        started = time.process_time()
        delivery = await self.on.slack.deliver_raw(body, content_type)
        spent = time.process_time() - started
        return [*_late(spent), *_no_answer(delivery.status)]

    async def webhook(self, body: bytes) -> list[str]:
        """To Plain's door, signed."""
        signature = hmac.new(WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
        answer = await self.http.post(
            f"{self.on.url}/plain/webhooks",
            content=body,
            headers={"Plain-Request-Signature": signature, "Content-Type": JSON},
        )
        return _no_answer(answer.status_code)

    async def envelope(self, text: str) -> list[str]:
        """Over Socket Mode; then one that every bridge acknowledges."""
        if len(text) > LARGEST_ENVELOPE:
            return []
        sockets = self.on.slack.courier.sockets
        try:
            payload = json.loads(text).get("payload")
        except (ValueError, RecursionError, AttributeError):
            payload = None
        self.asked |= self.samples.asked(payload)
        started = time.process_time()
        await sockets._connections[0].send_str(text)
        heard = await self.on.slack.send_event({"type": "made_up_tomorrow"})
        late = _late(time.process_time() - started)
        return late + ([] if heard.ok else [f"the Socket Mode connection is deaf: {heard}"])

    # What may never be

    async def check(self) -> list[str]:
        """What is wrong, once the bridge has done what it was asked to."""
        wrong = await self._rest()
        self._checks += 1
        if self._checks % 50 == 0:
            gc.collect()  # a task that died unseen is told of when it is collected
            await asyncio.sleep(0)
        return [*wrong, *self.log.findings(), *self._unasked(), *self._stranded()]

    async def _rest(self) -> list[str]:
        worker = self.on.bridge.worker
        try:
            async with asyncio.timeout(30):
                await self.on.bridge.background.drain()
                while worker.is_busy or self._is_under_way():  # noqa: ASYNC110
                    await asyncio.sleep(0.002)
        except TimeoutError:
            return ["the worker does not come to rest"]
        return []

    def _is_under_way(self) -> bool:
        """Whether a job is due or claimed; one that waits for its next attempt is neither."""
        database = self.on.database
        under_way = (job.c.due <= database.now()) | job.c.lease_until.is_not(None)
        with database.reading() as connection:
            return (
                connection.execute(select(job.c.id).where(under_way).limit(1)).first() is not None
            )

    def _stranded(self) -> list[str]:
        """What waits, and will wait for ever: nothing is due for it."""

        def nothing_due(kind: JobKind, key: Any) -> Any:
            return ~select(job.c.id).where(job.c.kind == kind, job.c.key == key).exists()

        waiting = (request.c.state == "waiting") & nothing_due(JobKind.DECIDE, request.c.id)
        unsaid = (request.c.answer == "due") & nothing_due(JobKind.ANSWER, request.c.id)
        clicked = nothing_due(JobKind.UNDO, undo.c.id)
        with self.on.database.reading() as connection:
            requests = connection.scalars(select(request.c.id).where(waiting | unsaid)).all()
            undos = connection.scalars(select(undo.c.id).where(clicked)).all()
        wrong = [f"a request without a job: PB-{row_id}" for row_id in requests]
        return wrong + [f"an undo without a job: {row_id}" for row_id in undos]

    def _unasked(self) -> list[str]:
        new = [_key(thread) for thread in self.on.plain.threads[self._seen :]]
        self._seen += len(new)
        return [f"a thread that nobody asked for: {key}" for key in new if key not in self.asked]

    async def works(self) -> list[str]:
        """Whether the bridge still does what it is there for."""
        on = self.on
        self.slack_mirror.spoil = self.plain_mirror.spoil = None
        person = on.slack.add_user("Cara Lind", email=f"{on.slack.nonce('cara')}@acme.example")
        on.slack.channel(on.support).members.add(person)
        ts = await on.slack.post(person, on.support, "The export fails")
        key = f"{on.slack.team}:{on.support}:{ts}"
        self.asked.add(key)
        delivery = await on.slack.react(person, on.support, ts, "ticket")
        if delivery is None or not delivery.ok:
            return [f"a normal reaction is not taken: {delivery}"]
        try:
            await until(lambda: key in map(_key, on.plain.threads), 30)
        except TimeoutError:
            entry = next((one for one in on.entries() if one.key == key), None)
            return [f"a normal reaction makes no thread any more: {entry}", *await self.check()]
        return await self.check()


def _key(thread: Thread) -> str:
    """The key of the escalation whose thread it is, without its generation."""
    key, _, generation = str(thread.external_id).rpartition(":")
    return key if generation.isdecimal() else str(thread.external_id)


def _late(spent: float) -> list[str]:
    return [f"it took {spent:.1f} s"] if spent > ANSWER_SECONDS else []


def _no_answer(status: int | None) -> list[str]:
    return [] if status is not None and status < 500 else [f"the answer was {status}"]


def encoded(kind: Kind, payload: mutations.Json) -> tuple[bytes, str]:
    """The body of a request to Slack's door, and its content type."""
    if kind == "events_api":
        return mutations.text(payload).encode(), JSON
    if kind == "slash_commands" and isinstance(payload, dict):
        plain = {
            key: value if isinstance(value, str) else mutations.text(value)
            for key, value in payload.items()
        }
        return urlencode(plain, errors="replace").encode(), FORM
    return urlencode({"payload": mutations.text(payload)}).encode(), FORM


def enveloped(kind: Kind, payload: mutations.Json) -> mutations.Json:
    """A Socket Mode envelope."""
    return {
        "envelope_id": "hostile",
        "type": kind,
        "payload": payload,
        "accepts_response_payload": kind != "events_api",
        **({"retry_attempt": 0, "retry_reason": ""} if kind == "events_api" else {}),
    }


@asynccontextmanager
async def target(
    database_url: str, folder: Path, chance: Random, transport: Transport = "http"
) -> AsyncIterator[Target]:
    """A bridge that reaches Slack and Plain through mirrors that can spoil their answers."""
    log = Log()
    async with AsyncExitStack() as stack:
        stack.enter_context(log.kept())
        slack = Slack(timeout=30.0, retry_delays=())
        await stack.enter_async_context(slack.serving())
        plain = Plain()
        slack_mirror = Mirror(slack.base_url)
        plain_mirror = Mirror(await stack.enter_async_context(plain.serving()))
        slack_url = await stack.enter_async_context(slack_mirror.serving())
        plain_url = await stack.enter_async_context(plain_mirror.serving())
        on = await stack.enter_async_context(
            stage(
                database_url,
                folder,
                transport=transport,
                toml=RULES,
                slack=slack,
                plain=plain,
                variables={
                    "SLACK_API_URL": f"{slack_url}/api/",
                    "PLAIN_API_URL": plain_url,
                    "PLAIN_WEBHOOK_SECRET": WEBHOOK_SECRET,
                },
            )
        )
        on.plain.add_label_type("Bug")
        on.plain.add_user("agent@acme.example", "An Agent")
        http = await stack.enter_async_context(httpx.AsyncClient())
        yield Target(on, log, Samples(on, chance), http, slack_mirror, plain_mirror, slack_url)
