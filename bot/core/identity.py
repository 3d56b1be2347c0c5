"""Decide which customer a Slack user is, and who may link users whom nothing identifies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bot.core.directory import Profile, UserKind, is_outsider
from bot.core.faults import Rejection
from bot.core.model import Outcome

_CUSTOMER_ID = re.compile(r"c_[0-9A-Za-z]{1,48}")
_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s.,;<>\"]+")
_EXTERNAL = re.compile(r"external:\S.*")


@dataclass(frozen=True, slots=True)
class IdentityPolicy:
    """`[identity]` of the settings, as far as it decides who the customer is.

    `trusted_domains` are the domains for which a Slack team is trusted, by team: any company can
    put any address into the profiles of its own workspace.
    """

    without_email: Literal["refuse", "synthetic", "fallback"] = "refuse"
    synthetic_domain: str = "slack.invalid"
    fallback_customer: str | None = None
    trusted_teams: frozenset[str] = frozenset()
    trusted_domains: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Named:
    """The customer is the one with this name, whom Plain has to know already."""

    customer: str


@dataclass(frozen=True, slots=True)
class ByEmail:
    """The customer is the one with this address, created if there is none.

    `source` is recorded with the link that is learnt: "email" or "synthetic".
    """

    email: str
    name: str
    verified: bool
    source: Literal["email", "synthetic"]


@dataclass(frozen=True, slots=True)
class Unidentified:
    """No evidence counts: a person has to link the user.

    `unconfirmed`: the user's address would count if Slack called it confirmed.
    """

    unconfirmed: bool = False


Identity = Named | ByEmail | Unidentified


def is_customer_name(text: str) -> bool:
    """Return True if `text` names a customer as the bridge does everywhere: `c_…`, an e-mail
    address, or `external:ID`."""
    return any(form.fullmatch(text) for form in (_CUSTOMER_ID, _EMAIL, _EXTERNAL))


def is_email(text: str) -> bool:
    """Return True if `text` is an e-mail address that can name a customer."""
    return _EMAIL.fullmatch(text) is not None and not text.startswith("external:")


def is_customer_id(text: str) -> bool:
    """Return True if `text` is Plain's own id of a customer."""
    return _CUSTOMER_ID.fullmatch(text) is not None


def teams_of(profile: Profile | None, installed: str) -> tuple[str, ...]:
    """Return the Slack teams whose links count for a user, in order: the user's own, if Slack
    shows it, and the `installed` one."""
    own = profile.team if profile else installed
    return tuple(dict.fromkeys((own, installed)))


def decide(
    policy: IdentityPolicy,
    *,
    rule: str | None,
    link: str | None,
    user: str,
    profile: Profile | None,
) -> Identity:
    """Return which customer the Slack user is.

    In this order: the customer that the rule names; the one that the user is linked to; the one
    with a confirmed address of a member, or of someone whose team is trusted with it; what
    `without_email` says.
    """
    if rule is not None:
        return Named(rule)
    if link is not None:
        return Named(link)
    if profile is not None and (email := _proof(policy, profile)) is not None:
        verified = profile.kind is UserKind.MEMBER
        return ByEmail(email, profile.name, verified, "email")
    if policy.without_email == "synthetic":
        team = profile.team if profile else "unknown"
        address = f"{user}.{team}@{policy.synthetic_domain}".lower()
        return ByEmail(address, profile.name if profile else user, False, "synthetic")
    if policy.without_email == "fallback" and policy.fallback_customer is not None:
        return Named(policy.fallback_customer)
    return Unidentified(unconfirmed=profile is not None and _is_unconfirmed(policy, profile))


def _proof(policy: IdentityPolicy, profile: Profile) -> str | None:
    """Return the user's address if it proves who the user is.

    Slack shows an unconfirmed address as it was typed, and another company's as that company
    says: https://docs.slack.dev/reference/objects/user-object
    """
    if profile.email is None or not profile.email_confirmed:
        return None
    return profile.email if _is_trusted(policy, profile, profile.email) else None


def _is_unconfirmed(policy: IdentityPolicy, profile: Profile) -> bool:
    """Return True if only Slack's confirmation is missing for the address to be proof.

    Members who sign in by SSO have been seen with an address that stays unconfirmed.
    """
    if profile.email is None or profile.email_confirmed:
        return False
    return _is_trusted(policy, profile, profile.email)


def _is_trusted(policy: IdentityPolicy, profile: Profile, email: str) -> bool:
    if profile.kind is UserKind.MEMBER:
        return True
    domain = email.rpartition("@")[2].lower()
    of_team = policy.trusted_domains.get(profile.team, frozenset())
    trusted = profile.team in policy.trusted_teams or domain in of_team
    return trusted and profile.kind is not UserKind.BOT


# Who may link people


@dataclass(frozen=True, slots=True)
class Yourself:
    """The submitter may link the person."""


@dataclass(frozen=True, slots=True)
class Others:
    """Others of the workspace may: these users, or its owners and admins if there are none."""

    users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hosts:
    """Only people of the installed workspace may, and the submitter is not one of them."""


Answerer = Yourself | Others | Hosts


@dataclass(frozen=True, slots=True)
class Linkers:
    """`[identity] linkers`: `named` are Slack users; None means the owners and admins."""

    named: tuple[str, ...] | None = None

    def include(self, profile: Profile | None) -> bool:
        """Return True if this person may link people: never one of another company, whom Slack
        may not even show (None), and never a bot."""
        if profile is None or is_outsider(profile):
            return False
        return profile.admin if self.named is None else profile.user in self.named

    def answerer(self, submitter: Profile | None) -> Answerer:
        """Return who can link somebody, as this submitter should hear it."""
        if self.include(submitter):
            return Yourself()
        return Hosts() if is_outsider(submitter) else Others(self.named or ())


def asks_who(outcome: Outcome) -> bool:
    """Return True if linking the requester would fix the rejection."""
    if not isinstance(outcome, Rejection) or not outcome.requester:
        return False
    return outcome.is_fixed_by_a_link
