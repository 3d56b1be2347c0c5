"""Looks at whose word is taken for an e-mail address, beside that of the own members."""

from __future__ import annotations

from bot.cli.checks import Check
from bot.settings import Settings

NAME = "trusted addresses"


def check(settings: Settings) -> Check:
    """Warn where a team is trusted with every address; never red, for it may be meant."""
    teams, domains = settings.identity.trusted_teams, settings.identity.trusted_domains
    if not teams and not domains:
        return Check(NAME, True, "those of members only")
    said = [f"{', '.join(named)} of {team}" for team, named in domains.items()]
    if not teams:
        return Check(NAME, True, "; ".join(said))
    said += [f"every address that {team} states" for team in teams]
    fix = (
        "a company can put your other customers' addresses into its profiles: name the domains "
        'that are its own instead, trusted_domains = { T… = ["example.com"] }'
    )
    return Check(NAME, True, "; ".join(said), fix)
