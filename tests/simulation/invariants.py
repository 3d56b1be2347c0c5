"""What must hold of every request at the end of a day, when the faults are healed and all is
quiet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from sqlite3 import Row
from typing import TYPE_CHECKING

from bot.core.directory import UserKind
from bot.core.faults import Reason
from bot.core.model import FORGOTTEN, Placement, Trigger, Via
from bot.core.record import State
from bot.slack.views import rejections
from tests.simulation import in_plain
from tests.simulation.slack import DEACTIVATED, PEOPLE, WITHOUT_EMAIL
from tests.simulation.watch import MOST_LOOK_UPS, SUCCESSES

if TYPE_CHECKING:
    from tests.simulation.world import Simulation

_REJECTED = ("rejected", "on_hold", "parked")
_FINAL = {*SUCCESSES, *_REJECTED, "ignored", "withdrawn"}


def check(world: Simulation) -> None:
    """Report whatever does not hold."""
    requests = world.store.requests()
    tickets = {row["id"]: row for row in world.store.tickets()}
    for said in (
        *_work_left(world, requests, tickets),
        *_lost(world, requests),
        *in_plain.wrong(world, requests, tickets),
        *_doubles(world, requests, tickets),
        *_replaced(world, requests),
        *_unheard(world, requests, tickets),
        *_unexplained(world, requests),
        *world.undos.check(requests, tickets),
        *_loops(world),
    ):
        world.violated(said)


def _work_left(world: Simulation, requests: list[Row], tickets: Mapping[int, Row]) -> Iterator[str]:
    for row in requests:
        if row["state"] not in _FINAL:
            yield f"PB-{row['id']}: work is left ({row['state']})"
    if world.store.has_unfinished():
        for job in world.store.jobs():
            yield f"{job['kind']} of {job['key']}: work is left ({job['cause']})"
    for ticket in tickets.values():
        if ticket["state"] == "undoing":
            yield f"{ticket['thread_ref']}: is half undone"


def _lost(world: Simulation, requests: list[Row]) -> Iterator[str]:
    """What Slack, or the person, was told "taken" for and the ledger lacks."""
    known = {row["slack_id"] for row in requests}
    for trigger in world.slack.accepted:
        if trigger.request not in known:
            yield f"{trigger.request}: accepted and lost"


def _doubles(world: Simulation, requests: list[Row], tickets: Mapping[int, Row]) -> Iterator[str]:
    """Two tickets of one conversation, unless somebody wanted that, or it is for another."""
    openers = {row["id"]: world.asked_for[row["slack_id"]] for row in requests}
    deleted = {thread.id for thread in world.plain.threads if thread.deleted}
    here: dict[str, list[Row]] = {}
    for ticket in tickets.values():
        here.setdefault(world.conversation(ticket["key"]), []).append(ticket)
    for key, some in here.items():
        standing = [one for one in some if one["state"] == "open"]
        standing = [one for one in standing if one["thread_id"] not in deleted]
        by_chance = [
            one for one in standing if not _is_wanted(openers[one["request_id"]], one, some)
        ]
        if len(by_chance) > 1:
            yield f"{key}: {len(by_chance)} tickets for one conversation"
        alike = Counter(
            (one["key"], one["customer"])
            for one in standing
            if not _is_separate(openers[one["request_id"]])
        )
        for (message, customer), count in alike.items():
            if count > 1:
                yield f"{message}: {count} tickets for {customer}"


def _is_separate(opener: Trigger) -> bool:
    return opener.form is not None and opener.form.placement is Placement.SEPARATE


def _is_wanted(opener: Trigger, ticket: Row, others: list[Row]) -> bool:
    """Whether a ticket stands beside another for a reason."""
    form = opener.form
    if form is None or ticket["conversation_key"] is not None:
        return False
    for_another = any(one["customer"] != ticket["customer"] for one in others)
    return _is_separate(opener) or (form.placement is Placement.ANY and for_another)


def _replaced(world: Simulation, requests: list[Row]) -> Iterator[str]:
    """A request is what it was, whoever asked after it: its submitter and its words."""
    for row in requests:
        trigger = world.asked_for[row["slack_id"]]
        is_erased = row["submitter"] == FORGOTTEN and trigger.submitter in world.forgotten
        if row["submitter"] != trigger.submitter and not is_erased:
            yield f"PB-{row['id']}: was {trigger.submitter}'s, and is {row['submitter']}'s"
        typed = world.typed.get(row["slack_id"])
        if typed is None:
            continue
        kept = row["message" if trigger.via is Via.COMMAND else "form"]
        if kept is not None:
            if f'"Words {typed.number}"' not in kept:
                yield f"PB-{row['id']}: has other words than were typed"
        elif not world.forgotten and (row["state"] == "on_hold" or not world.seen["erase"]):
            yield f"PB-{row['id']}: {row['state']}, and its words are gone"


def _unheard(world: Simulation, requests: list[Row], tickets: Mapping[int, Row]) -> Iterator[str]:
    """Rejections that nobody read, and in a calm world successes that nobody heard of."""
    for row in requests:
        if row["submitter"] == FORGOTTEN:
            continue
        name, state = f"PB-{row['id']}", row["state"]
        if state in _REJECTED:
            yield from _unheard_rejection(world, row)
        elif state in SUCCESSES:
            told = world.watch.told_last(row["id"])
            if any(not one.is_success for one in told):
                yield f"{name}: {state}, and told as rejected"
            ticket = tickets.get(row["ticket_id"])
            if ticket is None:
                yield f"{name}: {state}, and has no ticket"
            elif _must_be_heard(world, ticket) and not any(one.heard for one in told):
                yield f"{name}: {state}, and nobody was told in a calm world"


def _must_be_heard(world: Simulation, ticket: Row) -> bool:
    return world.is_calm and bool(ticket["state"] == "open")


def _unheard_rejection(world: Simulation, row: Row) -> Iterator[str]:
    name = f"PB-{row['id']}"
    told = world.watch.told_last(row["id"], row["reason"])
    silent = row["reason"] == Reason.NOT_ALLOWED and row["via"] == Via.REACTION
    if row["answer"] == "unsayable":
        if not told or not told[-1].refused:
            yield f"{name}: unsayable, though Slack did not refuse"
    elif row["answer"] != "said" or not (silent or any(one.heard for one in told)):
        yield f"{name}: {row['state']} ({row['reason']}), and nobody was told"


# Why


def _unexplained(world: Simulation, requests: list[Row]) -> Iterator[str]:
    """Each has the end that it must have, whoever else asked; and the ledger says which."""
    records = {one.id: one for one in world.store.history.export()}
    for row in requests:
        record, trigger = records[row["id"]], world.asked_for[row["slack_id"]]
        if row["state"] in _REJECTED:
            justified = _REASONS.get(row["reason"])
            if justified is None or not justified(world, row, trigger):
                yield f"PB-{row['id']}: {row['state']} ({row['reason']}) for no reason"
            if row["state"] == "on_hold" and row["requester"] == FORGOTTEN:
                yield f"PB-{row['id']}: waits for somebody who was erased"
        elif row["state"] == "ignored":
            if not _IGNORED[row["reason"]](world, trigger):
                yield f"PB-{row['id']}: ignored ({row['reason']}) for no reason"
            if record.state is not State.IGNORED or rejections.short(
                row["reason"]
            ) == rejections.short(None):
                yield f"PB-{row['id']}: ignored, and nobody can say why"


_IGNORED: Mapping[str, Callable[[Simulation, Trigger], bool]] = {
    "asked_by_a_bot": lambda _world, trigger: PEOPLE[trigger.submitter] is UserKind.BOT,
    "no_rule": lambda _world, trigger: (trigger.emoji, trigger.channel) == ("bug", "CRANDOM"),
    "forgotten": lambda world, trigger: trigger.submitter in world.forgotten,
}


_UNKNOWN = (WITHOUT_EMAIL, "UGUS", "UPAM")
"""Nobody believes their address, or there is none."""


def _has_no_email(world: Simulation, row: Row, _trigger: Trigger) -> bool:
    return row["requester"] in _UNKNOWN or bool(world.forgotten)


def _has_a_broken_link(world: Simulation, _row: Row, _trigger: Trigger) -> bool:
    return bool(world.seen["relink"] or world.seen["delete_customer"])


def _may_not_ask(world: Simulation, _row: Row, trigger: Trigger) -> bool:
    is_in = PEOPLE[trigger.submitter] in world.policy.who
    return trigger.submitter == DEACTIVATED or not is_in


def _names_another(_world: Simulation, _row: Row, trigger: Trigger) -> bool:
    return trigger.form is not None and PEOPLE[trigger.submitter] is not UserKind.MEMBER


_REASONS: Mapping[str, Callable[[Simulation, Row, Trigger], bool]] = {
    Reason.NO_CUSTOMER: _has_no_email,
    Reason.BROKEN_LINK: _has_a_broken_link,
    Reason.NOT_LINKED: lambda *about: _has_no_email(*about) or _has_a_broken_link(*about),
    Reason.NOT_ALLOWED: _may_not_ask,
    Reason.REQUESTER_NOT_ALLOWED: _names_another,
    Reason.NOT_IN_CHANNEL: lambda world, _row, trigger: trigger.channel in world.slack.ever_shut,
    Reason.MESSAGE_NOT_FOUND: lambda world, _row, trigger: trigger.ref in world.slack.deleted,
    Reason.PLAIN_REFUSED: lambda world, _row, _trigger: bool(
        world.seen["plain_write_refused"]
        or world.seen["plain_write_twice"]  # and the look-up after that was refused, too
        or world.seen["delete_in_plain"]
    ),
    Reason.PLAIN_FORBIDDEN: lambda world, _row, _trigger: bool(
        world.seen["plain_write_hidden"] or world.seen["plain_read_forbidden"]
    ),
    Reason.EMPTY: lambda world, _row, _trigger: bool(world.seen["erase"] or world.forgotten),
    Reason.PERSON_ERASED: lambda world, _row, _trigger: bool(world.forgotten),
    Reason.GAVE_UP: lambda _world, _row, _trigger: True,
}


def _loops(world: Simulation) -> Iterator[str]:
    for key, count in world.plain.look_ups.items():
        if count > MOST_LOOK_UPS:
            yield f"{key}: looked up {count} times in a day"
    world.plain.look_ups.clear()
