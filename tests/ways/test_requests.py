"""What comes to Slack's address: junk, unsigned, too large, unknown, recorded."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import structlog

from bot import http
from tests.contracts import Contract
from tests.ways.stage import Stage, stage

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


# What is no request of Slack's


def signed_junk() -> Iterator[Any]:
    for name, body in {
        "empty": b"",
        "no json": b"{",
        "a list": b"[1]",
        "a text": b'"x"',
        "a number": b"7",
        "null": b"null",
        "deep": b'{"a":' * 5000 + b"1" + b"}" * 5000,
        "not utf-8": b"\xff\xfe{}",
        "an event that is a text": b'{"type":"event_callback","event":"x"}',
        "an event that is a list": b'{"type":"event_callback","event":[]}',
        "an event without a type": b'{"type":"event_callback","event":{}}',
        "a reaction without an item": json.dumps(
            {"type": "event_callback", "event_id": "Ev1", "event": {"type": "reaction_added"}}
        ).encode(),
        "authorizations of another form": json.dumps(
            {"type": "event_callback", "event": {"type": "x"}, "authorizations": 7}
        ).encode(),
        "authorizations of texts": json.dumps(
            {"type": "event_callback", "event": {"type": "x"}, "authorizations": ["x"]}
        ).encode(),
        "a user that is a list": b'{"type":"block_actions","user":[1],"actions":7}',
    }.items():
        yield pytest.param(body, JSON, id=name)
    for name, fields in {
        "a form with nothing": {},
        "a payload that is no json": {"payload": "{"},
        "a payload that is a list": {"payload": "[]"},
        "a shortcut without a user": {
            "payload": json.dumps({"type": "message_action", "callback_id": "create_plain_ticket"})
        },
        "a submission without a view": {"payload": json.dumps({"type": "view_submission"})},
        "a view that is a text": {"payload": json.dumps({"type": "view_submission", "view": "x"})},
        "a command without a user": {"command": "/plain-ticket", "text": "x"},
    }.items():
        yield pytest.param(urlencode(fields).encode(), FORM, id=name)


@pytest.mark.parametrize(("body", "content_type"), list(signed_junk()))
async def test_signed_junk_is_refused_or_ignored_and_never_an_error_of_ours(
    on_stage: Stage, body: bytes, content_type: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await on_stage.slack.deliver_raw(body, content_type)
    assert answer.status is not None
    assert answer.status == 200 or 400 <= answer.status < 500
    assert on_stage.entries() == []


@pytest.mark.parametrize("signature", ["bad", "stale", "none"])
async def test_what_slack_did_not_sign_now_is_refused_unread(
    on_stage: Stage, signature: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    on = on_stage
    for body, kind in [
        (b'{"type":"event_callback","event":{"type":"message","text":"private"}}', JSON),
        (b"{private", JSON),
        (b"\xff private", JSON),
        (urlencode({"command": "/plain-ticket", "text": "private"}).encode(), FORM),
    ]:
        answer = await on.slack.deliver_raw(body, kind, signature=signature)
        assert answer.status == 401
    assert on.entries() == []
    assert "private" not in caplog.text


@pytest.mark.parametrize(
    ("signature", "cause", "likely"),
    [
        ("bad", "wrong_signature", "SLACK_SIGNING_SECRET"),
        ("stale", "stale_timestamp", "clock"),
        ("none", "unsigned", "it was not Slack"),
    ],
)
async def test_what_is_refused_is_counted_and_said_once_with_its_likely_cause(
    on_stage: Stage, signature: Any, cause: str, likely: str
) -> None:
    """A wrong secret answered 401 for days, and nobody heard of it."""
    on = on_stage
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            assert (await on.slack.deliver_raw(b"{}", JSON, signature=signature)).status == 401
    (line,) = [line for line in lines if line["event"] == "request_refused"]
    assert (line["door"], line["cause"], line["times"]) == ("slack", cause, 1)
    assert likely in line["likely"]
    async with httpx.AsyncClient(trust_env=False) as client:
        shown = (await client.get(f"{on.url}/metrics")).text
    assert f'plain_bridge_requests_refused_total{{cause="{cause}",door="slack"}} 3.0' in shown


async def test_events_that_slack_held_back_are_counted_and_said_once(on_stage: Stage) -> None:
    body = json.dumps(
        {"type": "app_rate_limited", "team_id": "T1", "minute_rate_limited": 1518467820}
    ).encode()
    with structlog.testing.capture_logs() as lines:
        for _ in range(2):
            assert (await on_stage.slack.deliver_raw(body, JSON)).status == 200
    (line,) = [line for line in lines if line["event"] == "events_withheld"]
    assert "30,000" in line["likely"]
    async with httpx.AsyncClient(trust_env=False) as client:
        shown = (await client.get(f"{on_stage.url}/metrics")).text
    assert "plain_bridge_events_withheld_total 2.0" in shown
    assert 'plain_bridge_requests_verified_total{door="slack"} 2.0' in shown


async def test_a_body_over_one_mebibyte_is_refused(on_stage: Stage) -> None:
    on = on_stage

    async def chunks() -> Any:
        for _ in range(20):
            yield b"x" * 100_000

    async with httpx.AsyncClient() as client:
        for content in (b"x" * (1024 * 1024 + 1), chunks()):
            answer = await client.post(f"{on.url}/slack/events", content=content)
            assert answer.status_code == 413


async def test_large_bodies_of_strangers_have_a_bounded_room_and_events_have_theirs(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "MOST_BEYOND", 1024 * 1024)
    size, held = 1024 * 1024, asyncio.Event()

    async def all_but_the_last_byte() -> AsyncIterator[bytes]:
        yield b"x" * (size - 1)
        await held.wait()
        yield b"x"

    async def until_it_is_answered(client: httpx.AsyncClient, url: str, status: int) -> None:
        async with asyncio.timeout(10):
            while (await client.post(url, content=b"x" * size)).status_code != status:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async with stage(sqlite_url, tmp_path) as on, httpx.AsyncClient() as client:
        url = f"{on.url}/slack/events"
        head = {"content-length": str(size)}
        slow = asyncio.create_task(client.post(url, content=all_but_the_last_byte(), headers=head))
        await until_it_is_answered(client, url, 503)
        common = await client.post(url, content=b"x" * http.COMMON_BODY)
        assert common.status_code == 401
        assert (await on.ask()).status == 200
        held.set()
        assert (await slow).status_code == 401
        await until_it_is_answered(client, url, 401)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "message", "subtype": "channel_join", "user": "U1", "text": "x"},
        {"type": "app_home_opened", "user": "U1"},
        {"type": "made_up_tomorrow"},
    ],
    ids=lambda event: event["type"],
)
async def test_unknown_events_are_taken_and_ignored(on_stage: Stage, event: Any) -> None:
    delivery = await on_stage.slack.send_event(event)
    assert (delivery.status, delivery.attempts) == (200, 1)
    assert on_stage.entries() == []


async def test_other_interactions_are_taken_and_ignored(on_stage: Stage) -> None:
    on = on_stage
    for payload in [
        {"type": "block_actions", "user": {"id": "U1"}, "actions": [{"action_id": "x"}]},
        {"type": "shortcut", "callback_id": "somebody_elses", "user": {"id": "U1"}},
        {"type": "app_rate_limited", "team_id": "T1"},
    ]:
        body = urlencode({"payload": json.dumps(payload)}).encode()
        assert (await on.slack.deliver_raw(body, FORM)).status == 200
    body = json.dumps({"type": "app_rate_limited", "team_id": "T1"}).encode()
    assert (await on.slack.deliver_raw(body, JSON)).status == 200


async def test_slack_verifies_the_address(on_stage: Stage) -> None:
    assert await on_stage.slack.verify_url()


@pytest.mark.parametrize(
    "name",
    [
        "message",
        "message_action",
        "reaction_added",
        "reaction_added-slack_connect",
        "slash_command",
        "view_submission",
    ],
)
async def test_recorded_payloads_are_no_error_and_make_a_thread_only_where_one_was_asked_for(
    on_stage: Stage, name: str, contract: Contract
) -> None:
    payload = json.loads(contract(f"slack-payloads/{name}.json").read_text())
    if name == "slash_command":
        body, kind = urlencode(payload).encode(), FORM
    elif name in ("message_action", "view_submission"):
        body, kind = urlencode({"payload": json.dumps(payload)}).encode(), FORM
    else:
        body, kind = json.dumps(payload).encode(), JSON
    answer = await on_stage.slack.deliver_raw(body, kind)
    assert answer.status is not None
    assert answer.status < 500
    assert on_stage.entries() == []


@pytest.mark.parametrize("name", ["reaction_added", "reaction_added-slack_connect"])
async def test_a_recorded_reaction_that_a_rule_names_is_recorded_for_the_installed_team(
    sqlite_url: str, tmp_path: Path, name: str, contract: Contract
) -> None:
    payload = json.loads(contract(f"slack-payloads/{name}.json").read_text())
    async with stage(sqlite_url, tmp_path, toml='[[rule]]\nemoji = "heart_eyes"') as on:
        # As it would come here: from this app, installed in this workspace.
        payload["api_app_id"] = on.slack.app_id
        for authorization in payload.setdefault("authorizations", [{}]):
            authorization["team_id"] = on.slack.team
        answer = await on.slack.deliver_raw(json.dumps(payload).encode(), JSON)
        assert answer.status == 200
        (entry,) = await on.settled()
        assert entry.key == f"{on.slack.team}:C111:1599529504.000400"
        assert entry.state == "rejected"
        assert on.plain.threads == []
