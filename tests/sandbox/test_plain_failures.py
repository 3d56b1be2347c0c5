"""Every failure that the sandbox's Plain can be made to show, as a client sees it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest

from bot.sandbox.plain import How, Plain
from tests.sandbox.plain_client import CREATE_THREAD, PlainApi, talking
from tests.working import until

GIVEN = {"customerIdentifier": {"emailAddress": "ada@example.com"}}
ME = "query whoami { myWorkspace { name } }"

INTERNAL = {
    "errors": [
        {"message": "Internal server error", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}
    ]
}


def with_ada() -> Plain:
    plain = Plain()
    plain.add_customer("Ada", "ada@example.com")
    return plain


async def create(talk: PlainApi, **more: Any) -> httpx.Response:
    return await talk.post(CREATE_THREAD, {"input": GIVEN}, **more)


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize(
    ("how", "status", "media", "body"),
    [
        ("500", 500, "application/json", INTERNAL),
        ("502", 502, "text/html; charset=utf-8", None),
        ("503", 503, "application/json", {"message": "Service Unavailable"}),
        ("html", 200, "text/html; charset=utf-8", None),
    ],
)
async def test_an_answer_that_is_a_failure(
    how: How, status: int, media: str, body: object, committed: bool
) -> None:
    plain = with_ada()
    plain.fail("createThread", how, committed=committed)
    async with talking(plain) as talk:
        failed = await create(talk)
        stored = len(plain.threads)
        after = await create(talk)
    assert (failed.status_code, failed.headers["content-type"]) == (status, media)
    if body is None:
        assert failed.text.startswith("<!DOCTYPE html>")
    else:
        assert failed.json() == body
    assert failed.headers["apigw-requestid"]
    assert failed.headers["x-ratelimit-limit"]
    assert stored == (1 if committed else 0)
    assert after.json()["data"]["createThread"]["thread"]["ref"] == f"T-{stored + 1}"
    named = f"{how}, committed" if committed else how
    assert [request.outcome for request in plain.requests] == [named, "ok"]


@pytest.mark.parametrize("seconds", [None, 7])
async def test_a_request_too_many_was_never_processed(seconds: float | None) -> None:
    plain = with_ada()
    plain.fail("createThread", "429", seconds=seconds)
    async with talking(plain) as talk:
        failed = await create(talk)
    assert failed.status_code == 429
    assert failed.json()["errors"][0]["extensions"] == {"code": "RATE_LIMITED"}
    assert failed.headers["x-ratelimit-remaining"] == "0"
    assert failed.headers.get("retry-after") == (None if seconds is None else "7")
    assert plain.threads == []


@pytest.mark.parametrize("committed", [False, True])
async def test_a_connection_closed_without_an_answer(committed: bool) -> None:
    plain = with_ada()
    plain.fail("createThread", "drop", committed=committed)
    async with talking(plain) as talk:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await create(talk)
        assert len(plain.threads) == (1 if committed else 0)
        assert (await create(talk)).status_code == 200
    assert plain.requests[0].outcome == ("drop, committed" if committed else "drop")


@pytest.mark.parametrize("committed", [False, True])
async def test_no_answer_for_longer_than_the_client_waits(committed: bool) -> None:
    plain = with_ada()
    plain.fail("createThread", "hang", seconds=60, committed=committed)
    async with talking(plain) as talk:
        with pytest.raises(httpx.ReadTimeout):
            await create(talk, timeout=0.1)
        assert len(plain.threads) == (1 if committed else 0)
        assert (await create(talk)).status_code == 200


async def test_a_gateway_that_gives_up() -> None:
    plain = with_ada()
    plain.fail("createThread", "hang", seconds=0.05)
    async with talking(plain) as talk:
        failed = await create(talk)
    assert (failed.status_code, failed.json()) == (503, {"message": "Service Unavailable"})
    assert plain.threads == []


async def test_taking_effect_after_the_client_has_gone() -> None:
    plain = with_ada()
    plain.fail("createThread", "late", seconds=0.3)
    async with talking(plain) as talk:
        with pytest.raises(httpx.ReadTimeout):
            await create(talk, timeout=0.05)
        assert plain.threads == []
        assert plain.requests[0].outcome == "waiting"
        await until(lambda: plain.requests[0].outcome != "waiting")
    assert len(plain.threads) == 1
    assert plain.requests[0].outcome == "late, committed"


async def test_a_client_that_waits_sees_the_late_answer() -> None:
    plain = with_ada()
    plain.fail(None, "late", seconds=0.05)
    async with talking(plain) as talk:
        answer = await create(talk)
    assert answer.json()["data"]["createThread"]["thread"]["ref"] == "T-1"


@pytest.mark.parametrize("how", ["hang", "late"])
async def test_the_server_stops_though_requests_still_wait(how: How) -> None:
    plain = with_ada()
    plain.fail(None, how, seconds=60)
    begun = time.monotonic()
    async with talking(plain) as talk:
        waiting = asyncio.create_task(create(talk))
        await until(lambda: plain.requests)
    assert time.monotonic() - begun < 5
    with pytest.raises(httpx.TransportError):
        await waiting
    assert plain.threads == []
    assert plain.requests[0].outcome == how


async def test_failures_come_in_turn_and_only_to_whom_they_are_meant_for() -> None:
    plain = with_ada()
    plain.fail("createThread", "500", times=2)
    plain.fail("createThread", "503")
    plain.fail("whoami", "502")
    plain.fail(None, "html")
    async with talking(plain) as talk:
        created = [(await create(talk)).status_code for _ in range(3)]
        asked = (await talk.post(ME)).status_code
        anyone = await talk.post("{ myMachineUser { id } }")
        after = (await talk.post(ME)).json()
    assert created == [500, 500, 503]
    assert asked == 502
    assert anyone.headers["content-type"].startswith("text/html")
    assert after == {"data": {"myWorkspace": {"name": "Sandbox"}}}


async def test_a_failure_spares_whom_the_gateway_turns_away() -> None:
    plain = with_ada()
    plain.fail(None, "500")
    async with talking(plain) as talk:
        assert (await create(talk, headers={"Authorization": "no"})).status_code == 401
        assert (await create(talk)).status_code == 500


async def test_down_is_down_for_everybody_until_it_is_up() -> None:
    plain = with_ada()
    plain.fail(None, "500")
    async with talking(plain) as talk:
        plain.down = True
        refused = await create(talk, headers={"Authorization": "no"})
        plain.down = "drop"
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await create(talk)
        plain.down = False
        failed = await create(talk)
        plain.fail(None, "500")
        plain.down = "503"
        plain.heal()
        created = await create(talk)
    assert (refused.status_code, failed.status_code, created.status_code) == (503, 500, 200)
    outcomes = [request.outcome for request in plain.requests]
    assert outcomes == ["503", "drop", "500", "ok"]


@pytest.mark.parametrize(
    ("how", "more", "why"),
    [
        ("teapot", {}, "no such failure"),
        ("429", {"committed": True}, "never processed"),
        ("hang", {}, "needs seconds"),
        ("late", {}, "needs seconds"),
    ],
)
def test_a_failure_that_cannot_be(how: Any, more: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Plain().fail(None, how, **more)
