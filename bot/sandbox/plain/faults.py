"""The ways in which the sandbox's Plain can be made to fail, and the answers that it then gives."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal, get_args

from starlette.responses import HTMLResponse

from bot.sandbox.plain.api import Answer, answer
from bot.sandbox.plain.wire import Dropped

How = Literal["500", "502", "503", "429", "html", "drop", "hang", "late"]
"""A status; an HTML page with 200; a connection closed without an answer; no answer for a while
and then a gateway's 503; processed only after a while, though the client may have gone."""

_PAGE = "<!DOCTYPE html><html><title>Plain</title><p>We will be back in a moment.</p></html>"


@dataclass
class Fault:
    """`operation` is a root field ("createThread") or an operation's name; None means any.

    `seconds` is how long a "hang" or "late" waits, and the Retry-After of a "429".
    """

    operation: str | None
    how: How
    times: int
    seconds: float | None
    committed: bool

    @property
    def outcome(self) -> str:
        return f"{self.how}, committed" if self.committed else self.how


class Faults:
    """The failures that are still to come, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._pending: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """ValueError for a failure that cannot be."""
        if fault.how not in get_args(How):
            raise ValueError(f"no such failure: {fault.how}")
        if fault.how == "429" and fault.committed:
            raise ValueError("a rate limited request was never processed")
        if fault.how in {"hang", "late"} and fault.seconds is None:
            raise ValueError(f"{fault.how} needs seconds")
        self._pending.append(fault)

    def clear(self) -> None:
        self._pending.clear()

    def next(self, names: Collection[str]) -> Fault | None:
        """The failure that a request meets whose operation goes by `names`; it is used up."""
        for fault in self._pending:
            if fault.operation is None or fault.operation in names:
                fault.times -= 1
                if fault.times < 1:
                    self._pending.remove(fault)
                return fault
        return None


def failure(how: How, outcome: str) -> Answer:
    """The answer that a request gets which fails in this way."""
    match how:
        case "html":
            return Answer(HTMLResponse(_PAGE), outcome)
        case "502":
            return Answer(HTMLResponse(_PAGE, HTTPStatus.BAD_GATEWAY), outcome)
        case "drop":
            return Answer(Dropped(), outcome)
        case "500":
            error = _error("Internal server error", "INTERNAL_SERVER_ERROR")
            return answer(error, HTTPStatus.INTERNAL_SERVER_ERROR, outcome)
        case "429":
            error = _error("Too Many Requests - Rate limit exceeded", "RATE_LIMITED")
            return answer(error, HTTPStatus.TOO_MANY_REQUESTS, outcome)
        case "503" | "hang" | "late":
            body = {"message": "Service Unavailable"}
            return answer(body, HTTPStatus.SERVICE_UNAVAILABLE, outcome)


def _error(message: str, code: str) -> dict[str, object]:
    return {"errors": [{"message": message, "extensions": {"code": code}}]}
