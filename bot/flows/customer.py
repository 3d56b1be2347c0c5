"""Decide which Plain customer a requester is, and resolve a rule's names to Plain's ids."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core import identity, quote
from bot.core.directory import Profile, name_of
from bot.core.faults import Postponed, Reason, Rejected, Rejection
from bot.core.identity import ByEmail, Identity, Named, Unidentified
from bot.core.model import Message, Rule, Trigger, default_requester
from bot.core.record import Evidence
from bot.flows.ports import Plain
from bot.flows.workspace import Runtime, Workspace
from bot.store.claims import Claim
from bot.store.customer_links import CustomerLink, CustomerLinks


def requester_of(trigger: Trigger, message: Message | None) -> str:
    """Return the Slack user whose customer the thread is for, if nobody was decided on yet."""
    if trigger.form is not None:
        return trigger.form.requester
    return default_requester(message, trigger.submitter)


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision which customer a requester is, with its evidence.

    `evidence` is None if there is none (`customer` is Unidentified). `profile` is None for a user
    that Slack does not show. `link` is the requester's link, where they have one.
    """

    customer: Identity
    evidence: Evidence | None
    profile: Profile | None
    link: CustomerLink | None

    @property
    def is_by_link(self) -> bool:
        """Return True if the requester's link decided: it outranks everything but a rule."""
        return self.link is not None and self.evidence is not Evidence.RULE


async def decide(
    requester: str, rule: Rule | None, workspace: Workspace, runtime: Runtime
) -> Decision:
    """Decide which customer the requester is: by the rule, by a link, or by what Slack shows.

    Nothing is written, in Plain or here, so that the form can show what a delivery will decide.
    """
    profile = await workspace.slack.profile(requester)
    link = await _link_of(requester, profile, workspace, runtime)
    by_rule = rule.customer if rule else None
    customer = identity.decide(
        workspace.policy.identity,
        rule=by_rule,
        link=link.customer if link else None,
        user=requester,
        profile=profile,
    )
    return Decision(customer, _evidence(by_rule, link, customer), profile, link)


async def _link_of(
    requester: str, profile: Profile | None, workspace: Workspace, runtime: Runtime
) -> CustomerLink | None:
    teams = identity.teams_of(profile, workspace.team)
    return await runtime.run(CustomerLinks(runtime.database).find, requester, teams)


def _evidence(
    by_rule: str | None, link: CustomerLink | None, customer: Identity
) -> Evidence | None:
    if by_rule is not None:
        return Evidence.RULE
    if link is not None:
        return Evidence(link.source) if link.source in set(Evidence) else Evidence.LINK
    match customer:
        case ByEmail(source=source):
            return Evidence(source)
        case Named():
            return Evidence.FALLBACK
        case Unidentified():
            return None


async def customer_of(
    claim: Claim, workspace: Workspace, runtime: Runtime, rule: Rule | None, requester: str
) -> tuple[str, CustomerLink | None, Evidence | None]:
    """Return the customer's id, created in Plain where that is decided, with what was learnt.

    Second comes a link to be recorded, if the requester's address was the evidence; third the
    evidence, None for a customer that an earlier attempt froze for the same requester. Raise
    Rejected where nobody knows the customer, or Plain does not.
    """
    if claim.opening is not None and claim.opening.requester == requester:
        return claim.opening.customer, None, None
    decision = await decide(requester, rule, workspace, runtime)
    match decision.customer:
        case Named(name) if identity.is_customer_id(name):
            # The create will show if Plain knows it.
            return name, None, decision.evidence
        case Named(name):
            customer = await workspace.plain.find_customer(name)
            if customer is None:
                # Linking somebody does not correct what the settings name.
                who = requester if decision.is_by_link else None
                raise Rejected(Rejection(Reason.BROKEN_LINK, requester=who, customer=name))
            return customer.id, None, decision.evidence
        case ByEmail(email, name, verified, source):
            customer = await workspace.plain.upsert_customer(email, name, verified=verified)
            team = decision.profile.team if decision.profile else workspace.team
            learnt = CustomerLink(team, requester, customer.id, email, name, source)
            return customer.id, learnt, decision.evidence
        case Unidentified(unconfirmed):
            raise Rejected(
                Rejection(
                    Reason.NO_CUSTOMER,
                    requester=requester,
                    requester_name=name_of(decision.profile, requester),
                    address_unconfirmed=unconfirmed,
                )
            )


async def blame_the_link(
    workspace: Workspace, runtime: Runtime, requester: str, customer: str, *, fresh: bool
) -> None:
    """Raise Rejected with the requester if it was their link that named an unknown customer.

    A link that the bridge learnt by itself is dropped instead, and learnt anew (Postponed); unless
    that was in this very attempt (`fresh`), because it would go on without end.
    """
    profile = await workspace.slack.profile(requester)
    link = await _link_of(requester, profile, workspace, runtime)
    if link is None or link.customer != customer:
        return  # a rule names the customer, or the settings do
    if link.automatic and not fresh:
        await runtime.run(CustomerLinks(runtime.database).forget, link)
        raise Postponed("customer_gone", 0.0)
    raise Rejected(Rejection(Reason.BROKEN_LINK, requester=requester, customer=customer))


async def thread_options(plain: Plain, rule: Rule | None) -> quote.ThreadOptions:
    """Return what the rule sets, in Plain's ids. Raise Rejected for unknown and ambiguous names."""
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
    raise Rejected(
        Rejection(Reason.AMBIGUOUS_LABEL if found else Reason.UNKNOWN_LABEL, label=label)
    )


async def _assignee(plain: Plain, assignee: str | None) -> str | None:
    if assignee is None or "@" not in assignee:
        return assignee
    user = await plain.user_by_email(assignee)
    if user is None:
        raise Rejected(Rejection(Reason.UNKNOWN_ASSIGNEE, assignee=assignee))
    return user
