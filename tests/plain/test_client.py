"""The client creates threads, and adds to them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from bot.core.faults import Reason, Rejected, TryLater
from bot.core.model import EventDraft
from bot.core.text.parts import TextPart
from bot.flows.ports import Plain, PlainThread
from bot.plain.client import PAGES
from bot.store.rejections import to_data
from tests.plain.prepared import DRAFT, THREAD, Answers, failed, prepared
from tests.plain.recordings import recorded

EVENT = EventDraft("th_1", "T1:C1:1700000001.000100", "Also from Slack", (TextPart("Smoke"),))
CREATED: dict[str, Any] = json.loads(recorded("created-200.json").body)["data"]["createThread"]


def test_it_is_the_port_that_the_flows_need() -> None:
    port: Plain = Answers({}).client
    assert port


async def test_a_thread_by_its_external_id() -> None:
    plain = Answers({"threadByExternalId": CREATED["thread"]}, {"threadByExternalId": None})
    assert await plain.client.thread_by_external_id("c_1", "T1:C1:1") == THREAD
    assert await plain.client.thread_by_external_id("c_1", "T1:C1:1") is None
    assert plain.asked[0] == (
        "threadByExternalId",
        {"customerId": "c_1", "externalId": "T1:C1:1"},
    )


async def test_an_id_and_a_ref_make_a_thread() -> None:
    bare = {"id": "th_1", "ref": "T-1", "title": "cut in an emoji \ud83d", "somethingNew": 1}
    plain = Answers({"createThread": {"thread": bare}})
    assert await plain.client.open_thread(DRAFT) == PlainThread("th_1", "T-1")


REFUSED_CREATES: dict[str, tuple[object, Reason, dict[str, str]]] = {
    "input": (
        prepared("input-invalid-200.json"),
        Reason.PLAIN_REFUSED,
        {
            "code": "input_validation",
            "message": "There was a validation error.",
            "fields": "title: must not be empty; components.0.componentText.text: required",
            "request_id": "req-1",
        },
    ),
    "no such customer": (
        failed(
            "createThread",
            "input_validation",
            fields=[{"field": "customerIdentifier.customerId", "type": "NOT_FOUND"}],
        ),
        Reason.BROKEN_LINK,
        {"customer": "c_1", "request_id": "r-9"},
    ),
    "spam": (
        failed("createThread", "customer_is_marked_as_spam"),
        Reason.CUSTOMER_IS_SPAM,
        {"customer": "c_1", "request_id": "r-9"},
    ),
    "permission": (
        failed("createThread", "forbidden", type="FORBIDDEN", message="missing thread:create"),
        Reason.PLAIN_FORBIDDEN,
        {"message": "missing thread:create", "request_id": "r-9"},
    ),
    "key": (prepared("unauthorized-401.json"), Reason.PLAIN_KEY, {"request_id": "req-1"}),
}


@pytest.mark.parametrize("case", REFUSED_CREATES)
async def test_a_refused_create(case: str) -> None:
    given_answer, reason, data = REFUSED_CREATES[case]
    plain = Answers(given_answer)
    with pytest.raises(Rejected) as caught:
        await plain.client.open_thread(DRAFT)
    assert (caught.value.reason, to_data(caught.value.rejection)) == (reason, data)
    assert plain.observed == [("createThread", reason.value)]


UNKNOWN_CREATES: dict[str, tuple[object, str, bool]] = {
    "internal": (failed("createThread", "internal", type="INTERNAL"), "plain_internal", True),
    "no thread and no error": ({"createThread": {"thread": None}}, "plain_unexpected", True),
    "no output": ({"createThread": None}, "plain_unexpected", True),
    "nothing": ({}, "plain_unexpected", True),
    "5xx": (prepared("bad-gateway-502.html"), "plain_http_502", True),
    "html": (prepared("challenge-200.html"), "plain_not_json", True),
    "rate limit": (prepared("rate-limited-429.json"), "plain_rate_limited", False),
    "connect": (httpx.ConnectError("x"), "plain_unreachable", False),
    "connect timeout": (httpx.ConnectTimeout("x"), "plain_unreachable", False),
    "pool timeout": (httpx.PoolTimeout("x"), "plain_unreachable", False),
    "proxy": (httpx.ProxyError("x"), "plain_unreachable", False),
    "read": (httpx.ReadError("x"), "plain_dropped", True),
    "write": (httpx.WriteError("x"), "plain_dropped", True),
    "protocol": (httpx.RemoteProtocolError("x"), "plain_dropped", True),
    "decoding": (httpx.DecodingError("x"), "plain_dropped", True),
    "system": (OSError("x"), "plain_dropped", True),
    "read timeout": (httpx.ReadTimeout("x"), "plain_timeout", True),
    "write timeout": (httpx.WriteTimeout("x"), "plain_timeout", True),
}


@pytest.mark.parametrize("case", UNKNOWN_CREATES)
async def test_a_create_that_may_come_about_later(case: str) -> None:
    given_answer, cause, unknown = UNKNOWN_CREATES[case]
    plain = Answers(given_answer)
    with pytest.raises(TryLater) as caught:
        await plain.client.open_thread(DRAFT)
    assert (caught.value.cause, caught.value.outcome_unknown) == (cause, unknown)
    assert plain.observed == [("createThread", cause)]


@pytest.mark.parametrize("case", UNKNOWN_CREATES)
async def test_what_is_harmless_to_repeat_is_never_unknown(case: str) -> None:
    plain = Answers(UNKNOWN_CREATES[case][0])
    for ask in (
        plain.client.thread_by_external_id("c_1", "k"),
        plain.client.upsert_customer("ada@example.com", "Ada", verified=False),
        plain.client.label_types(),
        plain.client.workspace_id(),
    ):
        with pytest.raises(TryLater) as caught:
            await ask
        assert not caught.value.outcome_unknown


async def test_an_event_is_added() -> None:
    plain = Answers({"createThreadEvent": {"threadEvent": {"id": "te_1"}, "error": None}})
    await plain.client.add_event(EVENT)
    ((operation, variables),) = plain.asked
    assert operation == "createThreadEvent"
    assert variables["input"]["threadId"] == "th_1"


@pytest.mark.parametrize(
    "data",
    [
        {"createThreadEvent": {"threadEvent": None, "error": None}},
        {"createThreadEvent": {"error": None}},
        failed("createThreadEvent", "internal", type="INTERNAL"),
    ],
)
async def test_an_event_that_may_have_been_added(data: object) -> None:
    with pytest.raises(TryLater) as caught:
        await Answers(data).client.add_event(EVENT)
    assert caught.value.outcome_unknown
    assert caught.value.request_id == "r-9"


def events(*external_ids: str | None, before: str | None = None) -> dict[str, object]:
    edges: list[object] = [{"node": {"entry": {"externalId": one}}} for one in external_ids]
    page = {"hasPreviousPage": before is not None, "startCursor": before or "start"}
    other: list[object] = [{"node": {"entry": {}}}]
    return {"thread": {"timelineEntries": {"edges": edges + other, "pageInfo": page}}}


async def test_an_event_is_looked_for_on_all_pages_newest_first() -> None:
    plain = Answers(events("b", None, before="cursor"), events("a"))
    assert await plain.client.has_event("th_1", "a")
    assert [variables["before"] for _, variables in plain.asked] == [None, "cursor"]


async def test_an_event_is_found_without_a_look_at_older_ones() -> None:
    plain = Answers(events("a", before="cursor"))
    assert await plain.client.has_event("th_1", "a")
    assert len(plain.asked) == 1


@pytest.mark.parametrize("data", [events("b", None), events(), {"thread": None}])
async def test_there_is_no_such_event(data: object) -> None:
    assert not await Answers(data).client.has_event("th_1", "a")


async def test_a_timeline_without_end_is_left() -> None:
    plain = Answers(events("b", before="cursor"))
    assert not await plain.client.has_event("th_1", "a")
    assert len(plain.asked) == PAGES


async def test_one_that_gives_up_is_observed_too() -> None:
    plain = Answers(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await plain.client.workspace()
    assert plain.observed == [("workspace", "abandoned")]
