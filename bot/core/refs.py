"""Make and parse identifiers: the ledger's keys, "PB-7", permalinks, Plain links, Slack's `ts`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeGuard
from urllib.parse import parse_qs, urlencode, urlsplit

_CHANNEL_ID = re.compile(r"[CDG][A-Z0-9]+")
_TEAM_ID = re.compile(r"[TE][A-Z0-9]+")
_TS = re.compile(r"\d{1,12}\.\d{6}")
# Links copied out of some clients have a segment before it: /x-p123-456-789/archives/C…/p….
_PERMALINK_PATH = re.compile(r"(?:/[\w.~-]+)?/archives/([A-Z0-9]+)/p(\d{7,18})/?")


@dataclass(frozen=True, slots=True)
class MessageRef:
    """One Slack message: its channel and its `ts` ("1599529504.000400"), unique in the channel."""

    channel: str
    ts: str


def is_channel_id(text: str) -> bool:
    """Return whether `text` has the form of a Slack conversation's id: C…, D… or G…."""
    return _CHANNEL_ID.fullmatch(text) is not None


def is_team_id(text: str) -> bool:
    """Return whether `text` has the form of a Slack team's (T…) or organization's (E…) id."""
    return _TEAM_ID.fullmatch(text) is not None


def is_ts(value: object) -> TypeGuard[str]:
    """Return whether `value` has the form of a Slack `ts`: seconds, a dot, six digits."""
    return isinstance(value, str) and _TS.fullmatch(value) is not None


def time_of(ts: str) -> datetime:
    """Return when (UTC) the message with this `ts` was posted."""
    seconds, _, micros = ts.partition(".")
    return datetime.fromtimestamp(int(seconds), UTC).replace(microsecond=int(micros or 0))


def message_key(team: str, ref: MessageRef) -> str:
    """Return the key of a request about a message; `team` is the installed one."""
    return f"{team}:{ref.channel}:{ref.ts}"


def command_key(team: str, trigger_id: str) -> str:
    """Return the key of a request made by a slash command with a text."""
    return f"{team}:command:{trigger_id}"


def view_key(team: str, view_id: str) -> str:
    """Return the key of a request made by a form that is about no message."""
    return f"{team}:view:{view_id}"


def reaction_act(key: str, user: str, emoji: str) -> str:
    """Return the key of an act: this user's reaction to the message with this key."""
    return f"reaction:{key}:{user}:{emoji}"


def conversation_key(team: str, ref: MessageRef, thread_ts: str | None) -> str:
    """Return the key that all messages of a Slack thread share: its root's message key."""
    return message_key(team, MessageRef(ref.channel, thread_ts or ref.ts))


def root_of(conversation_key: str) -> str | None:
    """Return the root's `ts` in a conversation's key; None if that is not about a message."""
    ts = conversation_key.rpartition(":")[2]
    return ts if is_ts(ts) else None


_REFERENCE = re.compile("(?:PB-)?([0-9]{1,18})", re.IGNORECASE)  # no row has a longer id


def reference(row_id: int) -> str:
    """Return what people call the row with this id: "PB-7"."""
    return f"PB-{row_id}"


def row_id(text: str) -> int | None:
    """Return the id of the row that `text` ("PB-7", "pb-7" or "7") names; None for other text."""
    found = _REFERENCE.fullmatch(text)
    return int(found[1]) if found else None


_FOUND = "reconcile:"


def found_request(ref: MessageRef, emoji: str, user: str) -> str:
    """Return the request id of a user's reaction that was found in Slack's history, not received.

    Those of earlier releases lack the user.
    """
    return f"{_FOUND}{ref.channel}:{ref.ts}:{emoji}:{user}"


def is_found(request: str) -> bool:
    """Return whether the request was found in Slack's history."""
    return request.startswith(_FOUND)


def generation_key(key: str, generation: int) -> str:
    """Return `key` for its nth request; the first has no suffix, so that old keys stay valid."""
    return key if generation == 1 else f"{key}:{generation}"


def words_key(key: str, row_id: int) -> str:
    """Return the externalId of words that are added to a ticket without their message."""
    return f"{key}:{reference(row_id)}"


def permalink(workspace_url: str, ref: MessageRef, thread_ts: str | None = None) -> str:
    """Return the link that Slack would give to a message; for when Slack refuses to give it.

    A reply's link names its root and channel, as `chat.getPermalink` does:
    https://docs.slack.dev/reference/methods/chat.getPermalink
    """
    path = f"{workspace_url.rstrip('/')}/archives/{ref.channel}/p{ref.ts.replace('.', '')}"
    if thread_ts is None or thread_ts == ref.ts:
        return path
    return f"{path}?{urlencode({'thread_ts': thread_ts, 'cid': ref.channel})}"


def from_permalink(link: str) -> tuple[MessageRef, str | None] | None:
    """Return the message that a Slack permalink names, and its thread's root if it is a reply.

    None for any other link. One segment may precede `/archives/`.
    """
    try:
        parts = urlsplit(link)
    except ValueError:
        return None
    found = _PERMALINK_PATH.fullmatch(parts.path)
    if found is None:
        return None
    channel, digits = found.groups()
    roots = parse_qs(parts.query).get("thread_ts", [])
    root = roots[0] if roots and is_ts(roots[0]) else None
    return MessageRef(channel, f"{digits[:-6]}.{digits[-6:]}"), root


def plain_thread_url(workspace_id: str, thread_id: str) -> str:
    """Return the URL at which an agent opens the thread; Plain's API has no field for it."""
    return f"https://app.plain.com/workspace/{workspace_id}/thread/{thread_id}/"
