"""Revision 0005: what the columns of requests, tickets and jobs hold; and what is left behind."""

from __future__ import annotations

import pytest
from alembic import command
from sqlalchemy import inspect, text

from bot.store import migrating
from bot.store.database import Database
from bot.store.suitable import Unsuitable
from tests.conftest import Clock
from tests.store import former
from tests.store.former import DAY, NOW, SENT, created, read, thread


def test_what_was_requested_is_copied_as_it_is(former_ledger: Database) -> None:
    message = '{"ref":null,"author":"U0AUTHOR","blocks":[]}'
    texts = {"message": message, "form": '{"title":"Ä \\u0000"}', "files": "{}", "sequels": None}
    moments = {"created_at": NOW - 900, "asked_at": NOW - 90, "queued_told_at": NOW - 30}
    old = former.row(7, due=NOW, requester="U0AUTHOR", **texts, **moments)
    former.put(former_ledger, old)
    migrating.migrate(former_ledger)
    (new,) = read(former_ledger, "SELECT * FROM request")
    same = ("id", "team", "key", "via", "channel", "requester", "trigger", "message", "form")
    assert {name: new[name] for name in same} == {name: old[name] for name in same}
    assert (new["reply_to"], new["files"]) == (old["reply_to"], old["files"])
    assert (new["submitter"], new["slack_id"]) == ("U0ASKER", "Ev7")
    assert (new["created_at"], new["delay_told_at"]) == (NOW - 90, NOW - 30)


def test_an_act_is_the_reaction_and_its_generation(former_ledger: Database) -> None:
    former.put(
        former_ledger,
        former.row(1, state="undone"),
        former.row(2, key=former.key(1), generation=2),
        former.row(3, via="command", key="T0001:command:12.34"),
        former.row(4, via="shortcut"),
    )
    migrating.migrate(former_ledger)
    found = read(former_ledger, "SELECT act, act_generation FROM request ORDER BY id")
    reaction = f"reaction:{former.key(1)}:U0ASKER:ticket"
    assert [tuple(row.values()) for row in found] == [
        (reaction, 1),
        (reaction, 2),
        (None, 1),
        (None, 1),
    ]


def test_two_rows_with_one_slack_id_stay_two_requests(former_ledger: Database) -> None:
    former.put(former_ledger, *(former.row(n, request="Ev1") for n in (1, 2, 3)))
    migrating.migrate(former_ledger)
    found = read(former_ledger, "SELECT slack_id FROM request ORDER BY id")
    assert [row["slack_id"] for row in found] == ["Ev1", "Ev1:2", "Ev1:3"]


def test_a_ticket_has_what_its_row_had(former_ledger: Database) -> None:
    former.put(
        former_ledger,
        former.row(
            5,
            **created(5, created_at=NOW - 900, doubles='["T-6"]', asked_at=NOW - 90),
        ),
        former.row(6, **created(6, undone_at=NOW - 5, undone_by="U0ASKER")),
    )
    migrating.migrate(former_ledger)
    first, second = read(former_ledger, "SELECT * FROM ticket ORDER BY id")
    assert first == {
        "id": 5,
        "team": "T0001",
        "key": former.key(5),
        "generation": 1,
        "conversation_key": former.key(5),
        "request_id": 5,
        "requester": "U0AUTHOR",
        "customer": "c_1",
        "evidence": "link",
        "state": "open",
        **thread(5),
        "created_at": NOW - 900,
        "opened_at": NOW - 10,
        "undone_at": None,
        "undone_by": None,
        "duplicates": '["T-6"]',
    }
    assert (second["undone_at"], second["undone_by"]) == (NOW - 5, "U0ASKER")
    (undo,) = read(former_ledger, "SELECT * FROM undo")
    assert (undo["request_id"], undo["by"], undo["created_at"]) == (6, "U0ASKER", NOW - 5)


def test_a_ticket_covers_the_messages_that_it_was_opened_for_or_that_were_added(
    former_ledger: Database,
) -> None:
    former.put(
        former_ledger,
        former.row(1, **created(1)),
        former.row(2, state="added", settled_at=NOW, **thread(1)),
        former.row(3, key=former.key(1), generation=2, state="added", **thread(1)),
        former.row(4, conversation_key=former.key(4), **SENT),
        former.row(5, due=NOW),
    )
    migrating.migrate(former_ledger)
    found = read(former_ledger, "SELECT * FROM ticket_message ORDER BY ticket_id, key")
    assert [tuple(row.values()) for row in found] == [
        (1, former.key(1), "opened"),
        (1, former.key(2), "added"),
    ]


def test_a_job_keeps_its_failures_and_has_no_lease(former_ledger: Database) -> None:
    struck = {"failed_at": NOW - 50, "strikes": 3, "struck_since": NOW - 700}
    former.put(
        former_ledger,
        former.row(1, due=NOW, attempts=4, conversation_key=former.key(9), **struck, **SENT),
        former.row(2, due=NOW, attempts=4, token="w:1", lease_until=NOW + 9, asked_at=NOW - 90),
        former.row(3, **created(3, answer="due", due=NOW, attempts=1, answer_attempts=2)),
    )
    migrating.migrate(former_ledger)
    first, second, third = read(former_ledger, "SELECT * FROM job ORDER BY key")
    assert {name: first[name] for name in struck} == struck
    assert (first["attempts"], first["failures"], first["cause"]) == (4, 4, "plain_timeout")
    assert (first["half_way"], first["order_key"]) == (1, former.key(9))
    assert (second["attempts"], second["failures"], second["half_way"]) == (4, 3, 0)
    assert (second["order_key"], second["created_at"]) == (former.key(2), NOW - 90)
    assert (third["kind"], third["attempts"], third["strikes"]) == ("answer", 2, 0)
    assert {job["token"] for job in (first, second, third)} == {None}
    assert {job["lease_until"] for job in (first, second, third)} == {None}
    assert {job["team"] for job in (first, second, third)} == {"T0001"}


def test_the_next_request_has_the_next_number(former_ledger: Database) -> None:
    former.put(former_ledger, former.row(41, **created(41)), former.row(42, due=NOW))
    migrating.migrate(former_ledger)
    with former_ledger.engine.begin() as connection:
        row_id = connection.scalar(
            text(
                "INSERT INTO request (team, key, slack_id, act_generation, via, submitter, "
                "\"trigger\", state, answer, created_at) VALUES ('T', 'k', 's', 1, 'form', 'U', "
                "'{}', 'waiting', 'none', 1) RETURNING id"
            )
        )
    assert row_id == 43


def test_nothing_can_be_recorded_into_the_former_ledger(former_ledger: Database) -> None:
    former.put(former_ledger, former.row(1, due=NOW))
    migrating.migrate(former_ledger)
    with pytest.raises(Exception, match=r"no such table|does not exist"):
        former.put(former_ledger, former.row(2, due=NOW))


def test_the_former_ledger_is_dropped_after_a_day_or_at_once(
    former_ledger: Database, clock: Clock
) -> None:
    former.put(former_ledger, *(former.row(n, due=NOW) for n in range(1, 4)))
    migrating.migrate(former_ledger)
    clock.move(DAY - 1)
    assert not migrating.drop_former(former_ledger)
    assert [row["id"] for row in read(former_ledger, "SELECT id FROM escalation_until_0005")] == [
        1,
        2,
        3,
    ]
    assert migrating.drop_former(former_ledger, after=0.0)
    assert not migrating.drop_former(former_ledger, after=0.0)
    with former_ledger.reading() as connection:
        assert not inspect(connection).has_table("escalation_until_0005")


def test_a_day_is_enough(former_ledger: Database, clock: Clock) -> None:
    former.put(former_ledger, former.row(1, due=NOW))
    migrating.migrate(former_ledger)
    clock.move(DAY)
    assert migrating.drop_former(former_ledger)


def test_an_empty_ledger_leaves_nothing_behind(former_ledger: Database) -> None:
    migrating.migrate(former_ledger)
    with former_ledger.reading() as connection:
        assert not [name for name in inspect(connection).get_table_names() if "escal" in name]
    assert not migrating.drop_former(former_ledger, after=0.0)


def test_another_programs_table_with_a_new_name_is_told_in_words(former_ledger: Database) -> None:
    former.put(former_ledger, former.row(1, due=NOW))
    with former_ledger.engine.begin() as connection:
        connection.execute(text("CREATE TABLE job (theirs INTEGER)"))
    with pytest.raises(Unsuitable, match="names that the bridge needs: job"):
        migrating.migrate(former_ledger)
    assert migrating.revision(former_ledger) == "0004"
    assert len(read(former_ledger, "SELECT * FROM escalation")) == 1


def test_there_is_no_way_back(former_ledger: Database) -> None:
    former.put(former_ledger, former.row(1, due=NOW))
    migrating.migrate(former_ledger)
    with pytest.raises(Unsuitable, match="restore the backup"):
        command.downgrade(migrating.config(former_ledger), "0004")
    assert migrating.is_at_head(former_ledger)
    assert read(former_ledger, "SELECT id, state FROM request") == [{"id": 1, "state": "waiting"}]
