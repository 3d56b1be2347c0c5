"""A Plain of prepared answers, and the client that asks it."""

from __future__ import annotations

import json
from typing import Any

import httpx

from bot.core.model import ThreadDraft
from bot.core.text.parts import TextPart
from bot.flows.ports import PlainThread
from bot.plain.client import PlainClient
from tests.plain.recordings import HEADERS, NOW, recorded

KEY = "plainApiKey_test"
URL = "https://plain.test/graphql/v1"
DRAFT = ThreadDraft("c_1", "T1:C1:1700000000.000100", "Printer on fire", (TextPart("It burns"),))
THREAD = PlainThread("th_01JAAAAAAAAAAAAAAAAAAAAAAA", "T-123")


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
