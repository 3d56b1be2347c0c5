"""Looks at the clock: how far this machine's is from Slack's and Plain's."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from bot.cli.checks import Check, skip

LARGEST_SKEW = 60.0
"""Seconds; Slack's signatures are valid for 300."""

NAME = "clock"


@dataclass(slots=True)
class Clocks:
    """What time others said it is, beside what we thought then; filled while they are asked.

    `now` is our own clock, in Unix seconds.
    """

    now: Callable[[], float] = lambda: time.time()
    heard: dict[str, float] = field(default_factory=dict)

    def note(self, who: str, date: str | None) -> None:
        """Note the `Date` header (whole seconds) of an answer that has just come.

        https://www.rfc-editor.org/rfc/rfc9110#field.date
        """
        try:
            theirs = parsedate_to_datetime(date or "").timestamp()
        except ValueError:
            return
        self.heard[who] = self.now() - theirs

    def check(self) -> Check:
        """Red where ours is far from any of theirs."""
        if not self.heard:
            return skip(NAME, "neither Slack nor Plain said what time it is")
        detail = ", ".join(_told(who, skew) for who, skew in sorted(self.heard.items()))
        if all(abs(skew) <= LARGEST_SKEW for skew in self.heard.values()):
            return Check(NAME, True, detail)
        return Check(NAME, False, detail, "set this machine's clock by NTP")


def _told(who: str, skew: float) -> str:
    return f"{abs(skew):.0f} s {'behind' if skew < 0 else 'ahead of'} {who}'s"
