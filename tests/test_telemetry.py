"""The log: its lines, whose they are, and what never stands in them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr, ValidationError
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.middleware.request_verification import RequestVerification
from slack_bolt.request import BoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot import telemetry

pytestmark = pytest.mark.logs_secrets


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {
        name: logging.getLogger(name).level
        for name in (
            "bot",
            "aiohttp.access",
            "alembic",
            "httpcore",
            "httpx",
            "uvicorn.access",
            "uvicorn.error",
        )
    }
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def written(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def stream() -> io.StringIO:
    made = io.StringIO()
    telemetry.set_up("INFO", "json", made)
    return made


def test_a_line_of_json(stream: io.StringIO) -> None:
    structlog.get_logger("bot.worker").info("escalation_created", key="T1:C1:1.2", ticket="T-1")
    (line,) = written(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "escalation_created",
        "key": "T1:C1:1.2",
        "ticket": "T-1",
        "level": "info",
        "logger": "bot.worker",
    }


def test_a_line_for_people() -> None:
    stream = io.StringIO()
    telemetry.set_up("INFO", "console", stream)
    structlog.get_logger("bot.worker").warning("escalation_refused", key="T1:C1:1.2")
    (line,) = stream.getvalue().splitlines()
    assert line.split("Z ", 1)[1] == "[warning  ] escalation_refused [bot.worker] key=T1:C1:1.2"


def test_setting_up_again_replaces(stream: io.StringIO) -> None:
    logger = structlog.get_logger("bot.worker")
    logger.info("one")
    other = io.StringIO()
    telemetry.set_up("WARNING", "json", other)
    logger.info("two")
    logger.warning("three")
    assert [line["event"] for line in written(stream)] == ["one"]
    assert [line["event"] for line in written(other)] == ["three"]


def test_what_is_bound_stands_in_the_lines_of_libraries(stream: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(key="T1:C1:1.2"):
        logging.getLogger("asyncio").warning("slow %s", "callback")
    (line,) = written(stream)
    assert (line["event"], line["key"], line["logger"]) == ("slow callback", "T1:C1:1.2", "asyncio")


def test_debug_is_for_this_package_alone() -> None:
    stream = io.StringIO()
    telemetry.set_up("DEBUG", "json", stream)
    # Bolt's loggers take the root's level when they are made.
    RequestVerification(signing_secret="x")
    for name in (
        "bot.worker",
        "slack_bolt.AsyncApp",
        "slack_sdk.web.async_base_client",
        "app.py:on",
    ):
        logging.getLogger(name).debug("detail of %s", name)
    assert [line["event"] for line in written(stream)] == ["detail of bot.worker"]


@pytest.mark.parametrize("name", ["httpx", "uvicorn.access", "alembic.runtime.migration"])
def test_lines_per_request_are_left_out(
    stream: io.StringIO, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A server that ran in this process before may have taken its logger off the others.
    monkeypatch.setattr(logging.getLogger(name), "propagate", True)
    logging.getLogger(name).info("did something")
    logging.getLogger(name).warning("could not")
    assert [line["event"] for line in written(stream)] == ["could not"]


def test_the_body_of_a_badly_signed_request_is_not_written(
    stream: io.StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        checking = RequestVerification(signing_secret="right")
        request = BoltRequest(
            body="text=between+us",
            headers={"x-slack-signature": ["v0=wrong"], "x-slack-request-timestamp": ["1"]},
        )
        response = checking.process(
            req=request, resp=BoltResponse(status=200), next=lambda: BoltResponse(status=200)
        )
        assert response.status == 401
    assert stream.getvalue() == ""
    assert caplog.text == ""


def test_bolt_does_not_warn_of_a_token_that_is_in_use(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two warnings at every start: Bolt reads SLACK_BOT_TOKEN, and sets its logger's level."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-test")

    async def authorize() -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=None, team_id="T1")

    app = AsyncApp(client=AsyncWebClient(token="xoxb-test"), authorize=authorize)
    app.logger.warning("A warning of another kind")
    assert [line["event"] for line in written(stream)] == ["A warning of another kind"]


# Masking


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("by xoxb-12-34-aBc.", "by [Slack token masked]."),
        ("key plainApiKey_abc123 is bad", "key [Plain API key masked] is bad"),
        ("Bearer abc.def-123456", "Bearer [bearer token masked]"),
        (
            "postgresql://u:s3cret@db.example/x",
            "postgresql://u:[password in an address masked]@db.example/x",
        ),
        ("https://hooks.slack.com/actions/T1/2/abc gone", "[response_url] gone"),
        (
            "wss://wss.slack.com/?ticket=abc&app_id=1",
            "wss://wss.slack.com/?ticket=[token]&app_id=1",
        ),
        ("for Ann.O'Neil+x@sub.example.co.uk!", "for Ann.O'[email]!"),
        (
            "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\nx",
            "[private key masked]\nx",
        ),
        (
            "(sqlite3.Error) no\n[SQL: INSERT]\n[parameters: ('the text',)]\n(Background)",
            "(sqlite3.Error) no\n[SQL: INSERT]\n[parameters: [values]]\n(Background)",
        ),
    ],
)
def test_masked(text: str, expected: str) -> None:
    assert telemetry.masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "T024BE7LD:C024BE91L:1599529504.000400",
        "https://app.plain.com/workspace/w_1/thread/th_1/",
        "https://example.slack.com/archives/C1/p1599529504000400?thread_ts=1.2&cid=C1",
        "basic configuration of the bearer",
        "slack_ratelimited after=30.0",
        "sqlite:///plain-bridge.db",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert telemetry.masked(text) == text


class _Told:
    def __repr__(self) -> str:
        return "Told(xoxb-hush)"


def test_every_value_is_masked(stream: io.StringIO) -> None:
    structlog.get_logger("bot.worker").info(
        "xoxb-hush",
        plain="xoxb-hush",
        deep={"list": [("xoxb-hush", {"xoxb-hush"})]},
        other=_Told(),
        raw=b"xoxb-hush",
        secret=SecretStr("hush"),
        error=ValueError("xoxb-hush"),
        number=1.5,
        nothing=None,
    )
    assert "hush" not in stream.getvalue()
    (line,) = written(stream)
    assert (line["number"], line["nothing"]) == (1.5, None)


@pytest.mark.parametrize("form", ["console", "json"])
def test_tracebacks_are_masked(form: Any) -> None:
    stream = io.StringIO()
    telemetry.set_up("INFO", form, stream)
    secret = "xoxb-" + "hush"
    for logger in (structlog.get_logger("bot.worker"), logging.getLogger("asyncio")):
        try:
            raise RuntimeError(f"with {secret} for a@b.example")
        except RuntimeError:
            logger.exception("failed")
    text = stream.getvalue()
    assert text.count("RuntimeError: with [Slack token masked] for [email]") == 2
    assert "hush" not in text.replace('"hush"', "").replace('\\"hush\\"', "")


def test_a_payload_that_does_not_fit_is_not_quoted(stream: io.StringIO) -> None:
    class Payload(BaseModel):
        ts: int

    try:
        Payload.model_validate({"ts": "between us"})
    except ValidationError:
        structlog.get_logger("bot.slack").exception("junk")
    assert "between us" not in stream.getvalue().replace('{\\"ts\\": \\"between us\\"}', "")


@given(st.text(), st.text(alphabet="abcXYZ019-", min_size=4))
def test_no_token_survives_its_surroundings(before: str, rest: str) -> None:
    assert f"xoxb-{rest}" not in telemetry.masked(f"{before} xoxb-{rest}")


def test_masking_is_quick_on_long_texts() -> None:
    assert telemetry.masked("a" * 300_000) == "a" * 300_000
