"""Check the configuration: what its rules name, whose addresses it trusts, and the clock."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from email.utils import parsedate_to_datetime

from bot.cli import services
from bot.cli.doctor.check import Check, skip, slack_failed, timed, without_scope
from bot.core.directory import Channel
from bot.core.faults import Fault, Reason, Rejected, TryLater
from bot.plain import operations, trial
from bot.plain.client import PAGES, PlainClient
from bot.settings import Settings
from bot.slack.history import SlackHistory

CHANNELS = "Slack channels"
TRUST = "trusted addresses"
CLOCK = "clock"

MOST_NAMED = 10
"""Existing names that a fix lists at most."""

LARGEST_SKEW = 60.0
"""Seconds; Slack's signatures are valid for 300."""

_FIX_NAME = "correct the name in the rule"


# Names in Plain


@dataclass(frozen=True, slots=True)
class Found:
    """The names that Plain does not have, each with its place, and the names that it has."""

    absent: Sequence[str]
    existing: Sequence[str] = ()


async def check_names(
    settings: Settings, plain: PlainClient, granted: frozenset[str]
) -> list[Check]:
    """Return a check for each kind of name; skip what the key may not read."""
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
        return Found([_with_notes(one, _rules_naming(settings, "assignee", one)) for one in absent])

    async def find_customers() -> Found:
        absent = [one for one in customers if await plain.find_customer(one) is None]
        return Found([_with_notes(one, _customer_place(settings, one)) for one in absent])

    return [
        await timed(_names_exist(f"Plain {what}", names, permission in granted, find))
        for what, names, permission, find in (
            ("labels", labels, "labelType:read", find_labels),
            ("tenants", tenants, "tenant:read", find_tenants),
            ("assignees", assignees, "user:read", find_assignees),
            ("customers", customers, "customer:read", find_customers),
        )
    ]


async def _names_exist(
    name: str, names: Sequence[str], may: bool, find: Callable[[], Awaitable[Found]]
) -> Check:
    if not names:
        return skip(name, "none are named in the settings")
    if not may:
        return skip(name, "the key may not read them")
    try:
        found = await find()
    except Rejected as refused:
        if refused.reason is Reason.PLAIN_FORBIDDEN:
            return skip(name, "the key may not read them")
        why = refused.rejection.plain_says or refused
        return Check(name, False, f"Plain refused: {why}", _FIX_NAME)
    except TryLater as later:
        return skip(name, f"Plain could not be asked right now ({later.cause})")
    except Fault as fault:
        return skip(name, str(fault))
    if found.absent:
        exist = f"; Plain has {_first_of(found.existing)}" if found.existing else ""
        return Check(name, False, f"not found: {', '.join(found.absent)}", f"{_FIX_NAME}{exist}")
    return Check(name, True, f"all {len(names)} exist")


async def _labels(settings: Settings, plain: PlainClient, wanted: Sequence[str]) -> Found:
    """Return those that name no label type, or several."""
    known = await plain.label_types()
    ids = {one.id for one in known}
    names = Counter(one.name.strip().casefold() for one in known)
    existing = sorted({one.name for one in known})
    absent: list[str] = []
    for label in wanted:
        count = 1 if label in ids else names[label.strip().casefold()]
        place = _rules_naming(settings, "labels", label)
        if count > 1:
            several = f"{count} label types have this name: use the id, lt_…"
            absent.append(_with_notes(label, place, several))
        elif count == 0:
            absent.append(_with_notes(label, place, _did_you_mean(label, existing)))
    return Found(absent, existing)


async def _tenants(settings: Settings, plain: PlainClient, wanted: Sequence[str]) -> Found:
    """Return those that are no tenant's external id."""
    known: list[str] = []
    after = None
    for _ in range(PAGES):
        page = await plain.ask(operations.TENANTS, {"after": after})
        known += [tenant.external_id for tenant in page.items]
        after = page.cursor
        missing = [tenant for tenant in wanted if tenant not in known]
        if after is None or not missing:
            absent = [
                _with_notes(one, _rules_naming(settings, "tenant", one), _did_you_mean(one, known))
                for one in missing
            ]
            return Found(absent, sorted(known))
    raise TryLater("plain_endless_pages")


def _customer_place(settings: Settings, customer: str) -> str:
    named = [_rules_naming(settings, "customer", customer)]
    if customer == settings.identity.fallback_customer:
        named.append("[identity] fallback_customer")
    return " and ".join(filter(None, named))


async def _is_user(plain: PlainClient, assignee: str) -> bool:
    if "@" in assignee:
        return await plain.user_by_email(assignee) is not None
    return await plain.ask(trial.USER, {"userId": assignee})


def _once(names: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(name for name in names if name))


# Channels in Slack


async def check_channels(settings: Settings, history: SlackHistory) -> Check:
    """Fail if a rule names a channel, by id or #name, that the bot is not in."""
    named = list(dict.fromkeys(channel for rule in settings.rules for channel in rule.channels))
    wanted = [channel for channel in named if not channel.startswith("D")]
    if not wanted:
        return skip(CHANNELS, "no rule names a channel; reactions work wherever the bot is invited")
    try:
        here = await services.joined_channels(history)
    except Fault as fault:
        return without_scope(CHANNELS, fault) or slack_failed(CHANNELS, fault, "try later")
    absent = [name for name in wanted if not any(_is_channel(one, name) for one in here)]
    if not absent:
        return Check(CHANNELS, True, f"the bot is in all {len(wanted)} that rules name")
    return await _absent_channels(settings, history, absent, here)


async def _absent_channels(
    settings: Settings, history: SlackHistory, absent: Sequence[str], here: Sequence[Channel]
) -> Check:
    """Return why each is absent: the bot is not in it, or no such channel is visible."""
    try:
        public = await services.all_pages(history.public_channels)
    except (TryLater, Rejected):  # nobody knows which exist
        public = None
    names = [f"#{one.name}" for one in (*here, *(public or ())) if one.name]
    there, unseen = [], []
    for name in absent:
        place = _rules_naming(settings, "channels", name)
        if public is None or any(_is_channel(one, name) for one in public):
            there.append(_with_notes(name, place))
        else:
            like = _did_you_mean(name, names) if name.startswith("#") else None
            unseen.append(_with_notes(name, place, like))
    details, fixes = [], []
    if there:
        details.append(f"the bot is not in {', '.join(there)}")
        fixes.append("invite it (/invite @plain-bridge), or correct the rule")
    if unseen:
        details.append(f"there is no public channel {', '.join(unseen)}")
        fixes.append("correct the name in the rule; if the channel is private, invite the bot")
    return Check(CHANNELS, False, "; ".join(details), "; ".join(fixes))


def _is_channel(channel: Channel, wanted: str) -> bool:
    name = (channel.name or "").lower()
    return wanted == channel.id or (bool(name) and wanted.lower() == f"#{name}")


# Where a name is, and what it may have meant


def _rules_naming(settings: Settings, key: str, name: str) -> str:
    """Return which rules name it under `key`, as in "rule 1, line 4"; empty if none does."""
    places = []
    for index, rule in enumerate(settings.rules):
        value = getattr(rule, key)
        if value == name or (isinstance(value, tuple) and name in value):
            lines = settings.rule_lines[index] if index < len(settings.rule_lines) else {}
            at = f", line {lines[key]}" if key in lines else ""
            places.append(f"rule {index + 1}{at}")
    return " and ".join(places)


def _closest(name: str, existing: Iterable[str]) -> str | None:
    """Return the existing name closest to `name`, ignoring case; None if none is close."""
    known = {one.casefold(): one for one in existing}
    close = get_close_matches(name.casefold(), known, n=1, cutoff=0.6)
    return known[close[0]] if close else None


def _with_notes(name: str, *notes: str | None) -> str:
    """Return the name, followed by its notes in brackets."""
    joined = "; ".join(note for note in notes if note)
    return f"{name} ({joined})" if joined else name


def _did_you_mean(name: str, existing: Iterable[str]) -> str | None:
    """Return the question; None if no existing name is close."""
    found = _closest(name, existing)
    return f"did you mean {found}?" if found else None


def _first_of(existing: Sequence[str]) -> str:
    """Return the first of the existing names, and how many more there are."""
    more = len(existing) - MOST_NAMED
    return ", ".join(existing[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


# Trusted teams and the clock


def check_trust(settings: Settings) -> Check:
    """Show whose e-mail addresses count; warn, without failing, of teams with any address."""
    teams, domains = settings.identity.trusted_teams, settings.identity.trusted_domains
    if not teams and not domains:
        return Check(TRUST, True, "members only")
    trusted = [f"{', '.join(named)} of {team}" for team, named in domains.items()]
    if not teams:
        return Check(TRUST, True, "; ".join(trusted))
    trusted += [f"any address that {team} states" for team in teams]
    fix = (
        "a company can put your other customers' addresses into its profiles: list its own "
        'domains instead, trusted_domains = { T… = ["example.com"] }'
    )
    return Check(TRUST, True, "; ".join(trusted), fix)


@dataclass(slots=True)
class Clocks:
    """The offset of this machine's clock from others', measured from the answers of other checks.

    `now`: this machine's clock, in Unix seconds. `skews`: seconds ahead, by service.
    """

    now: Callable[[], float] = lambda: time.time()
    skews: dict[str, float] = field(default_factory=dict)

    def note(self, who: str, date: str | None) -> None:
        """Note the `Date` header (whole seconds) of an answer that has just arrived.

        https://www.rfc-editor.org/rfc/rfc9110#field.date
        """
        try:
            theirs = parsedate_to_datetime(date or "").timestamp()
        except ValueError:
            return
        self.skews[who] = self.now() - theirs

    def check(self) -> Check:
        """Fail if this machine's clock is far from any other."""
        if not self.skews:
            return skip(CLOCK, "neither Slack nor Plain sent its time")
        detail = ", ".join(_skew(who, skew) for who, skew in sorted(self.skews.items()))
        if all(abs(skew) <= LARGEST_SKEW for skew in self.skews.values()):
            return Check(CLOCK, True, detail)
        return Check(CLOCK, False, detail, "synchronize this machine's clock (NTP)")


def _skew(who: str, skew: float) -> str:
    return f"{abs(skew):.0f} s {'behind' if skew < 0 else 'ahead of'} {who}'s"
