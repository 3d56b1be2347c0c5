"""A terminal with a command in it: what it shows, and what a person types."""

from __future__ import annotations

import errno
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

# The child takes the terminal for its own, so that hidden input is asked for there; Ctrl-C works in
# it even where the suite itself was started in the background, which ignores it.
_BOOTSTRAP = """
import fcntl, os, signal, sys, termios
signal.signal(signal.SIGINT, signal.default_int_handler)
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "bot", *sys.argv[1:]])
"""


class Terminal:
    """`plain-bridge` with these arguments, in `folder`, at a terminal of its own."""

    def __init__(self, arguments: Sequence[str], folder: Path, environ: Mapping[str, str]) -> None:
        self.shown = ""
        self._read_to = 0
        self._master, slave = os.openpty()
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BOOTSTRAP, *arguments],
            cwd=folder,
            env={**kept, "NO_COLOR": "1", "COLUMNS": "200", "TERM": "dumb", **environ},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(20)
        os.close(self._master)

    def until(self, text: str, seconds: float = 60.0) -> str:
        """What is shown up to `text`, from where the last call ended."""
        deadline = time.monotonic() + seconds
        while text not in self.shown[self._read_to :]:
            if not self._more(deadline):
                raise AssertionError(f"no {text!r} in:\n{self.shown}")
        end = self.shown.index(text, self._read_to) + len(text)
        passed, self._read_to = self.shown[self._read_to : end], end
        return passed

    def type(self, text: str) -> None:
        """A line, with Enter."""
        os.write(self._master, f"{text}\n".encode())

    def interrupt(self) -> None:
        """Ctrl-C, until the command ends: one that comes just before it waits for input goes
        unnoticed, and a person would press it again."""
        while self._process.poll() is None:
            os.write(self._master, b"\x03")
            deadline = time.monotonic() + 2.0
            while self._process.poll() is None and time.monotonic() < deadline:
                self._more(time.monotonic() + 0.05)

    def end(self, seconds: float = 60.0) -> int:
        """Wait for the command's end; its exit status."""
        deadline = time.monotonic() + seconds
        while self._more(deadline):
            pass
        return self._process.wait(max(deadline - time.monotonic(), 1.0))

    def stop(self) -> int:
        """End what runs on, as a service manager would."""
        self._process.send_signal(signal.SIGTERM)
        return self.end()

    def _more(self, deadline: float) -> bool:
        """Read on; whether there was more before `deadline`."""
        ready, _, _ = select.select([self._master], [], [], max(deadline - time.monotonic(), 0.0))
        if not ready:
            return False
        try:
            read = os.read(self._master, 65536)
        except OSError as error:
            if error.errno == errno.EIO:  # nobody is at the other end any more
                return False
            raise
        self.shown += read.decode(errors="replace").replace("\r\n", "\n")
        return bool(read)
