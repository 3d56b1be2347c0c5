"""Whose ticket it is, and what the rule wants of it, in Plain's ids."""

from __future__ import annotations

from bot.core import identity, quote
from bot.core.faults import Postponed, Reason, Refused
from bot.core.identity import ByEmail, Named, Nobody
from bot.core.model import Message, Rule, Trigger, default_requester
from bot.core.record import Evidence
from bot.flows.ports import Plain
from bot.flows.workspace import Workspace, name_of
from bot.store.claims import Claim
from bot.store.customer_links import CustomerLink


def requester_of(trigger: Trigger, message: Message | None) -> str:
    """Whose customer the thread is for."""
    if trigger.form is not None:
        return trigger.form.requester
    return default_requester(message, trigger.submitter)


async def customer_of(
    claim: Claim, world: Workspace, rule: Rule | None, requester: str
) -> tuple[str, CustomerLink | None, Evidence | None]:
    """The customer's id, what was learnt about the requester on the way, and what named the
    customer: None for one that an earlier attempt froze for the same requester."""
    if claim.customer is not None and claim.frozen_for in (None, requester):
        return claim.customer, None, None
    profile = await world.slack.profile(requester)
    home = world.installation.team
    teams = [profile.team, home] if profile and profile.team != home else [home]
    link = await world.run(world.people.find, requester, teams)
    decided = identity.decide(
        world.policy.identity,
        rule=rule.customer if rule else None,
        link=link.customer if link else None,
        user=requester,
        profile=profile,
    )
    match decided:
        case Named(name) if identity.is_customer_id(name):
            # Whether Plain knows it, the create will tell.
            return name, None, _evidence(rule, link)
        case Named(name):
            customer = await world.plain.find_customer(name)
            if customer is None:
                # What the settings name is not mended by linking somebody.
                linked = decided == Named(link.customer) if link else False
                who = {"requester": requester} if linked and not (rule and rule.customer) else {}
                raise Refused(Reason.BROKEN_LINK, customer=name, **who)
            return customer.id, None, _evidence(rule, link)
        case ByEmail(email, name, verified, source):
            customer = await world.plain.upsert_customer(email, name, verified=verified)
            team = profile.team if profile else home
            learnt = CustomerLink(team, requester, customer.id, email, name, source)
            return customer.id, learnt, Evidence(source)
        case Nobody(unconfirmed):
            more = {"address": "unconfirmed"} if unconfirmed else {}
            name = name_of(profile, requester)
            raise Refused(Reason.NO_CUSTOMER, requester=requester, name=name, **more)


def _evidence(rule: Rule | None, link: CustomerLink | None) -> Evidence:
    """What named a customer who has a name already."""
    if rule is not None and rule.customer is not None:
        return Evidence.RULE
    if link is None:
        return Evidence.FALLBACK
    return Evidence(link.source) if link.source in set(Evidence) else Evidence.LINK


async def blame_the_link(world: Workspace, requester: str, customer: str, *, fresh: bool) -> None:
    """Plain does not know the customer: refused with the requester, whose link is to be mended.

    What the bridge had found out by itself is forgotten, and found out anew; unless that was
    in this very attempt (`fresh`), for it would go on without end.
    """
    profile = await world.slack.profile(requester)
    home = world.installation.team
    link = await world.run(world.people.find, requester, [profile.team if profile else home, home])
    if link is None or link.customer != customer:
        return  # a rule names the customer, or the settings do
    if link.automatic and not fresh:
        await world.run(world.people.forget, link)
        raise Postponed("customer_gone", 0.0)
    raise Refused(Reason.BROKEN_LINK, requester=requester, customer=customer)


async def thread_options(plain: Plain, rule: Rule | None) -> quote.ThreadOptions:
    """What the rule wants, in Plain's ids. Unknown and ambiguous names are refused."""
    if rule is None:
        return quote.ThreadOptions()
    return quote.ThreadOptions(
        priority=rule.priority,
        label_types=tuple([await _label_type(plain, label) for label in rule.labels]),
        tenant=rule.tenant,
        assignee=await _assignee(plain, rule.assignee),
    )


async def _label_type(plain: Plain, label: str) -> str:
    if label.startswith("lt_"):
        return label
    found = [
        known.id
        for known in await plain.label_types()
        if known.name.strip().casefold() == label.strip().casefold()
    ]
    if len(found) == 1:
        return found[0]
    raise Refused(Reason.AMBIGUOUS_LABEL if found else Reason.UNKNOWN_LABEL, label=label)


async def _assignee(plain: Plain, assignee: str | None) -> str | None:
    if assignee is None or "@" not in assignee:
        return assignee
    user = await plain.user_by_email(assignee)
    if user is None:
        raise Refused(Reason.UNKNOWN_ASSIGNEE, assignee=assignee)
    return user
