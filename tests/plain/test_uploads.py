"""Files to Plain: the form's bytes, and what becomes of them on the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from bot.core.faults import Rejected, TryLater
from bot.core.model import File
from bot.flows.attachments import UploadForm
from bot.plain import inputs
from bot.plain.operations import Operation, Variables
from bot.plain.uploads import Uploads, multipart

FIELDS = (("key", "attachments/att_1"), ("policy", "ab=="))
PIECE = b"x" * 65_536
LARGE = 80 * len(PIECE)
"""Five megabytes."""


def test_all_fields_come_first_and_the_file_last() -> None:
    before, after = multipart(FIELDS, File("F1", "a.png", "image/png"), "B")
    assert before + b"PNG" + after == (
        b"--B\r\n"
        b'Content-Disposition: form-data; name="key"\r\n\r\nattachments/att_1\r\n'
        b"--B\r\n"
        b'Content-Disposition: form-data; name="policy"\r\n\r\nab==\r\n'
        b"--B\r\n"
        b'Content-Disposition: form-data; name="file"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\n"
        b"PNG\r\n--B--\r\n"
    )


HEADS = {
    "quotes and line feeds": ('a"b\r\nX: y.png', b'filename="a%22b%0D%0AX: y.png"'),
    "letters": ("ä€.png", 'filename="ä€.png"'.encode()),
    "half a character": ("\ud83d.png", b'filename="?.png"'),
    "no name": (None, b'filename="F1"'),
}


@pytest.mark.parametrize(("name", "expected"), HEADS.values(), ids=HEADS)
def test_a_name_breaks_no_header(name: str | None, expected: bytes) -> None:
    before, _ = multipart((), File("F1", name), "B")
    assert expected in before
    assert before.count(b"\r\n") == 4


@pytest.mark.parametrize("kind", [None, "", "text/html\r\nX: y", "image", "a b/c"])
def test_a_kind_that_is_none_breaks_no_header(kind: str | None) -> None:
    before, _ = multipart((), File("F1", "a", kind), "B")
    assert b"Content-Type: application/octet-stream\r\n\r\n" in before


@asynccontextmanager
async def bucket(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[tuple[Uploads, UploadForm]]:
    """A place for one file on a local server."""
    app = web.Application(client_max_size=10 * LARGE)
    app.router.add_post("/b", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    form = UploadForm("att_1", f"http://127.0.0.1:{runner.addresses[0][1]}/b?X-Sig=1", FIELDS)

    async def ask(_operation: Operation[UploadForm], _variables: Variables) -> UploadForm:
        return form

    uploads = Uploads(ask, api_url="http://127.0.0.1:8000/graphql")
    try:
        yield uploads, form
    finally:
        await uploads.aclose()
        await runner.cleanup()


async def pieces(count: int, of: bytes = PIECE) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield of


async def test_a_large_file_goes_as_it_comes() -> None:
    """What is sent is under way before the last piece was read."""
    seen: dict[str, object] = {}
    read = 0
    read_when_it_began: list[int] = []

    async def take(request: web.Request) -> web.StreamResponse:
        read_when_it_began.append(read)
        body = await request.read()
        seen.update(request.headers)
        seen["length"] = len(body)
        seen["xs"] = body.count(b"x" * 1024)
        return web.Response(status=204)

    async def counted() -> AsyncIterator[bytes]:
        nonlocal read
        async for piece in pieces(80):
            read += len(piece)
            yield piece

    async with bucket(take) as (uploads, form):
        file = File("F1", "a.bmp", "image/bmp", LARGE)
        assert await uploads.upload_form("c_1", file) is form
        await uploads.upload(form, file, counted())
    assert seen["xs"] == LARGE // 1024
    assert seen["Content-Length"] == str(seen["length"])
    assert "Transfer-Encoding" not in seen
    assert "Authorization" not in seen
    assert read_when_it_began[0] < LARGE


async def test_what_is_asked_of_plain() -> None:
    asked: list[tuple[str, Variables]] = []

    async def ask(operation: Operation[UploadForm], variables: Variables) -> UploadForm:
        asked.append((operation.name, variables))
        return UploadForm("att_1", "https://bucket.example/", ())

    uploads = Uploads(ask)
    await uploads.upload_form("c_1", File("F1", " a\nb.png ", size=5))
    await uploads.upload_form("c_1", File("F1", "x" * 300, size=5))
    await uploads.aclose()
    names = [variables["input"]["fileName"] for _, variables in asked]  # type: ignore[index]
    assert names == ["a b.png", "x" * (inputs.LONGEST_FILE_NAME - 1) + "…"]
    assert asked[0] == (
        "createAttachmentUploadUrl",
        {
            "input": {
                "customerId": "c_1",
                "fileName": "a b.png",
                "fileSizeBytes": 5,
                "attachmentType": "CUSTOM_TIMELINE_ENTRY",
            }
        },
    )


@pytest.mark.parametrize(
    ("status", "fault"),
    [(400, Rejected), (403, Rejected), (302, Rejected), (408, TryLater), (429, TryLater),
     (500, TryLater), (503, TryLater)],
)  # fmt: skip
async def test_what_the_bucket_says(status: int, fault: type[Exception]) -> None:
    async def take(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(status=status, headers={"Location": "/b"})

    async with bucket(take) as (uploads, form):
        with pytest.raises(fault) as raised:
            await uploads.upload(form, File("F1", "a", size=3), pieces(1, b"abc"))
    assert "X-Sig" not in f"{raised.value!r} {raised.value.__dict__}"


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_a_page_of_html_in_the_buckets_place_is_an_outage(status: int) -> None:
    async def take(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(status=status, text="<html>", content_type="text/html")

    async with bucket(take) as (uploads, form):
        with pytest.raises(TryLater, match=f"upload_http_{status}"):
            await uploads.upload(form, File("F1", "a", size=3), pieces(1, b"abc"))


@pytest.mark.parametrize("count", [1, 3], ids=["shorter", "longer"])
async def test_a_file_of_another_size_is_not_sent_whole(count: int) -> None:
    taken: list[int] = []

    async def take(request: web.Request) -> web.StreamResponse:
        taken.append(len(await request.read()))
        return web.Response(status=204)

    async with bucket(take) as (uploads, form):
        with pytest.raises(TryLater, match="upload_of_another_size"):
            await uploads.upload(form, File("F1", "a", size=6), pieces(count, b"abc"))
    assert taken == []


async def test_what_the_reading_raises_comes_through() -> None:
    async def breaks() -> AsyncIterator[bytes]:
        yield b"abc"
        raise TryLater("slack_file_broke_off")

    async def take(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(status=204)

    async with bucket(take) as (uploads, form):
        with pytest.raises(TryLater, match="slack_file_broke_off"):
            await uploads.upload(form, File("F1", "a", size=6), breaks())


async def test_nobody_there() -> None:
    async def take(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=204)

    async with bucket(take) as (_, form):
        pass
    async with bucket(take) as (uploads, _):
        with pytest.raises(TryLater, match="upload_unreached") as raised:
            await uploads.upload(form, File("F1", "a", size=3), pieces(1, b"abc"))
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


@pytest.mark.parametrize("url", ["http://bucket.example/", "ftp://bucket.example/", "https://", ""])
async def test_a_place_that_is_none(url: str) -> None:
    async def take(_request: web.Request) -> web.StreamResponse:
        raise AssertionError("nothing goes there")

    async with bucket(take) as (uploads, _):
        with pytest.raises(Rejected):
            await uploads.upload(UploadForm("a", url, ()), File("F1", size=3), pieces(1, b"abc"))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/",
        "https://127.0.0.1/",
        "http://localhost:9/",
        "https://localhost/",
        "https://10.0.0.1/",
        "https://169.254.169.254/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
    ],
)
async def test_an_address_near_the_bridge_is_no_place_of_a_plain_elsewhere(url: str) -> None:
    async def ask(_operation: Operation[UploadForm], _variables: Variables) -> UploadForm:
        raise AssertionError("nobody asks")

    uploads = Uploads(ask, api_url="https://core-api.uk.plain.com/graphql/v1")
    with pytest.raises(Rejected):
        await uploads.upload(UploadForm("a", url, ()), File("F1", size=3), pieces(1, b"abc"))
    await uploads.aclose()
