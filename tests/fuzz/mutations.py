"""Valid JSON made hostile: values replaced, left out, doubled, nested, swapped, made extreme."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

Json = Any
"""What `json.loads` gives, with Raw and Twice in it."""

PRIVATE = "a private word 7f3a"
TOKEN = "-".join(("xoxb", "canary", "7f3a", "0000"))
EMAIL = "canary.7f3a@private.example"
NEVER_LOGGED = ("private word", "canary", "private.example")
"""What stands in every hostile text, and no log may hold. None of it has the form of an id."""


@dataclass(frozen=True)
class Raw:
    """JSON text that no value of Python gives."""

    text: str


class Twice(dict[str, Any]):
    """An object that has one of its keys a second time."""

    again: tuple[str, Json] = ("", None)


def text(value: Json) -> str:
    """`value` as JSON; halves of surrogate pairs are escaped, NaN and the like are written."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, dict):
        pairs = [*value.items(), *([value.again] if isinstance(value, Twice) else [])]
        return f"{{{','.join(f'{json.dumps(key)}:{text(inner)}' for key, inner in pairs)}}}"
    if isinstance(value, list):
        return f"[{','.join(map(text, value))}]"
    return json.dumps(value)


DEEP = 3000
LONG = 40_000

TEXTS = (
    "",
    " ",
    PRIVATE,
    TOKEN,
    EMAIL,
    "\0",
    f"nul \0 in {PRIVATE}",
    f"half an emoji \ud83d {PRIVATE}",
    "\udc00",
    "\u202eright to left\u202c \u2067\u0627\u2069",
    "\u2028\u2029\x85\v\f\r",
    "x" * LONG,
    f"{PRIVATE} " * (LONG // 20),
    "<@U1> *a* _b_ ~c~ `d` :e: <https://x.example|f>\n> g\n" * (LONG // 50),
    "<" * LONG,
    "`" * LONG,
    "*a _" * (LONG // 4),
    "[](" * (LONG // 3),
    "&lt;&amp;" * (LONG // 9),
    "\\*[_" * (LONG // 4),
    f"Bearer {TOKEN} " * (LONG // 40),
    "\n" * LONG,
    "é\U0001f469\u200d" * (LONG // 3),
    "U" * 255,
    "U" * 256,
    "U1",
    "C1",
    "B1",
    "c_1",
    "1700000000.000100",
    "999999999999.999999",
    "ticket",
    "ok",
    "true",
    "7",
    "-1",
    "1e999",
    "rich_text",
    "https://[",
    "https://a..b/",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:1/",
    "http://" + "a" * 70 + ".invalid/",
    "https://x.example/archives/C1/p1700000000000100?thread_ts=x",
    "javascript:alert(1)",
)

EXTREMES: tuple[Json, ...] = (
    None,
    True,
    False,
    0,
    -1,
    7,
    2**31,
    -(2**63) - 1,
    2**64,
    10**400,
    0.5,
    1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    Raw("1e999"),
    Raw("9" * 5000),
    [],
    {},
    [None],
    [[]],
    {"": None},
    {"id": None},
    {PRIVATE: PRIVATE},
    [PRIVATE, {"text": PRIVATE}],
    [0] * 5000,
    [{}] * 2000,
    {str(number): number for number in range(2000)},
    Raw("[" * DEEP + "]" * DEEP),
    Raw('{"a":' * DEEP + "1" + "}" * DEEP),
    Raw('{"event":' * DEEP + "{}" + "}" * DEEP),
    Raw('{"message":' * DEEP + "{}" + "}" * DEEP),
    [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": []}]}] * 1000,
)

Slot = tuple[Any, Any]
"""A container of JSON, and a key or an index in it."""


def mutated(value: Json, chance: Random, times: int) -> Json:
    """A copy of `value`, changed in `times` places."""
    whole = {"": copy.deepcopy(value)}
    for _ in range(times):
        places = list(slots(whole))
        holder, key = places[chance.randrange(len(places))]
        chance.choice(_CHANGES)(holder, key, chance, places)
        if "" not in whole:
            return None
    return whole[""]


def slots(value: Json) -> Iterator[Slot]:
    """Every place in `value` where a value stands."""
    inner = (
        list(value.items())
        if isinstance(value, dict)
        else list(enumerate(value))
        if isinstance(value, list)
        else []
    )
    for key, one in inner:
        yield value, key
        if not isinstance(one, list) or len(one) <= MOST_ELEMENTS:
            yield from slots(one)


MOST_ELEMENTS = 200
"""A longer list is taken as one thing: nearly all places would be in it."""


def _replace(holder: Any, key: Any, chance: Random, _places: list[Slot]) -> None:
    holder[key] = copy.deepcopy(chance.choice(EXTREMES))


def _reword(holder: Any, key: Any, chance: Random, _places: list[Slot]) -> None:
    holder[key] = chance.choice(TEXTS)


def _leave_out(holder: Any, key: Any, _chance: Random, _places: list[Slot]) -> None:
    del holder[key]


def _nest(holder: Any, key: Any, chance: Random, _places: list[Slot]) -> None:
    was = holder[key]
    holder[key] = chance.choice([[was], {"id": was}, {"type": was}, {str(key): was}, [[was]]])


def _swap(holder: Any, key: Any, chance: Random, places: list[Slot]) -> None:
    other, there = places[chance.randrange(len(places))]
    if there == "" or key == "":
        return
    value, other_value = copy.deepcopy(holder[key]), copy.deepcopy(other[there])
    holder[key], other[there] = other_value, value


def _double(holder: Any, key: Any, chance: Random, _places: list[Slot]) -> None:
    was = holder[key]
    if isinstance(was, list):
        holder[key] = [*was, *copy.deepcopy(was)] * chance.choice([1, 1, 50])
    elif isinstance(was, dict) and was:
        twice = Twice(was)
        again = chance.choice(list(was))
        twice.again = again, chance.choice([None, 7, PRIVATE, [], {}])
        holder[key] = twice
    elif isinstance(was, str):
        holder[key] = was * chance.choice([2, 1000])
    else:
        holder[key] = [was] * chance.choice([2, 1000])


def _rename(holder: Any, key: Any, chance: Random, _places: list[Slot]) -> None:
    if isinstance(holder, dict) and key != "":
        holder[chance.choice([PRIVATE, "", "\0", "type", "id", "\ud83d", "k" * LONG])] = holder.pop(
            key
        )


_CHANGES: tuple[Callable[[Any, Any, Random, list[Slot]], None], ...] = (
    _replace,
    _replace,
    _reword,
    _reword,
    _leave_out,
    _nest,
    _swap,
    _double,
    _rename,
)


def smaller(value: Json) -> Iterator[Json]:
    """Copies of `value` of which each lacks something, the largest losses first."""
    places = list(slots({"": value}))
    for index, (_, key) in enumerate(places):
        if key == "" and index == 0:
            continue
        copied = {"": copy.deepcopy(value)}
        holder, there = list(slots(copied))[index]
        del holder[there]
        yield copied[""]
    for index, (place, key) in enumerate(places):
        if isinstance(place[key], str) and len(place[key]) > 1:
            copied = {"": copy.deepcopy(value)}
            holder, there = list(slots(copied))[index]
            holder[there] = place[key][: len(place[key]) // 2]
            yield copied[""]
