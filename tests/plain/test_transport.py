"""The key and the address, and the connections that the client opens."""

from __future__ import annotations

import logging

import httpx
import pytest

from bot.core.faults import Fault, TryLater
from bot.plain.client import PlainClient
from tests.plain.prepared import DRAFT, KEY, THREAD, URL, Answers, prepared


async def test_a_request_carries_the_key_and_names_who_asks() -> None:
    plain = Answers(prepared("created-200.json"))
    assert await plain.client.open_thread(DRAFT) == THREAD
    (request,) = plain.requests
    assert request.method == "POST"
    assert str(request.url) == URL
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"].startswith("plain-bridge/")
    assert request.extensions["timeout"] == {
        "connect": 5.0,
        "read": 10.0,
        "write": 10.0,
        "pool": 5.0,
    }
    assert plain.asked[0][1]["input"]["externalId"] == DRAFT.external_id
    assert plain.observed == [("createThread", "ok")]


async def test_the_key_is_in_no_repr_no_fault_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    plain = Answers(
        httpx.ReadError("x", request=httpx.Request("POST", URL, headers={"Authorization": KEY})),
        prepared("unauthorized-401.json"),
        prepared("created-200.json"),
    )
    for _ in range(2):
        with pytest.raises(Fault) as caught:
            await plain.client.open_thread(DRAFT)
        assert KEY not in repr(caught.value) + str(vars(caught.value))
        assert caught.value.__context__ is None
        assert KEY not in str(caught.getrepr(style="long", showlocals=True))
    await plain.client.open_thread(DRAFT)
    for held in (plain.client, plain.client._transport):
        assert KEY not in repr(held) + str(vars(held))
    assert KEY not in caplog.text


@pytest.mark.parametrize("key", ["", "two words", "line\nfeed", "ключ"])
def test_a_key_that_cannot_be_one_is_refused_without_being_told(key: str) -> None:
    with pytest.raises(ValueError, match="Plain API key") as caught:
        PlainClient(URL, key)
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "plain.test", "ftp://plain.test", "https://", "https://plain.test:port"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        PlainClient(url, KEY)


async def test_a_closed_client_asks_nothing() -> None:
    client = PlainClient(URL, KEY)
    await client.aclose()
    with pytest.raises(TryLater, match="plain_closed") as caught:
        await client.open_thread(DRAFT)
    assert not caught.value.outcome_unknown


async def test_a_lent_http_client_stays_open() -> None:
    plain = Answers({})
    await plain.client.aclose()
    assert not plain.http.is_closed
