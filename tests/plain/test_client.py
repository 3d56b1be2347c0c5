"""The port: what each verb asks of Plain, and what it makes of the answer."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from bot.core.faults import Fault, Reason, Refused, TryLater
from bot.core.model import Customer, EventDraft, LabelType, Tenant, TextPart, ThreadDraft
from bot.flows.ports import Plain, PlainThread
from bot.plain.answers import Workspace
from bot.plain.client import PAGES, PlainClient
from tests.plain.recordings import HEADERS, NOW, recorded

KEY = "plainApiKey_test"
URL = "https://plain.test/graphql/v1"
DRAFT = ThreadDraft("c_1", "T1:C1:1700000000.000100", "Printer on fire", (TextPart("It burns"),))
EVENT = EventDraft("th_1", "T1:C1:1700000001.000100", "Also from Slack", (TextPart("Smoke"),))
ADA = {"id": "c_1", "fullName": "Ada Byron", "email": {"email": "ada@example.com"}}
THREAD = PlainThread(
    id="th_01JAAAAAAAAAAAAAAAAAAAAAAA",
    ref="T-123",
    title="Printer on fire",
    status="TODO",
    priority=1,
    external_id="T1:C1:1700000000.000100",
    preview_text="It burns",
    customer=Customer("c_01JAAAAAAAAAAAAAAAAAAAAAAA", "Ada Byron", "ada@example.com"),
    labels=(LabelType("lt_01JAAAAAAAAAAAAAAAAAAAAAAA", "Bug"),),
    assignee="u_01JAAAAAAAAAAAAAAAAAAAAAAA",
    created_at="2026-09-01T10:00:00.000Z",
    created_by="mu_01JAAAAAAAAAAAAAAAAAAAAAAA",
)
CREATED: dict[str, Any] = json.loads(recorded("created-200.json").body)["data"]["createThread"]


class Answers:
    """A Plain that gives prepared answers in turn, the last one for ever, and keeps what came.

    An answer is the `data` of a good response, a response, or an exception of httpx.
    """

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.now = NOW
        self.observed: list[tuple[str, str]] = []
        self.http = httpx.AsyncClient(transport=httpx.MockTransport(self.answer))
        self.client = PlainClient(
            URL, KEY, http=self.http, clock=lambda: self.now, observe=self.observe
        )

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        given_answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(given_answer, BaseException):
            raise given_answer
        if isinstance(given_answer, httpx.Response):
            return given_answer
        body = json.dumps({"data": given_answer}).encode()
        return httpx.Response(200, content=body, headers={"apigw-requestid": "r-9"})

    def observe(self, operation: str, status: str, seconds: float) -> None:
        assert seconds >= 0
        self.observed.append((operation, status))

    @property
    def asked(self) -> list[tuple[str, dict[str, Any]]]:
        bodies = [json.loads(request.content) for request in self.requests]
        return [(body["operationName"], body["variables"]) for body in bodies]


def prepared(name: str) -> httpx.Response:
    found = recorded(name)
    return httpx.Response(found.status, content=found.body, headers=HEADERS)


def failed(mutation: str, code: str, **error: object) -> dict[str, object]:
    told = {"message": "No.", "type": "VALIDATION", "code": code, "fields": []} | error
    return {mutation: {"error": told}}


def test_it_is_the_port_that_the_flows_need() -> None:
    port: Plain = Answers({}).client
    assert port


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


async def test_a_thread_by_its_external_id() -> None:
    plain = Answers({"threadByExternalId": CREATED["thread"]}, {"threadByExternalId": None})
    assert await plain.client.thread_by_external_id("c_1", "T1:C1:1") == THREAD
    assert await plain.client.thread_by_external_id("c_1", "T1:C1:1") is None
    assert plain.asked[0] == (
        "threadByExternalId",
        {"customerId": "c_1", "externalId": "T1:C1:1"},
    )


async def test_a_thread_without_what_may_be_missing() -> None:
    bare = CREATED["thread"] | {
        "title": None,
        "externalId": None,
        "previewText": "cut in an emoji \ud83d",
        "customer": {"id": "c_1", "fullName": "Ada", "email": None},
        "labels": [],
        "assignedTo": {},
        "createdBy": {"botId": "new kind"},
        "somethingNew": 1,
    }
    found = await Answers({"threadByExternalId": bare}).client.thread_by_external_id("c_1", "k")
    assert found is not None
    assert found.customer == Customer("c_1", "Ada", None)
    assert (found.title, found.external_id, found.labels) == (None, None, ())
    assert (found.assignee, found.created_by) == (None, None)
    assert found.preview_text == "cut in an emoji ?"


@pytest.mark.parametrize(
    "actor", [{"userId": "x"}, {"machineUserId": "x"}, {"customerId": "x"}, {"systemId": "x"}]
)
async def test_whoever_created_a_thread_is_named(actor: dict[str, str]) -> None:
    thread = CREATED["thread"] | {"createdBy": actor}
    found = await Answers({"threadByExternalId": thread}).client.thread_by_external_id("c_1", "k")
    assert found is not None
    assert found.created_by == "x"


REFUSED_CREATES: dict[str, tuple[object, Reason, dict[str, str]]] = {
    "input": (
        prepared("input-invalid-200.json"),
        Reason.PLAIN_REFUSED,
        {
            "code": "input_validation",
            "message": "There was a validation error.",
            "fields": "title: must not be empty; components.0.componentText.text: required",
            "request_id": "req-1",
        },
    ),
    "no such customer": (
        failed(
            "createThread",
            "input_validation",
            fields=[{"field": "customerIdentifier.customerId", "type": "NOT_FOUND"}],
        ),
        Reason.BROKEN_LINK,
        {"customer": "c_1", "request_id": "r-9"},
    ),
    "spam": (
        failed("createThread", "customer_is_marked_as_spam"),
        Reason.CUSTOMER_IS_SPAM,
        {"customer": "c_1", "request_id": "r-9"},
    ),
    "permission": (
        failed("createThread", "forbidden", type="FORBIDDEN", message="missing thread:create"),
        Reason.PLAIN_FORBIDDEN,
        {"message": "missing thread:create", "request_id": "r-9"},
    ),
    "key": (prepared("unauthorized-401.json"), Reason.PLAIN_KEY, {"request_id": "req-1"}),
}


@pytest.mark.parametrize("case", REFUSED_CREATES)
async def test_a_refused_create(case: str) -> None:
    given_answer, reason, data = REFUSED_CREATES[case]
    plain = Answers(given_answer)
    with pytest.raises(Refused) as caught:
        await plain.client.open_thread(DRAFT)
    assert (caught.value.reason, caught.value.data) == (reason, data)
    assert plain.observed == [("createThread", reason.value)]


UNKNOWN_CREATES: dict[str, tuple[object, str, bool]] = {
    "internal": (failed("createThread", "internal", type="INTERNAL"), "plain_internal", True),
    "no thread and no error": ({"createThread": {"thread": None}}, "plain_unexpected", True),
    "no output": ({"createThread": None}, "plain_unexpected", True),
    "nothing": ({}, "plain_unexpected", True),
    "5xx": (prepared("bad-gateway-502.html"), "plain_http_502", True),
    "html": (prepared("challenge-200.html"), "plain_not_json", True),
    "rate limit": (prepared("rate-limited-429.json"), "plain_rate_limited", False),
    "connect": (httpx.ConnectError("x"), "plain_unreachable", False),
    "connect timeout": (httpx.ConnectTimeout("x"), "plain_unreachable", False),
    "pool timeout": (httpx.PoolTimeout("x"), "plain_unreachable", False),
    "proxy": (httpx.ProxyError("x"), "plain_unreachable", False),
    "read": (httpx.ReadError("x"), "plain_dropped", True),
    "write": (httpx.WriteError("x"), "plain_dropped", True),
    "protocol": (httpx.RemoteProtocolError("x"), "plain_dropped", True),
    "decoding": (httpx.DecodingError("x"), "plain_dropped", True),
    "system": (OSError("x"), "plain_dropped", True),
    "read timeout": (httpx.ReadTimeout("x"), "plain_timeout", True),
    "write timeout": (httpx.WriteTimeout("x"), "plain_timeout", True),
}


@pytest.mark.parametrize("case", UNKNOWN_CREATES)
async def test_a_create_that_may_come_about_later(case: str) -> None:
    given_answer, cause, unknown = UNKNOWN_CREATES[case]
    plain = Answers(given_answer)
    with pytest.raises(TryLater) as caught:
        await plain.client.open_thread(DRAFT)
    assert (caught.value.cause, caught.value.unknown) == (cause, unknown)
    assert plain.observed == [("createThread", cause)]


@pytest.mark.parametrize("case", UNKNOWN_CREATES)
async def test_what_is_harmless_to_repeat_is_never_unknown(case: str) -> None:
    plain = Answers(UNKNOWN_CREATES[case][0])
    for ask in (
        plain.client.thread_by_external_id("c_1", "k"),
        plain.client.upsert_customer("ada@example.com", "Ada", verified=False),
        plain.client.label_types(),
        plain.client.workspace_id(),
    ):
        with pytest.raises(TryLater) as caught:
            await ask
        assert not caught.value.unknown


async def test_an_event_is_added() -> None:
    plain = Answers({"createThreadEvent": {"threadEvent": {"id": "te_1"}, "error": None}})
    await plain.client.add_event(EVENT)
    ((operation, variables),) = plain.asked
    assert operation == "createThreadEvent"
    assert variables["input"]["threadId"] == "th_1"


@pytest.mark.parametrize(
    "data",
    [
        {"createThreadEvent": {"threadEvent": None, "error": None}},
        {"createThreadEvent": {"threadEvent": {"id": None}, "error": None}},
        failed("createThreadEvent", "internal", type="INTERNAL"),
    ],
)
async def test_an_event_that_may_have_been_added(data: object) -> None:
    with pytest.raises(TryLater) as caught:
        await Answers(data).client.add_event(EVENT)
    assert caught.value.unknown
    assert caught.value.request_id == "r-9"


def events(*external_ids: str | None, before: str | None = None) -> dict[str, object]:
    edges: list[object] = [{"node": {"entry": {"externalId": one}}} for one in external_ids]
    page = {"hasPreviousPage": before is not None, "startCursor": before or "start"}
    other: list[object] = [{"node": {"entry": {}}}]
    return {"thread": {"timelineEntries": {"edges": edges + other, "pageInfo": page}}}


async def test_an_event_is_looked_for_on_all_pages_newest_first() -> None:
    plain = Answers(events("b", None, before="cursor"), events("a"))
    assert await plain.client.has_event("th_1", "a")
    assert [variables["before"] for _, variables in plain.asked] == [None, "cursor"]


async def test_an_event_is_found_without_a_look_at_older_ones() -> None:
    plain = Answers(events("a", before="cursor"))
    assert await plain.client.has_event("th_1", "a")
    assert len(plain.asked) == 1


@pytest.mark.parametrize("data", [events("b", None), events(), {"thread": None}])
async def test_there_is_no_such_event(data: object) -> None:
    assert not await Answers(data).client.has_event("th_1", "a")


async def test_a_timeline_without_end_is_left() -> None:
    plain = Answers(events("b", before="cursor"))
    assert not await plain.client.has_event("th_1", "a")
    assert len(plain.asked) == PAGES


@pytest.mark.parametrize(
    ("name", "operation", "variables"),
    [
        ("c_1", "customer", {"customerId": "c_1"}),
        ("ada@example.com", "customerByEmail", {"email": "ada@example.com"}),
        ("c_ada@example.com", "customerByEmail", {"email": "c_ada@example.com"}),
        ("external:42", "customerByExternalId", {"externalId": "42"}),
        ("external:a@b", "customerByExternalId", {"externalId": "a@b"}),
    ],
)
async def test_a_customer_is_found_by_any_name(
    name: str, operation: str, variables: dict[str, str]
) -> None:
    plain = Answers({operation: ADA}, {operation: None}, prepared("bad-user-input-400.json"))
    assert await plain.client.find_customer(name) == Customer("c_1", "Ada Byron", "ada@example.com")
    assert await plain.client.find_customer(name) is None
    assert await plain.client.find_customer(name) is None
    assert plain.asked[0] == (operation, variables)


async def test_what_is_no_name_of_a_customer_is_not_asked_for() -> None:
    plain = Answers({})
    assert await plain.client.find_customer("Ada") is None
    assert plain.asked == []


async def test_a_customer_that_may_not_be_read_is_not_an_unknown_one() -> None:
    with pytest.raises(Refused, match="plain_forbidden"):
        await Answers(prepared("forbidden-403.json")).client.find_customer("c_1")


async def test_a_customer_is_made() -> None:
    plain = Answers({"upsertCustomer": {"customer": ADA, "error": None}})
    made = await plain.client.upsert_customer("ada@example.com", "Ada Byron", verified=True)
    assert made == Customer("c_1", "Ada Byron", "ada@example.com")
    assert plain.asked[0][1]["input"]["onUpdate"] == {}


async def test_a_customer_that_has_the_address_already_is_looked_up() -> None:
    exists = failed("upsertCustomer", "customer_already_exists_with_email")
    plain = Answers(exists, {"customerByEmail": ADA})
    found = await plain.client.upsert_customer("ada@example.com", "Ada", verified=False)
    assert found.id == "c_1"
    assert [operation for operation, _ in plain.asked] == ["upsertCustomer", "customerByEmail"]


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        (
            [
                failed("upsertCustomer", "customer_already_exists_with_email"),
                {"customerByEmail": None},
            ],
            "customer_already_exists_with_email",
        ),
        ([failed("upsertCustomer", "input_validation")], "input_validation"),
    ],
)
async def test_a_customer_that_cannot_be_made(answers: Sequence[object], code: str) -> None:
    with pytest.raises(Refused) as caught:
        await Answers(*answers).client.upsert_customer("ada@example.com", "Ada", verified=False)
    assert caught.value.data["code"] == code


@pytest.mark.parametrize(
    ("user", "found"),
    [
        ({"id": "u_1", "isDeleted": False}, "u_1"),
        ({"id": "u_1", "isDeleted": True}, None),
        (None, None),
    ],
)
async def test_a_user_by_email(user: object, found: str | None) -> None:
    assert await Answers({"userByEmail": user}).client.user_by_email("g@example.com") == found


def labels(*names: str, after: str | None = None) -> dict[str, object]:
    edges = [{"node": {"id": f"lt_{name}", "name": name}} for name in names]
    page = {"hasNextPage": after is not None, "endCursor": after or "end"}
    return {"labelTypes": {"edges": edges, "pageInfo": page}}


async def test_label_types_are_read_to_the_end_and_kept_for_five_minutes() -> None:
    plain = Answers(labels("Bug", after="cursor"), labels("Idea"), labels("New"))
    both = [LabelType("lt_Bug", "Bug"), LabelType("lt_Idea", "Idea")]
    assert list(await plain.client.label_types()) == both
    assert [variables["after"] for _, variables in plain.asked] == [None, "cursor"]
    plain.now += 299
    assert list(await plain.client.label_types()) == both
    plain.now += 1
    assert list(await plain.client.label_types()) == [LabelType("lt_New", "New")]


async def test_label_types_are_asked_for_once_by_many_at_a_time() -> None:
    plain = Answers(labels("Bug"))
    await asyncio.gather(*(plain.client.label_types() for _ in range(8)))
    assert len(plain.asked) == 1


def tenants(*names: str, after: str | None = None) -> dict[str, object]:
    edges = [
        {"node": {"id": f"te_{name}", "name": name, "externalId": name.lower()}} for name in names
    ]
    page = {"hasNextPage": after is not None, "endCursor": after or "end"}
    return {"tenants": {"edges": edges, "pageInfo": page}}


def tenant(name: str) -> Tenant:
    return Tenant(f"te_{name}", name, name.lower())


async def test_tenants_are_read_to_the_end_and_an_old_list_is_served_at_once() -> None:
    plain = Answers(tenants("Acme", after="cursor"), tenants("Zen"), tenants("New"))
    assert plain.client.tenants_at_hand() == ()
    assert await plain.client.recent_tenants() == (tenant("Acme"), tenant("Zen"))
    assert [variables["after"] for _, variables in plain.asked] == [None, "cursor"]
    plain.now += 900
    assert await plain.client.recent_tenants() == (tenant("Acme"), tenant("Zen"))
    while plain.client.tenants_at_hand() != (tenant("New"),):  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def test_more_tenants_than_there_are_pages_for_are_left_out() -> None:
    plain = Answers(tenants("Acme", after="cursor"))
    assert await plain.client.recent_tenants() == (tenant("Acme"),) * PAGES


async def test_a_key_that_may_not_read_tenants_is_asked_about_once() -> None:
    plain = Answers(prepared("forbidden-200.json"))
    for _ in range(3):
        assert await plain.client.recent_tenants() is None
    assert plain.client.tenants_at_hand() is None
    assert len(plain.asked) == 1


async def test_another_refusal_is_not_kept() -> None:
    plain = Answers(httpx.ConnectError("no"), tenants("Acme"))
    with pytest.raises(TryLater):
        await plain.client.recent_tenants()
    assert plain.client.tenants_at_hand() == ()
    assert await plain.client.recent_tenants() == (tenant("Acme"),)


async def test_label_types_without_end_are_not_believed() -> None:
    plain = Answers(labels("Bug", after="cursor"))
    with pytest.raises(TryLater, match="plain_endless_pages"):
        await plain.client.label_types()
    assert len(plain.asked) == PAGES


async def test_the_workspaces_id_is_asked_once() -> None:
    plain = Answers({"myWorkspace": {"id": "w_1"}})
    assert await plain.client.workspace_id() == "w_1"
    plain.now += 1e9
    assert await plain.client.workspace_id() == "w_1"
    assert len(plain.asked) == 1


@pytest.mark.parametrize(("machine", "id_"), [({"id": "mu_1"}, "mu_1"), (None, None)])
async def test_the_workspace_for_the_doctor(machine: object, id_: str | None) -> None:
    data = {
        "myWorkspace": {"id": "w_1", "name": "Acme"},
        "myMachineUser": machine,
        "myPermissions": {"permissions": ["thread:create", "thread:read"]},
    }
    assert await Answers(data).client.workspace() == Workspace(
        "w_1", "Acme", id_, frozenset({"thread:create", "thread:read"})
    )


async def test_one_that_gives_up_is_observed_too() -> None:
    plain = Answers(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await plain.client.workspace()
    assert plain.observed == [("workspace", "abandoned")]


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
    assert KEY not in repr(plain.client) + str(vars(plain.client))
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
    assert not caught.value.unknown


async def test_a_lent_http_client_stays_open() -> None:
    plain = Answers({})
    await plain.client.aclose()
    assert not plain.http.is_closed
