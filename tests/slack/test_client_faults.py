"""What Slack's answers mean: a value, TryLater or Refused; for what is read and what is said."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable

import pytest

from bot.core.faults import Reason, Rejected, TryLater
from bot.core.model import Created, ReplyTo, Ticket, Trigger, Via
from bot.slack import calls
from bot.slack.calls import SlackRejected, call, open_session, web_client
from bot.store.rejections import to_data
from tests.slack.canned import LIMITED, NOW, TOKEN, Reply, no, ok, talking

TRIGGER = Trigger(
    via=Via.REACTION,
    team="T1",
    submitter="U1",
    request="Ev1",
    reply_to=ReplyTo(user="U1", asked_at=NOW, channel="C1"),
)
CREATED = Created(Ticket("th_1", "T-1", "https://app.plain.com/workspace/w/thread/th_1/"))
HTML = Reply(b"<html>maintenance</html>", content_type="text/html")

# answer, cause, seconds asked to wait, whether what was said may have been said all the same
LATER: list[tuple[str, Reply, str, float | None, bool]] = [
    ("429", LIMITED, "slack_ratelimited", 7.0, False),
    (
        "429 as text",
        Reply(b"slow down", 429, "text/plain", {"Retry-After": "30"}),
        "slack_ratelimited",
        30.0,
        False,
    ),
    (
        "429 without a number",
        Reply(b"{}", 429, headers={"Retry-After": "soon"}),
        "slack_ratelimited",
        None,
        False,
    ),
    ("ratelimited with 200", no("ratelimited"), "slack_ratelimited", None, False),
    ("service unavailable", no("service_unavailable"), "slack_service_unavailable", None, False),
    ("truncated", no("request_timeout"), "slack_request_timeout", None, False),
    ("internal error", no("internal_error"), "slack_internal_error", None, True),
    ("fatal error", no("fatal_error"), "slack_fatal_error", None, True),
    ("500", Reply(b"{}", 500), "slack_500", None, True),
    ("502 as HTML", Reply(b"<html>", 502, "text/html"), "slack_502", None, True),
    (
        "503 with a wait",
        Reply(b"", 503, "text/plain", {"Retry-After": "5"}),
        "slack_503",
        5.0,
        True,
    ),
    ("HTML with 200", HTML, "slack_not_json", None, True),
    ("text with 200", Reply(b"ok", content_type="text/plain"), "slack_not_json", None, True),
    ("broken JSON", Reply(b'{"ok":tr'), "slack_not_json", None, True),
    ("no UTF-8", Reply(b'{"ok":"\xff\xfe"}'), "slack_not_json", None, True),
    ("a list", Reply(b'["ok"]'), "slack_not_json", None, True),
    ("nothing", Reply(b""), "slack_not_json", None, True),
    ("no without a word", Reply(b'{"ok":false}'), "slack_not_json", None, True),
    ("404 as HTML", Reply(b"<html>", 404, "text/html"), "slack_not_json", None, True),
    ("403 as HTML", Reply(b"<html>", 403, "text/html"), "slack_not_json", None, True),
    ("JSON of a proxy", Reply(b'{"error":"Forbidden"}', 403), "slack_not_json", None, True),
    ("dropped", Reply(drop=True), "slack_disconnected", None, True),
    ("bad token", no("invalid_auth"), "slack_invalid_auth", None, False),
    ("revoked token", no("token_revoked"), "slack_token_revoked", None, False),
    ("inactive account", no("account_inactive"), "slack_account_inactive", None, False),
]


@pytest.mark.parametrize(
    ("reply", "cause", "after", "unknown"), [pytest.param(*row, id=name) for name, *row in LATER]
)
async def test_what_may_work_later(
    reply: Reply, cause: str, after: float | None, unknown: bool
) -> None:
    answers = {"users.info": reply, "chat.postEphemeral": reply}
    async with talking(answers) as (client, slack):
        with pytest.raises(TryLater) as read:
            await client.profile("U1")
        with pytest.raises(TryLater) as said:
            await client.tell(TRIGGER, CREATED, "PB-1")
    assert (read.value.cause, read.value.after, read.value.outcome_unknown) == (cause, after, False)
    assert (said.value.cause, said.value.after, said.value.outcome_unknown) == (
        cause,
        after,
        unknown,
    )
    assert "chat.postMessage" not in slack.methods, "said twice"


async def test_nothing_is_sent_a_second_time_by_itself() -> None:
    async with talking({"chat.postEphemeral": Reply(drop=True)}) as (client, slack):
        with pytest.raises(TryLater):
            await client.tell(TRIGGER, CREATED, "PB-1")
    assert slack.methods == ["chat.postEphemeral"]


async def test_a_refused_connection_was_surely_not_processed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with open_session() as session:
        web = web_client(TOKEN, f"http://127.0.0.1:{port}/api/", session)
        with pytest.raises(TryLater) as later:
            await calls.call_once("chat.postMessage", web.chat_postMessage(channel="C", text="x"))
    assert (later.value.cause, later.value.outcome_unknown) == ("slack_unreachable", False)


async def test_an_answer_that_takes_too_long_leaves_it_unknown() -> None:
    async with talking({"chat.postMessage": Reply(delay=5)}) as (client, _):
        with pytest.raises(TryLater) as later:
            await calls.call_once(
                "chat.postMessage", client.web.chat_postMessage(channel="C", text="x"), 0.05
            )
        with pytest.raises(TryLater) as read:
            await call("chat.postMessage", client.web.chat_postMessage(channel="C", text="x"), 0.05)
    assert (later.value.cause, later.value.outcome_unknown) == ("slack_timeout", True)
    assert (read.value.cause, read.value.outcome_unknown) == ("slack_timeout", False)


@pytest.mark.parametrize(
    ("reply", "reason", "data"),
    [
        pytest.param(
            no("missing_scope", needed="users:read", provided="chat:write"),
            Reason.MISSING_SCOPE,
            {"needed": "users:read"},
            id="missing scope",
        ),
        pytest.param(no("missing_scope"), Reason.MISSING_SCOPE, {}, id="a scope without a name"),
        pytest.param(
            no("restricted_action"),
            Reason.SLACK_REFUSED,
            {"code": "restricted_action", "method": "users.info"},
            id="anything else",
        ),
    ],
)
async def test_what_will_not_work(reply: Reply, reason: Reason, data: dict[str, str]) -> None:
    async with talking({"users.info": reply}) as (client, _):
        with pytest.raises(Rejected) as refused:
            await client.profile("U1")
    assert (refused.value.reason, to_data(refused.value.rejection)) == (reason, data)


# A response_url answers with texts and statuses of its own.


@pytest.mark.parametrize(
    ("reply", "cause", "unknown"),
    [
        pytest.param(Reply(b"", 503), "slack_503", True, id="503"),
        pytest.param(LIMITED, "slack_ratelimited", False, id="429"),
        pytest.param(Reply(drop=True), "slack_disconnected", True, id="dropped"),
        pytest.param(Reply(b"<html>" * 20, 404, "text/html"), "slack_not_json", True, id="as HTML"),
        pytest.param(Reply(b"Forbidden", 403, "text/plain"), "slack_not_json", True, id="as text"),
        pytest.param(
            Reply(b'{"error":"Forbidden"}', 403), "slack_not_json", True, id="JSON of a proxy"
        ),
        pytest.param(
            Reply(b"", 302, "text/plain", {"Location": "/elsewhere"}),
            "slack_not_json",
            True,
            id="elsewhere",
        ),
    ],
)
async def test_a_response_url_that_may_work_later(reply: Reply, cause: str, unknown: bool) -> None:
    async with talking({"respond": reply}) as (client, slack):
        with pytest.raises(TryLater) as later:
            await calls.respond(client.web, slack.respond_url, {"text": "x"})
    assert (later.value.cause, later.value.outcome_unknown) == (cause, unknown)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        pytest.param(Reply(b"used_url", 404, "text/plain"), "used_url", id="as text"),
        pytest.param(no("expired_url"), "expired_url", id="as JSON"),
    ],
)
async def test_a_response_url_that_is_used_up(reply: Reply, code: str) -> None:
    async with talking({"respond": reply}) as (client, slack):
        with pytest.raises(SlackRejected) as declined:
            await calls.respond(client.web, slack.respond_url, {"text": "x"})
    assert declined.value.code == code


@pytest.mark.parametrize("body", [b"ok", b"", b'{"ok":true}'])
async def test_a_response_url_that_took_it(body: bytes) -> None:
    async with talking({"respond": Reply(body, content_type="text/plain")}) as (client, slack):
        await calls.respond(client.web, slack.respond_url, {"text": "x"})
    assert slack.sent("respond") == [{"text": "x"}]


async def test_a_response_url_that_is_no_url() -> None:
    async with talking({}) as (client, _):
        with pytest.raises(SlackRejected):
            await calls.respond(client.web, "http://", {"text": "x"})


# What must not leak, and which way calls go.


async def test_neither_the_token_nor_a_text_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    private = "the launch code"
    answers = {
        "users.info": ok(user={"id": "U1", "team_id": "T1", "profile": {"email": "a@b.test"}}),
        "chat.postMessage": no("internal_error", detail=private),
    }
    async with talking(answers) as (client, _):
        await client.profile("U1")
        with pytest.raises(TryLater) as later:
            await calls.call_once(
                "chat.postMessage", client.web.chat_postMessage(channel="C", text=private)
            )
    logged = caplog.text + repr(later.value) + str(later.value.__cause__)
    assert TOKEN not in logged
    assert private not in logged
    assert "a@b.test" not in logged


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://slack.com/api/", "http://proxy.test:3128"),
        ("http://127.0.0.1:8080/api/", None),
        ("http://[::1]:8080/api/", None),
        ("http://localhost:8080/api/", None),
    ],
)
async def test_a_proxy_is_for_what_is_not_on_this_machine(
    url: str, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    async with open_session() as session:
        assert web_client(TOKEN, url, session).proxy == expected


@pytest.mark.parametrize("make", [lambda s: web_client(TOKEN, "http://127.0.0.1:1/api/", s)])
async def test_the_client_repeats_nothing(make: Callable[..., object]) -> None:
    async with open_session() as session:
        assert getattr(make(session), "retry_handlers", None) == []
