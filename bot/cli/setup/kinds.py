"""What somebody pasted, by its form: the right kind of secret, or which other one it is."""

from __future__ import annotations

import re

NAMES = {
    "SLACK_BOT_TOKEN": "the Bot User OAuth Token (xoxb-…)",
    "SLACK_APP_TOKEN": "an App-Level Token (xapp-…)",
    "SLACK_SIGNING_SECRET": "the Signing Secret",
    "PLAIN_API_KEY": "Plain's API key (plainApiKey_…)",
}
"""What belongs into each variable."""

# https://docs.slack.dev/authentication/tokens
_KINDS: tuple[tuple[str, str, str | None], ...] = (
    (r"xoxb-.+|xoxe\.xoxb-.+", "a bot token (xoxb-…)", "SLACK_BOT_TOKEN"),
    (r"xapp-.+", "an App-Level Token (xapp-…)", "SLACK_APP_TOKEN"),
    (r"xoxp-.+|xoxe\.xoxp-.+", "a user token (xoxp-…), which acts as a person", None),
    (r"xoxe-.+", "a refresh token (xoxe-…) of token rotation, which the bridge does not use", None),
    (r"xox[a-z]-.+", "a token of Slack's of another kind", None),
    (r"plainApiKey_.+", "a Plain API key (plainApiKey_…)", "PLAIN_API_KEY"),
    (r"[0-9]{6,}\.[0-9]{6,}", "the app's Client ID", None),
    (r"A[A-Z0-9]{8,}", "the app's App ID", None),
    (r"https?://.+", "a web address", None),
)

_HEX = re.compile(r"[0-9a-f]{32}")
_PRINTABLE = re.compile(r"[!-~]+")


def mistake(variable: str, text: str) -> str | None:
    """What is wrong with `text` as the value of `variable`, in words; None where nothing is.

    The text itself is never part of the words.
    """
    wanted = NAMES[variable]
    if not text:
        return f"Nothing was given: here goes {wanted}."
    if _PRINTABLE.fullmatch(text) is None:
        return f"It holds a blank or a character that no token has: here goes {wanted}, whole."
    kind, belongs = _kind(text)
    if belongs == variable or (belongs is None and kind is None and not _has_form(variable)):
        return None
    return f"This is {kind or 'something else'}: here goes {wanted}."


def doubt(variable: str, text: str) -> str | None:
    """What looks odd about a value that may be right all the same."""
    if variable == "SLACK_SIGNING_SECRET" and _HEX.fullmatch(text) is None:
        return "It does not look like a Signing Secret, which has 32 characters from 0 to f."
    return None


def _has_form(variable: str) -> bool:
    """Whether values of the variable begin in a way of their own."""
    return any(belongs == variable for _, _, belongs in _KINDS)


def _kind(text: str) -> tuple[str | None, str | None]:
    """What the text is, in words, and the variable that it belongs to."""
    for form, words, belongs in _KINDS:
        if re.fullmatch(form, text):
            return words, belongs
    if _HEX.fullmatch(text):
        return "a Signing Secret or a Client Secret", "SLACK_SIGNING_SECRET"
    return None, None
