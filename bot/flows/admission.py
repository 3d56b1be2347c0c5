"""Whether an asking counts: who asked, and which rule wants it."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from bot.core import routing
from bot.core.faults import Reason, Refused
from bot.core.model import Escalation, Rule, Unwanted, Via
from bot.core.workspace import Channel, Profile, Standing
from bot.flows.ports import Slack


@dataclass(frozen=True, slots=True)
class Admitted:
    """It counts. `asker` is None for a user that Slack does not show, `rule` for every door but
    the reaction, `channel` for a form that was opened nowhere."""

    asker: Profile | None
    channel: Channel | None
    rule: Rule | None


async def admit(escalation: Escalation, slack: Slack, who: Set[Standing]) -> Admitted | Unwanted:
    """Let those in who may ask, for what a rule wants; raises Refused for who may not."""
    trigger = escalation.trigger
    asker = await slack.profile(trigger.asker)
    standing = asker.standing if asker else Standing.EXTERNAL  # Slack hides only strangers
    if standing is Standing.BOT:
        return Unwanted("asked_by_a_bot")
    if standing not in who:
        raise Refused(Reason.NOT_ALLOWED, standing=standing.value)
    channel = await slack.channel(trigger.channel) if trigger.channel else None
    rule = routing.applying(escalation.rules, channel) if channel else None
    if trigger.via is Via.REACTION and rule is None:
        return Unwanted("no_rule")
    return Admitted(asker, channel, rule)
