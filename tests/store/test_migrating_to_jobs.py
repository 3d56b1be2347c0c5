"""Revision 0005: every row of the one table before, in whatever state, becomes a request with its
ticket and its jobs."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import text

from bot.store import migrating
from bot.store.database import Database
from tests.store import former
from tests.store.former import DAY, NOW, SENT, created, read, rejected, thread


class Case(NamedTuple):
    """A row of 0004, and what becomes of it.

    `request`: state, answer, `#` and the id of its ticket, `as` and the externalId of what may have
    been sent. `ticket`: state, thread, `holding` if it holds its conversation. `jobs`: kind, and
    when it is due, in seconds from now.
    """

    name: str
    old: dict[str, Any]
    request: str
    ticket: str = ""
    jobs: str = ""


REST = r'{"sequels":[{"title":"\\u0000 \u0000"}],"ticket":%s,"added":false,"missing":0}'
REST_OF_19 = REST % '{"id":"th_19","ref":"T-19","url":"https://app.plain.com/th_19"}'

# The row of the nth case has the id n.
CASES = (
    Case("new", {"due": NOW}, "waiting none", jobs="decide 0"),
    Case(
        "being delivered",
        {"due": NOW - 5, "lease_until": NOW + 60, "token": "w:1", "attempts": 1},
        "waiting none",
        jobs="decide 60",
    ),
    Case(
        "create half sent",
        {"due": NOW + 5, "conversation_key": former.key(3), "attempts": 2, **SENT},
        f"waiting none #3 as {former.key(3)}",
        "opening - holding",
        "decide 5",
    ),
    Case(
        "addition half sent",
        {"due": NOW + 5, "sent_at": NOW - 20, "cause": "plain_timeout", **thread(5)},
        f"waiting none #5 as {former.key(4)}",
        jobs="decide 5",
    ),
    Case("created", created(5), "created said #5", "open th_5 holding"),
    Case(
        "created, answer due",
        created(6, answer="due", due=NOW + 7, answer_attempts=2, token=None, lease_until=None),
        "created due #6",
        "open th_6 holding",
        "answer 7",
    ),
    Case(
        "created, looked at once more",
        created(7, verify_at=NOW + 590, doubles='["T-70"]'),
        "created said #7",
        "open th_7 holding",
        "duplicate 590",
    ),
    Case(
        "created, answer posted",
        created(8, said_in='[{"channel":"C0001","ts":"1700000001.000200","receipt":null}]'),
        "created said #8",
        "open th_8 holding",
        "edit 590",
    ),
    Case(
        "created, answer posted two days ago",
        created(9, said_in="[]", settled_at=NOW - 2 * DAY),
        "created said #9",
        "open th_9 holding",
    ),
    Case(
        "being undone",
        created(10, undone_at=NOW - 5, undone_by="U0ASKER"),
        "created said #10",
        "undoing th_10 holding",
        "undo 25",
    ),
    Case(
        "undone, answer not edited yet",
        created(
            11,
            state="undone",
            conversation_key=None,
            undone_at=NOW - 3,
            undone_by="U0ASKER",
            said_in="[]",
        ),
        "created said #11",
        "undone th_11",
        "edit -3",
    ),
    Case(
        "withdrawn",
        {"state": "undone", "settled_at": NOW - 9, "undone_at": NOW - 9, "undone_by": "U0ASKER"},
        "withdrawn none",
    ),
    Case(
        "added",
        {"state": "added", "answer": "said", "settled_at": NOW - 9, **thread(5)},
        "added said #5",
    ),
    Case("rejected, answer due", rejected("not_allowed", answer="due", due=NOW), "rejected due",
         jobs="answer 0"),
    Case("waits for a link", rejected("no_customer"), "on_hold said"),
    Case("waited for a link, erased", rejected("no_customer", 31 * DAY), "rejected said"),
    Case(
        "a rule names a customer that is not there",
        rejected("broken_link", reason_data='{"customer":"c_9"}'),
        "rejected said",
    ),
    Case(
        "parked, create half sent",
        {**rejected("gave_up"), "state": "parked", **SENT},
        f"parked said #18 as {former.key(18)}",
        "opening -",
    ),
    Case(
        "parts outstanding",
        {"due": NOW, "conversation_key": former.key(19), "sequels": REST_OF_19, **SENT},
        f"waiting none #19 as {former.key(19)}",
        "open th_19 holding",
        "decide 0",
    ),
    Case(
        "first part uncertain",
        {"due": NOW, "conversation_key": former.key(20), "sequels": REST % "null", **SENT},
        f"waiting none #20 as {former.key(20)}",
        "opening - holding",
        "decide 0",
    ),
    Case(
        "ignored",
        {"state": "unwanted", "reason": "no_rule", "settled_at": NOW - 9},
        "ignored none",
    ),
    Case(
        "forgotten, answer due",
        rejected("not_allowed", answer="due", reason_data=None),
        "rejected unsayable",
    ),
    Case(
        "asked again after an undo",
        {"key": former.key(11), "generation": 2, "due": NOW + 5, **SENT},
        f"waiting none #23 as {former.key(11)}:2",
        "opening -",
        "decide 5",
    ),
    Case(
        "asked again, the undo was given up",
        {"key": former.key(5), "generation": 2, "state": "added", "answer": "said",
         "settled_at": NOW - 1, **thread(5)},
        "added said #5",
    ),
    Case(
        "added to a thread without a row",
        {"state": "added", "answer": "said", "settled_at": NOW - 9, **thread(99)},
        "added said #25",
        "open th_99",
    ),
    Case(
        "its second message",
        {"state": "added", "answer": "unsayable", "settled_at": NOW - 9, **thread(99)},
        "added unsayable #25",
    ),
    Case(
        "rejected with a create half sent, waits for a link",
        rejected("broken_link", **SENT),
        f"on_hold said #27 as {former.key(27)}",
        "opening -",
    ),
)  # fmt: skip


def erase_before(database: Database, moment: float) -> None:
    """Texts were erased up to there."""
    with database.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO memory VALUES ('retention.texts', :value, :now)"),
            {"value": str(moment), "now": NOW},
        )


def words(*parts: object) -> str:
    return " ".join(str(part) for part in parts if part)


def requests(database: Database) -> dict[int, str]:
    return {
        row["id"]: words(
            row["state"],
            row["answer"],
            row["ticket_id"] and f"#{row['ticket_id']}",
            row["external_id"] and f"as {row['external_id']}",
        )
        for row in read(database, "SELECT * FROM request")
    }


def tickets(database: Database) -> dict[int, str]:
    return {
        row["request_id"]: words(
            row["state"], row["thread_id"] or "-", row["conversation_key"] and "holding"
        )
        for row in read(database, "SELECT * FROM ticket")
    }


def jobs(database: Database) -> dict[int, str]:
    """The jobs by the id of the request that they are about."""
    found: dict[int, list[str]] = {}
    undone = {row["id"]: row["request_id"] for row in read(database, "SELECT * FROM undo")}
    for row in read(database, "SELECT * FROM job ORDER BY kind"):
        about = undone[row["key"]] if row["kind"] == "undo" else row["key"]
        found.setdefault(about, []).append(f"{row['kind']} {row['due'] - NOW:.0f}")
    return {about: ", ".join(its) for about, its in found.items()}


def test_every_row_becomes_a_request_with_its_ticket_and_its_jobs(former_ledger: Database) -> None:
    former.put(former_ledger, *(former.row(n, **case.old) for n, case in enumerate(CASES, 1)))
    erase_before(former_ledger, NOW - 30 * DAY)
    migrating.migrate(former_ledger)
    migrating.check_columns(former_ledger)
    found = requests(former_ledger), tickets(former_ledger), jobs(former_ledger)
    became = [
        (case.name, *(its.get(number, "") for its in found)) for number, case in enumerate(CASES, 1)
    ]
    assert became == [(case.name, case.request, case.ticket, case.jobs) for case in CASES]
