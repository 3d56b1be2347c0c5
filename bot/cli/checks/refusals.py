"""What a fault of Slack's, or a variable that is not set, means to somebody who sets up."""

from __future__ import annotations

from bot.cli.checks import Check, skip
from bot.core.faults import Fault, Reason, Refused, TryLater
from bot.settings import Settings
from bot.slack import calls


def missing(settings: Settings, name: str, variable: str) -> Check:
    """The variable is not set; with where to get it."""
    detail, _, fix = settings.missing(variable)[0].partition(": ")
    return Check(name, False, detail, f"{fix}. `plain-bridge setup` asks for it and writes .env")


def lacking(name: str, fault: Fault) -> Check | None:
    """For want of a scope it cannot be looked at; the check of the scopes is the one that fails."""
    match fault:
        case Refused(reason=Reason.MISSING_SCOPE, data=data):
            return skip(name, f"the scope {data.get('needed', '')} is missing")
    return None


def failed(name: str, fault: Fault, fix: str) -> Check:
    """A token that is no good is mended by another one, a network otherwise."""
    match fault:
        case TryLater(cause=cause):
            code = cause.removeprefix("slack_")
            if code in calls.TOKEN_ERRORS:
                return Check(name, False, f"Slack does not take it ({code})", fix)
            network = "see whether this machine reaches SLACK_API_URL (proxy, firewall)"
            return Check(name, False, f"Slack was not reached ({code})", network)
        case Refused(reason=Reason.MISSING_SCOPE, data=data):
            return Check(name, False, f"it lacks the scope {data.get('needed', '')}", fix)
        case Refused(data=data):
            return Check(name, False, f"Slack refused ({data.get('code', '')})", fix)
    return Check(name, False, str(fault), fix)
