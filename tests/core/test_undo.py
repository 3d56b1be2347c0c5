"""What can be undone: by whom, when, and what a look at the thread says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.directory import Profile, UserKind
from bot.core.identity import Linkers
from bot.core.undo import (
    UNDO_SECONDS,
    Actor,
    ActorKind,
    AlreadyUndone,
    Look,
    Nothing,
    NotUndoable,
    NotYours,
    Outsider,
    Result,
    ThreadSnapshot,
    TimelineEntry,
    TooLate,
    Undone,
    UndoTarget,
    lacking,
    look,
    note,
    refusal,
    was_undone_by,
)
from tests.nouns import TICKET

NOW = 1_700_000_000.0
TARGET = UndoTarget(
    id=7,
    state="created",
    submitter="U0ASKER",
    ticket_id=1,
    ticket=TICKET,
    ticket_state="open",
    opened_by=7,
    opened_at=NOW,
    settled_at=NOW,
)
NAMED = Linkers(("U0LINKER",))
OWNERS = Linkers()


def person(user: str, standing: UserKind = UserKind.MEMBER, *, admin: bool = False) -> Profile:
    return Profile(user, "T0001", user, standing, admin=admin)


ASKER = person("U0ASKER")


@pytest.mark.parametrize(
    ("by", "linkers", "expected"),
    [
        pytest.param(ASKER, OWNERS, None, id="who asked"),
        pytest.param(person("U0ASKER", UserKind.GUEST), OWNERS, None, id="a guest who asked"),
        pytest.param(person("U0LINKER"), NAMED, None, id="a linker by name"),
        pytest.param(person("U0BOSS", admin=True), OWNERS, None, id="an owner"),
        pytest.param(
            person("U0BOSS", admin=True), NAMED, NotYours(), id="an owner, where others link"
        ),
        pytest.param(person("U0OTHER"), OWNERS, NotYours(), id="somebody else"),
        pytest.param(
            person("U0ASKER", UserKind.EXTERNAL), OWNERS, Outsider(), id="of another company"
        ),
        pytest.param(
            person("U0LINKER", UserKind.EXTERNAL, admin=True),
            NAMED,
            Outsider(),
            id="of another company, named a linker",
        ),
        pytest.param(person("U0ASKER", UserKind.BOT), OWNERS, Outsider(), id="a bot"),
        pytest.param(None, OWNERS, Outsider(), id="whom Slack does not show"),
    ],
)
def test_who_may_undo(by: Profile | None, linkers: Linkers, expected: Result | None) -> None:
    assert refusal(TARGET, by, linkers, NOW + 10.0) == expected


@pytest.mark.parametrize(
    ("clicked_after", "target", "expected"),
    [
        pytest.param(UNDO_SECONDS, TARGET, None, id="in the last moment"),
        pytest.param(-5.0, TARGET, None, id="before there was a ticket"),
        pytest.param(UNDO_SECONDS + 0.1, TARGET, TooLate(TICKET), id="too late"),
        pytest.param(
            1e6, replace(TARGET, ticket_state="undoing"), None, id="begun in time, to be finished"
        ),
        pytest.param(
            1e6, replace(TARGET, ticket_state="undone"), AlreadyUndone(TICKET), id="undone"
        ),
        pytest.param(
            1.0,
            replace(TARGET, state="withdrawn", ticket=None),
            AlreadyUndone(None),
            id="withdrawn",
        ),
        pytest.param(1.0, replace(TARGET, state="added"), NotUndoable(TICKET), id="an addition"),
        pytest.param(1.0, replace(TARGET, state="waiting", ticket=None), Nothing(), id="waiting"),
        pytest.param(1.0, replace(TARGET, state="rejected"), Nothing(), id="rejected"),
        pytest.param(1.0, replace(TARGET, ticket_state="gone"), Nothing(), id="deleted in Plain"),
    ],
)
def test_when_it_can_be_undone(
    clicked_after: float, target: UndoTarget, expected: Result | None
) -> None:
    assert refusal(target, ASKER, OWNERS, NOW + clicked_after) == expected


def test_who_may_not_is_not_told_how_it_stands() -> None:
    assert refusal(TARGET, person("U0OTHER"), OWNERS, NOW + 1e6) == NotYours()
    assert refusal(TARGET, None, OWNERS, NOW + 1e6) == Outsider()


def test_who_joined_a_ticket_may_not_undo_it_unless_they_link_people() -> None:
    joined = replace(TARGET, state="joined", opened_by=1)
    assert refusal(joined, ASKER, NAMED, NOW) == NotYours()
    assert refusal(joined, person("U0LINKER"), NAMED, NOW) is None


UNDONE = replace(TARGET, ticket_state="undone", undone_by="U0ASKER", undone_at=NOW + 30.0)
WITHDRAWN = replace(TARGET, state="withdrawn", ticket=None, settled_at=NOW + 30.0)


@pytest.mark.parametrize(
    ("target", "by", "clicked_after", "expected"),
    [
        pytest.param(UNDONE, "U0ASKER", 20.0, Undone(TICKET), id="it was this click"),
        pytest.param(UNDONE, "U0ASKER", 31.0, None, id="a later click"),
        pytest.param(UNDONE, "U0LINKER", 20.0, None, id="somebody else's"),
        pytest.param(WITHDRAWN, "U0ASKER", 20.0, Undone(None), id="it was this reaction"),
        pytest.param(WITHDRAWN, "U0ASKER", 31.0, None, id="withdrawn before"),
        pytest.param(TARGET, "U0ASKER", 20.0, None, id="not undone"),
    ],
)
def test_what_a_click_has_done_already(
    target: UndoTarget, by: str, clicked_after: float, expected: Result | None
) -> None:
    assert was_undone_by(target, by, NOW + clicked_after) == expected


# The thread

ME = Actor(ActorKind.MACHINE_USER, "mu_1")
AGENT = Actor(ActorKind.USER, "u_1")
OTHER_APP = Actor(ActorKind.MACHINE_USER, "mu_2")
CUSTOMER = Actor(ActorKind.CUSTOMER, "c_1")
PLAIN = Actor(ActorKind.SYSTEM, "sys_1")
NEW = Actor(ActorKind.UNKNOWN)
SEEN = ThreadSnapshot(
    customer="c_1",
    status="TODO",
    detail="ThreadStatusDetailCreated",
    changed_by=ME,
    assigned=False,
    entries=(TimelineEntry(ME, "CustomEntry"),),
    me="mu_1",
)
IGNORED = replace(SEEN, status="DONE", detail="ThreadStatusDetailIgnored")


def with_entry(actor: Actor, kind: str, **more: object) -> ThreadSnapshot:
    return replace(SEEN, entries=(*SEEN.entries, TimelineEntry(actor, kind)), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(SEEN, Look.FREE, id="as it was created"),
        pytest.param(IGNORED, Look.IGNORED, id="we ignored it"),
        pytest.param(replace(IGNORED, changed_by=AGENT), Look.ACTED, id="an agent ignored it"),
        pytest.param(
            replace(IGNORED, changed_by=OTHER_APP), Look.ACTED, id="another app ignored it"
        ),
        pytest.param(
            replace(IGNORED, me=None), Look.IGNORED, id="a machine user, who we are is unknown"
        ),
        pytest.param(replace(SEEN, status="DONE", changed_by=AGENT), Look.ACTED, id="done"),
        pytest.param(replace(SEEN, status="SNOOZED", changed_by=PLAIN), Look.ACTED, id="snoozed"),
        pytest.param(
            replace(SEEN, detail="ThreadStatusDetailInProgress", changed_by=AGENT),
            Look.ACTED,
            id="investigating",
        ),
        pytest.param(with_entry(AGENT, "EmailEntry"), Look.ACTED, id="answered by e-mail"),
        pytest.param(with_entry(AGENT, "ChatEntry"), Look.ACTED, id="answered in a chat"),
        pytest.param(with_entry(AGENT, "NoteEntry"), Look.ACTED, id="a note"),
        pytest.param(with_entry(OTHER_APP, "EmailEntry"), Look.ACTED, id="another app answered"),
        pytest.param(with_entry(CUSTOMER, "EmailEntry"), Look.ACTED, id="the customer wrote"),
        pytest.param(
            with_entry(CUSTOMER, "CustomEntry"), Look.FREE, id="our quote, in the customer's name"
        ),
        pytest.param(with_entry(ME, "ThreadEventEntry"), Look.FREE, id="our own addition"),
        pytest.param(with_entry(ME, "NoteEntry"), Look.FREE, id="our own note"),
        pytest.param(
            with_entry(PLAIN, "ServiceLevelAgreementStatusTransitionedEntry"),
            Look.FREE,
            id="Plain itself",
        ),
        pytest.param(with_entry(NEW, "NewEntry"), Look.FREE, id="a kind that is not known"),
        pytest.param(
            with_entry(AGENT, "ThreadAssignmentTransitionedEntry", assigned=True),
            Look.ACTED,
            id="taken by an agent",
        ),
        pytest.param(
            with_entry(PLAIN, "ThreadAssignmentTransitionedEntry", assigned=True),
            Look.FREE,
            id="assigned by a workflow",
        ),
        pytest.param(
            replace(SEEN, assigned=True), Look.ACTED, id="assigned, and nobody says by whom"
        ),
    ],
)
def test_whether_somebody_acted(seen: ThreadSnapshot, expected: Look) -> None:
    assert look(seen, assigns=False) is expected


def test_the_assignee_of_a_rule_does_not_count() -> None:
    assert look(replace(SEEN, assigned=True), assigns=True) is Look.FREE
    taken = with_entry(AGENT, "ThreadAssignmentTransitionedEntry", assigned=True)
    assert look(taken, assigns=True) is Look.ACTED


def test_which_note_is_ours() -> None:
    assert with_entry(ME, "NoteEntry").is_noted
    assert not with_entry(AGENT, "NoteEntry").is_noted
    assert not SEEN.is_noted


@pytest.mark.parametrize(
    ("permissions", "missing"),
    [
        (None, ()),
        (frozenset({"note:create", "thread:edit", "thread:read"}), ()),
        (frozenset({"thread:edit"}), ("note:create",)),
        (frozenset(), ("note:create", "thread:edit")),
    ],
)
def test_what_the_key_lacks(permissions: frozenset[str] | None, missing: tuple[str, ...]) -> None:
    assert lacking(replace(SEEN, permissions=permissions)) == missing


def test_the_note_names_the_person_on_one_line() -> None:
    assert note("Ada\n Nowak", "PB-7") == (
        "Ada Nowak undid this ticket in Slack, so it was marked as ignored. Reference: PB-7"
    )
