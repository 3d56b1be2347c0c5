"""Rows as revision 0004 has them, written as the release before did: its code is gone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

from bot.store.database import Database

TEAM = "T0001"
NOW = 1_700_000_000.0
"""The moment at which the test's clock begins."""
DAY = 86400.0

TRIGGER = (
    '{{"key":"{key}","trigger":{{"via":"{via}","team":"{team}","asker":"{asker}",'
    '"request":"{request}","reply_to":{{"user":"{asker}","asked_at":1700000000.0,"channel":null,'
    '"thread_ts":null,"response_url":null}},"channel":"{channel}","ref":{ref},"message":null,'
    '"form":null,"emoji":{emoji}}},"rules":[{{"emoji":["ticket"],"channels":[],"labels":[],'
    '"priority":"normal","tenant":null,"assignee":null,"customer":null}}]}}'
)


def key(number: int) -> str:
    """The key of the nth message."""
    return f"{TEAM}:C0001:1700000{number:03}.000100"


def row(number: int, **columns: Any) -> dict[str, Any]:
    """A reaction to the nth message that nothing was done about yet; `columns` differ."""
    via, asker = columns.get("via", "reaction"), columns.get("asker", "U0ASKER")
    own = columns.get("key", key(number))
    request = columns.get("request", f"Ev{number}")
    is_of_message = via in ("reaction", "shortcut")
    team, where, ts = own.split(":")
    channel = where if is_of_message else "C0001"
    trigger = TRIGGER.format(
        key=own,
        team=team,
        channel=channel,
        via=via,
        asker=asker,
        request=request,
        ref=f'{{"channel":"{channel}","ts":"{ts}"}}' if is_of_message else "null",
        emoji='"ticket"' if via == "reaction" else "null",
    )
    return {
        "id": number,
        "key": own,
        "generation": 1,
        "via": via,
        "team": team,
        "channel": channel,
        "asker": asker,
        "request": request,
        "trigger": trigger,
        "reply_to": f'{{"user":"{asker}","asked_at":1700000000.0,"channel":"{channel}"}}',
        "state": "waiting",
        "answer": "none",
        "attempts": 0,
        "answer_attempts": 0,
        "strikes": 0,
        "created_at": NOW,
        "asked_at": NOW,
        **columns,
    }


def thread(number: int) -> dict[str, Any]:
    return {
        "thread_id": f"th_{number}",
        "thread_ref": f"T-{number}",
        "thread_url": f"https://app.plain.com/workspace/w_1/thread/th_{number}/",
    }


def created(number: int, **columns: Any) -> dict[str, Any]:
    """The nth message has its ticket since ten seconds."""
    return {
        "state": "created",
        "answer": "said",
        "conversation_key": key(number),
        "customer": "c_1",
        "requester": "U0AUTHOR",
        "evidence": "link",
        "sent_at": NOW - 11,
        "settled_at": NOW - 10,
        "token": "w:1",
        "lease_until": NOW + 80,
        **thread(number),
        **columns,
    }


def rejected(reason: str, ago: float = 60.0, **columns: Any) -> dict[str, Any]:
    return {
        "state": "refused",
        "answer": "said",
        "reason": reason,
        "reason_data": '{"requester":"U0AUTHOR","name":"Ada"}',
        "requester": "U0AUTHOR",
        "settled_at": NOW - ago,
        **columns,
    }


SENT: dict[str, Any] = {
    "customer": "c_1",
    "requester": "U0AUTHOR",
    "sent_at": NOW - 20,
    "cause": "plain_timeout",
}


def insert(connection: Connection, **columns: Any) -> None:
    """Insert a row, as the release before does: unless its key and generation are there."""
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join(f":{name}" for name in columns)
    connection.execute(
        text(
            f"INSERT INTO escalation ({names}) VALUES ({values}) "  # noqa: S608 — our own columns
            "ON CONFLICT (key, generation) DO NOTHING"
        ),
        columns,
    )


def put(database: Database, *rows: dict[str, Any]) -> None:
    with database.engine.begin() as connection:
        for one in rows:
            insert(connection, **one)


def read(database: Database, query: str) -> list[dict[str, Any]]:
    with database.reading() as connection:
        return [dict(row._mapping) for row in connection.execute(text(query))]
