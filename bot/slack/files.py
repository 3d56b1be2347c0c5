"""Look up Slack's files and stream their bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import SplitResult, urljoin, urlsplit

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bot import failpoints, proxies
from bot.core.attachments import SkipReason
from bot.core.faults import TryLater
from bot.core.model import File
from bot.failpoints import Failpoint
from bot.hosts import is_loopback
from bot.slack.calls import SlackRejected, call, content
from bot.slack.fields import mapping
from bot.slack.text.files import file_of

CHUNK = 65_536
"""About how many bytes of a file are in memory at a time."""
SILENCE_SECONDS = 10.0
CONNECT_SECONDS = 5.0
MOST_REDIRECTS = 3

_HOSTS = frozenset(
    {"files.slack.com", "files.slack-gov.com", "slack-files.com", "slack-files-gov.com"}
)
_DOMAINS = (".slack-files.com", ".slack-files-gov.com")
"""Hosts that the token is sent to. https://docs.slack.dev/messaging/working-with-files"""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOST: Mapping[str, SkipReason] = {
    "file_deleted": SkipReason.DELETED,
    "missing_scope": SkipReason.SCOPE,
}


class SlackFiles:
    """The files of one workspace; fits `bot.flows.attachments.Source`."""

    def __init__(self, web: AsyncWebClient) -> None:
        self._web = web
        api = urlsplit(web.base_url)
        self._sandbox = _origin(api) if is_loopback(api.hostname or "") else None

    async def file(self, file_id: str) -> File | SkipReason:
        """Return the file. https://docs.slack.dev/reference/methods/files.info"""
        try:
            said = content(await call("files.info", self._web.files_info(file=file_id)))
        except SlackRejected as declined:
            return _LOST.get(declined.code, SkipReason.UNREADABLE)
        return file_of(mapping(said.get("file"))) or SkipReason.UNREADABLE

    @asynccontextmanager
    async def download(self, file: File) -> AsyncIterator[AsyncIterator[bytes] | SkipReason]:
        """Stream the file's bytes.

        Slack answers 200 with its login page if the token or its scope does not open the file,
        so type and size are checked. A redirect is followed only to a host that the token may be
        sent to. No fault names the address, which may hold a token of its own.
        """
        address = file.download
        if address is None or file.size is None:
            yield SkipReason.UNREADABLE
            return
        failpoints.hit(Failpoint.BEFORE_SLACK, "download")
        answer = await self._open(address)
        if isinstance(answer, SkipReason):
            yield answer
            return
        try:
            yield _judge(answer, file) or _bytes(answer, file.size)
        finally:
            answer.close()
            failpoints.hit(Failpoint.AFTER_SLACK, "download")

    async def _open(self, address: str) -> aiohttp.ClientResponse | SkipReason:
        """Follow redirects and return the answer, whose body is not read yet."""
        for _ in range(MOST_REDIRECTS + 1):
            if not self._may_have_the_token(address):
                return SkipReason.UNREADABLE
            answer = await self._get(address)
            if answer.status not in _REDIRECTS:
                return answer
            location = answer.headers.get("Location", "")
            answer.close()
            try:
                address = urljoin(address, location)
            except ValueError:
                return SkipReason.UNREADABLE
        return SkipReason.UNREADABLE

    async def _get(self, address: str) -> aiohttp.ClientResponse:
        if self._web.session is None:
            raise ValueError("the Slack client needs a shared session")
        try:
            return await self._web.session.get(
                address,
                headers={
                    "Authorization": f"Bearer {self._web.token}",
                    "Accept-Encoding": "identity",
                },
                allow_redirects=False,
                proxy=proxies.of(address),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS
                ),
            )
        except (aiohttp.ClientError, OSError, ValueError):
            fault = TryLater("slack_file_unreached")
        raise fault

    def _may_have_the_token(self, address: str) -> bool:
        try:
            parts = urlsplit(address)
            host, origin = (parts.hostname or "").lower(), _origin(parts)
        except ValueError:
            return False
        if self._sandbox is not None and origin == self._sandbox:
            return True
        known = host in _HOSTS or host.endswith(_DOMAINS)
        return known and parts.scheme == "https" and origin[2] == 443


async def _bytes(answer: aiohttp.ClientResponse, size: int) -> AsyncIterator[bytes]:
    """Yield exactly `size` bytes; any other number is another file, or half of it: TryLater."""
    count = 0
    broken = False
    try:
        async for chunk in answer.content.iter_chunked(CHUNK):
            count += len(chunk)
            if count > size:
                break
            yield chunk
    except (aiohttp.ClientError, OSError):
        broken = True
    if broken:
        raise TryLater("slack_file_broke_off")
    if count != size:
        raise TryLater("slack_file_of_another_size")


def _judge(answer: aiohttp.ClientResponse, file: File) -> SkipReason | None:
    """Return why the answer is not the file, by its status and headers; None if it is."""
    if answer.status >= 500 or answer.status == 429:
        return SkipReason.FAILED
    if answer.status != 200:
        return SkipReason.DELETED if answer.status == 410 else SkipReason.UNREADABLE
    is_page = answer.content_type == "text/html" and file.mimetype != "text/html"
    # A length that was counted after compression proves nothing.
    whole = answer.headers.get("Content-Encoding", "identity") == "identity"
    is_other = whole and answer.content_length not in (None, file.size)
    return SkipReason.UNREADABLE if is_page or is_other else None


def _origin(parts: SplitResult) -> tuple[str, str, int | None]:
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port
