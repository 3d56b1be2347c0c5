"""Make one call of Slack's Web API, or answer one `response_url`; raise a fault if it fails."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Mapping
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot import failpoints, proxies
from bot.core.faults import Fault, Reason, Rejected, Rejection, SlackError, TryLater
from bot.failpoints import Failpoint
from bot.slack import bodies
from bot.slack.fields import mapping, string
from bot.slack.limits import CODES, LimitedWebClient, Limits, Observe, seconds

CALL_LIMIT = 10.0
"""Seconds for any call."""
VIEW_LIMIT = 2.0
"""Seconds for opening or updating a view: a trigger is valid for three."""
_CONNECT_LIMIT = 5.0
_WORD = re.compile(r"[a-z_]{1,40}")
"""Slack's error codes; a `response_url` also gives one as plain text: `used_url`."""

_TRANSIENT = frozenset(
    {
        "accesslimited",
        "external_channel_migrating",
        "fatal_error",
        "internal_error",
        "rate_limited",
        "ratelimited",
        "request_timeout",
        "service_unavailable",
        "team_added_to_org",
    }
)

# "It's possible some aspect of the operation succeeded before the error was raised."
# https://docs.slack.dev/reference/methods/chat.postMessage#errors
_OUTCOME_UNKNOWN = frozenset({"fatal_error", "internal_error"})

TOKEN_ERRORS = frozenset(
    {
        "account_inactive",
        "ekm_access_denied",
        "invalid_auth",
        "not_authed",
        "org_login_required",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
        "two_factor_setup_required",
    }
)
"""Errors that the operator can fix, after which the work goes on: none may be lost over them."""


MESSAGE_GONE = frozenset({"message_not_found", "thread_not_found"})
"""Errors for a message or a thread that does not exist (any more)."""


class SlackRejected(Rejected):
    """A final refusal by Slack; `code` is Slack's error code."""

    def __init__(self, method: str, code: str, needed: str | None = None) -> None:
        if code == "missing_scope":
            error, reason = SlackError(scope=needed or None), Reason.MISSING_SCOPE
        else:
            error, reason = SlackError(code, method), Reason.SLACK_REFUSED
        super().__init__(Rejection(reason, slack_error=error))
        self.method = method
        self.code = code


def open_session() -> aiohttp.ClientSession:
    """Return a session that all calls share; call this in the event loop, and close the session."""
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=CALL_LIMIT, sock_connect=_CONNECT_LIMIT),
        cookie_jar=aiohttp.DummyCookieJar(),
        response_class=bodies.Response,
    )


def web_client(
    token: str | None,
    api_url: str,
    session: aiohttp.ClientSession,
    limits: Limits | None = None,
    observe: Observe | None = None,
) -> AsyncWebClient:
    """Return Slack's client as the bridge needs it; `observe` is called after each request.

    A method that Slack has limited is not called before its wait is over: `limits.Limits`.

    It retries nothing: slack_sdk's default handler repeats a post after a broken connection,
    which posts a message twice. It logs no requests, whose bodies hold texts.
    """
    quiet = logging.getLogger("bot.slack.web")
    quiet.setLevel(logging.WARNING)
    web = LimitedWebClient(
        limits=limits,
        observe=observe,
        token=token,
        base_url=api_url,
        session=session,
        timeout=int(CALL_LIMIT),
        retry_handlers=[],
        logger=quiet,
    )
    web.proxy = proxies.of(api_url)
    return web


async def call(
    method: str, request: Awaitable[AsyncSlackResponse], limit: float = CALL_LIMIT
) -> AsyncSlackResponse:
    """Await `request`, an idempotent call of `method`, for at most `limit` seconds.

    Raises TryLater and SlackRejected.
    """
    try:
        return await call_once(method, request, limit)
    except TryLater as later:
        raise TryLater(later.cause, after=later.after) from None


async def call_once(
    method: str, request: Awaitable[AsyncSlackResponse], limit: float = CALL_LIMIT
) -> AsyncSlackResponse:
    """Await `request` as `call` does, for a call that is not idempotent.

    Raises TryLater with `outcome_unknown` if Slack may have processed it.
    """
    failpoints.hit(Failpoint.BEFORE_SLACK, method)
    try:
        async with asyncio.timeout(limit):
            return await request
    except SlackApiError as error:
        raise _fault(method, error) from None
    except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
        raise _unreached(error) from None
    except (AttributeError, ValueError, RecursionError):
        # The SDK's checks of a 200 with text or a list, and json's of what is nested too deep.
        raise TryLater("slack_not_json", outcome_unknown=True) from None
    finally:
        failpoints.hit(Failpoint.AFTER_SLACK, method)


def content(response: AsyncSlackResponse) -> Mapping[str, Any]:
    """Return the response's JSON object; an empty one if it has none."""
    return response.data if isinstance(response.data, dict) else {}


def next_cursor(said: Mapping[str, Any]) -> str | None:
    """Return the cursor of the next page; None after the last one.

    https://docs.slack.dev/apis/web-api/pagination
    """
    return string(mapping(said.get("response_metadata")), "next_cursor")


async def respond(web: AsyncWebClient, url: str, body: Mapping[str, Any]) -> None:
    """Post to a `response_url`, which needs no token and no membership.

    Raises TryLater and SlackRejected.

    https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
    """
    if web.session is None:
        raise ValueError("the Slack client needs a shared session")
    failpoints.hit(Failpoint.BEFORE_SLACK, "response_url")
    try:
        async with (
            asyncio.timeout(CALL_LIMIT),
            web.session.post(
                url, json=dict(body), proxy=proxies.of(url), allow_redirects=False
            ) as answer,
        ):
            text = await answer.text(errors="replace")
            status, headers = answer.status, answer.headers
    except ValueError:  # aiohttp's InvalidURL, and what urllib and the resolver raise for others
        raise SlackRejected("response_url", "invalid_url") from None
    except (aiohttp.ClientError, OSError) as error:
        raise _unreached(error) from None
    finally:
        failpoints.hit(Failpoint.AFTER_SLACK, "response_url")
    said = _object(text)
    if status == 200 and said.get("ok", True):
        return
    if not said and _WORD.fullmatch(word := text.strip()):
        said = {"ok": False, "error": word}
    raise _judge("response_url", status, headers, said)


def _fault(method: str, error: SlackApiError) -> Fault:
    answer = error.response
    if not isinstance(answer, AsyncSlackResponse):  # a body that is no JSON: aiohttp's response
        status = getattr(answer, "status", 200)
        return _judge(method, status, getattr(answer, "headers", {}), {})
    return _judge(method, answer.status_code or 200, answer.headers, content(answer))


def _judge(method: str, status: int, headers: Mapping[str, str], said: Mapping[str, Any]) -> Fault:
    """Return the fault of an answer that is no success.

    Only an `error` in Slack's own JSON, which has `ok`, counts: a proxy answers in HTML, or with
    an `error` of its own. https://docs.slack.dev/apis/web-api/#responses
    """
    code = str(said.get("error") or "") if "ok" in said else ""
    after = seconds(headers.get("Retry-After"))
    if status == 429 or code in CODES:
        return TryLater("slack_ratelimited", after=after)
    if status >= 500:
        return TryLater(f"slack_{status}", after=after, outcome_unknown=True)
    if code in _TRANSIENT:
        return TryLater(f"slack_{code}", after=after, outcome_unknown=code in _OUTCOME_UNKNOWN)
    if code in TOKEN_ERRORS:
        return TryLater(f"slack_{code}")
    if not code:
        return TryLater("slack_not_json", outcome_unknown=True)
    needed = said.get("needed")
    return SlackRejected(method, code, needed if isinstance(needed, str) else None)


def _unreached(error: Exception) -> TryLater:
    """Return the fault of a request without an answer; unknown unless it never connected."""
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return TryLater("slack_unreachable")
    if isinstance(error, TimeoutError):
        return TryLater("slack_timeout", outcome_unknown=True)
    return TryLater("slack_disconnected", outcome_unknown=True)


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
