"""Pages of a list, as Relay's connections give them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphql import GraphQLError

DEFAULT_PAGE = 25
LARGEST_PAGE = 100
"""https://www.plain.com/docs/graphql/pagination"""


def page(
    nodes: Sequence[Any],
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> dict[str, Any]:
    """A connection over `nodes`; GraphQLError BAD_USER_INPUT for a page that cannot be."""
    forward, backward = (first, after), (last, before)
    if forward != (None, None) and backward != (None, None):
        raise _bad("first and after cannot be combined with last and before")
    size = _size(first if backward == (None, None) else last)
    if backward == (None, None):
        start = 0 if after is None else _position(nodes, after) + 1
        end = min(start + size, len(nodes))
    else:
        end = len(nodes) if before is None else _position(nodes, before)
        start = max(end - size, 0)
    edges = [{"cursor": _cursor(node), "node": node} for node in nodes[start:end]]
    return {
        "edges": edges,
        "page_info": {
            "has_previous_page": start > 0,
            "has_next_page": end < len(nodes),
            "start_cursor": edges[0]["cursor"] if edges else None,
            "end_cursor": edges[-1]["cursor"] if edges else None,
        },
    }


def _size(wanted: int | None) -> int:
    if wanted is None:
        return DEFAULT_PAGE
    if not 1 <= wanted <= LARGEST_PAGE:
        raise _bad(f"a page holds 1 to {LARGEST_PAGE}")
    return wanted


def _cursor(node: Any) -> str:
    return f"cursor:{node.id}"


def _position(nodes: Sequence[Any], cursor: str) -> int:
    for index, node in enumerate(nodes):
        if _cursor(node) == cursor:
            return index
    raise _bad("the cursor is unknown")


def _bad(why: str) -> GraphQLError:
    return GraphQLError(f"Invalid pagination: {why}.", extensions={"code": "BAD_USER_INPUT"})
