"""Read Slack's JSON leniently: a field of an unexpected shape counts as missing.

Functions read single fields; `Payload` is the base of the models of whole payloads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeGuard

from pydantic import BaseModel, ConfigDict, StringConstraints

from bot.core.text.plaintext import whole

Json = Mapping[str, object]
Body = dict[str, Any]
"""A whole payload, as Bolt hands it to a listener."""

ID = r"[!-~]{1,255}"
"""Any id of Slack's. They are opaque, but none has a blank or a control character."""
URL = "https?://[!-~]{1,2000}"

Id = Annotated[str, StringConstraints(pattern=rf"^{ID}$")]
Ts = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}\.[0-9]{6}$")]
Url = Annotated[str, StringConstraints(pattern=rf"^{URL}$")]

SLACKS_OWN_USERS: Mapping[str, str] = {"USLACKBOT": "Slackbot", "USLACK": "Slack"}
"""Names by id. Slackbot's `is_bot` is false."""

_ID = re.compile(ID)


class Payload(BaseModel):
    """Base of the models of what Slack sends; unknown fields are ignored.

    A required field that is missing, or a field of the wrong form, is pydantic's ValidationError.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


def is_id(value: object) -> TypeGuard[str]:
    """Return whether `value` can be one of Slack's ids."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def storable(text: str) -> str:
    """Return `text` in a form that every database takes."""
    return whole(text).replace("\0", "")


def string(json: Json, name: str) -> str | None:
    """Return the field if it is a string that is not blank, in a form that can be stored."""
    found = json.get(name)
    return whole(found) if isinstance(found, str) and found.strip() else None


def integer(json: Json, name: str) -> int | None:
    """Return the field if it is an integer; JSON's `true` is none."""
    found = json.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def mapping(value: object) -> Json:
    """Return `value` if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def maps(value: object) -> Iterator[Json]:
    """Yield the objects in a list."""
    if isinstance(value, list):
        yield from (one for one in value if isinstance(one, Mapping))


def lists(value: object) -> Iterator[list[object]]:
    """Yield the lists in a list."""
    if isinstance(value, list):
        yield from (one for one in value if isinstance(one, list))
