"""Looks whether Plain knows the labels, tenants, assignees and customers that the rules name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence

from bot.cli.checks import Check, looked, skip
from bot.core.faults import Fault, Reason, Refused, TryLater
from bot.plain import operations, trial
from bot.plain.client import PAGES, PlainClient
from bot.settings import Settings

_SEE = "correct the name in the rule"


async def examine(settings: Settings, plain: PlainClient, granted: frozenset[str]) -> list[Check]:
    """A check for each kind of name. What the key may not read is left to the permissions."""
    rules = settings.rules
    fallback = settings.identity.fallback_customer
    labels = _once(label for rule in rules for label in rule.labels)
    tenants = _once(rule.tenant for rule in rules)
    assignees = _once(rule.assignee for rule in rules)
    customers = _once([*(rule.customer for rule in rules), fallback])

    async def unknown_labels() -> list[str]:
        return await _labels(plain, labels)

    async def unknown_tenants() -> list[str]:
        return await _tenants(plain, tenants)

    async def unknown_assignees() -> list[str]:
        return [one for one in assignees if not await _is_user(plain, one)]

    async def unknown_customers() -> list[str]:
        return [one for one in customers if await plain.find_customer(one) is None]

    return [
        await looked(_check(f"Plain {what}", names, permission in granted, unknown))
        for what, names, permission, unknown in (
            ("labels", labels, "labelType:read", unknown_labels),
            ("tenants", tenants, "tenant:read", unknown_tenants),
            ("assignees", assignees, "user:read", unknown_assignees),
            ("customers", customers, "customer:read", unknown_customers),
        )
    ]


async def _check(
    name: str, names: Sequence[str], may: bool, unknown: Callable[[], Awaitable[list[str]]]
) -> Check:
    if not names:
        return skip(name, "none are named in the settings")
    if not may:
        return skip(name, "the key may not read them")
    try:
        found = await unknown()
    except Refused as refused:
        if refused.reason is Reason.PLAIN_FORBIDDEN:
            return skip(name, "the key may not read them")
        return Check(name, False, f"Plain refused: {refused.data.get('message', refused)}", _SEE)
    except TryLater as later:
        return skip(name, f"Plain could not be asked now ({later.cause})")
    except Fault as fault:
        return skip(name, str(fault))
    if found:
        return Check(name, False, f"not there: {', '.join(found)}", _SEE)
    return Check(name, True, f"all {len(names)} are there")


async def _labels(plain: PlainClient, wanted: Sequence[str]) -> list[str]:
    """Those that name no label type, or several."""
    known = await plain.label_types()
    ids = {one.id for one in known}
    names = Counter(one.name.strip().casefold() for one in known)
    found: list[str] = []
    for label in wanted:
        count = 1 if label in ids else names[label.strip().casefold()]
        if count > 1:
            found.append(f"{label} ({count} label types have this name: write the id, lt_…)")
        elif count == 0:
            found.append(label)
    return found


async def _tenants(plain: PlainClient, wanted: Sequence[str]) -> list[str]:
    """Those that are no tenant's external id."""
    missing = set(wanted)
    after = None
    for _ in range(PAGES):
        page = await plain.ask(operations.TENANTS, {"after": after})
        missing -= {tenant.external_id for tenant in page.items}
        after = page.cursor
        if after is None or not missing:
            return [tenant for tenant in wanted if tenant in missing]
    raise TryLater("plain_endless_pages")


async def _is_user(plain: PlainClient, assignee: str) -> bool:
    if "@" in assignee:
        return await plain.user_by_email(assignee) is not None
    return await plain.ask(trial.USER, {"userId": assignee})


def _once(names: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(name for name in names if name))
