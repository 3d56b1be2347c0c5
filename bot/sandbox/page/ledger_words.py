"""The ledger's codes in words: why a row waits, and why there is no ticket."""

from __future__ import annotations

_REASONS = {
    "no_customer": "Plain customer not known",
    "broken_link": "linked to a customer that Plain does not know",
    "not_allowed": "not allowed to create tickets",
    "not_in_channel": "the bridge is not in the channel",
    "channel_not_found": "the bridge cannot see the channel",
    "message_not_found": "the message was deleted",
    "missing_scope": "the Slack app lacks a permission",
    "slack_refused": "Slack refused",
    "unknown_label": "Plain has no such label",
    "ambiguous_label": "Plain has this label twice",
    "unknown_assignee": "Plain has no such assignee",
    "plain_forbidden": "the Plain key lacks a permission",
    "plain_key": "Plain does not accept the key",
    "plain_refused": "Plain refused",
    "customer_is_spam": "the customer is marked as spam",
    "empty": "neither text nor files",
    "gave_up": "failed too often",
    "no_rule": "no rule matches",
    "asked_by_a_bot": "bots cannot create tickets",
}
_CAUSES = {
    "unreachable": "{} is unreachable",
    "timeout": "{} did not answer in time",
    "disconnected": "the connection to {} broke",
    "dropped": "the connection to {} broke",
    "paced": "{}'s rate limit",
    "rate_limited": "{} asks to wait",
    "ratelimited": "{} asks to wait",
    "internal": "{} answered with an error",
    "not_json": "{} did not answer in JSON",
}
_OUR_CAUSES = {
    "settling": "looking in Plain again before creating",
    "conversation_held": "another message of this thread goes first",
    "database_busy": "the database is busy",
    "files_not_uploaded": "files are not uploaded yet",
    "bug": "an error in the bridge",
}
_VENDORS = {"plain": "Plain", "slack": "Slack"}


def reason(code: str) -> str:
    """Return why there is no ticket."""
    return _REASONS.get(code, code.replace("_", " "))


def cause(code: str) -> str:
    """Return why the last attempt was put off."""
    vendor, _, rest = code.partition("_")
    if vendor not in _VENDORS:
        return _OUR_CAUSES.get(code, code.replace("_", " "))
    status = rest.removeprefix("http_")
    if status.isdecimal():
        return f"{_VENDORS[vendor]} answered {status}"
    known = _CAUSES.get(rest)
    return (
        known.format(_VENDORS[vendor]) if known else f"{_VENDORS[vendor]}: {rest.replace('_', ' ')}"
    )
