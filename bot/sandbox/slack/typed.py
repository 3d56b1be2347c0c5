"""Convert a typed text as Slack does: to escaped mrkdwn and a `rich_text` block."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import groupby

from bot.sandbox.slack.nouns import Json

_URL = r"https?://[^\s<>|]+[^\s<>|.,;:!?)]"
_TOKEN = re.compile(
    r"`(?P<code>[^`\n]+)`"
    r"|<(?P<mention>[@#][A-Z0-9]+|!subteam\^[A-Z0-9]+|!here|!channel|!everyone)>"
    rf"|(?P<url>{_URL})"
    r"|(?<![\w:]):(?P<emoji>[a-z0-9_+'-]+(?:::skin-tone-[2-6])?):"
    r"|(?<![\w*])\*(?P<bold>[^\s*](?:[^*\n]*[^\s*])?)\*(?![\w*])"
    r"|(?<![\w_])_(?P<italic>[^\s_](?:[^_\n]*[^\s_])?)_(?![\w_])"
    r"|(?<![\w~])~(?P<strike>[^\s~](?:[^~\n]*[^\s~])?)~(?![\w~])"
)
_KEPT = re.compile(rf"```.*?```|`[^`\n]+`|(?P<mention><[@#!][^<>\n]+>)|(?P<url>{_URL})", re.DOTALL)
_LINE = re.compile(r"(?P<quote>> ?)|(?P<bullet>[-•] )|(?P<ordered>\d+\. )")

# Unicode of a few standard emoji; Slack gives none for custom ones.
# https://github.com/iamcal/emoji-data
_UNICODE = {
    "+1": "1f44d",
    "bug": "1f41b",
    "eyes": "1f440",
    "fire": "1f525",
    "heart": "2764-fe0f",
    "rocket": "1f680",
    "smile": "1f604",
    "tada": "1f389",
    "thumbsup": "1f44d",
    "ticket": "1f3ab",
    "warning": "26a0-fe0f",
    "wave": "1f44b",
    "white_check_mark": "2705",
}
_MENTION = {"@": ("user", "user_id"), "#": ("channel", "channel_id")}


def escaped(text: str) -> str:
    """Escape the three characters that Slack escapes.

    https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def mrkdwn(text: str, known: Callable[[str], bool]) -> str:
    """Return the message's `text`, escaped except for links and `known` tokens."""
    parts, at = [], 0
    for match in _KEPT.finditer(text):
        if match["url"]:
            token = f"<{escaped(match['url'])}>"
        elif match["mention"] and known(match["mention"][1:-1]):
            token = match[0]
        else:
            continue
        parts += [escaped(text[at : match.start()]), token]
        at = match.end()
    return "".join([*parts, escaped(text[at:])])


def command_text(text: str, label: Callable[[str], str | None]) -> str:
    """Return a command's text where its `should_escape` is set: `<@U…|name>`, `<#C…|name>`.

    https://docs.slack.dev/interactivity/implementing-slash-commands#creating_your_command
    """

    def known(token: str) -> bool:
        return label(token) is not None

    named = _KEPT.sub(lambda found: _labelled(found, label), text)
    return mrkdwn(named, lambda token: known(token.partition("|")[0]))


def _labelled(found: re.Match[str], label: Callable[[str], str | None]) -> str:
    name = label(found["mention"][1:-1]) if found["mention"] else None
    return f"{found[0][:-1]}|{name}>" if name else found[0]


def rich_text(text: str, known: Callable[[str], bool], block_id: str) -> Json:
    """Return the block that Slack's composer makes of a typed text.

    https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
    """
    elements: list[Json] = []
    for index, part in enumerate(re.split(r"```\n?(.*?)\n?```", text, flags=re.DOTALL)):
        if index % 2:
            shown = [{"type": "text", "text": part}] if part else []
            elements.append({"type": "rich_text_preformatted", "elements": shown, "border": 0})
        elif part.strip("\n") or not text:
            elements += _lines(part.strip("\n"), known)
    return {"type": "rich_text", "block_id": block_id, "elements": elements}


def _lines(text: str, known: Callable[[str], bool]) -> Iterator[Json]:
    def kind(line: str) -> str:
        found = _LINE.match(line)
        return (found.lastgroup or "") if found else ""

    for of, run in groupby(text.split("\n"), kind):
        lines = [_LINE.sub("", line, count=1) if of else line for line in run]
        if of in ("bullet", "ordered"):
            yield {
                "type": "rich_text_list",
                "style": of,
                "indent": 0,
                "border": 0,
                "elements": [
                    {"type": "rich_text_section", "elements": list(_inlines(line, known))}
                    for line in lines
                ],
            }
        else:
            yield {
                "type": "rich_text_quote" if of else "rich_text_section",
                "elements": list(_inlines("\n".join(lines), known)),
            }


def _inlines(
    text: str, known: Callable[[str], bool], style: dict[str, bool] | None = None
) -> Iterator[Json]:
    def plain(piece: str, more: dict[str, bool] | None = None) -> Json:
        both = {**(style or {}), **(more or {})}
        return {"type": "text", "text": piece, **({"style": both} if both else {})}

    at = 0
    for match in _TOKEN.finditer(text):
        if match["mention"] and not known(match["mention"]):
            continue
        if match.start() > at:
            yield plain(text[at : match.start()])
        at = match.end()
        of = match.lastgroup or ""
        if of == "code":
            yield plain(match["code"], {"code": True})
        elif of in ("bold", "italic", "strike"):
            yield from _inlines(match[of], known, {**(style or {}), of: True})
        else:
            yield {**_element(of, match[of]), **({"style": style} if style else {})}
    if at < len(text):
        yield plain(text[at:])


def _element(of: str, value: str) -> Json:
    if of == "url":
        return {"type": "link", "url": value}
    if of == "emoji":
        name, _, tone = value.partition("::skin-tone-")
        element: Json = {"type": "emoji", "name": name}
        if name in _UNICODE:
            element["unicode"] = _UNICODE[name]
        return {**element, "skin_tone": int(tone)} if tone else element
    if value[0] in _MENTION:
        type_, key = _MENTION[value[0]]
        return {"type": type_, key: value[1:]}
    if value.startswith("!subteam^"):
        return {"type": "usergroup", "usergroup_id": value.removeprefix("!subteam^")}
    return {"type": "broadcast", "range": value[1:]}
