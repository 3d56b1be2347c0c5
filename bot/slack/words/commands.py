"""What `/plain-ticket` says where it can do nothing; mrkdwn."""

from __future__ import annotations

ANOTHER_WORKSPACE = (
    "Nothing was recorded: this bridge belongs to another Slack workspace. Ask whoever installed "
    "the app here to run a bridge for this workspace, or to remove the app."
)
