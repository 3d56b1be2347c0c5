"""Admit requests: who may submit them, which rule applies, and for whom they may be."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.core import routing
from bot.core.directory import Channel, Profile, UserKind, kind_of, may_submit
from bot.core.faults import Reason, Rejected, Rejection
from bot.core.model import Escalation, Form, Ignored, Message, Rule, Trigger, Via
from bot.flows.workspace import Workspace

DEACTIVATED = "deactivated"
"""The kind of a submitter whose account was deactivated since, as `named` returns it."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """An admitted request. `submitter` is None for a user that Slack does not show, `rule` for
    everything but a reaction, `channel` for a form that was opened outside of any channel."""

    submitter: Profile | None
    channel: Channel | None
    rule: Rule | None


async def admit(escalation: Escalation, workspace: Workspace) -> Admitted | Ignored:
    """Admit what people who may submit requests submit; ignore reactions that no rule matches.

    Raise Rejected for a person who may not submit requests.
    """
    trigger = escalation.trigger
    submitter = await workspace.slack.profile(trigger.submitter)
    kind = kind_of(submitter)
    if kind is UserKind.BOT:
        return Ignored("asked_by_a_bot")
    if not may_submit(submitter, workspace.policy.who):
        raise Rejected(Rejection(Reason.NOT_ALLOWED, user_kind=named(submitter)))
    channel = await workspace.slack.channel(trigger.channel) if trigger.channel else None
    rule = routing.applicable(escalation.rules, channel) if channel else None
    if trigger.via is Via.REACTION and rule is None:
        return Ignored("no_rule")
    return Admitted(submitter, channel, rule)


def named(profile: Profile | None) -> str:
    """Return the person's kind as a rejection names it."""
    if profile is not None and profile.deactivated:
        return DEACTIVATED
    return kind_of(profile).value


# For whom a request may be


def is_confined(submitter: Profile | None) -> bool:
    """Return True if the person may name only themselves or the message's author as requester.

    So it is for all but members: an agent's answer to their words goes to the requester by
    e-mail, and tenants are other companies.
    """
    return kind_of(submitter) is not UserKind.MEMBER


def confined(form: Form, submitter: str, message: Message | None) -> Form:
    """Return the prefilled form as such a person may submit it."""
    allowed = _requesters(submitter, message)
    requester = form.requester if form.requester in allowed else allowed[-1]
    return replace(form, requester=requester, tenant=None)


def confine(trigger: Trigger, submitter: Profile | None, message: Message | None) -> Trigger:
    """Return the trigger without what the person may not set. Raise Rejected if they may not name
    this requester, whatever the form offered them."""
    form = trigger.form
    if form is None or not is_confined(submitter):
        return trigger
    if form.requester not in _requesters(trigger.submitter, message):
        raise Rejected(Rejection(Reason.REQUESTER_NOT_ALLOWED, user_kind=kind_of(submitter).value))
    return replace(trigger, form=replace(form, tenant=None))


def _requesters(submitter: str, message: Message | None) -> tuple[str, ...]:
    """Return the submitter and, last, the message's author if a person wrote it."""
    if message is None or message.author is None or message.bot is not None:
        return (submitter,)
    return (submitter, message.author)


# Who may learn about tickets


async def not_admitted(user: str, workspace: Workspace) -> str | None:
    """Return the kind of a user who may not submit requests, and so learns of no ticket.

    None if the user may. Raise TryLater, and Rejected if Slack shows no user at all.
    """
    profile = await workspace.slack.profile(user)
    return None if may_submit(profile, workspace.policy.who) else named(profile)
