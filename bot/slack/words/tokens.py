"""People, channels, moments and emoji as Slack shows them, and as a terminal does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from bot.slack.words.marks import code, escape, unescape

_ID = re.compile(r"[A-Z0-9]{1,30}")
_TOKEN = re.compile(r"<([^<>]*)>")
_BOLD = re.compile(r"(?<![\w*])\*(\S(?:[^*\n]*\S)?)\*(?![\w*])")
_EMOJI = re.compile(r"[^\s:<>&`*|]{1,100}(?:::skin-tone-[2-6])?")


def person(user: str) -> str:
    """A mention, which in a view or an ephemeral message tells nobody."""
    return f"<@{user}>" if _ID.fullmatch(user) else code(user)


def channel(name: str) -> str:
    """A channel by its id or "#name"; the id's link shows the name only to those who may see it."""
    return f"<#{name}>" if _ID.fullmatch(name) else escape(name)


def moment(seconds: float) -> str:
    """A moment (Unix seconds) in the reader's time zone.

    https://docs.slack.dev/messaging/formatting-message-text#date-formatting
    """
    return _date(seconds, "{date_short}, {time}")


def ago(seconds: float) -> str:
    """How long ago a moment (Unix seconds) is; Slack counts on while it is shown."""
    return _date(seconds, "{ago}")


def _date(seconds: float, form: str) -> str:
    otherwise = datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{int(seconds)}^{form}|{otherwise}>"


def emoji(name: str) -> str:
    """An emoji; a name that could be anything else is shown as it is."""
    return f":{name}:" if _EMOJI.fullmatch(name) else code(f":{name}:")


def emojis(names: Sequence[str], last: str = "or") -> str:
    """Several emoji in a sentence."""
    shown = [emoji(name) for name in names]
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} {last} {shown[-1]}"


def flat(mrkdwn: str) -> str:
    """What a sentence of ours says, for a terminal: no tokens, no bold, no escapes."""
    return unescape(_BOLD.sub(r"\1", _TOKEN.sub(_read, mrkdwn)).replace("`", ""))


def _read(token: re.Match[str]) -> str:
    what, _, shown = token[1].partition("|")
    if what.startswith("!"):
        return shown or what[1:]
    if what.startswith(("@", "#")):
        return what[1:]
    return f"{shown} ({what})" if shown else what
