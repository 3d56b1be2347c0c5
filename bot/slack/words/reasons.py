"""Short words for the codes of the ledger: why something was refused or left alone, or failed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bot.core.faults import Reason
from bot.slack.words.refusals import THOSE

_REASONS: Mapping[str, str] = {
    Reason.NO_CUSTOMER: "nobody has said which Plain customer the requester is",
    Reason.BROKEN_LINK: "Plain does not know the customer",
    Reason.NOT_ALLOWED: "the bridge takes no requests from {standing}",
    Reason.REQUESTER_NOT_ALLOWED: "guests may ask only for themselves or the author",
    Reason.NOT_IN_CHANNEL: "the bridge is not in the channel",
    Reason.CHANNEL_NOT_FOUND: "the bridge cannot see the channel",
    Reason.MESSAGE_NOT_FOUND: "the message is gone",
    Reason.MISSING_SCOPE: "the bridge's Slack app lacks a permission",
    Reason.SLACK_REFUSED: "Slack did not let the bridge do its part",
    Reason.UNKNOWN_LABEL: "a rule names a label that Plain does not have",
    Reason.AMBIGUOUS_LABEL: "a rule names a label that Plain has more than once",
    Reason.UNKNOWN_ASSIGNEE: "a rule names an assignee who is no user in Plain",
    Reason.PLAIN_FORBIDDEN: "the bridge's key lacks a permission in Plain",
    Reason.PLAIN_KEY: "Plain does not accept the bridge's key",
    Reason.PLAIN_REFUSED: "Plain did not accept it",
    Reason.CUSTOMER_IS_SPAM: "the customer is marked as spam in Plain",
    Reason.EMPTY: "the message has neither text nor files",
    Reason.GAVE_UP: "it failed for hours; ask for it again",
    # Of what was left alone: `flows.admission`.
    "no_rule": "no rule took the reaction in this channel",
    "asked_by_a_bot": "a bot reacted, and bots cannot ask",
}
_UNKNOWN = "for a reason that this release does not know"

_CAUSES: Sequence[tuple[str, str]] = (
    (r"plain_(rate_limited|paced)", "Plain's rate limit was reached"),
    (r"plain_(unreachable|closed)", "Plain could not be reached"),
    (r"plain_timeout", "Plain did not answer in time"),
    (r"plain_dropped", "the connection to Plain broke off"),
    (r"plain_blocked", "something between the bridge and Plain refused it"),
    (r"plain_not_json", "what answered in Plain's place was not Plain"),
    (r"plain_.+", "Plain answered with an error"),
    (r"slack_ratelimited", "Slack asked to wait"),
    (r"slack_(unreachable|not_reached)", "Slack could not be reached"),
    (r"slack_timeout", "Slack did not answer in time"),
    (r"slack_disconnected", "the connection to Slack broke off"),
    (r"slack_not_json", "what answered in Slack's place was not Slack"),
    (r"slack_file_.+", "a file could not be read from Slack"),
    (
        r"slack_(account_inactive|invalid_auth|not_authed|token_\w+)",
        "Slack does not accept the bridge's token",
    ),
    (r"slack_.+", "Slack answered with an error"),
    (r"upload_.+|files_.+", "a file could not be copied to Plain"),
    (r"database.*|ledger_unwritable", "the bridge's database was busy or away"),
    (r"settling", "whether Plain has it was not sure yet"),
    (r"conversation_held|worker_waits|answer_waits", "it waited for another one"),
    (r"timeout|not_in_time|stood_still|took_too_long", "it took too long"),
    (r"lease_lost", "the process that worked on it ended or stood still"),
    (r"customer_gone", "the customer was gone from Plain"),
)
_BROKE = "the bridge itself failed; its log says why"


def reason(code: str | None, data: Mapping[str, str] | None = None) -> str:
    """Return why it was refused or left alone, as in "Refused: …"; `data` is the reason's."""
    words = _REASONS.get(code or "", _UNKNOWN)
    return words.format(standing=THOSE.get((data or {}).get("standing", ""), "this person"))


def cause(code: str) -> str:
    """Return why an attempt failed, as in "the last one failed: …"."""
    return next((words for form, words in _CAUSES if re.fullmatch(form, code)), _BROKE)
