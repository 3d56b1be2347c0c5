"""What the ways to an undo share: a ticket, a click, and what is seen after it."""

from __future__ import annotations

from sqlalchemy import text

from bot.app import Windows
from bot.sandbox.plain.nouns import Thread
from bot.sandbox.slack import Ephemeral, Json
from tests.ways.stage import Stage

QUICK = Windows(answers=0.05)
THREAD = '[escalation]\nconfirm = "thread"\n'


async def created(on: Stage) -> Ephemeral:
    """Ada has her ticket; what she was told."""
    await on.ask()
    await on.settled()
    return on.slack.ephemerals(on.ada)[-1]


def seen(on: Stage, user: str) -> str:
    """What the person saw last; nothing yet: empty."""
    return ["", *on.seen_by(user)][-1]


def buttons(blocks: list[Json]) -> list[str]:
    rows = [block["elements"] for block in blocks if block["type"] == "actions"]
    return [element["action_id"] for row in rows for element in row]


def thread(on: Stage, number: int = 0) -> Thread:
    return on.plain.threads[number]


def ignored(on: Stage, number: int = 0) -> bool:
    return thread(on, number).status_detail.kind == "ThreadStatusDetailIgnored"


def grow_older(on: Stage, seconds: float) -> None:
    with on.database.writing() as connection:
        connection.execute(
            text("UPDATE escalation SET settled_at = settled_at - :s, undone_at = undone_at - :s"),
            {"s": seconds},
        )
