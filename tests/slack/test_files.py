"""Slack's files against a local server: its bytes, and all that is not the file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from bot.core.attachments import SkipReason
from bot.core.faults import TryLater
from bot.core.model import File
from bot.slack.calls import open_session, web_client
from bot.slack.files import CHUNK, SlackFiles

TOKEN = "xoxb-test"
LARGE = bytes(range(256)) * 4 * 5_000
"""Five megabytes and a bit."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def slack(
    handler: Handler, info: dict[str, Any] | None = None
) -> AsyncIterator[tuple[SlackFiles, str, list[web.Request]]]:
    """A source that talks to a server, the server's address, and what it was asked."""
    asked: list[web.Request] = []

    async def noted(request: web.Request) -> web.StreamResponse:
        asked.append(request)
        if request.path == "/api/files.info":
            return web.json_response(info)
        return await handler(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", noted)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    session = open_session()
    try:
        yield SlackFiles(web_client(TOKEN, f"{base}/api/", session)), base, asked
    finally:
        await session.close()
        await runner.cleanup()


def gives(body: bytes, content_type: str = "image/png", **more: Any) -> Handler:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, content_type=content_type, **more)

    return answer


def shot(base: str, size: int | None, **more: Any) -> File:
    values = {"name": "a.png", "mimetype": "image/png", "download": f"{base}/f/a.png"} | more
    return File("F1", size=size, **values)


async def fetched(source: SlackFiles, file: File) -> list[bytes] | SkipReason:
    async with source.download(file) as found:
        return found if isinstance(found, SkipReason) else [chunk async for chunk in found]


async def test_a_large_file_is_never_held_whole() -> None:
    async with slack(gives(LARGE)) as (source, base, asked):
        chunks = await fetched(source, shot(base, len(LARGE)))
    assert isinstance(chunks, list)
    assert b"".join(chunks) == LARGE
    assert max(map(len, chunks)) <= CHUNK
    assert asked[0].headers["Authorization"] == f"Bearer {TOKEN}"
    assert asked[0].headers["Accept-Encoding"] == "identity"


async def test_what_is_not_asked_for_yet_is_not_read() -> None:
    """The server is held back as long as nobody takes the bytes."""
    written = 0

    async def slowly(request: web.Request) -> web.StreamResponse:
        nonlocal written
        answer = web.StreamResponse(headers={"Content-Type": "image/png"})
        answer.content_length = 64 * len(LARGE)
        await answer.prepare(request)
        for _ in range(64):
            await answer.write(LARGE)
            written += len(LARGE)
        return answer

    async with slack(slowly) as (source, base, _):
        async with source.download(shot(base, 64 * len(LARGE))) as found:
            assert not isinstance(found, SkipReason)
            async for _chunk in found:
                break
        assert written < 64 * len(LARGE)


LOGIN = b"<!DOCTYPE html><title>Slack</title>"

NOT_THE_FILE: dict[str, tuple[Handler, dict[str, Any], SkipReason]] = {
    "the login page": (gives(LOGIN, "text/html"), {}, SkipReason.UNREADABLE),
    "the login page for a page": (
        gives(LOGIN, "text/html"),
        {"mimetype": "text/html", "size": 900},
        SkipReason.UNREADABLE,
    ),
    "another size": (gives(b"abcd"), {}, SkipReason.UNREADABLE),
    "not found": (gives(b"abc", status=404), {}, SkipReason.UNREADABLE),
    "forbidden": (gives(b"abc", status=403), {}, SkipReason.UNREADABLE),
    "gone": (gives(b"abc", status=410), {}, SkipReason.DELETED),
    "down": (gives(b"abc", status=503), {}, SkipReason.FAILED),
    "limited": (gives(b"abc", status=429), {}, SkipReason.FAILED),
    "no address": (gives(b"abc"), {"download": None}, SkipReason.UNREADABLE),
    "no size": (gives(b"abc"), {"size": None}, SkipReason.UNREADABLE),
}


@pytest.mark.parametrize(("handler", "more", "why"), NOT_THE_FILE.values(), ids=NOT_THE_FILE)
async def test_what_is_not_the_file(
    handler: Handler, more: dict[str, Any], why: SkipReason
) -> None:
    async with slack(handler) as (source, base, _):
        values = {"size": 3} | more
        assert await fetched(source, shot(base, **values)) is why


async def test_a_page_that_is_the_file_goes() -> None:
    async with slack(gives(LOGIN, "text/html")) as (source, base, _):
        file = shot(base, len(LOGIN), mimetype="text/html")
        assert await fetched(source, file) == [LOGIN]


@pytest.mark.parametrize("body", [b"ab", b"abcd" * CHUNK], ids=["shorter", "longer"])
async def test_a_length_that_nobody_announced_is_counted(body: bytes) -> None:
    async def unannounced(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "image/png"})
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        await answer.write(body)
        return answer

    async with slack(unannounced) as (source, base, _):
        with pytest.raises(TryLater, match="slack_file_of_another_size"):
            await fetched(source, shot(base, 3))


async def test_a_connection_that_breaks() -> None:
    async def breaks(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "image/png"})
        answer.content_length = 1_000
        await answer.prepare(request)
        await answer.write(b"abc")
        assert request.transport is not None
        request.transport.abort()
        return answer

    async with slack(breaks) as (source, base, _):
        with pytest.raises(TryLater, match="slack_file_broke_off"):
            await fetched(source, shot(base, 1_000))


async def test_nobody_there() -> None:
    async with slack(gives(b"abc")) as (source, base, _):
        pass
    async with slack(gives(b"abc")) as (other, _, _):
        other._sandbox = source._sandbox
        with pytest.raises(TryLater, match="slack_file_unreached") as raised:
            await fetched(other, shot(base, 3))
    assert base not in repr(raised.value.__dict__)
    assert raised.value.__cause__ is None


FOREIGN = {
    "another port": "http://127.0.0.1:9/a.png",
    "another name of this machine": "http://localhost:{port}/a.png",
    "another host": "https://evil.example/a.png",
    "Slack's host as a part": "https://files.slack.com.evil.example/a.png",
    "Slack's host as a user": "https://files.slack.com@evil.example/a.png",
    "Slack's domain as an ending": "https://evil-slack-files.com/a.png",
    "Slack without encryption": "http://files.slack.com/a.png",
    "Slack on another port": "https://files.slack.com:8443/a.png",
    "a file": "file:///etc/hostname",
    "no address": "https://[half/a.png",
    "no port": "https://files.slack.com:port/a.png",
}


@pytest.mark.parametrize("address", FOREIGN.values(), ids=FOREIGN)
async def test_the_token_goes_to_slack_alone(address: str) -> None:
    async with slack(gives(b"abc")) as (source, base, asked):
        there = address.format(port=base.rpartition(":")[2])
        assert await fetched(source, shot(base, 3, download=there)) is SkipReason.UNREADABLE
        assert asked == []


@pytest.mark.parametrize("address", FOREIGN.values(), ids=FOREIGN)
async def test_a_redirect_leads_nowhere_else(address: str) -> None:
    async def leads(request: web.Request) -> web.StreamResponse:
        there = address.format(port=request.url.port)
        return web.Response(status=302, headers={"Location": there})

    async with slack(leads) as (source, base, asked):
        assert await fetched(source, shot(base, 3)) is SkipReason.UNREADABLE
        assert len(asked) == 1


async def test_a_redirect_within_slack_is_followed() -> None:
    async def leads(request: web.Request) -> web.StreamResponse:
        if request.path == "/f/a.png":
            return web.Response(status=302, headers={"Location": "/g/a.png"})
        return web.Response(body=b"abc", content_type="image/png")

    async with slack(leads) as (source, base, _):
        assert await fetched(source, shot(base, 3)) == [b"abc"]


async def test_a_redirect_in_a_circle_ends() -> None:
    async def leads(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "/f/a.png"})

    async with slack(leads) as (source, base, asked):
        assert await fetched(source, shot(base, 3)) is SkipReason.UNREADABLE
        assert len(asked) == 4


@pytest.mark.parametrize(
    "host",
    ["files.slack.com", "FILES.slack.com", "slack-files.com", "acme.slack-files.com",
     "slack-files-gov.com", "x.slack-files-gov.com", "files.slack-gov.com"],
)  # fmt: skip
async def test_whom_the_token_is_for(host: str) -> None:
    async with slack(gives(b"abc")) as (source, _, _):
        assert source._may_have_the_token(f"https://{host}/files-pri/T1-F1/a.png")


INFOS: dict[str, tuple[dict[str, Any], File | SkipReason]] = {
    "whole": (
        {"ok": True, "file": {"id": "F1", "name": "a.png", "mode": "hosted"}},
        File("F1", "a.png", mode="hosted"),
    ),
    "deleted": ({"ok": False, "error": "file_deleted"}, SkipReason.DELETED),
    "not found": ({"ok": False, "error": "file_not_found"}, SkipReason.UNREADABLE),
    "no scope": ({"ok": False, "error": "missing_scope", "needed": "files:read"}, SkipReason.SCOPE),
    "nonsense": ({"ok": True, "file": []}, SkipReason.UNREADABLE),
}


@pytest.mark.parametrize(("info", "expected"), INFOS.values(), ids=INFOS)
async def test_what_slack_tells_of_a_file(
    info: dict[str, Any], expected: File | SkipReason
) -> None:
    async with slack(gives(b""), info) as (source, _, _):
        assert await source.file("F1") == expected
