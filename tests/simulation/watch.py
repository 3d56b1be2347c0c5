"""Looks on while a world runs: what must never happen, at the moment when it would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from sqlite3 import Row
from typing import TYPE_CHECKING

from bot.core.faults import Reason, Rejection
from bot.core.model import Added, Created, Outcome
from bot.store.claims import Claim
from bot.store.conversations import Abandoned, Exists, Pending
from bot.store.jobs import LEASE_SECONDS, Job
from tests.simulation.slack import Told, is_success

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.world import Simulation

ANNOUNCEMENTS = {"note_thread", "note_addition", "note_rest"}
"""After these the write goes, unless the conversation turned out to be another request's."""
READS = {
    *("claim", "next_due", "conversation", "find", "load", "is_hopeless"),
    *("ticket_of", "ticket_of_conversation"),
}
"""What writes nothing, or to no job that is held."""
_UNFENCED = {"answer_later", "cannot_answer"}
"""What is written about a success, whose job has ended."""
_BY_ERASURE = {Reason.NOT_LINKED.value, Reason.PERSON_ERASED.value}
_TAKES_A_TURN = {"claim", "take_turn"}
SUCCESSES = ("created", "added", "joined")
"""The states of requests that ended with a ticket."""
MOST_LOOK_UPS = 200
"""Of one external id in a day; more is a loop, not patience."""
MOST_IN_VAIN = 150
"""Claims of one process in a minute that found nothing."""


@dataclass
class _Hold:
    """A job in a process's hands, since the `turn`th claim of the world."""

    process: Process
    token: str
    turn: int

    def is_under_way(self, row: Row) -> bool:
        """Not so once its process died, or could not write down that it gives up for now."""
        return self.process.alive and self.process.has_under_way(row["job_id"], row["token"])


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
    """Knows who has which job, and what each round of a request has said."""

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

    def claims(self, process: Process, jobs: Sequence[Job]) -> None:
        """The process knows now that it has these."""
        self._turn += 1
        if not jobs:
            minute = (process.name, int(self._world.loop.now / 60))
            self._in_vain[minute] += 1
            if self._in_vain[minute] == MOST_IN_VAIN:
                self._world.violated(f"{process.name} spins")
        for job in jobs:
            self._holds[job.id] = _Hold(process, job.token, self._turn)

    def may_write(self, args: Sequence[object]) -> bool:
        """Whether the job among `args`, if there is one, is its process's now."""
        job = _job(args)
        return job is None or self._has_lease(job)

    def _has_lease(self, job: Job) -> bool:
        for row in self._world.store.jobs("id = ?", job.id):
            is_its = row["token"] == job.token
            return is_its and bool(row["lease_until"] > self._world.wall())
        return False

    def committed(
        self, process: Process, name: str, args: Sequence[object], result: object, *, held: bool
    ) -> None:
        """A transaction of `process` is done; `held`: it had the job before."""
        claim, job = _claim(args), _job(args)
        about = claim.name if claim else f"{job.kind}-{job.key}" if job else ""
        self._world.note("store", process.name, name, about, type(result).__name__)
        if name == "record" and getattr(result, "fresh", False):
            self._world.notice(process)
        if name in _TAKES_A_TURN:
            for key in self._world.store.leased_twice():
                self._world.violated(f"{key}: two of its jobs are leased")
        if job is None:
            return
        unfenced = name in READS or name in _UNFENCED
        if not held and not unfenced and not isinstance(result, Pending | Exists | Abandoned):
            self._world.violated(f"{about}: {name} was written without its lease")
        if claim is None:
            return
        if name in ANNOUNCEMENTS:
            self._announced[job.id, job.token] = process
        elif name == "settle" and result:
            self._settled(claim, args)
        elif name == "answered":
            self._closed.add(self._round(claim.id, claim.outcome))

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
        self._world.note("plain", process.name, what, claim.name)
        self._announced.pop((claim.job.id, claim.job.token), None)
        if not self._has_lease(claim.job):
            self._world.violated(f"{claim.name}: {what} was sent after its lease was lost")
        if claim.rest is None:  # else its thread stands already, and only goes on
            self._check_order(claim)

    def _check_order(self, claim: Claim) -> None:
        """Whether an earlier request of the Slack thread has been under way for longer."""
        mine = self._holds[claim.job.id]
        conversation = self._world.conversation(claim.escalation.key)
        for row in self._world.store.decisions(
            "job.id < ? AND request.id < ? AND job.lease_until > ?",
            *(claim.job.id, claim.id, self._world.wall()),
        ):
            hold = self._holds.get(row["job_id"])
            if hold is None or hold.token != row["token"] or hold.turn > mine.turn:
                continue
            if self._world.conversation(row["key"]) == conversation and hold.is_under_way(row):
                self._world.violated(f"{claim.name} overtook PB-{row['id']}")

    def tells(self, process: Process, told: Told) -> None:
        """An answer is leaving for Slack."""
        row_id = int(told.reference.removeprefix("PB-"))
        kind = type(told.outcome).__name__
        self._world.note("tells", process.name, told.reference, kind, told.heard)
        this = self._round(row_id, told.outcome)
        earlier = self.told.setdefault(this, [])
        (row,) = self._world.store.requests("id = ?", row_id)
        if is_success(told.outcome):
            if row["state"] not in SUCCESSES:
                self._world.violated(f"{told.reference}: a success was told before it was settled")
            if told.heard and any(one.heard for one in self.all_told(row_id) if _is_good(one)):
                self._world.violated(f"{told.reference}: a success was told twice")
        elif this in self._closed:
            self._world.violated(f"{told.reference}: a refusal was told after it counted as said")
        elif (sent := self._sent.get(this)) is not None and self._must_hold(sent):
            self._world.violated(f"{told.reference}: a refusal was told twice for no reason")
        earlier.append(told)
        now = self._world.wall()
        answering = "kind = 'answer' AND key = ? AND lease_until > ?"
        held = bool(self._world.store.jobs(answering, row_id, now))
        self._sent[this] = _Sent(process, process.disturbances, now, held)

    def told_last(self, row_id: int, reason: str | None = None) -> list[Told]:
        """Return what was told of a request as it stands, which ended for `reason`."""
        return self.told.get((row_id, self._number(row_id, reason)), [])

    def _round(self, row_id: int, outcome: Outcome | None) -> tuple[int, int]:
        reason = outcome.reason.value if isinstance(outcome, Rejection) else None
        return row_id, self._number(row_id, reason)

    def _number(self, row_id: int, reason: str | None) -> int:
        """Return the round's number; what ends a request that nobody decides has one of its own."""
        rounds = self.rounds.get(row_id, 0)
        return -1 - rounds if reason in _BY_ERASURE else rounds

    def all_told(self, row_id: int) -> list[Told]:
        """Return the answers of all rounds of a request."""
        return [
            one for (told_of, _), told in self.told.items() if told_of == row_id for one in told
        ]

    def was_told(self, told: Told) -> None:
        """Slack said that the answer was said, and the process knows it."""
        row_id = int(told.reference.removeprefix("PB-"))
        if (sent := self._sent.get(self._round(row_id, told.outcome))) is not None:
            sent.confirmed = True

    def _must_hold(self, sent: _Sent) -> bool:
        """Whether nothing befell the process that has it for said."""
        age = self._world.wall() - sent.at
        undisturbed = sent.process.alive and sent.process.disturbances == sent.disturbances
        return sent.held and sent.confirmed and undisturbed and 0 <= age < LEASE_SECONDS / 3


def _claim(args: Sequence[object]) -> Claim | None:
    return next((arg for arg in args if isinstance(arg, Claim)), None)


def _job(args: Sequence[object]) -> Job | None:
    claim = _claim(args)
    return claim.job if claim else next((arg for arg in args if isinstance(arg, Job)), None)


def _is_good(told: Told) -> bool:
    return is_success(told.outcome)
