"""The standard emoji that the page knows by their Slack names."""

from __future__ import annotations

PICKED = ("ticket", "bug", "+1", "eyes", "white_check_mark", "tada")
"""Those that can be reacted with, in this order."""

_CHARACTERS = {
    "+1": "👍",
    "thumbsup": "👍",
    "-1": "👎",
    "bug": "🐛",
    "bulb": "💡",
    "eyes": "👀",
    "fire": "🔥",
    "heart": "❤️",
    "hourglass_flowing_sand": "⏳",
    "incoming_envelope": "📨",
    "link": "🔗",
    "memo": "📝",
    "no_entry_sign": "🚫",
    "paperclip": "📎",
    "pray": "🙏",
    "question": "❓",
    "rocket": "🚀",
    "rotating_light": "🚨",
    "smile": "😄",
    "tada": "🎉",
    "ticket": "🎫",
    "warning": "⚠️",
    "wave": "👋",
    "white_check_mark": "✅",
    "x": "❌",
}


def character(name: str) -> str | None:
    """None for a name that is not known here; skin tones are left out."""
    return _CHARACTERS.get(name.partition("::")[0])
