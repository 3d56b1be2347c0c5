"""Define the tables of `plain-bridge.toml`: their keys, defaults and accepted values."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from bot.core import routing
from bot.core.directory import UserKind
from bot.core.identity import IdentityPolicy, is_customer_name
from bot.core.model import Priority, Rule
from bot.core.refs import is_channel_id, is_team_id
from bot.settings import emoji

_TAKEN_RECEIPTS = {
    "white_check_mark": "done",
    "heavy_check_mark": "done",
    "eyes": "investigating",
}
"""The meaning of a reaction for Plain's own Slack app."""

_NO_NAME = frozenset({"So", "Sk", "Zs", "Me", "Cn"})
"""Categories of characters that are no part of a name. Cn: newer than this Python's tables."""
_EMOJI_HINT = (
    'write its name, like "ticket"; Slack shows it where the mouse rests on the emoji in a message'
)

# https://docs.slack.dev/messaging/formatting-message-text#linking-channels
_CHANNEL_LINK = re.compile(
    r"https://[^/\s]+/(?:archives|client/[TE][A-Z0-9]+)/([CDG][A-Z0-9]+)(?:[/?].*)?"
    r"|<#([CDG][A-Z0-9]+)(?:\|[^>]*)?>"
)
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PLAIN_USER = re.compile(r"u_[0-9A-Za-z]+")


def _emoji(name: str) -> str:
    bare = routing.bare_emoji(name)
    if not bare or any(c in ": " or unicodedata.category(c) in _NO_NAME for c in bare):
        known = emoji.name_of(name)
        hint = f"write its name, `:{known}:`" if known else _EMOJI_HINT
        raise ValueError(f"is no emoji's name: {hint}")
    return bare


def _receipt(name: str) -> str:
    bare = _emoji(name)
    if bare in _TAKEN_RECEIPTS:
        meaning = _TAKEN_RECEIPTS[bare]
        raise ValueError(
            f'cannot be the receipt: Plain\'s own Slack app reads it as "{meaning}"; choose another'
        )
    return bare


def _channel(name: str) -> str:
    if name.startswith("#") and len(name) > 1 and not any(c.isspace() for c in name):
        return name.lower()
    if is_channel_id(name):
        return name
    if link := _CHANNEL_LINK.fullmatch(name.strip()):
        return link[1] or link[2]
    is_word = re.fullmatch(r"[\w.-]+", name) is not None
    hint = f', like "#{name.lower()}"' if is_word else ""
    raise ValueError(
        f"is no channel: write its id (C…, in the channel's details) or its name after a #{hint}"
    )


def _customer(name: str) -> str:
    if not is_customer_name(name):
        raise ValueError("names no customer: write c_…, an e-mail address or external:ID")
    return name


def _assignee(name: str) -> str:
    if not (_EMAIL.fullmatch(name) or _PLAIN_USER.fullmatch(name)):
        raise ValueError("is no Plain user: write an e-mail address or u_…")
    return name


def _domain(name: str) -> str:
    domain = name.removeprefix("@").lower()
    if not _DOMAIN.fullmatch(domain):
        raise ValueError('is no domain: write it like "example.com"')
    return domain


def _domains_by_team(value: Any) -> Any:
    """Check the table of domains by team; raise one ValueError for all mistakes."""
    if not isinstance(value, dict):
        every = value if isinstance(value, list) else []
        named = [one for one in every if isinstance(one, str) and _DOMAIN.fullmatch(one)]
        example = json.dumps(named or ["example.com"])
        raise ValueError(
            "names no team: any company can put any address into its own profiles. Say whose word "
            f"you take, like {{ T024BE7LD = {example} }}; for guests of your own workspace, that "
            "is its id"
        )
    checked: dict[str, tuple[str, ...]] = {}
    wrong: list[str] = []
    for team, domains in value.items():
        if not is_team_id(team):
            wrong.append("a key is no team's id, like T024BE7LD")
            continue
        try:
            checked[team] = tuple(map(_domain, _some(tuple(_one_or_many(domains)))))
        except (AttributeError, TypeError):
            wrong.append(f"{team} takes a list of domains")
        except ValueError as error:
            wrong.append(f"a domain of {team} {error}")
    if wrong:
        raise ValueError(f"is wrong: {'; '.join(wrong)}")
    return checked


def _id(kinds: str, example: str) -> AfterValidator:
    pattern = re.compile(rf"[{kinds}][A-Z0-9]+")

    def check(name: str) -> str:
        if not pattern.fullmatch(name):
            raise ValueError(f"is no Slack id of that kind: write it like {example}")
        return name

    return AfterValidator(check)


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty: leave the key out instead")
    return text.strip()


def _some(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:
        raise ValueError("is empty: name at least one")
    return values


def _once(values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the emoji without further names of the same one."""
    return tuple(dict.fromkeys(values))


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Switch = Annotated[bool, Field(strict=True)]
Filled = Annotated[str, AfterValidator(_filled)]
CustomerName = Annotated[str, AfterValidator(_customer)]
Domain = Annotated[str, AfterValidator(_domain)]
EmojiName = Annotated[str, AfterValidator(_emoji)]
TeamId = Annotated[str, _id("TE", "T024BE7LD")]
UserId = Annotated[str, _id("UW", "U024BE7LH")]


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RuleTable(Table):
    """One `[[rule]]`."""

    emoji: Annotated[
        tuple[EmojiName, ...],
        BeforeValidator(_one_or_many),
        AfterValidator(_some),
        AfterValidator(_once),
    ]
    channels: Annotated[
        tuple[Annotated[str, AfterValidator(_channel)], ...], BeforeValidator(_one_or_many)
    ] = ()
    labels: Annotated[tuple[Filled, ...], BeforeValidator(_one_or_many)] = ()
    priority: Priority = Priority.NORMAL
    tenant: Filled | None = None
    assignee: Annotated[str, AfterValidator(_assignee)] | None = None
    customer: CustomerName | None = None

    def rule(self) -> Rule:
        """Return the table as core's `Rule`."""
        return Rule(
            emoji=self.emoji,
            channels=self.channels,
            labels=self.labels,
            priority=self.priority,
            tenant=self.tenant,
            assignee=self.assignee,
            customer=self.customer,
        )


class EscalationTable(Table):
    """`[escalation]`: `who` may create tickets, and how they are answered."""

    one_thread_per: Literal["slack_thread", "message"] = "slack_thread"
    who: Annotated[
        tuple[Literal[UserKind.MEMBER, UserKind.GUEST, UserKind.EXTERNAL], ...],
        AfterValidator(_some),
    ] = (UserKind.MEMBER,)
    confirm: Literal["ephemeral", "thread", "reaction"] = "ephemeral"
    receipt: Annotated[str, AfterValidator(_receipt)] = "incoming_envelope"
    undo_by_reaction: Switch = False


class IdentityTable(Table):
    """`[identity]`: who the customer is where nothing names one.

    `linkers` is None where workspace owners and admins may link people.
    """

    without_email: Literal["refuse", "synthetic", "fallback"] = "refuse"
    synthetic_domain: Domain = "slack.invalid"
    fallback_customer: CustomerName | None = None
    trusted_teams: tuple[TeamId, ...] = ()
    trusted_domains: Annotated[dict[str, tuple[str, ...]], BeforeValidator(_domains_by_team)] = {}
    linkers: tuple[UserId, ...] | None = None

    def policy(self) -> IdentityPolicy:
        """Return the table as core's policy."""
        return IdentityPolicy(
            without_email=self.without_email,
            synthetic_domain=self.synthetic_domain,
            fallback_customer=self.fallback_customer,
            trusted_teams=frozenset(self.trusted_teams),
            trusted_domains={
                team: frozenset(domains) for team, domains in self.trusted_domains.items()
            },
        )


class PlainTable(Table):
    """`[plain]`: `share` is the part of the workspace's rate limit that the bridge may use."""

    share: Annotated[float, Field(strict=True, gt=0, le=1)] = 0.8


class SlackTable(Table):
    """`[slack]`."""

    shared_channels: Literal["quiet", "open"] = "quiet"


class PrivacyTable(Table):
    """`[privacy]`: for how many days the texts of settled escalations are kept."""

    keep_text_days: Annotated[int, Field(strict=True, ge=0)] = 30


class Tables(Table):
    """The whole file. `rule` is None where the file has none: then the default rule applies."""

    rule: tuple[RuleTable, ...] | None = None
    escalation: EscalationTable = EscalationTable()
    identity: IdentityTable = IdentityTable()
    plain: PlainTable = PlainTable()
    slack: SlackTable = SlackTable()
    privacy: PrivacyTable = PrivacyTable()


KEYS = frozenset(
    key
    for table in (
        Tables,
        RuleTable,
        EscalationTable,
        IdentityTable,
        PlainTable,
        SlackTable,
        PrivacyTable,
    )
    for key in table.model_fields
)
"""Every key of the file; none of them takes a secret."""
