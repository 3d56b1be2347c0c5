"""The check of the whole suite's logs (`tests/conftest.py`) sees what it has to see."""

from __future__ import annotations

import logging

import pytest
import structlog

from bot import telemetry
from tests import logs


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("token xoxb-test", "a token"),
        ("key plainApiKey_test", "a token"),
        ("for ada@acme.example", "an e-mail address"),
        ("https://hooks.slack.com/x", "an answer's address"),
        ("The export fails", "a message's text"),
    ],
)
@pytest.mark.logs_secrets
def test_sees_a_leak(said: str, kind: str) -> None:
    with logs.kept() as lines:
        structlog.get_logger("bot").info("event", what=said)
        logging.getLogger("library").warning("said %s", said)
    assert len(lines) == 2
    assert [logs.leaks(line) for line in lines] == [[kind], [kind]]


def test_an_outcome_leaks_nothing() -> None:
    assert logs.leaks("info: {'event': 'created', 'key': 'T0001:C0001:1.000100'}") == []


@pytest.mark.logs_secrets
def test_sees_it_before_it_is_masked(capsys: pytest.CaptureFixture[str]) -> None:
    with logs.kept() as lines:
        telemetry.set_up("INFO")
        structlog.get_logger("bot").info("event", what="xoxb-test")
    assert logs.leaks("".join(lines)) == ["a token"]
    assert "xoxb-test" not in capsys.readouterr().err
