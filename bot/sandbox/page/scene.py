"""Put in order and in words, for the templates, what one window of the page shows."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlencode, urlsplit

from markupsafe import Markup

from bot.sandbox.page import ledger, texts
from bot.sandbox.page.desk import Desk, Notice
from bot.sandbox.page.ledger import LedgerRow
from bot.sandbox.page.texts import SlackText, markdown, shown_emoji, whole_refs
from bot.sandbox.page.troubles import SWITCHES, Switch
from bot.sandbox.slack import Json
from bot.sandbox.slack.payloads import filled

PRIORITIES = ("Urgent", "High", "Normal", "Low")
_THREAD_ID = re.compile(r"/thread/(th_\w+)")
_ARCHIVE = re.compile(r"/archives/(\w+)/p(\d+)(\d{6})")


@dataclass(frozen=True)
class ShownReaction:
    name: str
    shown: Markup
    by: str
    count: int
    mine: bool


@dataclass(frozen=True)
class ShownMessage:
    """A message as one person sees it; `number` is a whisper's, 0 for what everybody sees."""

    key: str
    ts: str
    at: float
    user: str
    author: str
    kind: str
    text: Markup
    blocks: list[Json]
    raw: Json
    number: int = 0
    reactions: tuple[ShownReaction, ...] = ()
    replies: int = 0

    @property
    def time(self) -> str:
        return clock(self.at)


PANES = ("slack", "bridge", "plain")
"""The parts of the page; a narrow screen shows only one of them."""


@dataclass(frozen=True)
class Selection:
    """The selection of one window; it is in the address, so that a link can change it.

    `user` looks at `channel` (there at the thread under `thread`) and at the thread `ticket` in
    Plain. `tab` is "home" or "messages" of the app's own conversation.
    """

    user: str
    channel: str
    thread: str = ""
    ticket: str = ""
    tab: str = ""
    pane: str = "slack"

    @classmethod
    def of(cls, query: Mapping[str, str], default: Selection) -> Selection:
        """Return what the query selects; `default` for the rest."""
        return replace(default, **{name: query[name] for name in _NAMES if name in query})

    def query(self, **changes: Any) -> str:
        """Return it as a query with a question mark; leave out what is empty."""
        values = {name: getattr(self, name) for name in _NAMES} | changes
        return f"?{urlencode({name: value for name, value in values.items() if value})}"


_NAMES = tuple(field.name for field in fields(Selection))


class Scene:
    """The content of one window at one moment."""

    switches = SWITCHES
    panes = PANES
    picked = tuple((name, shown_emoji(name)) for name in texts.PICKED)

    def __init__(self, desk: Desk, look: Selection) -> None:
        self.desk = desk
        self.look = self._possible(look)
        self.texts = SlackText(self.name, self.anchor, desk.slack.clock)

    def _possible(self, look: Selection) -> Selection:
        """Return what this person can look at: the window may still show another person's place."""
        desk, cast = self.desk, self.desk.cast
        user = look.user if look.user in cast.users else next(iter(cast.users))
        seen = desk.channels(user)
        inside = look.channel in seen or (look.channel == desk.app_channel and desk.has_menus(user))
        channel = look.channel if inside else seen[0]
        thread = look.thread if inside and self._has(user, channel, look.thread) else ""
        pane = look.pane if look.pane in PANES else PANES[0]
        tab = look.tab if look.tab in ("home", "messages") else "home"
        return Selection(user, channel, thread, look.ticket, tab, pane)

    def _has(self, user: str, channel: str, ts: str) -> bool:
        return self.desk.slack.channel(self.desk.room(user, channel)).find(ts) is not None

    # Slack.

    @property
    def person(self) -> str:
        return self.look.user

    @property
    def has_menus(self) -> bool:
        return self.desk.has_menus(self.person)

    @property
    def in_app(self) -> bool:
        return self.look.channel == self.desk.app_channel

    @property
    def in_home(self) -> bool:
        return self.in_app and self.look.tab == "home"

    @property
    def room(self) -> str:
        return self.desk.room(self.look.user, self.look.channel)

    def users(self) -> list[tuple[str, str, str]]:
        """Return id, name and kind of each person."""
        names = self.desk.slack.users
        return [(user, names[user].name, what) for user, what in self.desk.cast.users.items()]

    def choosable(self) -> list[tuple[str, str]]:
        """Return the people that a form's users_select offers."""
        people = self.desk.slack.users.values()
        return [(one.id, one.name) for one in people if not one.bot_id]

    def channels(self) -> list[Json]:
        return [self.channel(one) for one in self.desk.channels(self.person)]

    def channel(self, id_: str) -> Json:
        """Return a conversation's name and what it is."""
        if id_ == self.desk.app_channel:
            return {"id": id_, "name": self.desk.app.name, "sign": "", "what": "app"}
        found = self.desk.slack.channel(id_)
        has_bot = self.desk.slack.bot_user in found.members
        if found.kind == "im":
            other = next(iter(found.members - {self.person}), self.person)
            return {
                "id": id_,
                "name": self.name(f"@{other}")[1:],
                "sign": "@",
                "what": "direct message",
            }
        what = "shared with another company" if found.shared else "public"
        what = "private" if found.kind == "group" else what
        if not has_bot:
            what += ", bridge not invited"
        return {"id": id_, "name": found.name, "sign": "#", "what": what}

    @property
    def here(self) -> Json:
        return self.channel(self.look.channel)

    def conversation(self) -> list[ShownMessage]:
        """Return the messages where the window looks, oldest first."""
        root, room = self.look.thread, self.room
        messages = self.desk.slack.messages(room)
        if root:
            shown = [one for one in messages if root in (one["ts"], one.get("thread_ts"))]
        else:
            shown = [one for one in messages if _on_top(one)]
        whispers = self.desk.whispers(self.person, room)
        # As in Slack: an ephemeral message in a thread is visible only in that thread.
        mine = [one for one in whispers if (one.thread_ts or "") == root]
        said = [*map(self._message, shown), *map(self._whisper, mine)]
        return sorted(said, key=lambda one: one.at)

    def _message(self, message: Json) -> ShownMessage:
        user = message.get("user", "")
        profile = message.get("bot_profile") or {}
        author = message.get("username") or profile.get("name") or self.name(f"@{user}")[1:]
        is_app = message.get("bot_id") == self.desk.slack.bot_id
        return ShownMessage(
            key=f"m-{message['ts'].replace('.', '-')}",
            ts=message["ts"],
            at=float(message["ts"]),
            user=user,
            author=self.desk.app.bot_name if is_app else author,
            kind="app" if is_app else self._kind(user, message),
            text=self.texts.mrkdwn(message.get("text", "")),
            blocks=message.get("blocks", []),
            raw=message,
            reactions=tuple(self._reaction(one) for one in message.get("reactions", ())),
            replies=message.get("reply_count", 0),
        )

    def _kind(self, user: str, message: Json) -> str:
        if message.get("bot_id"):
            return "bot"
        return "external" if self.desk.slack.external(user) else ""

    def _reaction(self, given: Json) -> ShownReaction:
        by = ", ".join(self.name(f"@{user}")[1:] for user in given["users"])
        mine = self.person in given["users"]
        return ShownReaction(given["name"], shown_emoji(given["name"]), by, given["count"], mine)

    def _whisper(self, seen: Notice) -> ShownMessage:
        of = seen.of
        return ShownMessage(
            key=f"w-{seen.number}",
            ts="",
            at=seen.at,
            user="",
            author="Slackbot" if of is None else self.desk.app.bot_name,
            kind="slackbot" if of is None else "app",
            text=self.texts.mrkdwn(seen.text) if of else Markup.escape(seen.text),
            blocks=list(of.blocks) if of else [],
            raw={},
            number=seen.number,
        )

    def view(self) -> Json | None:
        """Return the topmost view that this person has open."""
        opened = self.desk.slack.open_views(self.person)
        return opened[-1] if opened else None

    def errors(self, view: Json) -> dict[str, str]:
        return self.desk.errors.get(view["id"], {})

    @property
    def takes_messages(self) -> bool:
        """Return True if people can write here: to the app only if its manifest allows it."""
        return not self.in_app or self.desk.app.takes_messages

    @property
    def outside(self) -> int:
        """Return how many messages the channel shows outside of the open thread."""
        room = self.room
        whispers = self.desk.whispers(self.person, room)
        return len([one for one in self.desk.slack.messages(room) if _on_top(one)]) + len(
            [one for one in whispers if not one.thread_ts]
        )

    def home(self) -> Json | None:
        found = self.desk.slack.homes.get(self.person)
        return filled(found) if found else None

    def offered(self, view: Json, block_id: str) -> list[Json]:
        return list(self.desk.offered.get((view["id"], block_id), {}).values())

    # Texts and links.

    def name(self, token: str) -> str:
        """Return what is shown for "@U…", "#C…" or "!…"."""
        slack, (sign, rest) = self.desk.slack, (token[:1], token[1:])
        if sign == "@":
            if rest == slack.bot_user:
                return f"@{self.desk.app.bot_name}"
            return f"@{slack.users[rest].name}" if rest in slack.users else f"@{rest}"
        if sign == "#":
            known = slack.conversations.get(rest)
            return f"#{known.name}" if known else f"#{rest}"
        group = slack.usergroups.get(rest.removeprefix("subteam^"))
        return f"@{group['handle'] if group else rest}"

    def mrkdwn(self, text: str) -> Markup:
        return self.texts.mrkdwn(text)

    def words(self, text: Json) -> Markup:
        """Return the HTML of a text object."""
        return self.mrkdwn(text["text"]) if text["type"] == "mrkdwn" else whole_refs(text["text"])

    def rich(self, block: Json) -> Markup:
        return self.texts.rich(block)

    def markdown(self, text: str) -> Markup:
        """Return the HTML of Plain's text component."""
        return markdown(text, self.anchor)

    def anchor(self, url: str, words: Markup) -> Markup:
        href = self.href(url)
        if href is None:
            return words
        if href.startswith("?"):
            return Markup('<a href="{}">{}</a>').format(href, words)
        return Markup('<a href="{}" target="_blank" rel="noreferrer noopener">{}</a>').format(
            href, words
        )

    def href(self, url: str) -> str | None:
        """Return where a link leads, within this page if it can show it; None for nowhere."""
        if thread := _THREAD_ID.search(url):
            ref = next((one.ref for one in self.desk.plain.threads if one.id == thread[1]), "")
            if ref:
                return self.look.query(ticket=ref, pane="plain")
        if url.startswith(self.desk.slack.url) and (archive := _ARCHIVE.search(url)):
            return self._message_link(archive[1], f"{archive[2]}.{archive[3]}")
        return url if urlsplit(url).scheme in ("http", "https", "mailto") else None

    def _message_link(self, channel: str, ts: str) -> str:
        found = self.desk.slack.conversations.get(channel)
        message = found.find(ts) if found else None
        root = message.get("thread_ts", "") if message else ""
        thread = root if root != ts else ""
        query = self.look.query(channel=channel, thread=thread, tab="messages", pane="slack")
        return f"{query}#m-{ts.replace('.', '-')}"

    # Plain.

    def tickets(self) -> list[Any]:
        return list(reversed(self.desk.plain.threads))

    @cached_property
    def ticket(self) -> Any | None:
        """Return the open thread: the selected one, else the newest."""
        threads = self.desk.plain.threads
        selected = next((one for one in threads if one.ref == self.look.ticket), None)
        return selected or (threads[-1] if threads else None)

    def priority(self, thread: Any) -> str:
        return PRIORITIES[thread.priority]

    def status(self, thread: Any) -> str:
        detail = thread.status_detail.kind.removeprefix("ThreadStatusDetail")
        if thread.status == "TODO":
            return "Todo"
        return "Done: ignored" if detail == "Ignored" else thread.status.capitalize()

    def timeline(self, thread: Any) -> Iterator[Json]:
        """Yield each entry of the thread: its kind, itself and its time."""
        for entry in thread.timeline:
            yield {
                "kind": type(entry.of).__name__,
                "of": entry.of,
                "time": clock(entry.timestamp.at),
            }

    # The bridge.

    @cached_property
    def reading(self) -> Any:
        return self.desk.ledger.read()

    def why(self, row: LedgerRow) -> str:
        """Return why there is no ticket, or not yet; empty if there is nothing to explain."""
        if not row.waits:
            return ledger.reason(row.reason, row.data) if row.reason else ""
        parts = [ledger.cause(row.cause)] if row.cause else []
        if row.attempts:
            parts.append(f"tried {row.attempts}×")
        if row.due_in and row.attempts:
            parts.append(f"retry\u00a0in\u00a0{math.ceil(row.due_in)}\u00a0s")
        return " · ".join(parts)

    def proofs(self, row: LedgerRow) -> list[str]:
        """Return what both workspaces saw of the row that was not the usual case."""
        trails = (
            ledger.slack_trail(row, self.desk.slack.courier.sent),
            ledger.plain_trail(row, self.desk.plain.requests),
        )
        return [one for one in trails if one]

    def title(self, ref: str) -> str:
        """Return the title of the thread of this ref."""
        return next((one.title for one in self.desk.plain.threads if one.ref == ref), "")

    def is_on(self, switch: Switch) -> bool:
        return switch.name in self.desk.troubles.on

    def news(self) -> str:
        """Return the latest event, in one sentence for screen readers."""
        found: list[tuple[float, str]] = [(0.0, "")]
        if threads := self.desk.plain.threads:
            newest = threads[-1]
            found.append((newest.created_at.at, f"New in Plain: {newest.ref}, {newest.title}"))
        for said in self.desk.whispers(self.person, self.room)[-1:]:
            words = self.texts.mrkdwn(said.text).striptags() if said.of else said.text
            found.append((said.at, f"Only visible to you: {words}"))
        return max(found)[1]


def _on_top(message: Json) -> bool:
    """Return True if a channel shows the message outside of its thread."""
    root = message.get("thread_ts", message["ts"])
    return bool(root == message["ts"]) or message.get("subtype") == "thread_broadcast"


def clock(at: float) -> str:
    """Return the local time of day."""
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M")
