"""Whether an asking counts: who asked, which rule wants it, and for whom they may ask."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from typing import Protocol

from bot.core import routing
from bot.core.directory import Channel, Profile, UserKind, kind_of, may_submit
from bot.core.faults import Reason, Refused
from bot.core.model import Escalation, Form, Ignored, Message, Rule, Trigger, Via
from bot.flows.ports import Slack

DEACTIVATED = "deactivated"
"""Stands for the standing of whoever asked with an account that was deactivated since."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """It counts. `submitter` is None for a user that Slack does not show, `rule` for every door but
    the reaction, `channel` for a form that was opened nowhere."""

    submitter: Profile | None
    channel: Channel | None
    rule: Rule | None


async def admit(escalation: Escalation, slack: Slack, who: Set[UserKind]) -> Admitted | Ignored:
    """Let those in who may ask, for what a rule wants; raises Refused for who may not."""
    trigger = escalation.trigger
    submitter = await slack.profile(trigger.submitter)
    standing = kind_of(submitter)
    if standing is UserKind.BOT:
        return Ignored("asked_by_a_bot")
    if not may_submit(submitter, who):
        raise Refused(Reason.NOT_ALLOWED, standing=named(submitter))
    channel = await slack.channel(trigger.channel) if trigger.channel else None
    rule = routing.applicable(escalation.rules, channel) if channel else None
    if trigger.via is Via.REACTION and rule is None:
        return Ignored("no_rule")
    return Admitted(submitter, channel, rule)


def named(profile: Profile | None) -> str:
    """Return what a refusal calls the person's standing."""
    if profile is not None and profile.deactivated:
        return DEACTIVATED
    return kind_of(profile).value


# For whom somebody may ask


def is_confined(submitter: Profile | None) -> bool:
    """Return whether the person may ask only for themselves or for the message's author.

    All but members: an agent's answer to their words goes to the requester by e-mail, and tenants
    are other companies.
    """
    return kind_of(submitter) is not UserKind.MEMBER


def confined(form: Form, submitter: str, message: Message | None) -> Form:
    """Return the form as such a person may send it, before they have seen it."""
    allowed = _requesters(submitter, message)
    requester = form.requester if form.requester in allowed else allowed[-1]
    return replace(form, requester=requester, tenant=None)


def confine(trigger: Trigger, submitter: Profile | None, message: Message | None) -> Trigger:
    """Return what the person may ask for of what they did. Raises Refused where the requester is
    somebody for whom they may not ask, whatever the form offered them."""
    form = trigger.form
    if form is None or not is_confined(submitter):
        return trigger
    if form.requester not in _requesters(trigger.submitter, message):
        raise Refused(Reason.REQUESTER_NOT_ALLOWED, standing=kind_of(submitter).value)
    return replace(trigger, form=replace(form, tenant=None))


def _requesters(submitter: str, message: Message | None) -> tuple[str, ...]:
    """The person who asks and, where a person wrote the message, its author, who comes last."""
    if message is None or message.author is None or message.bot is not None:
        return (submitter,)
    return (submitter, message.author)


# Who may hear of tickets


class Profiles(Protocol):
    async def profile(self, user: str) -> Profile | None:
        """Return who that is (cached); None for a user that Slack does not show."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Tells who may ask for tickets: nobody else is told anything of one."""

    slack: Profiles
    who: Set[UserKind]

    async def refused(self, user: str) -> str | None:
        """Return the standing for which the person may not ask; None where they may.

        Raises TryLater, and Refused where Slack shows nobody at all.
        """
        profile = await self.slack.profile(user)
        return None if may_submit(profile, self.who) else named(profile)
