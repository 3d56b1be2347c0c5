"""Slack's side of Socket Mode: one-time addresses, envelopes, acknowledgements, refreshes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from aiohttp import WSMsgType, web

from bot.sandbox.slack.nouns import Json

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
        """The payload that came with the acknowledgement, if any."""
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
        """Ask every connection to come again, as Slack does every few hours, and close it."""
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
        """Slack pings its clients every few seconds."""
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
        """What it had not acknowledged is free for another connection at once."""
        with contextlib.suppress(ValueError):
            self._connections.remove(connection)
        for of, answer in self._waiting.values():
            if of is connection and not answer.done():
                answer.set_exception(NotAcknowledged())


def _disconnect(reason: str) -> Json:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}}
