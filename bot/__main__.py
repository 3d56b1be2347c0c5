"""Run `plain-bridge`, also as `python -m bot`."""

from __future__ import annotations

import os
from pathlib import Path

from bot.heap import frozen_gc, limit_malloc_arenas


def main() -> None:
    """Run the console script."""
    limit_malloc_arenas()
    _ensure_home()
    with frozen_gc():
        from bot.cli import main as command
    command()


def _ensure_home() -> None:
    """Set `HOME` to `/` if this account has no home directory.

    slack_sdk computes paths below `Path.home()` while it is imported; the bridge never uses them. A
    user that systemd makes (`DynamicUser=`) has no `HOME`, nor an entry in the user database where
    nss-systemd is not installed:
    https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#DynamicUser=
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/"


if __name__ == "__main__":
    main()
