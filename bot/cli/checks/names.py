"""Looks whether Plain knows the labels, tenants, assignees and customers that the rules name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from bot.cli.checks import Check, looked, places, skip
from bot.core.faults import Fault, Reason, Refused, TryLater
from bot.plain import operations, trial
from bot.plain.client import PAGES, PlainClient
from bot.settings import Settings

_SEE = "correct the name in the rule"


@dataclass(frozen=True, slots=True)
class Found:
    """What of the names is not there, each with where it is named; `existing` is what is."""

    absent: Sequence[str]
    existing: Sequence[str] = ()


async def examine(settings: Settings, plain: PlainClient, granted: frozenset[str]) -> list[Check]:
    """A check for each kind of name. What the key may not read is left to the permissions."""
    rules = settings.rules
    fallback = settings.identity.fallback_customer
    labels = _once(label for rule in rules for label in rule.labels)
    tenants = _once(rule.tenant for rule in rules)
    assignees = _once(rule.assignee for rule in rules)
    customers = _once([*(rule.customer for rule in rules), fallback])

    async def find_labels() -> Found:
        return await _labels(settings, plain, labels)

    async def find_tenants() -> Found:
        return await _tenants(settings, plain, tenants)

    async def find_assignees() -> Found:
        absent = [one for one in assignees if not await _is_user(plain, one)]
        return Found([places.told(one, places.of(settings, "assignee", one)) for one in absent])

    async def find_customers() -> Found:
        absent = [one for one in customers if await plain.find_customer(one) is None]
        return Found([places.told(one, _customer_place(settings, one)) for one in absent])

    return [
        await looked(_check(f"Plain {what}", names, permission in granted, find))
        for what, names, permission, find in (
            ("labels", labels, "labelType:read", find_labels),
            ("tenants", tenants, "tenant:read", find_tenants),
            ("assignees", assignees, "user:read", find_assignees),
            ("customers", customers, "customer:read", find_customers),
        )
    ]


async def _check(
    name: str, names: Sequence[str], may: bool, find: Callable[[], Awaitable[Found]]
) -> Check:
    if not names:
        return skip(name, "none are named in the settings")
    if not may:
        return skip(name, "the key may not read them")
    try:
        found = await find()
    except Refused as refused:
        if refused.reason is Reason.PLAIN_FORBIDDEN:
            return skip(name, "the key may not read them")
        return Check(name, False, f"Plain refused: {refused.data.get('message', refused)}", _SEE)
    except TryLater as later:
        return skip(name, f"Plain could not be asked now ({later.cause})")
    except Fault as fault:
        return skip(name, str(fault))
    if found.absent:
        exist = f"; Plain has {places.some(found.existing)}" if found.existing else ""
        return Check(name, False, f"not there: {', '.join(found.absent)}", f"{_SEE}{exist}")
    return Check(name, True, f"all {len(names)} are there")


async def _labels(settings: Settings, plain: PlainClient, wanted: Sequence[str]) -> Found:
    """Those that name no label type, or several."""
    known = await plain.label_types()
    ids = {one.id for one in known}
    names = Counter(one.name.strip().casefold() for one in known)
    existing = sorted({one.name for one in known})
    absent: list[str] = []
    for label in wanted:
        count = 1 if label in ids else names[label.strip().casefold()]
        place = places.of(settings, "labels", label)
        if count > 1:
            several = f"{count} label types have this name: write the id, lt_…"
            absent.append(places.told(label, place, several))
        elif count == 0:
            absent.append(places.told(label, place, places.did_you_mean(label, existing)))
    return Found(absent, existing)


async def _tenants(settings: Settings, plain: PlainClient, wanted: Sequence[str]) -> Found:
    """Those that are no tenant's external id."""
    known: list[str] = []
    after = None
    for _ in range(PAGES):
        page = await plain.ask(operations.TENANTS, {"after": after})
        known += [tenant.external_id for tenant in page.items]
        after = page.cursor
        missing = [tenant for tenant in wanted if tenant not in known]
        if after is None or not missing:
            absent = [
                places.told(
                    one, places.of(settings, "tenant", one), places.did_you_mean(one, known)
                )
                for one in missing
            ]
            return Found(absent, sorted(known))
    raise TryLater("plain_endless_pages")


def _customer_place(settings: Settings, customer: str) -> str:
    named = [places.of(settings, "customer", customer)]
    if customer == settings.identity.fallback_customer:
        named.append("[identity] fallback_customer")
    return " and ".join(filter(None, named))


async def _is_user(plain: PlainClient, assignee: str) -> bool:
    if "@" in assignee:
        return await plain.user_by_email(assignee) is not None
    return await plain.ask(trial.USER, {"userId": assignee})


def _once(names: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(name for name in names if name))
