"""Hold both workspaces and the bridge behind the page, and do what people do there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from bot.sandbox.page.ledger import LedgerFile
from bot.sandbox.page.seed import Manifest, Seed
from bot.sandbox.page.troubles import Troubles
from bot.sandbox.plain import Plain
from bot.sandbox.process import Keeper
from bot.sandbox.slack import Delivery, Ephemeral, Json, Slack, SlackError, block_kit

PATIENCE = 1.5
"""Seconds that the page waits for a person's action; it continues in the background after."""

_COMMAND = re.compile(r"(/[\w-]+)\s*(.*)", re.DOTALL)


@dataclass(frozen=True)
class Notice:
    """A message only one person sees: Slack's own, or the app's ephemeral message (`of`).

    `number` identifies it in the page.
    """

    number: int
    at: float
    user: str
    channel: str
    thread_ts: str | None
    text: str
    of: Ephemeral | None = None


@dataclass
class Desk:
    """Everything behind the page, shared by all its windows."""

    slack: Slack
    plain: Plain
    bridge: Keeper
    ledger: LedgerFile
    app: Manifest
    cast: Seed
    troubles: Troubles
    changes: int = 0
    errors: dict[str, dict[str, str]] = field(default_factory=dict)
    """The errors of each view by block id; "" is for the whole view."""
    offered: dict[tuple[str, str], dict[str, Json]] = field(default_factory=dict)
    """The options that a field of a view was offered, by value."""
    _notices: list[Notice] = field(default_factory=list)
    _whispers: dict[str, Notice] = field(default_factory=dict)
    _numbers: int = 0
    _doing: set[asyncio.Task[Any]] = field(default_factory=set)

    # State.

    @property
    def fingerprint(self) -> tuple[object, ...]:
        """Return a value that changes whenever something may look different."""
        slack, plain = self.slack, self.plain
        return (
            self.changes,
            len(slack.calls),
            len(slack.whispers),
            len(slack.courier.sent),
            sum(len(one.messages) for one in slack.conversations.values()),
            tuple(view.shape["hash"] for view in slack.views.values()),
            tuple(home.shape["hash"] for home in slack.homes.values()),
            tuple(request.outcome for request in plain.requests[-20:]),
            len(plain.requests),
            self.ledger.version(),
            self.bridge.state,
        )

    @property
    def app_channel(self) -> str:
        """Return the id that means the app's own conversation with whoever looks."""
        return "app"

    def room(self, user: str, channel: str) -> str:
        """Return the id of the conversation that this person means."""
        if channel != self.app_channel:
            return channel
        return self.slack.add_dm(user, self.slack.bot_user)

    def has_menus(self, user: str) -> bool:
        """Return True if this person has shortcuts and commands: one of the app's workspace."""
        return not self.slack.external(user) and not self.slack.users[user].bot_id

    def channels(self, user: str) -> list[str]:
        """Return the channels that this person is in."""
        found = (self.slack.channel(one) for one in self.cast.channels)
        return [one.id for one in found if user in one.members]

    def whispers(self, user: str, channel: str) -> list[Notice]:
        """Return what only this person sees in a conversation."""
        self._number_whispers()
        seen = [*self._whispers.values(), *self._notices]
        return [one for one in seen if (one.user, one.channel) == (user, channel)]

    def whisper(self, number: int) -> Notice:
        self._number_whispers()
        for one in (*self._whispers.values(), *self._notices):
            if one.number == number:
                return one
        raise ValueError("that message is gone")

    def _number_whispers(self) -> None:
        """Number the whispers; one that replaces another keeps its number."""
        current = {whisper.ts: (user, whisper) for user, whisper in self.slack.whispers}
        for gone in self._whispers.keys() - current.keys():
            del self._whispers[gone]
        for ts, (user, whisper) in current.items():
            seen = self._whispers.get(ts)
            if seen is not None and seen.of is whisper:
                continue
            channel, thread_ts, text = whisper.channel, whisper.thread_ts, whisper.text
            number = seen.number if seen is not None else self._next_number()
            self._whispers[ts] = Notice(
                number, float(ts), user, channel, thread_ts, text, of=whisper
            )

    def _next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    # Actions in Slack.

    async def say(self, user: str, channel: str, text: str, thread_ts: str | None) -> None:
        """Post a message or run a slash command. Raise ValueError where nobody can write."""
        if channel == self.room(user, self.app_channel) and not self.app.takes_messages:
            raise ValueError("this app does not accept messages")
        text = text.strip()
        command = _COMMAND.fullmatch(text)
        if command and not self.slack.users[user].bot_id:
            await self._command(user, channel, command[1], command[2])
        elif text:
            typed = self._with_mentions(text)
            await self._do(
                user, channel, self.slack.post(user, channel, typed, thread_ts=thread_ts)
            )

    async def react(self, user: str, channel: str, ts: str, emoji: str) -> None:
        """Add the reaction, or remove it if this person has added it."""
        given = user in self.slack.reactions(channel, ts).get(emoji, ())
        act = self.slack.unreact if given else self.slack.react
        await self._do(user, channel, act(user, channel, ts, emoji))

    async def shortcut(self, user: str, channel: str, ts: str, callback_id: str) -> None:
        """Use a message shortcut; without `ts`, a global one."""
        slack = self.slack
        if ts:
            await self._do(user, channel, slack.use_shortcut(user, channel, ts, callback_id))
        else:
            await self._do(user, channel, slack.use_global_shortcut(user, callback_id))

    async def submit(self, user: str, view_id: str, values: Json) -> None:
        """Fill in a form and submit it; keep its errors for its fields."""
        self.errors.pop(view_id, None)
        try:
            delivery = await self.slack.submit(user, view_id, self._filled(view_id, values))
        except ValueError as error:
            self.errors[view_id] = {"": str(error)}
        else:
            if delivery.errors:
                self.errors[view_id] = delivery.errors
            elif delivery.failure and view_id in self.slack.views:
                self.errors[view_id] = {"": "We couldn't reach the app. Try again."}
        self.changes += 1

    async def close(self, user: str, channel: str, view_id: str) -> None:
        self.errors.pop(view_id, None)
        await self._do(user, channel, self.slack.close_view(user, view_id), quiet=True)

    async def click(
        self,
        user: str,
        channel: str,
        action_id: str,
        where: Mapping[str, str],
        typed: Json | None = None,
    ) -> None:
        """Click a button in a message (`ts`), a `whisper`, a `view`, or else the Home tab.

        `value` is the button's, `typed` what the view's fields hold.
        """
        slack, value = self.slack, where.get("value") or None
        if whisper := where.get("whisper"):
            seen = self.whisper(int(whisper))
            act = slack.click(user, action_id, ephemeral=seen.of, value=value)
        elif ts := where.get("ts"):
            act = slack.click(user, action_id, channel=channel, ts=ts, value=value)
        else:
            view = where.get("view") or None
            filled = self._filled(view, typed or {}) if view else None
            act = slack.click(user, action_id, view_id=view, value=value, typed=filled)
        await self._do(user, channel, act)

    async def choose(self, user: str, view_id: str, block_id: str, value: Any) -> None:
        """Choose in a field of an open form; the app is told if the field dispatches actions."""
        room = self.room(user, self.app_channel)
        chosen = self._chosen(view_id, block_id, value)
        await self._do(user, room, self.slack.choose(user, view_id, block_id, chosen))

    async def suggest(self, user: str, view_id: str, block_id: str, text: str) -> list[Json]:
        """Return the options that a field offers for a text; they can be chosen afterwards."""
        found = await self.slack.suggest(user, view_id, block_id, text)
        known = self.offered.setdefault((view_id, block_id), {})
        current = (self.slack.view(view_id) or {"state": {"values": {}}})["state"]["values"]
        chosen = [block_kit.chosen(held) for held in current.get(block_id, {}).values()]
        for option in [*chain.from_iterable(map(block_kit.listed, chosen)), *found]:
            known[option["value"]] = option
        return found

    async def open_home(self, user: str) -> None:
        await self._do(user, self.room(user, self.app_channel), self.slack.open_home(user))

    def dismiss(self, number: int) -> None:
        """Hide a message that only one person sees."""
        seen = self.whisper(number)
        if seen.of is None:
            self._notices.remove(seen)
        else:
            self.slack.whispers[:] = [one for one in self.slack.whispers if one[1] is not seen.of]
        self.changes += 1

    # Actions in Plain, and trouble.

    def act_in_plain(self, ref: str, what: str, text: str = "") -> None:
        """Let an agent take a thread, reply in it, or mark it as done or as to do."""
        thread = {one.ref: one for one in self.plain.threads}[ref]
        if what == "take":
            self.plain.assign(thread)
        elif what == "done":
            self.plain.change_status(thread, "todo" if thread.status == "DONE" else "done")
        elif text.strip():
            self.plain.answer(thread, text.strip())
        self.changes += 1

    async def turn(self, switch: str) -> None:
        await self.troubles.turn(switch)
        self.changes += 1

    def kill(self) -> None:
        self.bridge.kill()
        self.changes += 1

    # Helpers.

    async def _command(self, user: str, channel: str, command: str, text: str) -> None:
        if command in {one.command for one in self.app.commands}:
            typed = self._with_mentions(text)
            await self._do(
                user, channel, self.slack.command(user, channel, command, typed), command
            )
        elif (command, text.lstrip("@")) == ("/invite", self.app.bot_name):
            self.slack.channel(channel).members.add(self.slack.bot_user)
            self._tell(user, channel, f"@{self.app.bot_name} was added to this channel.")
        else:
            self._tell(user, channel, f"{command} is not a valid command here.")

    async def _do(
        self,
        user: str,
        channel: str,
        action: Awaitable[Delivery | str | None],
        what: str = "",
        *,
        quiet: bool = False,
    ) -> None:
        """Do it and wait a while; tell the person if it failed."""

        async def doing() -> None:
            try:
                came = await action
            except (ValueError, SlackError) as error:
                self._tell(user, channel, f"That didn't work: {error}.")
            else:
                if isinstance(came, Delivery) and came.failure and not quiet and came.attempts == 1:
                    named = what or self.app.name
                    self._tell(user, channel, f"{named} failed with the error “{came.failure}”.")
            self.changes += 1

        task = asyncio.create_task(doing())
        self._doing.add(task)
        task.add_done_callback(self._doing.discard)
        done, _ = await asyncio.wait({task}, timeout=PATIENCE)
        self.changes += 1
        for one in done:
            one.result()

    def _tell(self, user: str, channel: str, text: str) -> None:
        number, now = self._next_number(), self.slack.clock()
        self._notices.append(Notice(number, now, user, channel, None, text))
        self.changes += 1

    def _filled(self, view_id: str, values: Json) -> Json:
        """Return the values of a form's fields as the options that were offered."""
        return {name: self._chosen(view_id, name, value) for name, value in values.items()}

    def _chosen(self, view_id: str, name: str, value: Any) -> Any:
        """Return the chosen values as the options that were offered."""
        known = self.offered.get((view_id, name), {})
        if isinstance(value, list):
            return [known.get(one, one) for one in value]
        return known.get(value, value)

    def _with_mentions(self, text: str) -> str:
        """Turn "@Ada Nowak" or "@ada" into mentions, as Slack's composer does."""
        people = [(one.name, one.id) for one in self.slack.users.values()]
        for name, user in sorted(people, key=lambda one: -len(one[0])):
            for said in dict.fromkeys((name, name.split()[0])):
                said_here = rf"(?i)(?<![\w<])@{re.escape(said)}\b"
                text = re.sub(said_here, f"<@{user}>", text)
        return text
