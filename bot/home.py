"""Set a home directory for accounts without one: importing slack_sdk needs it."""

from __future__ import annotations

import os
from pathlib import Path


def ensure_home() -> None:
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
