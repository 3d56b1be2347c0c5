"""Watches a bridge's points from inside of its process: writes them down, and acts at one."""

from __future__ import annotations

import signal
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from bot.failpoints import Failpoint

Act = Literal["kill", "stop"]
_SIGNALS: dict[str, signal.Signals] = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}

_STORE = str(Path("bot") / "store")
_NOT_A_STORY = ("database.py",)


@dataclass(frozen=True)
class Folder:
    """What the test and the bridge's process tell each other, in files.

    `order` says where to act, `trace` what was passed since that order was given.
    """

    path: Path

    @property
    def order(self) -> Path:
        return self.path / "order"

    @property
    def trace(self) -> Path:
        return self.path / "trace"

    @property
    def done(self) -> Path:
        return self.path / "done"

    def give(self, act: Act | None = None, place: str = "") -> None:
        """From now on count anew, and act at `place` ("plain.after createThread:1"; `*` fits)."""
        self.done.unlink(missing_ok=True)
        self.trace.write_text("")
        fresh = self.path / "order.new"
        fresh.write_text(f"{act or '-'} {place}")
        fresh.replace(self.order)

    def take_back(self) -> None:
        """Act nowhere."""
        self.order.unlink(missing_ok=True)
        self.trace.unlink(missing_ok=True)

    def passed(self) -> list[str]:
        """The places that were passed since the order was given."""
        return self.trace.read_text().splitlines() if self.trace.exists() else []

    @property
    def is_done(self) -> bool:
        """Whether the process acted as it was told to."""
        return self.done.exists()


class Watch:
    """A `failpoints.Watcher`. It ends or stops this process and no other."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._counted: Counter[str] = Counter()
        self._order: tuple[str, int] | None = None
        self._lock = threading.Lock()

    def __call__(self, point: Failpoint, about: str) -> None:
        with self._lock:
            order = self._read()
            if order is None:
                return
            label = f"{point} {about or _transaction()}"
            self._counted[label] += 1
            place = f"{label}:{self._counted[label]}"
            with self._folder.trace.open("a") as trace:
                trace.write(f"{place}\n")
            act, _, wanted = order.partition(" ")
            if not fnmatchcase(place, wanted) or self._folder.is_done:
                return
            self._folder.done.write_text(place)
            # To this thread: a signal to the process is taken by any, and this one goes on a bit.
            signal.pthread_kill(threading.get_ident(), _SIGNALS[act])

    def _read(self) -> str | None:
        """The order; a new one counts from the beginning."""
        try:
            text = self._folder.order.read_text()
            written = self._folder.order.stat().st_mtime_ns
        except FileNotFoundError:
            self._order = None
            return None
        if (text, written) != self._order:
            self._order = (text, written)
            self._counted.clear()
        return text


def _transaction() -> str:
    """The store's method whose transaction this is, "deliveries.settle"; "other" outside of it."""
    frame = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        path = Path(code.co_filename)
        if _STORE in str(path.parent) and path.name not in _NOT_A_STORY:
            return f"{path.stem}.{code.co_name}"
        if frame.f_back is None:
            break
        frame = frame.f_back
    return "other"
