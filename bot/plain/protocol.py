"""Plain's GraphQL protocol without I/O: bytes out, data or a fault in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from bot.core.faults import Fault, FieldError, PlainError, Reason, Rejected, Rejection, TryLater

Data = dict[str, Any]

LONGEST_WORDS = 500
"""Characters of Plain's own words that a fault keeps; an error can echo all of its input."""

LONGEST_WAIT = 3600.0
"""Seconds; a longer wait is not believed, or one wrong clock would park a row for years."""

SHORTEST_WAIT = 1.0
"""Seconds; a `Retry-After: 0`, or a moment that is over, would be obeyed hundreds of times a
second for as long as it is said."""

_FINAL = re.compile(r"BAD_USER_INPUT|GRAPHQL_\w+")
_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")
_RETRYABLE = frozenset({"attachment_not_uploaded", "cannot_reply_to_unsent_email", "rate_limited"})
_REQUEST_TIMEOUT = 408
_NOT_FORWARDED = frozenset({401, 403, 407})
"""With these a gateway says that it did not let the request through, so that it reached nobody.
https://www.rfc-editor.org/rfc/rfc9110#section-15.5"""


def request(document: str, variables: Mapping[str, object], operation_name: str) -> bytes:
    """Return the body of a POST, ASCII only, so that half a surrogate pair cannot break it.

    https://www.plain.com/docs/graphql/introduction
    """
    body = {"query": document, "variables": variables, "operationName": operation_name}
    return json.dumps(body, separators=(",", ":")).encode("ascii")


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the gateway's id of the answered request, which Plain's support asks for."""
    return _words(_lowered(headers).get("apigw-requestid")) or None


def response(
    status: int, headers: Mapping[str, str], body: bytes, *, write: bool, now: float
) -> Data:
    """Return the `data` of an answer, or raise a Fault.

    `write`: a second request would make a second thing, so that an answer which leaves open what
    became of this one raises TryLater with `outcome_unknown`. `now`: Unix seconds, for waits that
    are given as a moment.

    What Plain itself decided (an error's code, a 4xx in Plain's own JSON) is Rejected, unless it
    may be different later. What only something in between can have said (a page of HTML with any
    status, a redirect, a 5xx, half an answer) passes, and must cost nobody a thread: TryLater.
    https://www.plain.com/docs/graphql/error-handling
    """
    headers = _lowered(headers)
    if status == 429:
        raise _rate_limited(headers, now)
    answer = _json(body)
    errors = answer.get("errors") if isinstance(answer, dict) else None
    if errors:
        raise _graphql_fault(errors, status, headers, write=write, now=now)
    if not 200 <= status < 300:
        raise _http_fault(status, _message(answer), headers, write=write, now=now)
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict):
        cause = "plain_not_json" if answer is None else "plain_no_data"
        raise TryLater(cause, outcome_unknown=write, request_id=request_id(headers))
    return data


def check(
    error: object,
    *,
    write: bool,
    customer: str | None = None,
    request_id: str | None = None,
) -> None:
    """Raise the fault that a mutation's `error` object means; null means none.

    `customer`: whom the mutation is about, for the faults that name the customer.
    An unknown code is final, and keeps all that Plain says about it.
    https://www.plain.com/docs/graphql/error-codes
    """
    if error is None:
        return
    found = error if isinstance(error, dict) else {}
    code = _words(found.get("code")) or "unknown"
    kind = found.get("type")
    message = _words(found.get("message"))
    fields = tuple(_field(one) for one in _dicts(found.get("fields")))
    if customer is not None and code == "customer_is_marked_as_spam":
        raise _rejected(Reason.CUSTOMER_IS_SPAM, request_id, customer=customer)
    if customer is not None and _misses_customer(code, message, fields):
        raise _rejected(Reason.BROKEN_LINK, request_id, customer=customer)
    if code.lower() in _RETRYABLE:
        raise TryLater(f"plain_{code.lower()}", request_id=request_id)
    if kind == "INTERNAL" or code.startswith("internal"):
        raise TryLater("plain_internal", outcome_unknown=write, request_id=request_id)
    if kind == "FORBIDDEN" or code == "forbidden":
        raise _rejected(Reason.PLAIN_FORBIDDEN, request_id, message=message)
    raise _plain_rejected(code, message, request_id, fields)


def _misses_customer(code: str, message: str, fields: Sequence[FieldError]) -> bool:
    """Return True if the error says that the customer does not exist.

    In which form Plain says so is not documented: by a field that is NOT_FOUND, or by its code.
    """
    missing = [field.field for field in fields if field.kind == "NOT_FOUND"]
    if missing:
        return any("customer" in name.lower() for name in missing)
    return code == "customer_not_found" or (code == "not_found" and "customer" in message.lower())


def _graphql_fault(
    errors: object, status: int, headers: Mapping[str, str], *, write: bool, now: float
) -> Fault:
    """Return the fault of top-level `errors`; without a known code the HTTP status decides.

    Of several, a rate limit comes first (nothing was processed), then what no retry fixes.
    """
    said = {_code(error): _words(error.get("message")) for error in reversed(_dicts(errors))}
    asked = request_id(headers)
    if "RATE_LIMITED" in said:
        return _rate_limited(headers, now)
    if "UNAUTHENTICATED" in said:
        return _rejected(Reason.PLAIN_KEY, asked)
    if "FORBIDDEN" in said:
        return _rejected(Reason.PLAIN_FORBIDDEN, asked, message=said["FORBIDDEN"])
    for code, message in said.items():
        if _FINAL.fullmatch(code):
            return _plain_rejected(code, message, asked)
    if "INTERNAL_SERVER_ERROR" in said:
        return TryLater("plain_internal", outcome_unknown=write, request_id=asked)
    code, message = next(reversed(said.items()), ("", ""))
    if 200 <= status < 300:
        return _plain_rejected(code or "unknown", message, asked)
    said_by_plain = message if code or message else None
    return _http_fault(status, said_by_plain, headers, write=write, now=now, code=code)


def _http_fault(
    status: int,
    message: str | None,
    headers: Mapping[str, str],
    *,
    write: bool,
    now: float,
    code: str = "",
) -> Fault:
    """Return what an HTTP status means; `message` is None where the body is not Plain's JSON."""
    asked = request_id(headers)
    if message is not None and 400 <= status < 500 and status != _REQUEST_TIMEOUT:
        return _rejected_by_status(status, message, asked, code)
    cause = "plain_blocked" if status == 403 else f"plain_http_{status}"
    after = retry_after(headers, now)
    unknown = write and status not in _NOT_FORWARDED
    return TryLater(cause, after=after, outcome_unknown=unknown, request_id=asked)


def _rejected_by_status(status: int, message: str, request_id: str | None, code: str) -> Rejected:
    if status == 401:
        return _rejected(Reason.PLAIN_KEY, request_id)
    if status == 403:
        return _rejected(Reason.PLAIN_FORBIDDEN, request_id, message=message)
    return _plain_rejected(code or f"http_{status}", message, request_id)


def _rate_limited(headers: Mapping[str, str], now: float) -> TryLater:
    """Return the fault of a request over the limit: not processed, so safe to repeat.

    https://github.com/team-plain/sdk
    """
    after = retry_after(headers, now)
    after = limit_reset(headers, now) if after is None else after
    return TryLater("plain_rate_limited", after=after, request_id=request_id(headers))


def _plain_rejected(
    code: str, message: str, request_id: str | None, fields: tuple[FieldError, ...] = ()
) -> Rejected:
    error = PlainError(code, message, fields, request_id)
    return Rejected(Rejection(Reason.PLAIN_REFUSED, plain_error=error))


def _rejected(
    reason: Reason, request_id: str | None, *, message: str = "", customer: str | None = None
) -> Rejected:
    error = PlainError(message=message, request_id=request_id)
    return Rejected(Rejection(reason, customer=customer, plain_error=error))


def _field(error: Data) -> FieldError:
    kind = error.get("type")
    return FieldError(_words(error.get("field")), _words(error.get("message")), _words(kind))


def _lowered(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _json(body: bytes) -> object:
    """Return the parsed body; None if it is not JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _dicts(value: object) -> list[Data]:
    """Return the objects of a JSON list; none if it is something else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _code(error: Data) -> str:
    extensions = error.get("extensions")
    return _words(extensions.get("code")) if isinstance(extensions, dict) else ""


def _message(answer: object) -> str | None:
    """Return the text of the gateway's `{"message": …}`; None where the body is something else.

    AWS spells the key with a capital as well.
    """
    if not isinstance(answer, dict):
        return None
    return _words(answer.get("message")) or _words(answer.get("Message")) or None


def _words(value: object) -> str:
    """Return a text of Plain's made printable and bounded, fit for logs, database and people."""
    if not isinstance(value, str):
        return ""
    printable = "".join(letter if letter.isprintable() else " " for letter in value)
    return " ".join(printable.split())[:LONGEST_WORDS]


# How long Plain asks to wait


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds of `Retry-After`, a number or an HTTP date; None if absent or invalid.

    `headers` have lower-case names; `now` is in Unix seconds.
    https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
    """
    value = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(value):
        return _bounded(float(value))
    try:
        return _until(parsedate_to_datetime(value), now)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def limit_reset(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds until the rate limit's window ends; None if no future end is given."""
    ends = limit_ends(headers)
    return _bounded(ends - now) if ends is not None and ends > now else None


def limit_ends(headers: Mapping[str, str]) -> float | None:
    """Return when the rate limit's window ends (Unix seconds), from `x-ratelimit-reset` (ISO 8601).

    Plain's help centre, "Understanding rate limits and their impact on API usage".
    """
    try:
        return _unix(datetime.fromisoformat(headers.get("x-ratelimit-reset", "").strip()))
    except (ValueError, OverflowError):
        return None


def _until(moment: datetime, now: float) -> float:
    return _bounded(_unix(moment) - now)


def _unix(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _bounded(seconds: float) -> float:
    return min(max(seconds, SHORTEST_WAIT), LONGEST_WAIT)
