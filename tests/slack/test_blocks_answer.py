"""Answers: the text says everything, the blocks say the same."""

from __future__ import annotations

import pytest

from bot.core.faults import Reason, Rejection
from bot.core.model import (
    Added,
    Created,
    FormField,
    Ignored,
    Joined,
    Ticket,
)
from bot.core.undo import (
    Acted,
    AddedTo,
    AlreadyUndone,
    Declined,
    Lacking,
    Nothing,
    NotUndoable,
    NotYours,
    Outsider,
    Result,
    TooLate,
    Undone,
    Unreached,
)
from bot.slack.views import answer, commands, form, undo
from bot.slack.views.kit import Answer
from tests.slack.triggers import TICKET


@pytest.mark.parametrize(
    "built",
    [
        pytest.param(answer.outcome(Rejection(Reason.EMPTY), "r", "UBOT"), id="rejected"),
        pytest.param(answer.in_progress(), id="in progress"),
        pytest.param(commands.usage(["sos"]), id="help"),
        pytest.param(commands.not_recorded("x"), id="not recorded"),
        pytest.param(form.not_opened(), id="no form"),
    ],
)
def test_the_blocks_repeat_the_text(built: Answer | None) -> None:
    assert built is not None
    assert built.blocks == [
        {"type": "section", "text": {"type": "mrkdwn", "text": built.text, "verbatim": True}}
    ]


@pytest.mark.parametrize(
    ("outcome", "headline", "actions"),
    [
        pytest.param(
            Created(TICKET), "Created ticket T-123", ["open_in_plain", "undo_ticket"], id="created"
        ),
        pytest.param(Added(TICKET), "Added to T-123", ["open_in_plain"], id="added"),
        pytest.param(
            Joined(TICKET), "This already has a ticket: T-123", ["open_in_plain"], id="joined"
        ),
    ],
)
def test_a_success_has_buttons_and_its_text_says_all_of_it(
    outcome: Created | Added | Joined, headline: str, actions: list[str]
) -> None:
    built = answer.outcome(outcome, "PB-7")
    assert built is not None
    assert built.text.startswith(f"{headline} · <")
    assert TICKET.url in built.text
    section, row = built.blocks
    assert section["text"]["text"] == headline
    assert [one["action_id"] for one in row["elements"]] == actions
    assert row["elements"][0]["url"] == TICKET.url
    if len(actions) > 1:
        assert row["elements"][1]["value"] == "PB-7"
        assert row["elements"][1]["confirm"]["confirm"]["text"] == "Undo"


RESULTS = [
    (Undone(TICKET), "Undone: T-123 is marked as ignored in Plain, with a note that you undid it."),
    (Undone(None), "Undone before anything was sent to Plain: no ticket will be created."),
    (AlreadyUndone(TICKET), "T-123 was already undone."),
    (TooLate(TICKET), "Too late to undo: mark T-123 as done in Plain instead."),
    (Acted(TICKET), "Not undone: someone has already acted on T-123 in Plain."),
    (AddedTo(TICKET), "Not undone: other messages have been added to T-123 since."),
    (NotUndoable(TICKET), "Not undone: what was added to T-123 can't be removed from Plain."),
    (NotYours(), "Not undone: only the person who requested this ticket, or someone who can link"),
    (Outsider(), "Only people from the company that runs Plain Bridge can use this button."),
    (Lacking(TICKET, ("note:create",)), "lacks a permission in Plain: it needs `note:create`. Ask"),
    (Lacking(TICKET, ()), "permission in Plain: it needs `note:create` and `thread:edit`. Ask"),
    (Declined(TICKET), "Not undone: Plain rejected it. Mark T-123 as done in Plain instead."),
    (Unreached(None), "Not undone: the bridge couldn't do it right now."),
    (Unreached(TICKET), "Not undone: Plain can't be reached right now."),
    (Unreached(TICKET, goes_on=True), "The ticket will be undone automatically in a few minutes."),
    (Unreached(TICKET, goes_on=True, after=9.0), "Plain asked the bridge to wait. The ticket will"),
    (Unreached(TICKET, goes_on=True, after=600.0), "undone automatically in about 11 minutes."),
    (
        Unreached(None, goes_on=True, after=9.0),
        "Slack asked the bridge to wait. The bridge will try to undo the ticket in a few minutes.",
    ),
    (
        Unreached(None, goes_on=True),
        "Slack isn't responding right now. The bridge will try to undo the ticket in",
    ),
    (Nothing(), "There is no ticket to undo."),
]


@pytest.mark.parametrize(
    ("result", "said"), RESULTS, ids=[type(one).__name__ for one, _ in RESULTS]
)
def test_what_came_of_an_undo(result: Result, said: str) -> None:
    built = undo.result(result)
    assert said in built.text
    # Where somebody has to go to Plain, the way there stands in the text and below it.
    leads = built.text.startswith(("Too late", "Not undone"))
    has_ticket = getattr(result, "ticket", None) is not None
    if leads and has_ticket:
        assert TICKET.url in built.text
        assert TICKET.url not in built.blocks[0]["text"]["text"]
    assert (len(built.blocks) == 2) == (TICKET.url in built.text)


@pytest.mark.parametrize(
    "built",
    [
        undo.undone(TICKET, "U1", quiet=True),
        answer.ended(TICKET, quiet=True),
        answer.quietly(Created(TICKET), "PB-1"),
        answer.quietly(Created(TICKET, beside=TICKET), "PB-1"),
        answer.quietly(Added(TICKET), "PB-1"),
        answer.quietly(Joined(TICKET, added_words=True, unused=tuple(FormField)), "PB-1"),
        answer.quietly(Rejection(Reason.BROKEN_LINK, customer="T-123"), "PB-1"),
    ],
)
def test_nothing_of_a_ticket_is_told_quietly(built: Answer | None) -> None:
    assert built is not None
    assert "T-123" not in built.text
    assert "plain.com" not in built.text
    assert len(built.blocks) == 1


def test_a_label_is_as_long_as_slack_takes_it() -> None:
    long = Ticket("th_1", "T-" + "1" * 200, TICKET.url)
    built = answer.outcome(Created(long), "PB-7")
    assert built is not None
    row = built.blocks[1]["elements"]
    assert all(len(one["accessibility_label"]) <= 75 for one in row)
    assert len(row[1]["confirm"]["text"]["text"]) <= 300


def test_nothing_is_said_of_what_nobody_asked_for() -> None:
    assert answer.outcome(Ignored("no rule"), "r") is None


def test_a_text_too_long_for_a_section_stands_alone() -> None:
    assert len(commands.not_recorded("x" * 2000).blocks) == 1
    assert commands.not_recorded("x" * 3000).blocks == []
