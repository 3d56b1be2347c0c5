"""Who the customer is: the order of the evidence, and how far each is trusted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.directory import Profile, UserKind
from bot.core.identity import (
    ByEmail,
    Identity,
    IdentityPolicy,
    Named,
    Unidentified,
    decide,
    is_customer_id,
    is_customer_name,
    teams_of,
)

STRICT = IdentityPolicy()
SYNTHETIC = IdentityPolicy(without_email="synthetic", synthetic_domain="slack.example")
FALLBACK = IdentityPolicy(without_email="fallback", fallback_customer="c_fallback")
TRUSTING = IdentityPolicy(
    trusted_teams=frozenset({"T9"}),
    trusted_domains={"T8": frozenset({"partner.example"}), "T1": frozenset({"example.com"})},
)

MEMBER = Profile("U1", "T1", "Ada", UserKind.MEMBER, "ada@example.com", email_confirmed=True)
UNCONFIRMED = replace(MEMBER, email_confirmed=False)
NO_EMAIL = replace(MEMBER, email=None)
GUEST = replace(MEMBER, kind=UserKind.GUEST)
EXTERNAL = replace(MEMBER, kind=UserKind.EXTERNAL, team="T8", email="eve@other.example")
OF_TRUSTED_TEAM = replace(EXTERNAL, team="T9")
OF_TRUSTED_DOMAIN = replace(EXTERNAL, email="eve@Partner.Example")
BOT = replace(MEMBER, kind=UserKind.BOT, team="T9")

BY_ADDRESS = ByEmail("ada@example.com", "Ada", verified=True, source="email")


@pytest.mark.parametrize(
    ("policy", "rule", "link", "profile", "decided"),
    [
        pytest.param(STRICT, "c_rule", "c_link", MEMBER, Named("c_rule"), id="rule first"),
        pytest.param(STRICT, None, "c_link", MEMBER, Named("c_link"), id="then the link"),
        pytest.param(STRICT, None, None, MEMBER, BY_ADDRESS, id="then a member's address"),
        pytest.param(
            STRICT, None, None, UNCONFIRMED, Unidentified(unconfirmed=True), id="unconfirmed"
        ),
        pytest.param(
            STRICT,
            None,
            None,
            replace(GUEST, email_confirmed=False),
            Unidentified(),
            id="unconfirmed, and no proof if it were",
        ),
        pytest.param(SYNTHETIC, None, "c_link", UNCONFIRMED, Named("c_link"), id="linked anyway"),
        pytest.param(STRICT, None, None, NO_EMAIL, Unidentified(), id="no address"),
        pytest.param(STRICT, None, None, None, Unidentified(), id="not visible"),
        pytest.param(STRICT, None, None, GUEST, Unidentified(), id="a guest's is no proof"),
        pytest.param(STRICT, None, None, EXTERNAL, Unidentified(), id="an external's is no proof"),
        pytest.param(STRICT, None, None, BOT, Unidentified(), id="a bot's is no proof"),
        pytest.param(
            TRUSTING,
            None,
            None,
            OF_TRUSTED_TEAM,
            ByEmail("eve@other.example", "Ada", verified=False, source="email"),
            id="trusted team: used, not verified",
        ),
        pytest.param(
            TRUSTING,
            None,
            None,
            OF_TRUSTED_DOMAIN,
            ByEmail("eve@Partner.Example", "Ada", verified=False, source="email"),
            id="trusted domain, in any case",
        ),
        pytest.param(
            TRUSTING,
            None,
            None,
            replace(OF_TRUSTED_TEAM, email_confirmed=False),
            Unidentified(unconfirmed=True),
            id="trusted team, unconfirmed",
        ),
        pytest.param(TRUSTING, None, None, EXTERNAL, Unidentified(), id="another team"),
        pytest.param(
            TRUSTING,
            None,
            None,
            replace(OF_TRUSTED_DOMAIN, team="T7"),
            Unidentified(),
            id="a trusted domain in the profile of a third company",
        ),
        pytest.param(
            TRUSTING,
            None,
            None,
            GUEST,
            replace(BY_ADDRESS, verified=False),
            id="a guest of the own workspace, with a trusted domain",
        ),
        pytest.param(TRUSTING, None, None, BOT, Unidentified(), id="a bot of a trusted team"),
        pytest.param(
            replace(TRUSTING, trusted_domains={"T8": frozenset({"example"})}),
            None,
            None,
            OF_TRUSTED_DOMAIN,
            Unidentified(),
            id="a domain above the trusted one is another",
        ),
        pytest.param(SYNTHETIC, None, None, MEMBER, BY_ADDRESS, id="synthetic: address first"),
        pytest.param(
            SYNTHETIC,
            None,
            None,
            EXTERNAL,
            ByEmail("u1.t8@slack.example", "Ada", verified=False, source="synthetic"),
            id="synthetic address of the user",
        ),
        pytest.param(
            SYNTHETIC,
            None,
            None,
            None,
            ByEmail("u1.unknown@slack.example", "U1", verified=False, source="synthetic"),
            id="synthetic for a user not visible",
        ),
        pytest.param(FALLBACK, None, None, EXTERNAL, Named("c_fallback"), id="fallback"),
        pytest.param(FALLBACK, None, "c_link", EXTERNAL, Named("c_link"), id="link over fallback"),
    ],
)
def test_the_evidence_decides(
    policy: IdentityPolicy,
    rule: str | None,
    link: str | None,
    profile: Profile | None,
    decided: Identity,
) -> None:
    assert decide(policy, rule=rule, link=link, user="U1", profile=profile) == decided


@pytest.mark.parametrize(
    ("text", "is_name", "is_id"),
    [
        ("c_01H00000000000000000000000", True, True),
        ("ada@example.com", True, False),
        ("external:crm-7 b", True, False),
        ("external:", False, False),
        ("external: x", False, False),
        ("ada", False, False),
        ("c_", False, False),
        ("ada@example", False, False),
        ("a@b@example.com", False, False),
        ("u_01H00000000000000000000000", False, False),
        ("", False, False),
    ],
)
def test_a_customer_has_three_kinds_of_name(text: str, is_name: bool, is_id: bool) -> None:
    assert (is_customer_name(text), is_customer_id(text)) == (is_name, is_id)


@pytest.mark.parametrize(
    ("profile", "teams"),
    [
        pytest.param(MEMBER, ("T1",), id="of the installed team"),
        pytest.param(EXTERNAL, ("T8", "T1"), id="of another company"),
        pytest.param(None, ("T1",), id="whom Slack does not show"),
    ],
)
def test_whose_links_count(profile: Profile | None, teams: tuple[str, ...]) -> None:
    assert teams_of(profile, "T1") == teams
