"""Slack's files: what `files.info` tells of them, and their bytes as they come."""

from __future__ import annotations

import ipaddress
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
from bot.slack.calls import Declined, call, content
from bot.slack.fields import mapping
from bot.slack.text.files import file_of

CHUNK = 65_536
"""Bytes that are in memory of a file at a time, more or less."""
SILENCE_SECONDS = 10.0
CONNECT_SECONDS = 5.0
MOST_REDIRECTS = 3

_HOSTS = frozenset(
    {"files.slack.com", "files.slack-gov.com", "slack-files.com", "slack-files-gov.com"}
)
_DOMAINS = (".slack-files.com", ".slack-files-gov.com")
"""Who gets to see the token. https://docs.slack.dev/messaging/working-with-files"""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOST: Mapping[str, SkipReason] = {
    "file_deleted": SkipReason.DELETED,
    "missing_scope": SkipReason.SCOPE,
}


class SlackFiles:
    """Where files come from; fits `bot.flows.attachments.Source`."""

    def __init__(self, web: AsyncWebClient) -> None:
        self._web = web
        api = urlsplit(web.base_url)
        self._sandbox = _origin(api) if _is_loopback(api) else None

    async def file(self, file_id: str) -> File | SkipReason:
        """All that Slack tells of the file. https://docs.slack.dev/reference/methods/files.info"""
        try:
            said = content(await call("files.info", self._web.files_info(file=file_id)))
        except Declined as declined:
            return _LOST.get(declined.code, SkipReason.UNREADABLE)
        return file_of(mapping(said.get("file"))) or SkipReason.UNREADABLE

    @asynccontextmanager
    async def download(self, file: File) -> AsyncIterator[AsyncIterator[bytes] | SkipReason]:
        """The file's bytes as they come.

        Slack answers 200 with its login page where the token or its scope does not open the
        file, so the kind and the size of what comes decide. A redirect is followed only where
        the token may go. The address is named in no fault: it may hold a token of its own.
        """
        address = file.download
        if address is None or file.size is None:
            yield SkipReason.UNREADABLE
            return
        failpoints.hit(Failpoint.BEFORE_SLACK, "download")
        answer = await self._opened(address)
        if isinstance(answer, SkipReason):
            yield answer
            return
        try:
            yield _judge(answer, file) or _bytes(answer, file.size)
        finally:
            answer.close()
            failpoints.hit(Failpoint.AFTER_SLACK, "download")

    async def _opened(self, address: str) -> aiohttp.ClientResponse | SkipReason:
        """The answer, after as many redirects as may be; without its body."""
        for _ in range(MOST_REDIRECTS + 1):
            if not self._may_have_the_token(address):
                return SkipReason.UNREADABLE
            answer = await self._asked(address)
            if answer.status not in _REDIRECTS:
                return answer
            location = answer.headers.get("Location", "")
            answer.close()
            try:
                address = urljoin(address, location)
            except ValueError:
                return SkipReason.UNREADABLE
        return SkipReason.UNREADABLE

    async def _asked(self, address: str) -> aiohttp.ClientResponse:
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
    """Exactly `size` bytes; what comes besides is another file, or half of it."""
    seen = 0
    broken = False
    try:
        async for chunk in answer.content.iter_chunked(CHUNK):
            seen += len(chunk)
            if seen > size:
                break
            yield chunk
    except (aiohttp.ClientError, OSError):
        broken = True
    if broken:
        raise TryLater("slack_file_broke_off")
    if seen != size:
        raise TryLater("slack_file_of_another_size")


def _judge(answer: aiohttp.ClientResponse, file: File) -> SkipReason | None:
    """What the answer says before its body; None where it is the file."""
    if answer.status >= 500 or answer.status == 429:
        return SkipReason.FAILED
    if answer.status != 200:
        return SkipReason.DELETED if answer.status == 410 else SkipReason.UNREADABLE
    page = answer.content_type == "text/html" and file.mimetype != "text/html"
    # A length that was counted after compression says nothing.
    whole = answer.headers.get("Content-Encoding", "identity") == "identity"
    other = whole and answer.content_length not in (None, file.size)
    return SkipReason.UNREADABLE if page or other else None


def _origin(parts: SplitResult) -> tuple[str, str, int | None]:
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port


def _is_loopback(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
