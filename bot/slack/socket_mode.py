"""Keep the Socket Mode connection, and replace it when it is open but silent."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiohttp
import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from bot import proxies

log = structlog.get_logger("bot.slack.socket_mode")

PATIENCE = 60.0
"""Seconds of silence after which a connection is replaced. Slack pings more often: its own
JavaScript client gives up after 30 seconds without a ping.
https://docs.slack.dev/apis/events-api/using-socket-mode"""

CLOSE_SECONDS = 5.0

_FIX = (
    "put an App-Level Token (xapp-…) with connections:write into SLACK_APP_TOKEN, from the page "
    "of the app, and turn Socket Mode on there"
)


class SocketLink:
    """One connection at a time, for as long as `keep` runs.

    Bolt's handler reconnects when Slack asks for it or the connection breaks. It does not notice
    silence, that is neither pings nor envelopes; then the whole handler is replaced.
    """

    def __init__(
        self,
        app: AsyncApp,
        app_token: str,
        *,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._app_token = app_token
        self._patience = patience
        self._clock = clock
        self._heard_at: float | None = None
        self._handler: AsyncSocketModeHandler | None = None
        self._refusal: str | None = None

    async def is_up(self) -> bool:
        """Return whether the connection is open and Slack has sent something lately."""
        return (
            self._handler is not None
            and self._heard_at is not None
            and self._clock() - self._heard_at < self._patience
            and await self._handler.client.is_connected()
        )

    async def keep(self) -> None:
        """Stay connected until cancelled."""
        while True:
            await self._run_handler()
            if self._refusal is None:
                log.warning("socket_silent", seconds=self._patience)
            else:
                log.error("socket_refused", code=self._refusal, fix=_FIX)

    async def _run_handler(self) -> None:
        """Connect, and return when Slack has sent nothing for too long."""
        self._heard_at = None
        started = self._clock()
        handler = self._handler = await self._new_handler()
        connecting = asyncio.create_task(handler.connect_async())  # type: ignore[no-untyped-call]
        try:
            while self._clock() - (self._heard_at or started) < self._patience:  # noqa: ASYNC110
                await asyncio.sleep(self._patience / 20)
        finally:
            connecting.cancel()
            with suppress(TimeoutError, Exception):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await handler.close_async()  # type: ignore[no-untyped-call]

    async def _new_handler(self) -> AsyncSocketModeHandler:
        handler = _Handler(self._app, self._app_token, logger=_logger())
        handler.refused = self._refused
        handler.client.issue_new_wss_url = handler.opened_url  # type: ignore[method-assign]
        link = self

        class Listening(aiohttp.ClientWebSocketResponse):
            """Notes what Slack sends; answers to our own pings prove too little."""

            async def receive(self, timeout: float | None = None) -> Any:
                message = await super().receive(timeout)
                if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.PING):
                    link._heard()
                return message

        await handler.client.aiohttp_client_session.close()
        handler.client.aiohttp_client_session = aiohttp.ClientSession(ws_response_class=Listening)
        return handler

    def _heard(self) -> None:
        self._heard_at = self._clock()

    def _refused(self, code: str | None) -> None:
        """Note why Slack opens no connection for the token; None if it does."""
        if code is not None and code != self._refusal:
            log.error("socket_refused", code=code, fix=_FIX)
        self._refusal = code


class _Handler(AsyncSocketModeHandler):
    """Bolt's handler, without logging the text of payloads that break Bolt.

    `refused` is called with Slack's reason for opening no connection, and None when it opens one:
    slack_sdk itself would log a traceback, and try for ever.
    """

    refused: Callable[[str | None], None]

    async def opened_url(self) -> str:
        """Return a new address; replaces the client's `issue_new_wss_url`."""
        try:
            url = await SocketModeClient.issue_new_wss_url(self.client)
        except SlackApiError as error:
            self.refused(str(error.response.get("error") or "unknown"))
            raise
        self.refused(None)
        self.client.proxy = proxies.of(url)
        return url

    async def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]
        try:
            await super().handle(client, req)
        except Exception as error:  # noqa: BLE001 — Bolt's own, on payloads of odd shapes
            log.warning("bolt_crashed", error=type(error).__name__)


def _logger() -> logging.Logger:
    """Return slack_sdk's logger without the tracebacks of what `_Handler.refused` has logged."""
    logger = logging.getLogger("bot.slack.socket")
    if _not_refused not in logger.filters:
        logger.addFilter(_not_refused)
    return logger


def _not_refused(record: logging.LogRecord) -> bool:
    by_slack = record.exc_info is not None and isinstance(record.exc_info[1], SlackApiError)
    return not (by_slack or str(record.msg).startswith("Failed to retrieve WSS URL"))
