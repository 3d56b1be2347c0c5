"""What a Plain key has to be allowed for what the bridge does, and what fails without."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from bot.cli.checks import Check
from bot.settings import Settings


class Feature(StrEnum):
    """What the bridge does beyond opening threads; each needs more of the key."""

    ADDITIONS = "additions"
    FILES = "files"
    UNDO = "undo"
    TENANTS = "tenants"
    ASSIGNEES = "assignees"


ALWAYS: Mapping[str, str] = {
    "customer:create": "finding or making the customer",
    "customer:edit": "finding or making the customer",
    "customer:read": "finding the customer",
    "label:create": "labels",
    "label:read": "labels",
    "labelType:read": "labels",
    "thread:create": "threads",
    "thread:read": "threads",
}
"""What every bridge uses. https://www.plain.com/docs/api-reference/graphql/authentication"""

MORE: Mapping[Feature, Mapping[str, str]] = {
    Feature.ADDITIONS: {
        "threadEvent:create": "adding a message to its ticket",
        "threadEvent:read": "adding a message to its ticket",
        "timeline:read": "adding a message to its ticket once",
    },
    Feature.FILES: {"attachment:create": "files of a message"},
    Feature.UNDO: {
        "thread:edit": "Undo: closing the thread",
        "note:create": "Undo: saying in the thread who did it",
        "timeline:read": "Undo: seeing that no agent acted yet",
    },
    Feature.TENANTS: {"tenant:read": "tenants of rules and of the form"},
    Feature.ASSIGNEES: {
        "thread:assign": "assignees of rules",
        "user:read": "assignees of rules",
    },
}

OPTIONAL = (Feature.ADDITIONS, Feature.FILES, Feature.UNDO, Feature.TENANTS)
"""What `setup` may leave out. Assignees are needed where a rule names one, and only there."""

_FIX = 'give what is missing to the key: Plain, Settings, "Machine users & API keys"'


def configured(settings: Settings) -> frozenset[Feature]:
    """What the settings ask for."""
    asked = {
        Feature.ADDITIONS: settings.escalation.one_thread_per == "slack_thread",
        Feature.UNDO: settings.escalation.undo_by_reaction,
        Feature.TENANTS: any(rule.tenant for rule in settings.rules),
        Feature.ASSIGNEES: any(rule.assignee for rule in settings.rules),
    }
    return frozenset(feature for feature, is_asked in asked.items() if is_asked)


def needed(features: Iterable[Feature]) -> Mapping[str, str]:
    """The permissions that opening threads and these features need, with what fails without."""
    found = dict(ALWAYS)
    for feature in sorted(features):
        found |= MORE[feature]
    return found


def check(granted: frozenset[str], features: Iterable[Feature]) -> Check:
    """The key's permissions against what `features` need; what only other features need is told."""
    name = "Plain permissions"
    features = frozenset(features)
    wanted = needed(features)
    missing = {one: wanted[one] for one in sorted(set(wanted) - granted)}
    if missing:
        return Check(name, False, f"not granted: {_told(missing)}", _FIX)
    detail = f"all {len(wanted)} needed are granted"
    others = needed(feature for feature in OPTIONAL if feature not in features)
    if spare := {one: others[one] for one in sorted(set(others) - granted)}:
        detail += f"; not granted, and not needed for the rest: {_told(spare)}"
    return Check(name, True, detail)


def one_by_one(granted: frozenset[str], features: Iterable[Feature]) -> list[Check]:
    """A check for each permission that `features` need."""
    return [
        Check(f"Plain permission {one}", True, what)
        if one in granted
        else Check(f"Plain permission {one}", False, f"not granted: {what}", _FIX)
        for one, what in sorted(needed(features).items())
    ]


def _told(permissions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({what})" for name, what in permissions.items())
