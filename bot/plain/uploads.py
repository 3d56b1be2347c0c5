"""Upload files to Plain: request a form, then stream the file's bytes to it."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import httpx

from bot import failpoints
from bot.core.faults import PlainError, Reason, Rejected, Rejection, TryLater
from bot.core.model import File
from bot.failpoints import Failpoint
from bot.flows.attachments import UploadForm
from bot.hosts import is_internal
from bot.plain import inputs, operations
from bot.plain.operations import Operation, Variables
from bot.plain.transport import open_http

Ask = Callable[[Operation[UploadForm], Variables], Awaitable[UploadForm]]
"""`PlainClient.ask`, which keeps to the rate limit."""

CONNECTIONS = 4
CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 10.0

_MIME = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,100}", re.ASCII)
_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


class Uploads:
    """Plain's attachments; fits `bot.flows.attachments.Target`.

    The form's address is not Plain's own, and never sees the key. Where Plain itself (`api_url`)
    is on this machine, as the sandbox is, so may the address be. A given `http` is the
    caller's to close.
    """

    def __init__(
        self, ask: Ask, *, api_url: str = "", http: httpx.AsyncClient | None = None
    ) -> None:
        self._ask = ask
        self._is_local = is_internal(httpx.URL(api_url).host)
        self._owned = http is None
        self._http = http or open_http(connections=CONNECTIONS, keepalive=0)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._owned:
            await self._http.aclose()

    async def upload_form(self, customer: str, file: File) -> UploadForm:
        """Request an upload form for the file. Raise TryLater and Rejected."""
        return await self._ask(operations.CREATE_UPLOAD, inputs.create_upload(customer, file))

    async def upload(self, form: UploadForm, file: File, chunks: AsyncIterator[bytes]) -> None:
        """Upload the file. Raise TryLater and Rejected, and what `chunks` raises.

        The fault is raised outside of the handler, so that it does not drag httpx's exception
        along, which holds the address and with it its signature.
        """
        if file.size is None or not _is_safe(form.url, local=self._is_local):
            raise _rejected("upload_form")
        boundary = uuid.uuid4().hex
        before, after = multipart(form.fields, file, boundary)
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(before) + file.size + len(after)),
        }
        failpoints.hit(Failpoint.BEFORE_PLAIN, "upload")
        try:
            async with self._http.stream(
                "POST",
                form.url,
                content=_framed(before, chunks, file.size, after),
                headers=headers,
                timeout=httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS),
                follow_redirects=False,
            ) as answer:
                status = answer.status_code
                page = answer.headers.get("Content-Type", "").lower().startswith("text/html")
        except (httpx.RequestError, OSError):
            status, page = None, False
        finally:
            failpoints.hit(Failpoint.AFTER_PLAIN, "upload")
        if status is None:
            raise TryLater("upload_unreached")
        if status >= 500 or status in (408, 429) or (page and status >= 400):
            # A bucket refuses in XML: a page of HTML comes from something in between.
            # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
            raise TryLater(f"upload_http_{status}")
        if not 200 <= status < 300:
            raise _rejected(f"upload_http_{status}")


def _rejected(code: str) -> Rejected:
    return Rejected(Rejection(Reason.PLAIN_REFUSED, plain_error=PlainError(code)))


def multipart(fields: Sequence[tuple[str, str]], file: File, boundary: str) -> tuple[bytes, bytes]:
    """Return the bytes before the file's and after them: all fields first, the file last.

    https://www.rfc-editor.org/rfc/rfc7578
    https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
    """
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n{value}\r\n'
        for name, value in fields
    ]
    kind = file.mimetype or ""
    parts.append(
        f"--{boundary}\r\nContent-Disposition: form-data; "
        f'name="file"; filename="{_quoted(file.name or file.id)}"\r\n'
        f"Content-Type: {kind if _MIME.fullmatch(kind) else 'application/octet-stream'}\r\n\r\n"
    )
    return "".join(parts).encode("utf-8", "replace"), f"\r\n--{boundary}--\r\n".encode()


def _quoted(name: str) -> str:
    """Return a name as browsers write it. https://html.spec.whatwg.org/#multipart-form-data"""
    return name.translate(_ESCAPES)


async def _framed(
    before: bytes, chunks: AsyncIterator[bytes], size: int, after: bytes
) -> AsyncIterator[bytes]:
    """Yield the whole body; raise TryLater if its length is not the announced one."""
    yield before
    async for chunk in chunks:
        size -= len(chunk)
        if size < 0:
            break
        yield chunk
    if size != 0:
        raise TryLater("upload_of_another_size")
    yield after


def _is_safe(url: str, *, local: bool) -> bool:
    """Return True for https addresses outside of this machine and its network.

    `local`: Plain itself is inside, so that the address may be as well.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return False
    if is_internal(parsed.host):
        return local and parsed.scheme in ("http", "https")
    return parsed.scheme == "https" and bool(parsed.host)
