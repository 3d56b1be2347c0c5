"""Find secrets that people paste by mistake, by their known forms, and mask them."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from bot.core.text.markdown import StyledRun, text_of


@dataclass(frozen=True, slots=True)
class Secret:
    """The position of a secret in a text, and its kind in words."""

    start: int
    end: int
    kind: str


# The group "secret", if there is one, is what is
# masked. Sources of the less known forms:
# https://docs.github.com/en/code-security/secret-scanning/introduction/supported-secret-scanning-patterns
# https://docs.slack.dev/authentication/tokens https://docs.stripe.com/keys
_FORMS: tuple[tuple[str, str], ...] = (
    (
        "private key",
        (
            r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
            # Not past the next beginning: each would look through all the rest of the text.
            r"(?:(?:[^-]|-(?!----BEGIN ))*?-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
            r"|[A-Za-z0-9+/=\s>]*)"
        ),
    ),
    ("Slack token", r"(?:xoxe\.)?xox[a-z]-[\w-]{4,}|xapp-[\w-]{4,}"),
    ("Slack webhook", r"hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[\w/-]{4,}"),
    ("Plain API key", r"plainApiKey_[\w-]{4,}"),
    ("GitHub token", r"(?:gh[pousr]_|github_pat_)[A-Za-z0-9_]{4,}"),
    ("GitLab token", r"glpat-[\w-]{8,}"),
    ("AWS access key", r"(?:AKIA|ASIA)[A-Z0-9]{12,}"),
    ("AWS secret key", r"(?i:aws_secret_access_key)[\"']?\s*[:=]\s*[\"']?(?P<secret>[\w+/=]{16,})"),
    ("Stripe key", r"(?:[sr]k_(?:live|test)_|whsec_)[A-Za-z0-9]{4,}"),
    ("API key", r"sk-(?=[\w-]{0,100}\d)[\w-]{16,}"),
    ("Google API key", r"AIza[\w-]{30,}"),
    ("npm token", r"npm_[A-Za-z0-9]{30,}"),
    ("PyPI token", r"pypi-[\w-]{32,}"),
    ("SendGrid key", r"SG\.[\w-]{16,}\.[\w-]{16,}"),
    ("signed token", r"eyJ[\w-]{6,2000}\.eyJ[\w-]{4,}(?:\.[\w-]*)?"),
    (
        "authorization header",
        (
            r"(?i:authorization[\"']?\s*[:=]\s*[\"']?(?:bearer|basic|token))\s+"
            r"(?P<secret>[\w.~+/=:-]{4,})"
        ),
    ),
    ("bearer token", r"(?i:bearer)\s+(?P<secret>(?=[\w.~+/=-]*\d)[\w.~+/=-]{8,}|[\w.~+/=-]{20,})"),
    ("password in an address", r"[a-z][a-z0-9+.-]{0,20}://[^\s/:@]*:(?P<secret>[^\s/@]+)@"),
)
# Not inside a word: "task-force-2" holds no key.
_SECRETS = tuple(
    (kind, re.compile(rf"(?<![A-Za-z0-9])(?:{form})", re.ASCII)) for kind, form in _FORMS
)


def find(text: str) -> tuple[Secret, ...]:
    """Return the secrets in `text`, in order, none overlapping another."""
    found = [
        Secret(*match.span("secret" if "secret" in form.groupindex else 0), kind)
        for kind, form in _SECRETS
        for match in form.finditer(text)
    ]
    merged: list[Secret] = []
    for secret in sorted(found, key=lambda secret: secret.start):
        if merged and secret.start < merged[-1].end:
            merged[-1] = replace(merged[-1], end=max(merged[-1].end, secret.end))
        else:
            merged.append(secret)
    return tuple(merged)


def mask(text: str) -> tuple[str, tuple[str, ...]]:
    """Return `text` without its secrets, and their kinds."""
    masked, kinds = mask_runs([StyledRun(text)])
    return text_of(masked), kinds


def mask_runs(runs: Sequence[StyledRun]) -> tuple[tuple[StyledRun, ...], tuple[str, ...]]:
    """Return `runs` without their secrets, and the kinds of these.

    A secret may go over from one style to the next, and marks (a backtick, a quote's `> `) may
    be in the middle of it. A link whose address holds a secret becomes text.
    """
    kinds: list[str] = []
    masked: Sequence[StyledRun] = runs
    for with_marks in (False, True):
        read = [
            run.text if with_marks or not run.mark or run.text == "\n" else "" for run in masked
        ]
        secrets = find("".join(read))
        kinds += [secret.kind for secret in secrets]
        masked = list(_without(masked, read, secrets)) if secrets else masked
    hidden = {run.url: find(run.url) for run in masked if run.url}
    kinds += [secret.kind for secrets in hidden.values() for secret in secrets]
    return tuple(
        replace(run, url=None) if run.url and hidden[run.url] else run for run in masked
    ), tuple(kinds)


def _without(
    runs: Sequence[StyledRun], read: Sequence[str], secrets: Sequence[Secret]
) -> Iterator[StyledRun]:
    """Return `runs` with each secret replaced in the run where it begins.

    `read` is the text that was searched.
    """
    # None overlaps another, so both rise. To look through all for each run takes seconds.
    starts = [secret.start for secret in secrets]
    ends = [secret.end for secret in secrets]
    offset = 0
    for run, text in zip(runs, read, strict=True):
        here = secrets[bisect_right(ends, offset) : bisect_left(starts, offset + len(text))]
        yield replace(run, text=_masked(text, offset, here)) if here else run
        offset += len(text)


def _masked(text: str, offset: int, secrets: Iterable[Secret]) -> str:
    pieces, start = [], 0
    for secret in secrets:
        first = max(secret.start - offset, 0)
        pieces.append(text[start:first])
        if secret.start >= offset:
            pieces.append(f"[{secret.kind} masked]")
        start = min(secret.end - offset, len(text))
    return "".join([*pieces, text[start:]])
