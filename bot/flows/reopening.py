"""The form of an escalation that came to nothing, opened again as it was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from bot.core.model import (
    AlreadyExists,
    Form,
    InProgress,
    Priority,
    ReplyTo,
    Trigger,
)
from bot.store.records import Earlier


class Asked(Protocol):
    def find(self, reference: str) -> Earlier | None:
        """The escalation "PB-…"; None where there is none."""


@dataclass(frozen=True, slots=True)
class ReopenedForm:
    """What the form is opened with. `prefill` is None where what was typed is erased."""

    trigger: Trigger
    key: str
    prefill: Form | None


@dataclass(frozen=True, slots=True)
class NotYourRequest:
    """Somebody else asked."""


@dataclass(frozen=True, slots=True)
class UnknownRequest:
    """The ledger has nothing of it any more."""


def again(
    earlier: Earlier | None, reply_to: ReplyTo
) -> ReopenedForm | NotYourRequest | UnknownRequest | AlreadyExists | InProgress:
    """What a click on "open the form again" leads to; `reply_to` is the click's."""
    if earlier is None:
        return UnknownRequest()
    trigger = earlier.escalation.trigger
    if trigger.submitter != reply_to.user:
        return NotYourRequest()
    if earlier.ticket is not None:
        return AlreadyExists(earlier.ticket)
    if earlier.waits:
        return InProgress()
    there = replace(
        reply_to,
        channel=trigger.channel or reply_to.channel,
        thread_ts=trigger.message.replies_to if trigger.message else None,
    )
    prefill = trigger.form
    if prefill is None and earlier.requester is not None:
        prefill = Form("", None, earlier.requester, Priority.NORMAL)
    return ReopenedForm(
        replace(trigger, form=None, reply_to=there), earlier.escalation.key, prefill
    )
