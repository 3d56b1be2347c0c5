"""Bytes in, data or a fault out: every answer that Plain is known to give, and any other."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.faults import Fault, Reason, Rejected, TryLater
from bot.plain import protocol
from bot.store.rejections import to_data
from tests.plain.recordings import HEADERS, NOW, names, recorded

FORBIDDEN = 'Insufficient permissions, missing "labelType:read".'

REFUSED: dict[str, tuple[Reason, dict[str, str]]] = {
    "unauthorized-401.json": (Reason.PLAIN_KEY, {}),
    "unauthenticated-401.json": (Reason.PLAIN_KEY, {}),
    "unauthenticated-200.json": (Reason.PLAIN_KEY, {}),
    "gateway-forbidden-403.json": (
        Reason.PLAIN_FORBIDDEN,
        {"message": "User is not authorized to access this resource with an explicit deny"},
    ),
    "forbidden-200.json": (Reason.PLAIN_FORBIDDEN, {"message": FORBIDDEN}),
    "forbidden-403.json": (Reason.PLAIN_FORBIDDEN, {"message": FORBIDDEN}),
    "two-errors-200.json": (Reason.PLAIN_FORBIDDEN, {"message": "first"}),
    "no-code-403.json": (Reason.PLAIN_FORBIDDEN, {"message": "Nobody may do that"}),
    "bad-user-input-400.json": (
        Reason.PLAIN_REFUSED,
        {
            "code": "BAD_USER_INPUT",
            "message": 'Variable "$customerId" got invalid value',
        },
    ),
    "validation-failed-400.json": (
        Reason.PLAIN_REFUSED,
        {
            "code": "GRAPHQL_VALIDATION_FAILED",
            "message": 'Cannot query field "reff" on type "Thread".',
        },
    ),
    "parse-failed-400.json": (
        Reason.PLAIN_REFUSED,
        {
            "code": "GRAPHQL_PARSE_FAILED",
            "message": "Syntax Error: Expected Name, found <EOF>.",
        },
    ),
    "unheard-of-code-200.json": (
        Reason.PLAIN_REFUSED,
        {"code": "MOON_IS_FULL", "message": "The moon is full"},
    ),
    "unheard-of-code-400.json": (
        Reason.PLAIN_REFUSED,
        {"code": "MOON_IS_FULL", "message": "The moon is full"},
    ),
    "no-code-200.json": (
        Reason.PLAIN_REFUSED,
        {"code": "unknown", "message": "Something about the request"},
    ),
    "errors-of-no-shape-200.json": (
        Reason.PLAIN_REFUSED,
        {"code": "unknown"},
    ),
    "not-found-404.json": (
        Reason.PLAIN_REFUSED,
        {"code": "http_404", "message": "Not Found"},
    ),
}

LATER: dict[str, tuple[str, float | None, bool]] = {
    # the cause, the wait, whether a write's outcome is unknown
    "rate-limited-429.json": ("plain_rate_limited", 30.0, False),
    "rate-limited-429.txt": ("plain_rate_limited", 30.0, False),
    "rate-limited-200.json": ("plain_rate_limited", 30.0, False),
    "limited-and-forbidden-200.json": ("plain_rate_limited", 30.0, False),
    "firewall-403.txt": ("plain_blocked", None, False),
    "firewall-403.html": ("plain_blocked", None, False),
    "authorization-required-401.html": ("plain_http_401", None, False),
    "empty-401.txt": ("plain_http_401", None, False),
    "proxy-authentication-407.html": ("plain_http_407", None, False),
    "bad-request-400.html": ("plain_http_400", None, True),
    "empty-400.txt": ("plain_http_400", None, True),
    "gateway-errors-400.json": ("plain_http_400", None, True),
    "not-found-404.html": ("plain_http_404", None, True),
    "gateway-of-another-404.json": ("plain_http_404", None, True),
    "not-allowed-405.html": ("plain_http_405", None, True),
    "too-large-413.txt": ("plain_http_413", None, True),
    "misdirected-421.html": ("plain_http_421", None, True),
    "too-early-425.html": ("plain_http_425", None, True),
    "legal-reasons-451.html": ("plain_http_451", None, True),
    "client-closed-499.html": ("plain_http_499", None, True),
    "internal-200.json": ("plain_internal", None, True),
    "internal-500.json": ("plain_internal", None, True),
    "unheard-of-code-500.json": ("plain_http_500", None, True),
    "bad-gateway-502.html": ("plain_http_502", None, True),
    "gateway-timeout-504.json": ("plain_http_504", None, True),
    "request-timeout-408.txt": ("plain_http_408", None, True),
    "moved-301.html": ("plain_http_301", None, True),
    "challenge-200.html": ("plain_not_json", None, True),
    "truncated-200.json": ("plain_not_json", None, True),
    "empty-200.txt": ("plain_not_json", None, True),
    "a-list-200.json": ("plain_no_data", None, True),
    "no-data-200.json": ("plain_no_data", None, True),
}

DATA = {"created-200.json", "empty-errors-200.json", "input-invalid-200.json"}


def answer(name: str, *, write: bool, **headers: str) -> protocol.Data:
    found = recorded(name)
    return protocol.response(found.status, HEADERS | headers, found.body, write=write, now=NOW)


def test_every_recorded_answer_stands_in_one_table() -> None:
    assert sorted([*REFUSED, *LATER, *DATA]) == names()


@pytest.mark.parametrize("write", [True, False])
@pytest.mark.parametrize("name", REFUSED)
def test_what_plain_decided_is_refused(name: str, write: bool) -> None:
    reason, data = REFUSED[name]
    with pytest.raises(Rejected) as caught:
        answer(name, write=write)
    assert caught.value.reason is reason
    assert to_data(caught.value.rejection) == data | {"request_id": "req-1"}


@pytest.mark.parametrize("write", [True, False])
@pytest.mark.parametrize("name", LATER)
def test_what_passes_is_tried_later(name: str, write: bool) -> None:
    cause, after, unknown = LATER[name]
    with pytest.raises(TryLater) as caught:
        answer(name, write=write)
    assert (caught.value.cause, caught.value.after) == (cause, after)
    assert caught.value.outcome_unknown == (unknown and write)
    assert caught.value.request_id == "req-1"


@pytest.mark.parametrize("name", sorted(DATA))
def test_good_answers_give_their_data(name: str) -> None:
    assert answer(name, write=True) == json.loads(recorded(name).body)["data"]


@pytest.mark.parametrize(
    ("name", "headers", "after"),
    [
        ("rate-limited-429.json", {"Retry-After": "7"}, 7.0),
        ("rate-limited-429.txt", {"retry-after": "Tue, 01 Sep 2026 10:00:12 GMT"}, 12.0),
        ("rate-limited-429.txt", {"Retry-After": "soon"}, 30.0),
        ("bad-gateway-502.html", {"Retry-After": "20"}, 20.0),
    ],
)
def test_a_wait_that_plain_asks_for_is_kept(
    name: str, headers: dict[str, str], after: float
) -> None:
    with pytest.raises(TryLater) as caught:
        answer(name, write=True, **headers)
    assert caught.value.after == after


def test_without_headers_a_fault_has_neither_wait_nor_request_id() -> None:
    for name in ("rate-limited-429.json", "internal-500.json"):
        found = recorded(name)
        with pytest.raises(TryLater) as later:
            protocol.response(found.status, {}, found.body, write=False, now=NOW)
        assert (later.value.after, later.value.request_id) == (None, None)
    with pytest.raises(Rejected) as refused:
        protocol.response(401, {}, b'{"message":"Unauthorized"}', write=False, now=NOW)
    assert to_data(refused.value.rejection) == {}


def test_too_deep_json_is_no_json() -> None:
    with pytest.raises(TryLater, match="plain_not_json"):
        protocol.response(200, {}, b"[" * 200_000, write=False, now=NOW)


def test_words_of_plain_are_printable_and_bounded() -> None:
    body = json.dumps(
        {
            "errors": [
                {"message": "a\x00b\ud83d\n" + "x" * 9_000, "extensions": {"code": "FORBIDDEN"}}
            ]
        }
    )
    with pytest.raises(Rejected) as caught:
        protocol.response(200, {}, body.encode(), write=False, now=NOW)
    message = to_data(caught.value.rejection)["message"]
    assert message.startswith("a b xxx")
    assert len(message) == protocol.LONGEST_WORDS


def error(kind: object, code: object, *fields: object, message: object = "No.") -> object:
    return {"type": kind, "code": code, "message": message, "fields": list(fields)}


def field(name: object, kind: object, message: object = "") -> object:
    return {"field": name, "type": kind, "message": message}


NO_CUSTOMER = {"customer": "c_1"}

MUTATION_REFUSED: dict[str, tuple[object, Reason, dict[str, str]]] = {
    "all fields in words": (
        error(
            "VALIDATION",
            "input_validation",
            field("title", "VALIDATION", "must not be empty"),
            field("tenantIdentifier", "NOT_FOUND"),
            field(None, None),
        ),
        Reason.PLAIN_REFUSED,
        {
            "code": "input_validation",
            "message": "No.",
            "fields": "title: must not be empty; tenantIdentifier: not found; ?: ?",
        },
    ),
    "spam": (
        error("VALIDATION", "customer_is_marked_as_spam"),
        Reason.CUSTOMER_IS_SPAM,
        NO_CUSTOMER,
    ),
    "no customer, by a field": (
        error("VALIDATION", "input_validation", field("customerIdentifier", "NOT_FOUND")),
        Reason.BROKEN_LINK,
        NO_CUSTOMER,
    ),
    "no customer, by code": (
        error("VALIDATION", "customer_not_found"),
        Reason.BROKEN_LINK,
        NO_CUSTOMER,
    ),
    "no customer, by code and message": (
        error("VALIDATION", "not_found", message="Customer does not exist"),
        Reason.BROKEN_LINK,
        NO_CUSTOMER,
    ),
    "something else is not found": (
        error("VALIDATION", "not_found", message="Label type does not exist"),
        Reason.PLAIN_REFUSED,
        {"code": "not_found", "message": "Label type does not exist"},
    ),
    "forbidden by type": (
        error("FORBIDDEN", "whatever", message="missing thread:create"),
        Reason.PLAIN_FORBIDDEN,
        {"message": "missing thread:create"},
    ),
    "forbidden by code": (
        error(None, "forbidden", message="missing thread:create"),
        Reason.PLAIN_FORBIDDEN,
        {"message": "missing thread:create"},
    ),
    "an unheard-of code": (
        error("VALIDATION", "moon_is_full"),
        Reason.PLAIN_REFUSED,
        {"code": "moon_is_full", "message": "No."},
    ),
    "an empty object": ({}, Reason.PLAIN_REFUSED, {"code": "unknown"}),
    "no object": ("no", Reason.PLAIN_REFUSED, {"code": "unknown"}),
    "odd values": (
        {"type": [1], "code": 3, "message": {}, "fields": {"a": 1}},
        Reason.PLAIN_REFUSED,
        {"code": "unknown"},
    ),
}


@pytest.mark.parametrize("case", MUTATION_REFUSED)
def test_a_mutations_error_is_refused(case: str) -> None:
    given_error, reason, data = MUTATION_REFUSED[case]
    with pytest.raises(Rejected) as caught:
        protocol.check(given_error, write=True, customer="c_1", request_id="req-1")
    assert caught.value.reason is reason
    assert to_data(caught.value.rejection) == data | {"request_id": "req-1"}


@pytest.mark.parametrize(
    "given_error",
    [
        error("VALIDATION", "customer_is_marked_as_spam"),
        error("VALIDATION", "customer_not_found"),
    ],
)
def test_a_mutation_about_no_customer_says_what_plain_says(given_error: object) -> None:
    with pytest.raises(Rejected) as caught:
        protocol.check(given_error, write=True)
    assert caught.value.reason is Reason.PLAIN_REFUSED


@pytest.mark.parametrize(
    ("given_error", "cause", "unknown"),
    [
        (error("INTERNAL", "whatever"), "plain_internal", True),
        (error("VALIDATION", "internal"), "plain_internal", True),
        (error("VALIDATION", "internal_server_error"), "plain_internal", True),
        (error("VALIDATION", "RATE_LIMITED"), "plain_rate_limited", False),
        (error("VALIDATION", "attachment_not_uploaded"), "plain_attachment_not_uploaded", False),
        (
            error("VALIDATION", "cannot_reply_to_unsent_email"),
            "plain_cannot_reply_to_unsent_email",
            False,
        ),
    ],
)
@pytest.mark.parametrize("write", [True, False])
def test_a_mutations_error_may_pass(
    given_error: object, cause: str, unknown: bool, write: bool
) -> None:
    with pytest.raises(TryLater) as caught:
        protocol.check(given_error, write=write, request_id="req-1")
    assert (caught.value.cause, caught.value.outcome_unknown) == (cause, unknown and write)
    assert caught.value.request_id == "req-1"


def test_no_error_is_no_fault() -> None:
    protocol.check(None, write=True)


def test_a_request_is_one_json_object_in_ascii() -> None:
    body = protocol.request("query q { a }", {"text": "½ \ud83d"}, "q")
    assert body.isascii()
    assert json.loads(body) == {
        "query": "query q { a }",
        "variables": {"text": "½ \ud83d"},
        "operationName": "q",
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
CODES = st.sampled_from(
    ["RATE_LIMITED", "FORBIDDEN", "UNAUTHENTICATED", "BAD_USER_INPUT", "INTERNAL_SERVER_ERROR"]
)
ERRORS = st.lists(
    st.fixed_dictionaries(
        {}, optional={"message": JSON, "extensions": JSON | st.fixed_dictionaries({"code": CODES})}
    )
    | JSON,
    max_size=3,
)
BODIES = st.binary() | st.fixed_dictionaries(
    {}, optional={"data": JSON, "errors": ERRORS | JSON, "message": JSON}
).map(lambda value: json.dumps(value).encode())
HEADER_NAMES = st.sampled_from(["Retry-After", "x-ratelimit-reset", "apigw-requestid"])


def outcome(work: Callable[[], protocol.Data]) -> protocol.Data | Fault:
    try:
        return work()
    except Fault as fault:
        return fault


@given(
    status=st.integers() | st.sampled_from([200, 400, 401, 403, 408, 429, 500]),
    headers=st.dictionaries(HEADER_NAMES | st.text(), st.text()),
    body=BODIES,
    write=st.booleans(),
    now=st.floats(0, 1e11),
)
def test_any_answer_is_data_or_a_fault(
    status: int, headers: dict[str, str], body: bytes, write: bool, now: float
) -> None:
    came = outcome(lambda: protocol.response(status, headers, body, write=write, now=now))
    match came:
        case TryLater():
            assert write or not came.outcome_unknown
            assert came.after is None or came.after >= 0
        case Rejected():
            assert all(text.isprintable() for text in to_data(came.rejection).values())
        case _:
            assert isinstance(came, dict)
            assert 200 <= status < 300


@given(
    given_error=JSON
    | st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("type", "code", "message", "fields"), JSON)
    ),
    write=st.booleans(),
)
def test_any_error_of_a_mutation_but_null_is_a_fault(given_error: object, write: bool) -> None:
    if given_error is None:
        protocol.check(given_error, write=write)
    else:
        with pytest.raises(Fault):
            protocol.check(given_error, write=write, customer="c_1")
