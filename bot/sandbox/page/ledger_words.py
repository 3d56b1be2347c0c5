"""The ledger's codes in words, which are the command line's: why a row stands as it does."""

from __future__ import annotations

import re
from collections.abc import Mapping

_REASONS = {
    "no_customer": "nobody has said which Plain customer the requester is",
    "broken_link": "Plain does not know the customer",
    "not_allowed": "the bridge takes no requests from {standing}",
    "requester_not_allowed": "{standing} may ask only for themselves or the author",
    "not_in_channel": "the bridge is not in the channel",
    "channel_not_found": "the bridge cannot see the channel",
    "message_not_found": "the message is gone",
    "missing_scope": "the bridge's Slack app lacks a permission",
    "slack_refused": "Slack did not let the bridge do its part",
    "unknown_label": "a rule names a label that Plain does not have",
    "ambiguous_label": "a rule names a label that Plain has more than once",
    "unknown_assignee": "a rule names an assignee who is no user in Plain",
    "plain_forbidden": "the bridge's key lacks a permission in Plain",
    "plain_key": "Plain does not accept the bridge's key",
    "plain_refused": "Plain did not accept it",
    "customer_is_spam": "the customer is marked as spam in Plain",
    "empty": "the message has neither text nor files",
    "gave_up": "it failed for hours; ask for it again",
    "no_rule": "no rule took the reaction in this channel",
    "asked_by_a_bot": "a bot reacted, and bots cannot ask",
}
_STANDINGS = {
    "member": "members of this workspace",
    "guest": "guests",
    "external": "people of other companies",
    "bot": "bots",
    "deactivated": "deactivated accounts",
}
_CAUSES = (
    (r"plain_(rate_limited|paced)", "Plain's rate limit was reached"),
    (r"plain_(unreachable|closed)", "Plain could not be reached"),
    (r"plain_timeout", "Plain did not answer in time"),
    (r"plain_dropped", "the connection to Plain broke off"),
    (r"plain_not_json", "what answered in Plain's place was not Plain"),
    (r"plain_.+", "Plain answered with an error"),
    (r"slack_(unreachable|not_reached)", "Slack could not be reached"),
    (r"slack_timeout", "Slack did not answer in time"),
    (r"slack_disconnected", "the connection to Slack broke off"),
    (r"slack_.+", "Slack answered with an error"),
    (r"upload_.+|files_.+", "a file could not be copied to Plain"),
    (r"database.*|ledger_unwritable", "the bridge's database was busy or away"),
    (r"settling", "whether Plain has it was not sure yet"),
    (r"conversation_held|worker_waits|answer_waits", "it waited for another one"),
    (r"timeout|not_in_time|stood_still", "it took too long"),
)
"""What this small Slack and this small Plain can be made to do; the first that fits counts."""


def reason(code: str, data: Mapping[str, str]) -> str:
    """Return why there is no ticket; `data` is the reason's."""
    words = _REASONS.get(code, code.replace("_", " "))
    return words.format(standing=_STANDINGS.get(data.get("standing", ""), "this person"))


def cause(code: str) -> str:
    """Return why the last attempt was put off."""
    found = (words for form, words in _CAUSES if re.fullmatch(form, code))
    return next(found, code.replace("_", " "))
