"""Who may say which Plain customer a Slack user is, and who else can be asked to."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.directory import Profile, UserKind
from bot.core.faults import Reason
from bot.core.model import Outcome, Rejected


@dataclass(frozen=True, slots=True)
class Yourself:
    """The person who asked may say it."""


@dataclass(frozen=True, slots=True)
class Others:
    """Others of the workspace may: these users; or, without any, its owners and admins."""

    users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hosts:
    """Only people of the installed workspace may, and the person who asked is none of them."""


Answerer = Yourself | Others | Hosts


@dataclass(frozen=True, slots=True)
class Linkers:
    """`[identity] linkers`: `named` are Slack users; None stands for the owners and admins."""

    named: tuple[str, ...] | None = None

    def include(self, profile: Profile | None) -> bool:
        """Whether this person may link people: never one of another company, whom Slack may
        not even show (None), and never a bot."""
        if _is_foreign(profile) or profile is None:
            return False
        return profile.admin if self.named is None else profile.user in self.named

    def answerer(self, submitter: Profile | None) -> Answerer:
        """Who can be asked who somebody is, as this person should hear it."""
        if self.include(submitter):
            return Yourself()
        return Hosts() if _is_foreign(submitter) else Others(self.named or ())


def asks_who(outcome: Outcome) -> bool:
    """Whether it was turned away for want of somebody's link, so that a link mends it."""
    return (
        isinstance(outcome, Rejected)
        and outcome.reason in (Reason.NO_CUSTOMER, Reason.BROKEN_LINK)
        and bool(outcome.data.get("requester"))
    )


def _is_foreign(profile: Profile | None) -> bool:
    return profile is None or profile.standing in (UserKind.EXTERNAL, UserKind.BOT)
