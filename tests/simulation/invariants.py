"""What must hold at the end of every day, when the faults are healed and all is quiet."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from sqlite3 import Row
from typing import TYPE_CHECKING

from bot.core.directory import UserKind
from bot.core.faults import Reason
from bot.core.model import Trigger, Via
from bot.core.refs import command_key, message_key, view_key
from tests.simulation.slack import PEOPLE, is_success
from tests.simulation.watch import MOST_LOOK_UPS

if TYPE_CHECKING:
    from tests.simulation.world import Simulation

_GOES_ON = re.compile(r"The Slack thread continues in (\d+) further entr")
_FINAL = {"created", "added", "refused", "parked", "unwanted"}


def check(world: Simulation) -> None:
    """Report whatever does not hold."""
    rows = world.store.rows()
    for said in (
        *_work_left(rows),
        *_lost(world, rows),
        *_wrong_in_plain(world, rows),
        *_doubles(world, rows),
        *_unheard(world, rows),
        *_unwanted(world, rows),
        *_loops(world),
    ):
        world.violated(said)


def _work_left(rows: list[Row]) -> Iterator[str]:
    for row in rows:
        if row["due"] is not None or row["state"] not in _FINAL:
            yield f"{row['key']}: work is left ({row['state']}, {row['cause']})"


def _lost(world: Simulation, rows: list[Row]) -> Iterator[str]:
    """What Slack, or the person, was told "taken" for and the ledger lacks."""
    known = {row["key"] for row in rows}
    for trigger in world.slack.accepted:
        if (key := key_of(trigger)) not in known:
            yield f"{key}: accepted and lost"


def key_of(trigger: Trigger) -> str:
    """The key that the design gives to what was asked (section 4 point 4)."""
    if trigger.ref is not None:
        return message_key(trigger.team, trigger.ref)
    if trigger.via is Via.COMMAND:
        return command_key(trigger.team, trigger.request)
    return view_key(trigger.team, trigger.request)


def _wrong_in_plain(world: Simulation, rows: list[Row]) -> Iterator[str]:
    """One thread for each that was created, one event for each that was added, else nothing."""
    threads = Counter(thread.draft.external_id for thread in world.plain.threads)
    events = Counter(event.draft.external_id for event in world.plain.events)
    for row in rows:
        key, state = row["key"], row["state"]
        found = (threads.pop(key, 0), events.pop(key, 0))
        wanted = {"created": (1, 0), "added": (0, 1)}.get(state, (0, 0))
        if found != wanted and not (row["id"] in world.watch.unsure and max(found) == 1):
            yield f"{key}: {state}, with {found[0]} threads and {found[1]} additions"
        if state == "created":
            yield from _wrong_thread(world, row)
        yield from _wrong_sequels(world, row, events)
    for key in (*threads, *events):
        yield f"{key}: stands in Plain and was asked for by nobody"


def _wrong_sequels(world: Simulation, row: Row, events: Counter[str]) -> Iterator[str]:
    """Of a whole thread each further part once, in its ticket, but for those that Plain refused."""
    key, missing = row["key"], world.watch.missing.get(row["id"], 0)
    sequels = [name for name in events if name.startswith(f"{key}#")]
    if not sequels and not missing:
        wanted = _further(world, key) if row["state"] in ("created", "added") else 0
        if wanted:
            yield f"{key}: lacks {wanted} further parts"
        return
    counts = [events.pop(name) for name in sequels]
    wanted = _further(world, key)
    world.seen["sequels"] += len(counts)
    world.seen["sequels_refused"] += missing
    if max(counts, default=1) > 1 and row["id"] not in world.watch.unsure:
        yield f"{key}: a further part stands twice"
    if not wanted - missing <= len(counts) <= wanted:
        yield f"{key}: {len(counts)} of {wanted} further parts, {missing} refused"
    threads = {e.draft.thread for e in world.plain.events if e.draft.external_id in sequels}
    if row["state"] in ("created", "added") and threads > {row["thread_id"]}:
        yield f"{key}: further parts stand in {threads}"


def _further(world: Simulation, key: str) -> int:
    """How many further parts the first one announces."""
    firsts = [t.draft.parts for t in world.plain.threads if t.draft.external_id == key]
    firsts += [e.draft.parts for e in world.plain.events if e.draft.external_id == key]
    for parts in firsts:
        for part in parts:
            found = _GOES_ON.match(getattr(part, "text", ""))
            if found:
                return int(found[1])
    return 0


def _wrong_thread(world: Simulation, row: Row) -> Iterator[str]:
    for thread in world.plain.threads:
        if thread.draft.external_id == row["key"]:
            if thread.id != row["thread_id"]:
                yield f"{row['key']}: has {row['thread_id']}, and {thread.id} stands"
            if thread.draft.customer != row["customer"]:
                yield f"{row['key']}: is {row['customer']}'s, and {thread.draft.customer} has it"


def _doubles(world: Simulation, rows: list[Row]) -> Iterator[str]:
    """Two threads of one conversation."""
    unsure = {row["key"] for row in rows if row["id"] in world.watch.unsure}
    conversations = Counter(
        world.conversation(thread.draft.external_id)
        for thread in world.plain.threads
        if thread.draft.external_id not in unsure
    )
    for key, count in conversations.items():
        if count > 1:
            yield f"{key}: {count} threads for one conversation"


def _unheard(world: Simulation, rows: list[Row]) -> Iterator[str]:
    """Refusals that nobody read, and in a calm world successes that nobody heard of."""
    for row in rows:
        this = (row["id"], world.watch.rounds.get(row["id"], 0))
        told = world.watch.told.get(this, [])
        heard = [one for one in told if one.heard]
        if row["state"] in ("refused", "parked"):
            silent = row["reason"] == Reason.NOT_ALLOWED and row["via"] == Via.REACTION
            if row["answer"] == "unsayable":
                if not told or not told[-1].refused:
                    yield f"{row['key']}: unsayable, though Slack did not refuse"
            elif row["answer"] != "said" or not (heard or silent):
                yield f"{row['key']}: refused ({row['reason']}), and nobody was told"
        elif row["state"] in ("created", "added"):
            if any(not is_success(one.outcome) for one in told):
                yield f"{row['key']}: {row['state']}, and told as refused"
            if world.is_calm and not heard:
                yield f"{row['key']}: {row['state']}, and nobody was told in a calm world"


def _unwanted(world: Simulation, rows: list[Row]) -> Iterator[str]:
    """What was settled in silence must be what nobody may or did ask for."""
    for row in rows:
        if row["state"] != "unwanted":
            continue
        by_bot = PEOPLE[row["asker"]] is UserKind.BOT
        no_rule = '"bug"' in row["trigger"] and row["channel"] == "CRANDOM"
        if not {"asked_by_a_bot": by_bot, "no_rule": no_rule}[row["reason"]]:
            yield f"{row['key']}: ignored as {row['reason']}"


def _loops(world: Simulation) -> Iterator[str]:
    for key, count in world.plain.look_ups.items():
        if count > MOST_LOOK_UPS:
            yield f"{key}: looked up {count} times in a day"
    world.plain.look_ups.clear()
