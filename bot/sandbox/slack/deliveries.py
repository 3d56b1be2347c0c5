"""Deliver to the app over signed HTTP or Socket Mode: three seconds, then Slack's retries."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import urlencode

import aiohttp
from aiohttp import WSMsgType, web

from bot.sandbox.slack.nouns import Delivery, Json, Sent

Kind = Literal["events_api", "slash_commands", "interactive"]
Signature = Literal["good", "bad", "stale", "none"]

_FORM = "application/x-www-form-urlencoded"
_STALE = 6 * 60
"""Seconds; Slack's advice is to refuse what is older than five minutes.
https://docs.slack.dev/authentication/verifying-requests-from-slack"""


class Courier:
    """Sends to the app: to a Socket Mode connection where there is one, else to `events_url`.

    Events are sent again `retry_delays` seconds after a failure, commands and interactions
    never. https://docs.slack.dev/apis/events-api#retries
    """

    def __init__(self, signing_secret: str, timeout: float, retry_delays: Sequence[float]) -> None:
        self.events_url: str | None = None
        self.sockets = Sockets()
        self.twice = False
        self.sent: list[Sent] = []
        """Every attempt at an event, oldest first."""
        self._secret = signing_secret
        self._timeout = timeout
        self._retry_delays = tuple(retry_delays)
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True),
            timeout=aiohttp.ClientTimeout(total=self._timeout),
        )

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def event(self, envelope: Json) -> Delivery:
        """Send an event until it is taken or its retries are used up; twice if that is set."""
        if self.twice:
            await self._until_taken(envelope)
        return await self._until_taken(envelope)

    async def _until_taken(self, envelope: Json) -> Delivery:
        delivery, retry = await self._attempt("events_api", envelope, 0, None)
        self._note(envelope, delivery)
        for number, delay in enumerate(self._retry_delays, 1):
            if retry is None:
                break
            await asyncio.sleep(delay)
            delivery, retry = await self._attempt("events_api", envelope, number, retry)
            self._note(envelope, delivery)
        return delivery

    def _note(self, envelope: Json, delivery: Delivery) -> None:
        self.sent.append(Sent(envelope["event_id"], envelope["event"], delivery.ok))

    async def once(self, kind: Kind, payload: Json) -> Delivery:
        """Send a command or an interaction: one attempt."""
        delivery, _ = await self._attempt(kind, payload, 0, None)
        return delivery

    async def _attempt(
        self, kind: Kind, payload: Json, number: int, reason: str | None
    ) -> tuple[Delivery, str | None]:
        """Return the delivery, and why to try again (None: no need)."""
        if self.sockets.connected or self.events_url is None:
            return await self._over_socket(kind, payload, number, reason)
        headers = {"x-slack-retry-num": str(number), "x-slack-retry-reason": reason or ""}
        body, content_type = _encoded(kind, payload)
        delivery, fault, no_retry = await self._post(
            body, content_type, headers=headers if number else {}, attempt=number + 1
        )
        return delivery, None if delivery.ok or no_retry else fault

    async def _over_socket(
        self, kind: Kind, payload: Json, number: int, reason: str | None
    ) -> tuple[Delivery, str | None]:
        try:
            answer = await self.sockets.send(kind, payload, number, reason, self._timeout)
        except NotAcknowledged:
            return Delivery(None, attempts=number + 1, failure="operation_timeout"), "timeout"
        return Delivery(200, answer or None, attempts=number + 1), None

    async def raw(self, body: bytes, content_type: str, signature: Signature) -> Delivery:
        delivery, _, _ = await self._post(body, content_type, headers={}, how=signature)
        return delivery

    async def _post(
        self,
        body: bytes,
        content_type: str,
        *,
        headers: Mapping[str, str],
        how: Signature = "good",
        attempt: int = 1,
    ) -> tuple[Delivery, str, bool]:
        if self._session is None or self.events_url is None:
            raise RuntimeError("Slack delivers while it is served, to the address of `deliver_to`")
        sent = {
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            **self._signed(body, how),
            **headers,
        }
        try:
            async with self._session.post(
                self.events_url, data=body, headers=sent, allow_redirects=False
            ) as response:
                answer = _parsed(await response.read())
                failure = None if response.ok else "dispatch_failed"
                delivery = Delivery(response.status, answer, attempt, failure)
                return delivery, "http_error", response.headers.get("x-slack-no-retry") == "1"
        except TimeoutError:
            return Delivery(None, None, attempt, "operation_timeout"), "http_timeout", False
        except aiohttp.ClientError:
            return Delivery(None, None, attempt, "dispatch_failed"), "connection_failed", False

    def _signed(self, body: bytes, how: Signature) -> dict[str, str]:
        """https://docs.slack.dev/authentication/verifying-requests-from-slack

        The time is the wire's, not the workspace's clock: the app compares it with its own.
        """
        if how == "none":
            return {}
        at = str(int(time.time()) - (_STALE if how == "stale" else 0))
        secret = self._secret if how != "bad" else f"not-{self._secret}"
        signed = hmac.new(secret.encode(), b"v0:" + at.encode() + b":" + body, hashlib.sha256)
        return {
            "X-Slack-Request-Timestamp": at,
            "X-Slack-Signature": f"v0={signed.hexdigest()}",
        }


def _encoded(kind: Kind, payload: Json) -> tuple[bytes, str]:
    if kind == "events_api":
        return json.dumps(payload).encode(), "application/json"
    form = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
    return urlencode(form).encode(), _FORM


def _parsed(body: bytes) -> Any:
    if not body:
        return None
    text = body.decode(errors="replace")
    try:
        return json.loads(text)
    except ValueError:
        return text


MOST_CONNECTIONS = 10
"""https://docs.slack.dev/apis/events-api/using-socket-mode#connections"""


class NotAcknowledged(Exception):
    """No connection took the envelope in time."""


class Sockets:
    """The app's connections. Each envelope goes to one of them, in turn.

    `deaf`: connections stand, and nothing is sent over them any more, pings neither.
    `ping_seconds` lie between two pings.
    """

    def __init__(self) -> None:
        self.deaf = False
        self.ping_seconds = 5.0
        self.app_id = ""
        self.acknowledged: list[str] = []
        self._connections: list[web.WebSocketResponse] = []
        self._tickets: set[str] = set()
        self._waiting: dict[str, tuple[web.WebSocketResponse, asyncio.Future[Any]]] = {}
        self._count = 0

    @property
    def connected(self) -> int:
        return len(self._connections)

    @property
    def unacknowledged(self) -> list[str]:
        return list(self._waiting)

    def ticket(self, ticket: str) -> str:
        """Allow one connection with this ticket."""
        self._tickets.add(ticket)
        return ticket

    async def send(
        self, kind: str, payload: Json, attempt: int, reason: str | None, timeout: float
    ) -> Any:
        """Send a payload; return the one that came with the acknowledgement, if any."""
        if not self._connections:
            raise NotAcknowledged
        self._count += 1
        envelope_id = f"envelope-{self._count}"
        envelope: Json = {
            "envelope_id": envelope_id,
            "type": kind,
            "payload": payload,
            "accepts_response_payload": kind != "events_api",
        }
        if kind == "events_api":
            envelope |= {"retry_attempt": attempt, "retry_reason": reason or ""}
        connection = self._connections[self._count % len(self._connections)]
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = connection, answer
        try:
            if not self.deaf:
                with contextlib.suppress(ConnectionError):
                    await connection.send_json(envelope)
            return await asyncio.wait_for(answer, timeout)
        except TimeoutError as error:
            raise NotAcknowledged from error
        finally:
            self._waiting.pop(envelope_id, None)

    async def refresh(self, reason: str = "refresh_requested") -> None:
        """Ask every connection to reconnect, as Slack does every few hours, and close it."""
        for connection in list(self._connections):
            self._connections.remove(connection)
            with contextlib.suppress(ConnectionError):
                await connection.send_json(_disconnect(reason))

    async def close(self) -> None:
        for connection in list(self._connections):
            await connection.close()

    async def link(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=401, text="invalid ticket")
        self._tickets.discard(ticket)
        connection = web.WebSocketResponse()
        await connection.prepare(request)
        if len(self._connections) >= MOST_CONNECTIONS:
            await connection.send_json(_disconnect("too_many_websockets"))
            await connection.close()
            return connection
        self._connections.append(connection)
        pinging = asyncio.create_task(self._ping(connection))
        try:
            if not self.deaf:
                await connection.send_json(self._hello())
            await self._listen(connection)
        finally:
            pinging.cancel()
            self._gone(connection)
        return connection

    async def _ping(self, connection: web.WebSocketResponse) -> None:
        """Ping the client every few seconds, as Slack does."""
        with contextlib.suppress(ConnectionError):
            while True:
                await asyncio.sleep(self.ping_seconds)
                if not self.deaf:
                    await connection.ping()

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self._connections),
            "connection_info": {"app_id": self.app_id},
            "debug_info": {"host": "sandbox", "approximate_connection_time": 18060},
        }

    async def _listen(self, connection: web.WebSocketResponse) -> None:
        async for message in connection:
            if message.type is not WSMsgType.TEXT:
                continue
            try:
                ack = json.loads(message.data)
            except ValueError:
                continue
            envelope_id = ack.get("envelope_id") if isinstance(ack, dict) else None
            if not isinstance(envelope_id, str):
                continue
            self.acknowledged.append(envelope_id)
            _, answer = self._waiting.get(envelope_id, (None, None))
            if answer is not None and not answer.done():
                answer.set_result(ack.get("payload"))

    def _gone(self, connection: web.WebSocketResponse) -> None:
        """Free what the connection had not acknowledged for another one at once."""
        with contextlib.suppress(ValueError):
            self._connections.remove(connection)
        for of, answer in self._waiting.values():
            if of is connection and not answer.done():
                answer.set_exception(NotAcknowledged())


def _disconnect(reason: str) -> Json:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}}
