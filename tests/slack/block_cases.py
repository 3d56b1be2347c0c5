"""The longest and the strangest that may stand in what the bridge shows, a case each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from bot.core import home as homes
from bot.core import undo
from bot.core.directory import Channel, Profile, UserKind
from bot.core.faults import Reason
from bot.core.identity import Answerer, Hosts, Others, Yourself
from bot.core.model import (
    Added,
    Created,
    Form,
    FormDraft,
    FormField,
    Ignored,
    Joined,
    Outcome,
    Placement,
    Priority,
    ReplyTo,
    Rule,
    Ticket,
    Trigger,
    Via,
)
from bot.core.record import Evidence, Record, State
from bot.core.refs import MessageRef
from bot.core.why import (
    ExplainedRecord,
    Explanation,
    Outlook,
    ReactionLook,
    RuleDecision,
    RuleLook,
    Submitter,
    Unread,
)
from bot.flows import form as beside
from bot.flows import link as linking
from bot.flows.form import Choice
from bot.slack.views import answer, form, home, link, why
from bot.slack.views.kit import Answer
from bot.store.rejections import from_data

STRANGE = (
    "",
    " ",
    "x" * 40_000,
    "word " * 8_000,
    "👩‍👩‍👧‍👦" * 5_000,
    "<!channel> <!here> <@U1> <#C1|x> <https://evil.example|a> &amp; & < >",
    "`*_~" * 100,
    "\n" * 500,
    "|>^{}" * 50,
)
"""What people write, and what they are called."""

Case = Callable[[], Any]


def strange(build: Callable[[str], Any]) -> list[Case]:
    """A case for each strange text."""
    return [partial(build, text) for text in STRANGE]


def ticket(text: str = "") -> Ticket:
    """Refs are Plain's: short. The URL is the bridge's own."""
    return Ticket("th_1", f"T-{text[:20]}", "https://app.plain.com/workspace/w_1/thread/th_1/")


T = ticket("123456789")

# Answers


def rejected(text: str, reason: Reason, answerer: Answerer | None) -> Answer | None:
    names = ("requester", "name", "customer", "channel", "needed", "label", "assignee", "message")
    data = dict.fromkeys((*names, "fields", "code", "method", "last", "standing"), text)
    next_actions = (form.reopen_button("PB-1"),)
    return answer.outcome(
        from_data(reason, data), "PB-1", "UBOT", next_actions=next_actions, answerer=answerer
    )


def every_rejection(text: str) -> list[Case]:
    answerers = (None, Yourself(), Others(), Others(tuple(f"U{n}" for n in range(50))), Hosts())
    return [partial(rejected, text, reason, one) for reason in Reason for one in answerers]


def outcomes(text: str) -> list[Outcome | Joined]:
    return [
        Created(ticket(text), missing=99, beside=ticket(text)),
        Created(ticket(text)),
        Added(ticket(text)),
        Added(ticket(text), missing=99, unused=tuple(FormField)),
        Joined(ticket(text), added_words=True, unused=tuple(FormField)),
        Ignored("no_rule"),
    ]


UNDONE: Sequence[undo.Result] = (
    undo.Undone(T),
    undo.Undone(None),
    undo.AlreadyUndone(T),
    undo.AlreadyUndone(None),
    undo.TooLate(T),
    undo.Acted(T),
    undo.AddedTo(T),
    undo.NotUndoable(T),
    undo.NotYours(),
    undo.Outsider(),
    undo.Lacking(T, undo.NEEDED),
    undo.Lacking(T, ()),
    undo.Unreached(T),
    undo.Unreached(None, goes_on=True),
    undo.Unreached(T, goes_on=True, after=3600.0),
    undo.Unreached(None, goes_on=True, after=60.0),
    undo.Declined(T),
    undo.Nothing(),
)

# The form


def asked(text: str) -> Trigger:
    reply_to = ReplyTo(user="U1", asked_at=0.0)
    return Trigger(Via.SHORTCUT, "T1", "U1", text[:200] or "x", reply_to)


def draft(text: str, **more: Any) -> FormDraft:
    labels = tuple(f"lt_{n}" for n in range(150))
    return FormDraft(
        "d" * 32,
        asked(text),
        Form(text, text, "U1", Priority.HIGH, labels, text[:150] or None, **more),
    )


def surroundings(text: str) -> beside.FormContext:
    return beside.FormContext(
        quote=text,
        offers_thread=True,
        labels={f"lt_{n}": text for n in range(150)},
        tenants={text[:150]: text} if text else {},
        closed=beside.UnreadableParts(direct=False, thread=True, files=True),
        requester="U1",
        customer=beside.Known(text),
    )


def of_the_form(text: str) -> list[Case]:
    around = surroundings(text)
    acquaintances: Sequence[beside.CustomerStatus] = (
        beside.New(),
        beside.Unlinked(),
        beside.Broken(),
        beside.Unlinked(unconfirmed=True),
        beside.NotAllowed(UserKind.EXTERNAL),
        beside.Preset(),
    )
    confined = replace(around, offers_requester=False, offers_tenants=False)
    others = [confined, *(replace(around, customer=one) for one in acquaintances)]
    bare = beside.FormContext()
    shown = (around, bare, *others)
    placed = replace(draft(text), adds_to=ticket(text))
    return [
        *(
            partial(form.form, placed, replace(around, placement=one), bot="UBOT")
            for one in Placement
        ),
        *(partial(form.form, draft(text), one, bot="UBOT") for one in shown),
        partial(form.form, draft(text, whole_thread=True), around, with_requester=False),
    ]


def choices(text: str) -> list[Choice]:
    return [Choice(f"{number}{text}"[:200], text or "x") for number in range(150)]


# Who is this


def profile(text: str) -> Profile:
    address = f"{text.strip()[:300] or 'x'}@example.com"
    return Profile("U1", "T1", text, UserKind.MEMBER, address, email_confirmed=True)


def over(text: str) -> list[Case]:
    return [
        partial(link.over, linking.NothingToLink()),
        partial(link.over, linking.NothingToLink("PB-1", "U1", ticket(text))),
        partial(link.over, linking.NothingToLink("PB-1", "U1")),
    ]


# Why, mine and the Home

RULE = Rule(("ticket",))
HUGE = Rule(
    emoji=tuple(f"emoji_{number}" for number in range(200)),
    channels=tuple(f"#{'x' * 79}{number}" for number in range(200)),
    labels=tuple(f"label {number} {'y' * 200}" for number in range(200)),
    priority=Priority.URGENT,
    tenant="t" * 5_000,
    assignee="agent@example.com",
    customer="c_1",
)


def record(text: str, **more: Any) -> Record:
    values: dict[str, Any] = {
        "id": 10**17,
        "key": "T1:C1:1700000001.000100",
        "state": State.CREATED,
        "via": Via.REACTION,
        "team": "T0001",
        "submitter": "U0ADA",
        "created_at": 1.7e9,
        "ref": MessageRef("C1", "1700000001.000100"),
        "channel": "C1",
        "emoji": text[:255] or None,
        "requester": "U0BEN",
        "attempts": 10**6,
        "cause": text[:200] or None,
        "due": 1.9e9,
        "customer": "c_1",
        "ticket": ticket(text),
        "reason": text or None,
        "rejection": from_data(
            Reason.PLAIN_REFUSED,
            dict.fromkeys(("requester", "name", "customer", "message", "fields"), text),
        ),
        "settled_at": 1.8e9,
        "undone_at": None,
        "undone_by": "U0ADA",
        "duplicates": ("T-8", "T-9"),
    }
    return Record(**(values | more))


def known(text: str, **more: Any) -> ExplainedRecord:
    return ExplainedRecord(
        record(text, **more), Evidence.EMAIL, True, text or None, f"{text}@x.example", 7
    )


def explained(text: str, row_count: int = 1, look_count: int = 1, **more: Any) -> Explanation:
    submitters = tuple(Submitter("U0" + "X" * 20, standing, False) for standing in UserKind) * 3
    looks = tuple(
        RuleLook(number + 1, HUGE, decision, HUGE.emoji, tuple(range(1, 100)), "#x" * 40)
        for number in range(look_count)
        for decision in RuleDecision
    )
    values: dict[str, Any] = {
        "ref": MessageRef("C1", "1700000001.000100"),
        "channel": Channel("C1", text or None),
        "posted_at": 1.7e9,
        "rules": looks,
        "reactions": tuple(
            ReactionLook(text[:255] or "x", 10**6, 7, submitters, outlook, 1.7e9, 1.7e9)
            for outlook in (*Outlook, None)
        )
        * 10,
        "known": tuple(known(text) for _ in range(row_count)),
        "conversation": ticket(text),
    }
    return Explanation(**(values | more))


def of_why(text: str) -> list[Case]:
    rows = [
        known(text, state=state, reason=reason)
        for state in State
        for reason in (text or None, *list(Reason))
    ]
    found = [
        explained(text, row_count=60, look_count=40),
        explained(text, known=None, reactions=None, unread=Unread.AWAY),
        explained(text, known=(), rules=()),
        explained(text, known=(), rules=(RuleLook(1, HUGE, RuleDecision.OTHER_CHANNEL),)),
        explained(text, known=(), reactions=()),
        explained(text, known=(), reactions=(ReactionLook(text[:255] or "x", 1),)),
        explained(text, known=()),
        *(explained(text, known=(), reactions=None, unread=one) for one in Unread),
        *(explained(text, known=(row,)) for row in rows),
        *(
            explained(
                text,
                known=(),
                reactions=(
                    ReactionLook("x", 1, 1, (Submitter("U1", UserKind.MEMBER, True),), one, 1.0),
                ),
            )
            for one in Outlook
        ),
    ]
    linkers = [
        partial(why.explanation, explained(text, known=(row,)), "UBOT", Yourself()) for row in rows
    ]
    return [*(partial(why.explanation, one, "UBOT") for one in found), *linkers]


def permalink(_: Record) -> str:
    return f"https://acme.slack.com/archives/C1/p1700000001000100?{'x' * 500}"


def of_home(text: str) -> list[Case]:
    tickets = (
        tuple(
            homes.HomeTicket(record(text, state=state), undoable)
            for state in State
            for undoable in (True, False)
        )
        * 2
    )
    waiting = tuple(homes.WaitingPerson(f"U{n}", 1.7e9, f"PB-{n}") for n in range(homes.PAGE))
    full = homes.OwnHome(
        tickets=tickets[: homes.PAGE],
        older=10**17,
        newer=True,
        waiting=waiting,
        more_waiting=True,
    )
    shown: list[homes.Home] = [
        full,
        homes.OwnHome(()),
        homes.OwnHome(tickets[: homes.PAGE], answerer=Others(tuple(f"U{n}" for n in range(20)))),
        homes.OwnHome((), newer=True, may_ask=False, waiting=()),
        homes.ForeignHome(),
    ]
    return [
        partial(home.home, one, rules, permalink) for one in shown for rules in ([], [HUGE] * 200)
    ]
