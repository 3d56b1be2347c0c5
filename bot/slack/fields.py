"""Fields of JSON that may have any shape: what is not as expected counts as missing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeGuard

from bot.core.text.plaintext import whole

Json = Mapping[str, object]

ID = r"[!-~]{1,255}"
"""What an id looks like: they are opaque, but none has a blank or a control character."""

_ID = re.compile(ID)


def is_id(value: object) -> TypeGuard[str]:
    """Whether `value` can be an id of Slack's."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def string(json: Json, name: str) -> str | None:
    """The field if it is a string with something in it; one that can be stored."""
    found = json.get(name)
    return whole(found) if isinstance(found, str) and found.strip() else None


def integer(json: Json, name: str) -> int | None:
    """The field if it is a whole number; JSON's `true` is none."""
    found = json.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def mapping(value: object) -> Json:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def maps(value: object) -> Iterator[Json]:
    """The objects of a list."""
    if isinstance(value, list):
        yield from (one for one in value if isinstance(one, Mapping))


def lists(value: object) -> Iterator[list[object]]:
    """The lists of a list."""
    if isinstance(value, list):
        yield from (one for one in value if isinstance(one, list))
