"""Proxies: which one a request goes through, the same for Slack and for Plain."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient

from bot import proxies
from bot.core.faults import TryLater
from bot.core.model import File
from bot.flows.attachments import UploadForm
from bot.plain.client import PlainClient
from bot.plain.uploads import Uploads
from bot.settings import SettingsError, load
from bot.slack import calls
from bot.slack.files import SlackFiles
from bot.slack.socket_mode import _Handler

PROXY = "http://proxy.test:3128"
SLACK = "https://slack.com/api/"

NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("environ", "url", "expected"),
    [
        ({}, SLACK, None),
        ({"HTTPS_PROXY": PROXY}, SLACK, PROXY),
        ({"https_proxy": PROXY}, SLACK, PROXY),
        ({"HTTPS_PROXY": PROXY}, "wss://wss-primary.slack.com/link", PROXY),
        ({"HTTPS_PROXY": PROXY}, "http://slack.test/api/", None),
        ({"HTTP_PROXY": PROXY}, "http://slack.test/api/", PROXY),
        ({"HTTP_PROXY": PROXY}, SLACK, None),
        ({"ALL_PROXY": PROXY}, SLACK, PROXY),
        ({"ALL_PROXY": "http://other.test:1", "HTTPS_PROXY": PROXY}, SLACK, PROXY),
        ({"ALL_PROXY": "socks5://127.0.0.1:1080", "HTTPS_PROXY": PROXY}, SLACK, PROXY),
        ({"https_proxy": PROXY, "HTTPS_PROXY": "http://other.test:1"}, SLACK, PROXY),
        ({"https_proxy": "", "HTTPS_PROXY": PROXY}, SLACK, None),
        ({"HTTPS_PROXY": "proxy.test:3128"}, SLACK, PROXY),
        ({"HTTPS_PROXY": f" {PROXY}\n"}, SLACK, PROXY),
        ({"HTTPS_PROXY": PROXY}, "https://localhost:8080/", None),
        ({"HTTPS_PROXY": PROXY}, "https://127.0.0.1:8080/", None),
        ({"HTTPS_PROXY": PROXY}, "https://[::1]:8080/", None),
    ],
)
def test_which_variable_counts(environ: dict[str, str], url: str, expected: str | None) -> None:
    assert proxies.of(url, environ) == expected


@pytest.mark.parametrize(
    ("exceptions", "url", "direct"),
    [
        ("*", SLACK, True),
        ("slack.com", SLACK, True),
        ("SLACK.com.", SLACK, True),
        (".slack.com", SLACK, True),
        ("*.slack.com", "https://files.slack.com/x", True),
        ("slack.com", "https://files.slack.com/x", True),
        ("slack.com", "https://notslack.com/", False),
        ("files.slack.com", SLACK, False),
        ("localhost, .internal slack.com", SLACK, True),
        ("slack.com:443", SLACK, True),
        ("slack.com:8443", SLACK, False),
        ("https://slack.com", SLACK, True),
        ("10.0.0.0/8", "https://10.1.2.3/", True),
        ("10.0.0.1/8", "https://10.1.2.3/", True),
        ("10.1.2.3", "https://10.1.2.3/", True),
        ("10.0.0.0/8", "https://11.1.2.3/", False),
        ("fd00::/8", "https://[fd12::1]/", True),
        ("[fd12::1]:443", "https://[fd12::1]/", True),
        ("fd00::/8,::1", SLACK, False),
        ("2001:db8::/32", "https://10.1.2.3/", False),
        ("", SLACK, False),
    ],
)
def test_what_no_proxy_excepts(exceptions: str, url: str, direct: bool) -> None:
    environ = {"HTTPS_PROXY": PROXY, "NO_PROXY": exceptions}
    assert proxies.of(url, environ) == (None if direct else PROXY)


# Mistakes


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"ALL_PROXY": "socks5://user:hidden@10.0.0.1:1080"}, "`ALL_PROXY` names a SOCKS proxy"),
        ({"all_proxy": "socks5h://10.0.0.1:1080"}, "`all_proxy` names a SOCKS proxy"),
        ({"HTTPS_PROXY": '"http://hidden:3128"'}, "`HTTPS_PROXY` is no address of a proxy"),
        ({"HTTPS_PROXY": "http://hidden:port"}, "`HTTPS_PROXY` is no address of a proxy"),
        ({"HTTPS_PROXY": "ftp://hidden"}, "`HTTPS_PROXY` is no address of a proxy"),
        ({"HTTPS_PROXY": "http://"}, "`HTTPS_PROXY` is no address of a proxy"),
        ({"HTTPS_PROXY": "http://[::"}, "`HTTPS_PROXY` is no address of a proxy"),
        ({"NO_PROXY": "localhost,10.0.0.0/33"}, "`NO_PROXY`: '10.0.0.0/33' is no network"),
    ],
)
def test_a_mistake_is_told_in_words(tmp_path: Path, environ: dict[str, str], words: str) -> None:
    """It ended `run` and `doctor` in a traceback."""
    with pytest.raises(SettingsError) as raised:
        load(environ, tmp_path)
    (problem,) = raised.value.problems
    assert problem.startswith(f"environment: {words}")
    assert "hidden" not in problem


@pytest.mark.parametrize(
    "environ",
    [
        {"ALL_PROXY": "socks5://10.0.0.1:1080", "HTTPS_PROXY": PROXY},
        {"ALL_PROXY": "socks5://10.0.0.1:1080", "NO_PROXY": "slack.com,plain.com"},
        {
            "ALL_PROXY": "socks5://10.0.0.1:1080",
            "SLACK_API_URL": "http://127.0.0.1:1/api/",
            "PLAIN_API_URL": "http://127.0.0.1:2/",
        },
        {"NO_PROXY": "fd00::/8,::1,*.svc,.cluster.local,10.0.0.0/8,<local>"},
    ],
)
def test_what_concerns_no_request_of_the_bridge_is_no_mistake(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    load(environ, tmp_path)


# On the wire


class Proxy:
    """Answers every request itself, and keeps what it was asked for and by whom."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.credentials: set[str] = set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        async with server:
            yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        self.asked.append(head[0].split()[1])
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        self.credentials.add(headers.get("proxy-authorization", ""))
        body = b'{"ok": true}'
        length = str(len(body)).encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
            b"content-length: " + length + b"\r\n\r\n" + body
        )
        await writer.drain()
        writer.close()


async def _ask_everybody() -> None:
    """Whatever the bridge asks, at addresses that no name server knows."""
    async with calls.open_session() as session:
        web = calls.web_client("xoxb-test", "http://slack.invalid/api/", session)
        for asking in (
            calls.call("api.test", web.api_test()),
            calls.respond(web, "http://hooks.invalid/1", {}),
        ):
            with suppress(TryLater):
                await asking
        files = SlackFiles(web)
        files._sandbox = ("http", "files.invalid", 80)
        with suppress(TryLater):
            (await files._get("http://files.invalid/1")).close()
    plain = PlainClient("http://plain.invalid/", "plainApiKey_test")
    try:
        with pytest.raises(TryLater):  # for it is no answer of Plain's either
            await plain.workspace()
    finally:
        await plain.aclose()


ASKED = [
    "http://slack.invalid/api/api.test",
    "http://hooks.invalid/1",
    "http://files.invalid/1",
    "http://plain.invalid/",
]


async def test_all_requests_go_through_the_proxy_with_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy = Proxy()
    async with proxy.serving() as address:
        monkeypatch.setenv("HTTP_PROXY", f"http://ada:secret@{address}")
        await _ask_everybody()
    assert proxy.asked == ASKED
    assert proxy.credentials == {f"basic {base64.b64encode(b'ada:secret').decode()}".lower()}


async def test_no_proxy_counts_for_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was heeded for Plain, and not for Slack."""
    proxy = Proxy()
    async with proxy.serving() as address:
        monkeypatch.setenv("HTTP_PROXY", f"http://{address}")
        monkeypatch.setenv("NO_PROXY", "fd00::/8,.invalid")
        await _ask_everybody()
    assert proxy.asked == []


async def test_the_socket_goes_where_its_own_address_leads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    opened = iter(["wss://wss-primary.slack.com/1", "wss://wss-backup.slack.com/2"])

    async def issue(_client: Any) -> str:
        return next(opened)

    monkeypatch.setattr(SocketModeClient, "issue_new_wss_url", issue)
    async with calls.open_session() as session:
        web = calls.web_client("xoxb-test", SLACK, session)
        handler = _Handler(AsyncApp(client=web, signing_secret="test"), "xapp-test")
        handler.refused = lambda _code: None
        monkeypatch.setenv("NO_PROXY", "wss-backup.slack.com")
        used = []
        for _ in range(2):
            await handler.opened_url()
            used.append(handler.client.proxy)
        assert used == [PROXY, None]
        await handler.client.aiohttp_client_session.close()


async def test_uploads_go_through_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Proxy()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"x"

    async with proxy.serving() as address:
        monkeypatch.setenv("ALL_PROXY", f"http://{address}")
        uploads = Uploads(lambda *_: None)  # type: ignore[arg-type]
        form = UploadForm(attachment="att_1", url="https://uploads.invalid/", fields=())
        file = File(id="F1", name="a.txt", mimetype="text/plain", size=1)
        with pytest.raises(TryLater):  # for the proxy opens no tunnel
            await uploads.upload(form, file, chunks())
        await uploads.aclose()
    assert proxy.asked == ["uploads.invalid:443"]
