"""A local Slack: Web API, signed events, interactivity, commands and Socket Mode."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from bot.sandbox.slack import payloads
from bot.sandbox.slack.deliveries import Courier, Signature
from bot.sandbox.slack.interactions import Interactions
from bot.sandbox.slack.modals import Modals, ResponseUrls, Triggers
from bot.sandbox.slack.nouns import Call, Delivery, Ephemeral, Json, Sent, SlackError
from bot.sandbox.slack.payloads import Events
from bot.sandbox.slack.reading import ReadMethods
from bot.sandbox.slack.web_api import FileMethods, SlackFault, WebApi
from bot.sandbox.slack.writing import WriteMethods

__all__ = ["Call", "Delivery", "Ephemeral", "Json", "Sent", "Slack", "SlackError"]


class Slack(Interactions):
    """One workspace with one app in it; `Workspace` names the switches.

    `timeout` is how long Slack waits for the app (3 s), `retry_delays` the seconds before each
    further attempt at an event (Slack: at once, after a minute, after five).
    """

    def __init__(
        self,
        signing_secret: str = "signing-secret-test",  # noqa: S107
        bot_token: str = "xoxb-test",  # noqa: S107
        app_token: str = "xapp-test",  # noqa: S107
        clock: Callable[[], float] = time.time,
        *,
        timeout: float = 3.0,
        retry_delays: Sequence[float] = (0, 0.05, 0.1),
    ) -> None:
        courier = Courier(signing_secret, timeout, retry_delays)
        super().__init__(courier, clock, bot_token, app_token)
        courier.sockets.app_id = self.app_id
        self.signing_secret = signing_secret
        self.news = Events(self)
        self.triggers = Triggers(self)
        self.answers = ResponseUrls(self)
        self.modals = Modals(self, self.triggers)
        table = (
            FileMethods(self).table()
            | ReadMethods(self).table()
            | WriteMethods(self, self.modals, self.news).table()
        )
        self._web_api = WebApi(self, table, self.answers, self.news)

    @property
    def api_url(self) -> str:
        """Return the app's `SLACK_API_URL`."""
        return f"{self.base_url}/api/"

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[str]:
        """Serve on the loopback interface while the context lasts; yield the base URL."""
        runner = web.AppRunner(self._web_api.app(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await self.courier.start()
        try:
            site = web.TCPSite(runner, "127.0.0.1", port)
            await site.start()
            self.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield self.base_url
        finally:
            await self.news.stop()
            await self.courier.sockets.close()
            await self.courier.stop()
            await runner.cleanup()

    # How it reaches the app.

    def deliver_to(self, events_url: str | None) -> None:
        """Send to this address, except while there is a Socket Mode connection."""
        self.courier.events_url = events_url

    async def verify_url(self) -> bool:
        """Return True if the app answers the challenge that Slack sends to a new address."""
        challenge = self.nonce("challenge")
        answer = await self.courier.once(
            "events_api", {"type": "url_verification", "challenge": challenge}
        )
        return answer.body in (challenge, {"challenge": challenge})

    async def deliver_raw(
        self, body: bytes, content_type: str, *, signature: Signature = "good"
    ) -> Delivery:
        """Post any bytes to the app's address, signed well, badly, long ago or not at all."""
        return await self.courier.raw(body, content_type, signature)

    async def refresh_sockets(self, reason: str = "refresh_requested") -> None:
        """Ask the Socket Mode connections to reconnect."""
        await self.courier.sockets.refresh(reason)

    async def settled(self) -> None:
        """Wait until the events of what the app itself did have reached it."""
        await self.news.spread_out()

    @property
    def deliver_twice(self) -> bool:
        """Return True if every event is sent twice, with the same `event_id`."""
        return self.courier.twice

    @deliver_twice.setter
    def deliver_twice(self, twice: bool) -> None:
        self.courier.twice = twice

    @property
    def deaf(self) -> bool:
        """Return True if Socket Mode connections stay open but carry nothing."""
        return self.courier.sockets.deaf

    @deaf.setter
    def deaf(self, deaf: bool) -> None:
        self.courier.sockets.deaf = deaf

    @property
    def connections(self) -> int:
        """Return the number of Socket Mode connections."""
        return self.courier.sockets.connected

    # What goes wrong.

    def fail(
        self,
        method: str,
        *,
        error: str | None = None,
        status: int | None = None,
        delay: float | None = None,
        drop: bool = False,
        retry_after: int | None = None,
        after_commit: bool = False,
        times: int = 1,
    ) -> None:
        """Let the next `times` calls of a method fail ("*": of any; "response_url": answers).

        `error` is an `ok: false`, `status` a bare HTTP status, `retry_after` a 429 with these
        seconds, `drop` a connection that breaks; each waits `delay` seconds first, and `delay`
        alone is only slow. With `after_commit` the call has its effect all the same.
        """
        fault = SlackFault(error, status, delay, drop, retry_after, after_commit, times)
        self._web_api.faults.add(method, fault)

    def heal(self) -> None:
        """Forget all faults."""
        self._web_api.faults.clear()

    # What people see.

    def messages(self, channel: str) -> list[Json]:
        """Return all messages of a conversation, replies too, oldest first."""
        return [payloads.shown(message) for message in self.channel(channel).messages]

    def dms(self, user: str) -> list[Json]:
        """Return the direct messages between the app and this person."""
        pair = {user, self.bot_user}
        found = (one for one in self.conversations.values() if one.members == pair)
        return [message for channel in found for message in self.messages(channel.id)]

    def ephemerals(self, user: str) -> list[Ephemeral]:
        """Return what only this person saw, oldest first."""
        return [whisper for of, whisper in self.whispers if of == user]

    def view(self, view_id: str) -> Json | None:
        """Return an open view with the values of its fields; None once it is closed."""
        view = self.views.get(view_id)
        return payloads.filled(view) if view else None

    def open_views(self, user: str) -> list[Json]:
        """Return the views that this person has open, the latest last."""
        return [payloads.filled(view) for view in self.views.values() if view.user == user]

    def home(self, user: str) -> Json | None:
        home = self.homes.get(user)
        return payloads.filled(home) if home else None

    def reactions(self, channel: str, ts: str) -> dict[str, list[str]]:
        """Return the people who reacted, by emoji."""
        given = self.message(channel, ts).get("reactions", [])
        return {one["name"]: list(one["users"]) for one in given}
