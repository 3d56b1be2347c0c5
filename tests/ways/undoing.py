"""What the ways to an undo share: a ticket, a click, and what is seen after it."""

from __future__ import annotations

import time

from sqlalchemy import text

from bot.app import Windows
from bot.sandbox.plain.nouns import Thread
from bot.sandbox.slack import Ephemeral, Json
from tests.ways.stage import Stage, until

QUICK = Windows(expired=0.05)
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


async def undone(on: Stage) -> None:
    """Wait until no undo is left to do, and all who were told have heard."""
    await until(lambda: not _due(on, "undo") and not _due(on, "edit"))
    await on.bridge.background.drain()


def _due(on: Stage, kind: str) -> int:
    due = text("SELECT count(*) FROM job WHERE kind = :kind AND due < :now")
    with on.database.reading() as connection:
        return int(connection.scalar(due, {"kind": kind, "now": time.time() + 10.0}) or 0)


def grow_older(on: Stage, seconds: float) -> None:
    """Let all that has happened be so much longer ago."""
    older = (
        "UPDATE request SET settled_at = settled_at - :s",
        "UPDATE ticket SET opened_at = opened_at - :s, undone_at = undone_at - :s",
        "UPDATE undo SET created_at = created_at - :s",
        "UPDATE job SET due = due - :s",
    )
    with on.database.writing() as connection:
        for statement in older:
            connection.execute(text(statement), {"s": seconds})
    on.bridge.worker.wake()
