"""Define the things of a Slack workspace, as the sandbox keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Json = dict[str, Any]


class SlackError(Exception):
    """An error of a Web API method: `ok: false`, an error code, and more fields."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.error = error
        self.more: Json = more


@dataclass
class User:
    """A person or a bot's user. `team` is the user's own workspace."""

    id: str
    name: str
    team: str
    email: str | None = None
    confirmed: bool = True
    guest: bool = False
    bot_id: str | None = None
    owner: bool = False
    admin: bool = False
    deleted: bool = False
    visible: bool = True


@dataclass
class Conversation:
    """A channel, a direct message or a group message; `messages` in the order of their `ts`."""

    id: str
    name: str
    kind: Literal["channel", "group", "im", "mpim"]
    members: set[str]
    creator: str
    shared: bool = False
    archived: bool = False
    messages: list[Json] = field(default_factory=list)

    def find(self, ts: str) -> Json | None:
        return next((message for message in self.messages if message["ts"] == ts), None)

    def thread(self, root: str) -> list[Json]:
        """Return the root and its replies, oldest first."""
        return [
            message
            for message in self.messages
            if message["ts"] == root or message.get("thread_ts") == root
        ]

    @property
    def payload_name(self) -> str:
        """Return the name in interactive payloads and commands."""
        if self.kind == "im":
            return "directmessage"
        return "privategroup" if self.kind in ("group", "mpim") else self.name


@dataclass
class Upload:
    """A file that lies with Slack: its shape, its bytes, and where its address leads instead."""

    shape: Json
    content: bytes
    leads_to: str | None = None


@dataclass
class View:
    """An open modal or a home tab: what it shows, and what stands in its fields.

    `state` maps block id and action id to the element's state in Block Kit's shape.
    """

    user: str
    shape: Json
    state: dict[str, dict[str, Json]]

    @property
    def id(self) -> str:
        return str(self.shape["id"])


class Ephemeral(NamedTuple):
    """A message that only one person sees. What replaces it keeps its `ts`."""

    channel: str
    thread_ts: str | None
    text: str
    blocks: list[Json]
    ts: str


class Sent(NamedTuple):
    """One attempt at sending an event to the app; `ok` where the app took it."""

    event_id: str
    event: Json
    ok: bool


class Call(NamedTuple):
    """One request to the Web API; `arguments` without the token."""

    method: str
    arguments: Json


@dataclass(frozen=True)
class Delivery:
    """The result of sending something to the app.

    `status` is the HTTP status, or 200 for an acknowledged Socket Mode envelope; None where no
    answer came in time. `body` is the answer, parsed where it is JSON, None where it is empty.
    `attempts` counts how often it was sent. `failure` is what Slack would tell the person.
    `view` is the view that was opened with this delivery's trigger, `ephemeral` what the
    answer showed to the person.
    """

    status: int | None
    body: Any = None
    attempts: int = 1
    failure: str | None = None
    trigger_id: str | None = None
    view: Json | None = None
    ephemeral: Ephemeral | None = None

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def response_action(self) -> str | None:
        return self.body.get("response_action") if isinstance(self.body, dict) else None

    @property
    def errors(self) -> dict[str, str]:
        """Return the errors by input block id if the form was sent back."""
        found = self.body.get("errors") if isinstance(self.body, dict) else None
        return found if isinstance(found, dict) else {}
