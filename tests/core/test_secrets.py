"""Secrets are masked, words that look a little like one are not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.secrets import find, mask, mask_runs
from bot.core.text.markdown import StyledRun, text_of

# Put together here, so that no scanner takes a test for a leak.
DIGITS = "0123456789abcdef"
MASKED = {
    "slack bot token": ("use xoxb-test please", "use [Slack token masked] please"),
    "slack token as a value": ("TOKEN=xoxp-1-2-test", "TOKEN=[Slack token masked]"),
    "slack configuration token": ("xoxe.xoxp-1-test", "[Slack token masked]"),
    "slack app token": ("xapp-1-A1-test.", "[Slack token masked]."),
    "plain": ("(plainApiKey_test)", "([Plain API key masked])"),
    "github": ("ghp_" + DIGITS, "[GitHub token masked]"),
    "github fine grained": ("github_pat_" + DIGITS, "[GitHub token masked]"),
    "gitlab": ("glpat-" + DIGITS, "[GitLab token masked]"),
    "aws": ("id AKIA" + "EXAMPLE" * 2 + "AB", "id [AWS access key masked]"),
    "aws secret": (
        "aws_secret_access_key = " + DIGITS * 2,
        "aws_secret_access_key = [AWS secret key masked]",
    ),
    "stripe": ("sk_live_" + DIGITS, "[Stripe key masked]"),
    "openai": ("sk-proj-" + DIGITS, "[API key masked]"),
    "google": ("AIza" + DIGITS * 2 + "abc", "[Google API key masked]"),
    "npm": ("npm_" + DIGITS * 2, "[npm token masked]"),
    "pypi": ("pypi-" + DIGITS * 3, "[PyPI token masked]"),
    "sendgrid": (f"SG.{DIGITS}.{DIGITS}", "[SendGrid key masked]"),
    "webhook": (
        "https://hooks.slack.com/services/T0/B0/test",
        "https://[Slack webhook masked]",
    ),
    "jwt": ("eyJhbGciOi.eyJzdWIi.c2ln", "[signed token masked]"),
    "header": ("Authorization: Bearer test", "Authorization: Bearer [authorization header masked]"),
    "bearer": (f"bearer {DIGITS}", "bearer [bearer token masked]"),
    "token in a header": ("Bearer xoxb-test1234", "Bearer [Slack token masked]"),
    "password in an address": (
        "postgresql://ada:test@db/x",
        "postgresql://ada:[password in an address masked]@db/x",
    ),
    "private key": (
        "a\n-----BEGIN RSA PRIVATE KEY-----\nMII\n\nabc=\n-----END RSA PRIVATE KEY-----\nb",
        "a\n[private key masked]\nb",
    ),
    "pgp key": (
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nx\n-----END PGP PRIVATE KEY BLOCK-----",
        "[private key masked]",
    ),
    "private key without its end": (
        "-----BEGIN PRIVATE KEY-----\nMIIabc/+\nMII=\n… and so on",
        "[private key masked]… and so on",
    ),
    "two": ("xoxb-test and plainApiKey_test", "[Slack token masked] and [Plain API key masked]"),
    "words after a token": ("xoxb-testを使って", "[Slack token masked]を使って"),
}


@pytest.mark.parametrize(("text", "expected"), MASKED.values(), ids=MASKED)
def test_masked(text: str, expected: str) -> None:
    assert mask(text)[0] == expected


UNTOUCHED = [
    "the xoxb- prefix",
    "task-force-of-2024-and-later-years",
    "a bearer of bad news",
    "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMII",
    "https://example.com:8080/a@b",
    "mailto:ada@example.com",
    "AKIAhello",
    "eyJust a word",
    "",
]


@pytest.mark.parametrize("text", UNTOUCHED)
def test_not_a_secret(text: str) -> None:
    assert mask(text) == (text, ())


def test_kinds_are_told() -> None:
    _, kinds = mask("xoxb-test plainApiKey_test")
    assert kinds == ("Slack token", "Plain API key")


def test_a_secret_that_goes_on_in_another_style() -> None:
    runs, kinds = mask_runs(
        [StyledRun("a xoxb-te"), StyledRun("st12", bold=True), StyledRun("34 b", italic=True)]
    )
    assert text_of(runs) == "a [Slack token masked] b"
    assert kinds == ("Slack token",)


def test_a_secret_with_marks_inside() -> None:
    tick = StyledRun("`", mark=True)
    runs, _ = mask_runs([StyledRun("xoxb-1234"), tick, StyledRun("5678"), tick, StyledRun(" b")])
    assert "5678" not in text_of(runs)
    assert text_of(runs).startswith("[Slack token masked]")


def test_a_quoted_private_key() -> None:
    lines = ["-----BEGIN PRIVATE KEY-----", "MIItest", "-----END PRIVATE KEY-----"]
    quoted = [
        run
        for line in lines
        for run in (StyledRun("> ", mark=True), StyledRun(line), StyledRun("\n", mark=True))
    ]
    assert "MIItest" not in text_of(mask_runs(quoted)[0])


def test_a_secret_ends_with_its_line() -> None:
    runs, _ = mask_runs([StyledRun("xoxb-test"), StyledRun("\n", mark=True), StyledRun("next")])
    assert text_of(runs) == "[Slack token masked]\nnext"


def test_a_link_whose_address_holds_a_secret_is_none() -> None:
    runs, kinds = mask_runs([StyledRun("here", url="https://x.example/?t=xoxb-test")])
    assert runs == (StyledRun("here"),)
    assert kinds == ("Slack token",)


@given(st.lists(st.sampled_from([text for text, _ in MASKED.values()] + UNTOUCHED), max_size=5))
def test_nothing_is_left_to_mask(texts: list[str]) -> None:
    masked, _ = mask(" | ".join(texts))
    assert find(masked) == ()


@given(st.lists(st.builds(StyledRun, st.text(), mark=st.booleans())))
def test_text_without_secrets_stays(written: list[StyledRun]) -> None:
    assert mask_runs(written) == (tuple(written), ())


@pytest.mark.parametrize("text", ["sk-", "-eyJ", "Bearer ", "a.", "xox", "a://", "-----BEGIN "])
def test_a_long_text_takes_no_long_time(text: str) -> None:
    # 40,000 characters are the most that Slack lets a message have.
    assert find(text * (40_000 // len(text))) == ()


def test_many_beginnings_of_a_key_take_no_long_time() -> None:
    """Each of them looked for its end through all the rest: half a minute for attachments."""
    begin = time.process_time()
    assert len(find("-----BEGIN PRIVATE KEY-----" * 15_000)) == 15_000
    assert time.process_time() - begin < 10


def test_a_key_that_begins_in_a_broken_off_one() -> None:
    begin, end = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
    masked, _ = mask(f"{begin}\nMIIone\n{begin}\nMII-two\n{end} and on")
    assert masked == "[private key masked][private key masked] and on"
