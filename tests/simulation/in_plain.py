"""What must stand in Plain at the end of every day, and what must not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from sqlite3 import Row
from typing import TYPE_CHECKING

from bot.core.model import EventDraft, Placement, ThreadDraft
from bot.core.refs import generation_key, words_key
from tests.simulation.forms import words_in
from tests.simulation.plain import Thread
from tests.simulation.watch import SUCCESSES

if TYPE_CHECKING:
    from tests.simulation.world import Simulation

_GOES_ON = re.compile(r"The Slack thread continues in (\d+) further entr")
_STANDING = ("open", "undoing", "undone")

_Entry = tuple[str, str]
"""An entry of Plain's: its thread's id, and its external id."""


def wrong(world: Simulation, requests: list[Row], tickets: Mapping[int, Row]) -> Iterator[str]:
    """Yield what does not hold of Plain."""
    threads: dict[str, list[Thread]] = {}
    for thread in world.plain.threads:
        threads.setdefault(thread.draft.external_id, []).append(thread)
    events = Counter((event.draft.thread, event.draft.external_id) for event in world.plain.events)
    unsure = {row["external_id"] for row in requests if row["id"] in world.watch.unsure}
    for ticket in tickets.values():
        external_id = generation_key(ticket["key"], ticket["generation"])
        yield from _wrong_ticket(ticket, threads.pop(external_id, []))
    for external_id, left in threads.items():
        if not all(thread.deleted for thread in left) and external_id not in unsure:
            yield f"{external_id}: stands in Plain, and no ticket is it"
    for row in requests:
        yield from _wrong_request(world, row, tickets, events)
    gone = {thread.id for thread in world.plain.threads if thread.deleted}
    for thread_id, external_id in events:
        # Of whom the bridge forgot it does not know any more that they added words.
        is_sure = external_id.partition("#")[0] not in unsure and not world.forgotten
        if events[thread_id, external_id] and thread_id not in gone and is_sure:
            yield f"{external_id}: stands in {thread_id}, and was asked for by nobody"
    yield from _wrong_words(world)


def _wrong_ticket(ticket: Row, threads: list[Thread]) -> Iterator[str]:
    """One thread for a ticket, with the customer that it was for."""
    name = generation_key(ticket["key"], ticket["generation"])
    standing = [thread for thread in threads if not thread.deleted]
    if len(standing) > 1:
        yield f"{name}: {len(standing)} threads"
    if ticket["state"] == "opening":
        return
    its = next((thread for thread in threads if thread.id == ticket["thread_id"]), None)
    if its is None:
        yield f"{name}: {ticket['state']}, and {ticket['thread_id']} is not its thread"
        return
    if ticket["state"] == "gone" and standing:
        yield f"{name}: gone, and {standing[0].id} stands"
    if ticket["customer"] not in (its.draft.customer, None):
        yield f"{name}: is {ticket['customer']}'s, and {its.draft.customer} has it"
    if not its.deleted and its.ignored is not (ticket["state"] == "undone"):
        yield f"{name}: is {ticket['state']}, and ignored in Plain: {its.ignored}"


def _wrong_request(
    world: Simulation, row: Row, tickets: Mapping[int, Row], events: Counter[_Entry]
) -> Iterator[str]:
    """One entry for each request that has one, with what was typed, and its further parts."""
    ticket = tickets.get(row["ticket_id"])
    if row["state"] not in SUCCESSES or ticket is None:
        return
    name, thread_id = f"PB-{row['id']}", ticket["thread_id"]
    external_id = row["external_id"]
    if row["state"] == "joined":
        external_id = words_key(row["key"], row["id"])
        if '"added_words"' not in (row["reason_data"] or ""):
            yield from _unsaid(world, row)
            return
    entry = (thread_id, external_id)
    if row["state"] == "created":
        external_id = generation_key(ticket["key"], ticket["generation"])
    elif events.pop(entry, 0) != 1 and row["id"] not in world.watch.unsure:
        yield f"{name}: {row['state']}, and not once in {thread_id}"
    drafts = _drafts(world, thread_id, external_id)
    yield from _lacking(world, row, drafts)
    if row["state"] != "joined":
        yield from _wrong_sequels(world, row, external_id, thread_id, drafts, events)


def _drafts(world: Simulation, thread_id: str, external_id: str) -> list[ThreadDraft | EventDraft]:
    """Return the entry, as it was sent."""
    found: list[ThreadDraft | EventDraft] = []
    found += [one.draft for one in world.plain.threads if one.id == thread_id]
    found += [one.draft for one in world.plain.events if one.draft.thread == thread_id]
    return [one for one in found if one.external_id == external_id]


def _lacking(world: Simulation, row: Row, drafts: list[ThreadDraft | EventDraft]) -> Iterator[str]:
    """What was typed arrives."""
    typed = world.typed.get(row["slack_id"])
    if typed is None or world.forgotten:
        return
    if not any(typed.number in words_in(draft) for draft in drafts):
        yield f"PB-{row['id']}: {row['state']}, without what was typed"


def _unsaid(world: Simulation, row: Row) -> Iterator[str]:
    if row["slack_id"] in world.typed and not world.forgotten:
        yield f"PB-{row['id']}: joined, without what was typed"


def _wrong_words(world: Simulation) -> Iterator[str]:
    """Nothing that was typed for one requester stands in another customer's ticket."""
    typed = {one.number: one for one in world.typed.values()}
    customers = {thread.id: thread.draft.customer for thread in world.plain.threads}
    entries: list[tuple[str, ThreadDraft | EventDraft]] = [
        *((one.id, one.draft) for one in world.plain.threads),
        *((one.draft.thread, one.draft) for one in world.plain.events),
    ]
    for thread_id, draft in entries:
        for number in words_in(draft):
            said = typed[number]
            if said.placement is Placement.ADD:
                continue  # the form named the ticket
            if customers[thread_id] not in world.customers[said.requester]:
                yield f"words for {said.requester} stand in {customers[thread_id]}'s {thread_id}"


# A whole Slack thread in several entries


def _wrong_sequels(
    world: Simulation,
    row: Row,
    external_id: str,
    thread_id: str,
    drafts: list[ThreadDraft | EventDraft],
    events: Counter[_Entry],
) -> Iterator[str]:
    """Each further part once, in its ticket, but for those that Plain refused."""
    name, missing = f"PB-{row['id']}", world.watch.missing.get(row["id"], 0)
    sequels = [one for one in events if one[1].startswith(f"{external_id}#")]
    wanted = _further(drafts)
    counts = [events.pop(one) for one in sequels]
    world.seen["sequels"] += len(counts)
    world.seen["sequels_refused"] += missing
    if max(counts, default=1) > 1 and row["id"] not in world.watch.unsure:
        yield f"{name}: a further part stands twice"
    if not wanted - missing <= len(counts) <= wanted and not world.forgotten:
        yield f"{name}: {len(counts)} of {wanted} further parts, {missing} refused"
    if {one[0] for one in sequels} > {thread_id}:
        yield f"{name}: further parts stand elsewhere"


def _further(drafts: list[ThreadDraft | EventDraft]) -> int:
    """How many further parts the first one announces."""
    for draft in drafts:
        for part in draft.parts:
            if found := _GOES_ON.match(getattr(part, "text", "")):
                return int(found[1])
    return 0
