"""What goes wrong in a world, how often, and the dice that decide it: all from one seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from bot.core.faults import Fault, PlainError, Reason, Rejected, Rejection, SlackError, TryLater

READ_SECONDS = 10.0
"""After so much silence the clients give up (`plain.client`, `slack.calls`)."""
GATEWAY_SECONDS = 30.0
"""Plain's gateway gives up, so that nothing is committed later: the settle window rests on it."""

_RATES: dict[str, tuple[float, ...]] = {
    # Per await of a process at the edge of the world.
    "death": (0.0, 0.002, 0.01, 0.02),
    # Per transaction: it fails, it commits and fails, it is slow.
    "database_fails": (0.0, 0.0, 0.02, 0.1),
    "database_forgets": (0.0, 0.0, 0.02, 0.05),
    "database_slow": (0.0, 0.02, 0.1),
    # Between the commit that says that a create is about to go, and its going.
    "stall": (0.0, 0.0, 0.1, 0.3),
    # Per request to Slack.
    "slack_fails": (0.0, 0.02, 0.2),
    "slack_slow": (0.0, 0.05, 0.3),
    "answer_fails": (0.0, 0.05, 0.3),
    "answer_refused": (0.0, 0.0, 0.05),
    # Per delivery from Slack.
    "delivery_fails": (0.0, 0.05, 0.3),
    "ack_lost": (0.0, 0.05, 0.3),
    "delivered_twice": (0.0, 0.1, 0.4),
    "delivered_late": (0.0, 0.1, 0.4),
    # Per notice of new work to the other processes.
    "notice_lost": (0.0, 0.0, 0.1),
}

_WRITE_FATES: dict[str, tuple[int, ...]] = {
    "slow": (0, 1, 3),
    "unreachable": (0, 0, 1, 2),
    "limited": (0, 0, 1, 3),
    "failed": (0, 0, 1, 3),
    "answer_lost": (0, 1, 3),
    "late": (0, 1, 3),
    "never": (0, 0, 1, 2),
    "page": (0, 0, 1),
    "twice": (0, 0, 1, 3),
    "refused": (0, 2, 6),
    "hidden": (0, 0, 0, 1),
}
_READ_FATES: dict[str, tuple[int, ...]] = {
    "slow": (0, 1, 2),
    "unreachable": (0, 0, 1),
    "limited": (0, 0, 1),
    "failed": (0, 1, 3),
    "never": (0, 0, 1, 2),
    "forbidden": (0, 0, 0, 0, 1),
}
_GOOD = 8
_DOWN = ("unreachable", "failed", "never")


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a request: when it takes effect and when its answer is there, in seconds
    from the sending. `effect` None: never. `lag`: for so long look-ups do not show it.

    `status` of the answer, None for none; a 429 is told in `headers` alone. `arrives`: Plain
    counts it; `tells_limit`: the answer says how much of the rate limit is left.
    """

    effect: float | None
    answer: float
    fault: Fault | None = None
    twice: bool = False
    lag: float = 0.0
    status: int | None = 200
    arrives: bool = True
    tells_limit: bool = True
    headers: dict[str, str] = field(default_factory=dict)


class Dice:
    """Decides everything that is left to chance in one world.

    Each seed has its own weather: most faults are off in most worlds, so that the others
    show what they do alone and together (swarm testing).
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.seen: Counter[str] = Counter()
        self.healed = False
        self.plain_down_until = 0.0
        self.slack_down_until = 0.0
        choice = self.random.choice
        self._rates = {name: choice(rates) for name, rates in _RATES.items()}
        self._writes = {name: choice(weights) for name, weights in _WRITE_FATES.items()}
        self._reads = {name: choice(weights) for name, weights in _READ_FATES.items()}
        self._lags = choice((0.0, 0.0, 0.3))

    def chance(self) -> float:
        return self.random.random()

    def likely(self, probability: float) -> bool:
        """An event of everyday life, which goes on when the faults are healed."""
        return self.random.random() < probability

    def between(self, least: float, most: float) -> float:
        return self.random.uniform(least, most)

    def strikes(self, name: str) -> bool:
        """Whether the fault with this name happens now."""
        if self.healed or self.random.random() >= self._rates[name]:
            return False
        self.seen[name] += 1
        return True

    def plain_write(self, now: float, *, may_come_twice: bool, may_be_hidden: bool) -> Fate:
        weights = self._writes if may_come_twice else self._writes | {"twice": 0}
        if not may_be_hidden:
            weights = weights | {"hidden": 0}
        return self._write_fate(self._drawn("write", weights, now < self.plain_down_until))

    def plain_read(self, now: float) -> Fate:
        name = self._drawn("read", self._reads, now < self.plain_down_until)
        return self._read_fate(name)

    def over_the_limit(self) -> Fate:
        """Of a request that the rate limit leaves no room for."""
        return Fate(None, self.between(0.01, 0.1), status=429)

    def slack_call(self, now: float) -> Fate:
        """A request that reads."""
        if self.strikes("slack_slow"):
            return Fate(0.0, self.between(1.0, READ_SECONDS))
        if now < self.slack_down_until and not self.healed:
            self.seen["slack_down"] += 1
        elif not self.strikes("slack_fails"):
            return Fate(0.0, self.between(0.02, 0.4))
        after = self.random.choice((None, self.between(1.0, 30.0)))
        if after is None and self.likely(0.5):
            return Fate(None, READ_SECONDS, TryLater("slack_timeout"))
        return Fate(None, 0.05, TryLater("slack_ratelimited", after=after))

    def slack_answer(self, now: float) -> Fate:
        """A request that says something to a person."""
        quick = self.between(0.02, 0.4)
        if self.strikes("answer_refused"):
            return Fate(
                None,
                quick,
                Rejected(
                    Rejection(Reason.SLACK_REFUSED, slack_error=SlackError(code="user_not_found"))
                ),
            )
        if now < self.slack_down_until and not self.healed:
            self.seen["slack_down"] += 1
            return Fate(None, quick, TryLater("slack_unreachable"))
        if not self.strikes("answer_fails"):
            return Fate(quick, quick + self.between(0.0, 0.2))
        unknown = TryLater("slack_timeout", outcome_unknown=True)
        return self.random.choice(
            (
                Fate(None, quick, TryLater("slack_ratelimited", after=self.between(1.0, 30.0))),
                Fate(None, READ_SECONDS, unknown),
                Fate(self.between(0.1, 20.0), READ_SECONDS, unknown),
            )
        )

    def _drawn(self, kind: str, weights: dict[str, int], down: bool) -> str:
        if self.healed:
            return "good"
        if down:
            name = self.random.choice(_DOWN)
        else:
            (name,) = self.random.choices(("good", *weights), weights=(_GOOD, *weights.values()))
        if name != "good":
            self.seen[f"plain_{kind}_{name}"] += 1
        return name

    def _write_fate(self, name: str) -> Fate:
        quick = self.between(0.02, 0.5)
        later = quick + self.between(0.0, 0.3)
        lost = TryLater("plain_502", outcome_unknown=True)
        silent = TryLater("plain_timeout", outcome_unknown=True)
        match name:
            case "slow":
                slow = self.between(0.5, 9.5)
                return Fate(slow, slow + 0.2)
            case "answer_lost":
                return Fate(quick, later, lost, lag=self._lag(), status=502, tells_limit=False)
            case "late":
                # It takes effect at last, mostly when the client has given up long ago.
                effect = self.between(1.0, GATEWAY_SECONDS - 4.0)
                return Fate(effect, READ_SECONDS, silent, lag=self._lag(), status=None)
            case "never":
                return Fate(None, READ_SECONDS, silent, status=None)
            case "page":
                page = TryLater("plain_unexpected", outcome_unknown=True)
                done = self.random.choice((None, quick))
                return Fate(done, later, page, tells_limit=False)
            case "twice":
                return Fate(quick, later, twice=True)
            case "refused":
                return Fate(
                    None,
                    later,
                    Rejected(
                        Rejection(
                            Reason.PLAIN_REFUSED, plain_error=PlainError(code="input_validation")
                        )
                    ),
                )
            case "hidden":
                # The key may write and not read: done, and refused for what it should show.
                return Fate(
                    quick,
                    later,
                    Rejected(
                        Rejection(
                            Reason.PLAIN_FORBIDDEN, plain_error=PlainError(message="thread:read")
                        )
                    ),
                )
            case "failed":
                return Fate(None, later, TryLater("plain_500", outcome_unknown=True), status=500)
            case _:
                return self._fate_of_either(name, quick, later)

    def _read_fate(self, name: str) -> Fate:
        quick = self.between(0.02, 0.3)
        match name:
            case "slow":
                slow = self.between(0.5, 9.5)
                return Fate(slow, slow + 0.2)
            case "never":
                return Fate(None, READ_SECONDS, TryLater("plain_timeout"), status=None)
            case "forbidden":
                return Fate(
                    None,
                    quick,
                    Rejected(
                        Rejection(
                            Reason.PLAIN_FORBIDDEN, plain_error=PlainError(message="thread:read")
                        )
                    ),
                )
            case "failed":
                return Fate(None, quick, TryLater("plain_500"), status=500)
            case _:
                return self._fate_of_either(name, quick, quick + 0.1)

    def _fate_of_either(self, name: str, quick: float, later: float) -> Fate:
        match name:
            case "unreachable":
                unreachable = TryLater("plain_unreachable")
                return Fate(None, quick, unreachable, status=None, arrives=False)
            case "limited":
                # Whatever stands before Plain counts by itself, and says what it likes.
                after = self.random.choice((None, self.random.randint(1, 60)))
                headers = {} if after is None else {"retry-after": str(after)}
                return Fate(None, quick, status=429, arrives=False, headers=headers)
            case _:
                return Fate(quick, later)

    def _lag(self) -> float:
        return self.between(0.0, 3.0) if self.likely(self._lags) else 0.0
