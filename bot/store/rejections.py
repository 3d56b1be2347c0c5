"""Convert rejections to and from the texts in `reason_data`, which all releases share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bot.core.faults import FieldError, PlainError, Reason, Rejection, SlackError

_UNCONFIRMED = "unconfirmed"
_OF_SLACK = frozenset({Reason.SLACK_REFUSED, Reason.MISSING_SCOPE})


def to_data(rejection: Rejection) -> dict[str, str]:
    """Return the texts of `rejection` by key; its reason has a column of its own."""
    plain = rejection.plain_error or PlainError()
    slack = rejection.slack_error or SlackError()
    data = {
        "requester": rejection.requester,
        "name": rejection.requester_name,
        "address": _UNCONFIRMED if rejection.address_unconfirmed else None,
        "customer": rejection.customer,
        "standing": rejection.user_kind,
        "channel": rejection.channel,
        "label": rejection.label,
        "assignee": rejection.assignee,
        "last": rejection.cause,
        "days": None if rejection.days is None else str(rejection.days),
        "code": rejection.code,
        "method": slack.method,
        "needed": slack.scope,
        "message": plain.message or None,
        "fields": "; ".join(map(str, plain.fields)) or None,
        "request_id": plain.request_id,
    }
    return {key: text for key, text in data.items() if text is not None}


def from_data(reason: Reason, data: Mapping[str, str]) -> Rejection:
    """Return the rejection for `reason` that `data` describes; unknown keys are ignored."""
    plain, slack = None, None
    if reason in _OF_SLACK:
        slack = SlackError(data.get("code"), data.get("method"), data.get("needed"))
    elif data.keys() & {"code", "message", "fields", "request_id"}:
        plain = PlainError(
            data.get("code"),
            data.get("message", ""),
            _fields(data.get("fields", "")),
            data.get("request_id"),
        )
    return Rejection(
        reason,
        requester=data.get("requester"),
        requester_name=data.get("name"),
        address_unconfirmed=data.get("address") == _UNCONFIRMED,
        customer=data.get("customer"),
        user_kind=data.get("standing"),
        channel=data.get("channel"),
        label=data.get("label"),
        assignee=data.get("assignee"),
        cause=data.get("last"),
        days=_number(data.get("days", "")),
        plain_error=plain,
        slack_error=slack,
    )


def rejection_of(reason: str | None, data: Mapping[str, str] | None) -> Rejection | None:
    """Return the rejection of a row; None for one that was not rejected.

    None also for a reason that only a newer release knows.
    """
    return from_data(Reason(reason), data or {}) if reason in set(Reason) else None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _fields(text: str) -> tuple[FieldError, ...]:
    """Read `title: too long; tenant: not found`, in which a message may hold a `;` as well."""
    found: list[FieldError] = []
    for piece in text.split("; ") if text else ():
        field, colon, message = piece.partition(": ")
        if colon or not found:
            found.append(FieldError(field, message) if colon else FieldError(message=piece))
        else:
            found[-1] = replace(found[-1], message=f"{found[-1].message}; {piece}")
    return tuple(found)
