"""A person is erased from everything, and nothing of theirs comes back or is sent on."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update

from bot.core.faults import LeaseLost, Reason, Rejection
from bot.core.model import FORGOTTEN, Created, FormDraft, ReplyTo, Ticket
from bot.core.text.richtext import Mention, Paragraph, Text
from bot.core.undo import UndoClick
from bot.store.claims import REMAINING_PARTS, RemainingParts, load
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.database import Database
from bot.store.drafts import Drafts
from bot.store.forgetting import Forgotten, _Forgetting, forget
from bot.store.jobs import Kind
from bot.store.kv import ShownHome, ShownHomes
from bot.store.requests import Recorded
from bot.store.retention import Retention
from bot.store.schema import ticket, ticket_message, undo
from bot.store.tickets import Ledger
from bot.store.undo import Undos
from tests.conftest import Clock
from tests.nouns import TEAM, TICKET, escalation, form, message, trigger
from tests.store.erasing import (
    NONE,
    answering,
    change,
    claimed,
    claimed_again,
    everything,
    jobs_of,
    on_hold,
    parts,
    recorded,
    say,
    sent,
    settled,
    stored,
    texts,
    ticket_of,
)

GONE = "U0GONE"
NAME = "Gwen Hall"


def by_gwen(number: int) -> Any:
    return message(number, author=GONE)


def mentioning(number: int, user: str = GONE) -> Any:
    blocks = (Paragraph((Text("Her number is 555, ask "), Mention("user", user))),)
    return message(number, blocks=blocks)


def test_forget_leaves_no_word_of_the_person(database: Database, clock: Clock) -> None:
    CustomerLinks(database).link([CustomerLink(TEAM, GONE, "c_9", "gone@example.com", NAME)])
    CustomerLinks(database).link([CustomerLink(TEAM, "U2", "c_2")], by=GONE)
    ShownHomes(database).keep(GONE, ShownHome("digest"))
    clock.move(1)
    drafts = Drafts(database)
    drafts.keep(FormDraft("own", trigger(submitter=GONE), form()))
    drafts.keep(FormDraft("for", trigger(), form(requester=GONE)))
    drafts.keep(FormDraft("wrote", trigger(message=by_gwen(1)), form()))
    drafts.keep(FormDraft("mentioned", trigger(message=mentioning(1)), form()))
    drafts.keep(FormDraft("typed", trigger(), form(description=f"Ask <@{GONE}>")))
    drafts.keep(FormDraft("other", trigger(message=mentioning(1, "U0GONER")), form()))
    settled(database, 1, submitter=GONE)
    settled(database, 2, message=by_gwen(2))
    settled(database, 3, form=form(requester=GONE))
    settled(database, 4, message=mentioning(4))
    settled(database, 5, form=form(description=f"Ask <@{GONE}>"))
    settled(database, 6, Rejection(Reason.NOT_IN_CHANNEL), submitter=GONE)
    recorded(database, 7, submitter=GONE)
    on_hold(database, 8, requester=GONE)
    recorded(database, 9, message=by_gwen(9))
    undone = settled(database, 10)
    clicked = {"team": TEAM, "request_id": undone, "by": GONE, "created_at": 0.0}
    with database.writing() as connection:
        connection.execute(insert(undo).values(clicked | {"click": f'{{"user":"{GONE}"}}'}))
        its = ticket.c.id == stored(database, undone).ticket_id
        connection.execute(update(ticket).where(its).values(undone_by=GONE, state="undone"))
    untouched = settled(database, 11, message=mentioning(11, "U0GONER"))

    done = forget(database, GONE)

    # 3's ticket was for them, 10's they have undone; 7, 8 and 9 had not ended.
    assert done == Forgotten(links=1, drafts=5, requests=3, others=6, ended=3, tickets=2, undos=1)
    held = everything(database)
    assert "U0GONER" in held
    assert GONE not in held.replace("U0GONER", "")
    assert NAME not in held
    assert "gone@example.com" not in held
    assert "555" in str(stored(database, untouched).message)
    assert drafts.load("other") is not None
    assert [one.customer for one in CustomerLinks(database).all()] == ["c_2"]
    again = forget(database, GONE)
    assert again == Forgotten(0, 0, 0, 0, 0, 0, 0)


def test_their_own_requests_end_in_silence(database: Database) -> None:
    waiting = recorded(database, 1, submitter=GONE)
    held = on_hold(database, 2, requester="U0AUTHOR", submitter=GONE)
    answered = settled(database, 3, Rejection(Reason.EMPTY), submitter=GONE)
    forget(database, GONE)
    for id_ in (waiting, held):
        row = stored(database, id_)
        assert (row.state, row.reason, row.submitter) == ("ignored", "forgotten", FORGOTTEN)
        assert jobs_of(database, id_) == []
    # A reaction of theirs that is still in Slack's history is not found anew.
    keys = {stored(database, id_).key for id_ in (waiting, held)}
    assert Ledger(database).known([*keys]) == keys
    assert stored(database, held).requester == "U0AUTHOR"
    assert stored(database, answered).answer == "unsayable"
    assert jobs_of(database, answered) == []


def test_keys_and_tickets_stay_so_that_nothing_is_created_again(database: Database) -> None:
    id_ = settled(database, 1, submitter=GONE)
    forget(database, GONE)
    ledger = Ledger(database)
    assert ledger.record(escalation(1, submitter=GONE)) == Recorded(fresh=False)
    assert ledger.known([escalation(1).key])
    found = ledger.ticket_of_conversation(escalation(1).key)
    assert found is not None
    assert found.ref == "T-1"
    assert ticket_of(database, id_).customer == "c_1"


@pytest.mark.parametrize(
    "of_gwen",
    [
        pytest.param({"message": by_gwen(1)}, id="their words"),
        pytest.param({"message": mentioning(1)}, id="words that mention them"),
        pytest.param({"form": form(requester=GONE)}, id="for them"),
        pytest.param({"form": form(description=f"<@{GONE}> says")}, id="named in the form"),
    ],
)
def test_what_was_to_be_sent_on_ends_and_its_submitter_is_told(
    database: Database, of_gwen: dict[str, Any]
) -> None:
    id_ = recorded(database, 1, **of_gwen)
    running = claimed(database, id_)

    assert forget(database, GONE).ended == 1

    row = stored(database, id_)
    assert (row.state, row.reason, row.answer) == ("rejected", "person_erased", "due")
    assert texts(row) == NONE
    assert jobs_of(database, id_) == ["answer"]
    ledger = Ledger(database)
    with pytest.raises(LeaseLost):  # a delivery under way neither goes on nor writes it back
        ledger.take_turn(running, "conversation", by_gwen(1))
    with pytest.raises(LeaseLost):
        sent(ledger, running)
    with pytest.raises(LeaseLost):
        ledger.settle(running, Created(TICKET))
    assert texts(stored(database, id_)) == NONE
    claim = claimed(database, id_)
    assert claim.job.kind is Kind.ANSWER
    assert claim.outcome == Rejection(Reason.PERSON_ERASED)
    assert claim.escalation.trigger.reply_to.response_url is not None
    say(database, id_)
    assert stored(database, id_).answer == "said"


def test_a_create_whose_outcome_is_unknown_lets_others_ask(database: Database) -> None:
    id_ = recorded(database, 1, message=by_gwen(1))
    sent(Ledger(database), claimed(database, id_), parts("Her words"))
    forget(database, GONE)
    row = stored(database, id_)
    assert (row.state, texts(row)) == ("rejected", NONE)
    # Whoever asks next looks for the thread, which may be there.
    assert (row.external_id, row.sent_at is not None) == (escalation(1).key, True)
    opening = ticket_of(database, id_)
    assert (opening.state, opening.conversation_key) == ("opening", None)


def with_parts(database: Database, rest: RemainingParts, **more: Any) -> int:
    """A request whose first part may be in Plain; its worker still runs."""
    id_ = recorded(database, 1, **more)
    claim = claimed(database, id_)
    ledger = Ledger(database)
    sent(ledger, claim, rest)
    ledger.note_rest(claim, rest)
    return id_


def test_outstanding_parts_are_left_out_once_the_ticket_is_there(
    database: Database, clock: Clock
) -> None:
    rest = parts("Her words", "More of them", ticket=TICKET, missing=1)
    id_ = with_parts(database, rest, message=by_gwen(1))
    done = forget(database, GONE)
    assert (done.others, done.ended) == (1, 0)
    assert "words" not in everything(database)
    claim = claimed(database, id_)
    assert claim.rest == RemainingParts((), ticket=TICKET, missing=3)
    assert (claim.is_waiting, claim.sent_at is not None) == (True, True)
    assert claim.escalation.trigger.message is None


def test_parts_of_a_whole_slack_thread_are_left_out_whoever_wrote_them(
    database: Database,
) -> None:
    id_ = with_parts(database, parts("Ben: her number is 555"), form=form(whole_thread=True))
    done = forget(database, GONE)
    assert (done.others, done.ended) == (1, 0)
    row = stored(database, id_)
    assert "555" not in row.rest
    assert row.state == "waiting"
    assert row.message is not None  # nothing of the person is in it
    assert jobs_of(database, id_) == ["decide"]


def test_parts_that_hold_the_persons_name_are_theirs(database: Database) -> None:
    CustomerLinks(database).link([CustomerLink(TEAM, GONE, "c_9", name=NAME)])
    id_ = with_parts(database, parts(f"{NAME}: call me on 555"))
    assert forget(database, GONE).ended == 1
    assert "555" not in everything(database)
    assert stored(database, id_).state == "rejected"


def test_a_worker_that_sends_parts_stops(database: Database) -> None:
    rest = parts("Her words", "More of them", ticket=TICKET)
    id_ = recorded(database, 1, message=by_gwen(1))
    running = claimed(database, id_)
    ledger = Ledger(database)
    sent(ledger, running, rest)
    forget(database, GONE)
    with pytest.raises(LeaseLost):
        ledger.note_rest(running, rest)
    assert "words" not in everything(database)


def test_a_ticket_that_is_in_plain_is_known_when_its_submitter_is_forgotten(
    database: Database,
) -> None:
    id_ = with_parts(database, parts("More", ticket=TICKET), submitter=GONE)
    forget(database, GONE)
    row = stored(database, id_)
    assert (row.state, row.submitter, jobs_of(database, id_)) == ("created", FORGOTTEN, [])
    assert row.reason_data == '{"missing":"1"}'
    its = ticket_of(database, id_)
    assert (its.state, its.thread_id, its.thread_ref) == ("open", TICKET.id, TICKET.ref)
    with database.reading() as connection:
        (covers,) = connection.execute(select(ticket_message)).all()
    assert (covers.key, covers.how) == (escalation(1).key, "opened")


def test_an_addition_that_is_in_plain_is_known_too(database: Database) -> None:
    first = settled(database, 1)
    its = ticket_of(database, first)
    there = Ticket(its.thread_id, its.thread_ref, its.thread_url)
    id_ = recorded(database, 2, submitter=GONE)
    rest = parts("More", ticket=there, added=True)
    change(database, id_, ticket_id=its.id, sent_at=1.0, rest=REMAINING_PARTS.text(rest))
    forget(database, GONE)
    assert stored(database, id_).state == "added"
    assert ticket_of(database, id_) == its


@pytest.mark.parametrize("begun", [True, False])
def test_an_undo_of_theirs_goes_on_only_if_it_has_begun(database: Database, begun: bool) -> None:
    id_ = settled(database, 1)
    undos = Undos(Ledger(database))
    undo_id = undos.record(TEAM, id_, UndoClick(ReplyTo(GONE, 1.0, "C0001", None, "https://x")))
    (running,) = [one for one in Ledger(database).claim("one", 0, 9) if one.kind is Kind.UNDO]
    found = undos.find(running)
    assert found is not None
    assert found.target is not None
    if begun:
        undos.begin(running, found.target, GONE)
    assert forget(database, GONE).undos == 1
    assert GONE not in everything(database)
    with pytest.raises(LeaseLost):
        undos.begin(running, found.target, GONE)
    again = [one for one in Ledger(database).claim("two", 0, 9) if one.kind is Kind.UNDO]
    assert [one.key for one in again] == ([undo_id] if begun else [])
    if begun:
        goes_on = undos.find(again[0])
        assert goes_on is not None
        assert goes_on.target is not None
        assert (goes_on.by, goes_on.click.reply_to.user) == (FORGOTTEN, FORGOTTEN)
        assert (goes_on.target.ticket_state, goes_on.target.undone_by) == ("undoing", FORGOTTEN)
    else:
        assert ticket_of(database, id_).state == "open"


@pytest.mark.parametrize("begun_by", [GONE, "U0LINKER"])
def test_whoever_goes_on_with_their_undo_is_known_to_have_begun_it(
    database: Database, monkeypatch: pytest.MonkeyPatch, begun_by: str
) -> None:
    """The job may run before the tickets' turn comes: it took a stranger for the one who clicked,
    ended, and left the ticket half undone for ever."""
    id_ = settled(database, 1)
    undos = Undos(Ledger(database))
    undo_id = undos.record(TEAM, id_, UndoClick(ReplyTo(GONE, 1.0, "C0001")))
    (running,) = [one for one in Ledger(database).claim("one", 0, 9) if one.kind is Kind.UNDO]
    found = undos.find(running)
    assert found is not None
    assert found.target is not None
    undos.begin(running, found.target, begun_by)
    met: list[tuple[str | None, str | None]] = []
    drop = _Forgetting._drop_undos

    def drop_and_look(self: _Forgetting, connection: Connection, ids: list[int]) -> None:
        drop(self, connection, ids)
        by = connection.scalar(select(undo.c.by).where(undo.c.id == undo_id))
        met.append((by, connection.scalar(select(ticket.c.undone_by))))

    monkeypatch.setattr(_Forgetting, "_drop_undos", drop_and_look)
    forget(database, GONE)
    assert met == [(FORGOTTEN, FORGOTTEN if begun_by == GONE else begun_by)]


def test_an_answer_that_is_due_to_somebody_else_is_still_given(database: Database) -> None:
    rejection = Rejection(Reason.PLAIN_KEY)
    id_ = settled(database, 1, rejection, message=by_gwen(1))
    forget(database, GONE)
    assert texts(stored(database, id_)) == NONE
    claim = answering(database, id_)
    assert claim.outcome == rejection
    assert claim.escalation.trigger.reply_to == ReplyTo(
        "U0ASKER", 1_700_000_000.0, "C0001", None, "https://hooks.slack.com/x"
    )


def test_more_than_one_portion_is_forgotten(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.forgetting._PORTION", 2)
    monkeypatch.setattr("bot.store.forgetting._SCANNED", 3)
    for number in range(1, 8):
        settled(database, number, submitter=GONE if number % 2 else "U0ASKER")
    assert forget(database, GONE).requests == 4
    assert GONE not in everything(database)


def test_what_was_forgotten_is_not_erased_again(database: Database, clock: Clock) -> None:
    settled(database, 1, submitter=GONE)
    forget(database, GONE)
    clock.move(31 * 86400)
    retention = Retention(database)
    assert (retention.erase_texts(30), retention.erase_addresses()) == (0, 0)


def test_deliveries_meanwhile_write_nothing_back(database: Database) -> None:
    ids = [recorded(database, number, message=by_gwen(number)) for number in range(1, 31)]
    ledger = Ledger(database)
    claims = load(database, ledger.claim("one", 100))
    start = threading.Barrier(2)

    def deliver() -> None:
        start.wait()
        for claim in claims:
            with suppress(LeaseLost):
                ledger.take_turn(claim, claim.escalation.key, claim.escalation.trigger.message)
                sent(ledger, claim, parts("Her words"))
                ledger.settle(claimed_again(database, claim), Created(TICKET))

    delivering = threading.Thread(target=deliver)
    delivering.start()
    start.wait()
    forget(database, GONE)
    delivering.join()
    assert GONE not in everything(database)
    assert "words" not in everything(database)
    states = {stored(database, id_).state for id_ in ids}
    assert states <= {"created", "rejected"}
