"""What the suite's own bridges log: no token, no e-mail address, no message's text."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog

SECRETS = {
    "a token": re.compile(r"xox[a-z]-[\w-]+|xapp-[\w-]+|plainApiKey_\w+"),
    "an e-mail address": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.(?:example|invalid|com)\b"),
    "an answer's address": re.compile(r"hooks\.slack\.com/|/response_url/"),
    # What people write in nearly every test.
    "a message's text": re.compile(r"[Tt]he \*?export\*? fails|exports are empty"),
}


def leaks(said: str) -> list[str]:
    """The kinds of secrets in a log."""
    return [kind for kind, form in SECRETS.items() if form.search(said)]


class _Keeping(logging.Handler):
    """Keeps what libraries log, and what the bridge does once it was set up to log."""

    def __init__(self, kept: list[str]) -> None:
        super().__init__(logging.INFO)
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        self._kept.append(f"{record.name}: {record.getMessage()}")


@contextmanager
def kept() -> Iterator[list[str]]:
    """All that is logged meanwhile, before anything of it is masked."""
    lines: list[str] = []

    def keep(_logger: Any, name: str, event: MutableMapping[str, Any]) -> Any:
        lines.append(f"{name}: {dict(event)}")
        return event

    before = structlog.get_config()
    structlog.configure(processors=[keep, *before["processors"]])
    handler = _Keeping(lines)
    logging.getLogger().addHandler(handler)
    try:
        yield lines
    finally:
        logging.getLogger().removeHandler(handler)
        structlog.configure(**before)
