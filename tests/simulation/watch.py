"""Looks on while a world runs: what must never happen, at the moment when it would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from sqlite3 import Row
from typing import TYPE_CHECKING

from bot.core.faults import Rejection
from bot.core.model import Added, Created, Outcome
from bot.store.claims import LEASE_SECONDS, Claim, Exists, Pending
from tests.simulation.slack import Told, is_success

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.world import Simulation

ANNOUNCEMENTS = {"freeze", "freeze_addition", "freeze_rest"}
"""After these the write goes, unless the conversation turned out to be another row's."""
READS = {"claim", "next_due", "conversation", "find", "load", "ticket_of", "is_hopeless"}
"""What writes nothing, or to no row that is held."""
MOST_LOOK_UPS = 200
"""Of one external id in a day; more is a loop, not patience."""
MOST_IN_VAIN = 150
"""Claims of one process in a minute that found nothing."""


@dataclass
class _Hold:
    """A row in a process's hands, since the `turn`th claim of the world."""

    process: Process
    token: str
    turn: int

    def is_under_way(self, row: Row) -> bool:
        """Not so once its process died, or could not write down that it gives up for now."""
        return self.process.alive and self.process.has_under_way(row["id"], row["token"])


@dataclass
class _Sent:
    """A refusal that was sent. `held`: while its row was leased; `confirmed`: its process knows
    it to have been said."""

    process: Process
    disturbances: int
    at: float
    held: bool
    confirmed: bool = False


class Watch:
    """Knows who has which row, and what each round of a row has said."""

    def __init__(self, world: Simulation) -> None:
        self._world = world
        self._turn = 0
        self._holds: dict[int, _Hold] = {}
        self._in_vain: Counter[tuple[str, int]] = Counter()
        """Claims that found nothing, by process and minute."""
        self._announced: dict[tuple[int, str], Process] = {}
        """Claims whose write is about to go."""
        self.rounds: dict[int, int] = {}
        """How often each row was refused; each refusal is said anew."""
        self.told: dict[tuple[int, int], list[Told]] = {}
        """Answers by row and round."""
        self._sent: dict[tuple[int, int], _Sent] = {}
        self._closed: set[tuple[int, int]] = set()
        self.unsure: set[int] = set()
        """Rows that were settled without knowing whether their thread is there."""
        self.missing: dict[int, int] = {}
        """How many parts each success lacks."""

    def claims(self, process: Process, claims: Sequence[Claim]) -> None:
        """The process knows now that it has these."""
        self._turn += 1
        if not claims:
            minute = (process.name, int(self._world.loop.now / 60))
            self._in_vain[minute] += 1
            if self._in_vain[minute] == MOST_IN_VAIN:
                self._world.violated(f"{process.name} spins")
        for claim in claims:
            self._holds[claim.id] = _Hold(process, claim.token, self._turn)

    def may_write(self, args: Sequence[object]) -> bool:
        """Whether the claim among `args`, if there is one, has its row now."""
        claim = _claim(args)
        return claim is None or self._has_lease(claim)

    def _has_lease(self, claim: Claim) -> bool:
        (row,) = self._world.store.rows("id = ?", claim.id)
        held: bool = row["token"] == claim.token and row["lease_until"] > self._world.wall()
        return held

    def committed(
        self, process: Process, name: str, args: Sequence[object], result: object, *, held: bool
    ) -> None:
        """A transaction of `process` is done; `held`: it had the row before."""
        claim = _claim(args)
        about = claim.external_id if claim is not None else ""
        self._world.note("store", process.name, name, about, type(result).__name__)
        if name == "record" and getattr(result, "fresh", False):
            self._world.notice(process)
        if claim is None:
            return
        if not held and name not in READS and not isinstance(result, Pending | Exists):
            self._world.violated(f"{about}: {name} was written without its lease")
        if name in ANNOUNCEMENTS:
            self._announced[claim.id, claim.token] = process
        elif name == "settle":
            self._settled(claim, args)
        elif name == "answered":
            self._closed.add((claim.id, self.rounds.get(claim.id, 0)))

    def _settled(self, claim: Claim, args: Sequence[object]) -> None:
        outcome = next(arg for arg in args if isinstance(arg, Outcome))
        self.rounds[claim.id] = self.rounds.get(claim.id, 0) + 1
        self._world.notices.settled(claim.id)
        if isinstance(outcome, Created | Added):
            self.missing[claim.id] = outcome.missing
        if isinstance(outcome, Rejection):
            self._world.seen[f"rejected_{outcome.reason.value}"] += 1
            if outcome.outcome_unknown or outcome.reason == "gave_up":
                self.unsure.add(claim.id)

    def is_anything_announced(self) -> bool:
        """Whether a write may be about to go."""
        return any(
            process.alive and process.has_under_way(*claim)
            for claim, process in self._announced.items()
        )

    def sends(self, process: Process, claim: Claim, what: str) -> None:
        """A write is leaving for Plain."""
        self._world.note("plain", process.name, what, claim.external_id)
        self._announced.pop((claim.id, claim.token), None)
        if not self._has_lease(claim):
            self._world.violated(f"{claim.external_id}: {what} was sent after its lease was lost")
        if claim.rest is None:  # else its thread stands already, and only goes on
            self._check_order(claim)

    def _check_order(self, claim: Claim) -> None:
        """Whether an earlier row of the Slack thread has been under way for longer than this."""
        mine = self._holds[claim.id]
        conversation = self._world.conversation(claim.escalation.key)
        for row in self._world.store.rows(
            "id < ? AND state = 'waiting' AND lease_until > ?", claim.id, self._world.wall()
        ):
            hold = self._holds.get(row["id"])
            if hold is None or hold.token != row["token"] or hold.turn > mine.turn:
                continue
            if self._world.conversation(row["key"]) == conversation and hold.is_under_way(row):
                self._world.violated(f"{claim.external_id} overtook {row['key']}")

    def tells(self, process: Process, told: Told) -> None:
        """An answer is leaving for Slack."""
        row_id = int(told.reference.removeprefix("PB-"))
        kind = type(told.outcome).__name__
        self._world.note("tells", process.name, told.reference, kind, told.heard)
        this = (row_id, self.rounds.get(row_id, 0))
        earlier = self.told.setdefault(this, [])
        (row,) = self._world.store.rows("id = ?", row_id)
        if is_success(told.outcome):
            if row["state"] not in ("created", "added"):
                self._world.violated(f"{told.reference}: a success was told before it was settled")
            if any(one.heard for one in earlier) and told.heard:
                self._world.violated(f"{told.reference}: a success was told twice")
        elif this in self._closed:
            self._world.violated(f"{told.reference}: a refusal was told after it counted as said")
        elif (sent := self._sent.get(this)) is not None and self._must_hold(sent):
            self._world.violated(f"{told.reference}: a refusal was told twice for no reason")
        earlier.append(told)
        now = self._world.wall()
        held = (row["lease_until"] or 0.0) > now
        self._sent[this] = _Sent(process, process.disturbances, now, held)

    def was_told(self, told: Told) -> None:
        """Slack said that the answer was said, and the process knows it."""
        row_id = int(told.reference.removeprefix("PB-"))
        if (sent := self._sent.get((row_id, self.rounds.get(row_id, 0)))) is not None:
            sent.confirmed = True

    def _must_hold(self, sent: _Sent) -> bool:
        """Whether nothing befell the process that has it for said."""
        age = self._world.wall() - sent.at
        undisturbed = sent.process.alive and sent.process.disturbances == sent.disturbances
        return sent.held and sent.confirmed and undisturbed and 0 <= age < LEASE_SECONDS / 3


def _claim(args: Sequence[object]) -> Claim | None:
    return next((arg for arg in args if isinstance(arg, Claim)), None)
