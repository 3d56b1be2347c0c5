"""Emoji that have several names in Slack."""

from __future__ import annotations

import pytest

from bot.core import emoji


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("+1", "+1"),
        ("thumbsup", "+1"),
        ("thumbsup::skin-tone-2", "+1::skin-tone-2"),
        ("envelope", "email"),
        ("shit", "hankey"),
        ("incoming_envelope", "incoming_envelope"),
        ("one-of-our-own", "one-of-our-own"),
        ("", ""),
    ],
)
def test_canonical(name: str, canonical: str) -> None:
    assert emoji.canonical(name) == canonical


def test_no_alias_is_a_canonical_name_or_stands_twice() -> None:
    aliases = [alias for names in emoji._ALIASES.values() for alias in names]
    assert len(aliases) == len(set(aliases))
    assert not set(aliases) & set(emoji._ALIASES)
