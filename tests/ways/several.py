"""What the ways of several people who ask share: who they are, and a worker that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.ways.stage import Stage

RULES = """
[[rule]]
emoji = "ticket"

[[rule]]
emoji = "bug"
channels = ["#billing"]

[escalation]
undo_by_reaction = true
"""


def newcomer(on: Stage, kind: str) -> str:
    """Return somebody else in #support: "guest", "outsider", "bot" or "member"."""
    match kind:
        case "guest":
            user = on.slack.add_user("Gia Guest", email="gia@guest.example", guest=True)
        case "outsider":
            user = on.slack.add_user("Pam Partner", email="pam@other.example", team="T0OTHER")
        case "bot":
            user = on.slack.add_user("robot", bot=True)
        case _:
            user = on.slack.add_user("Cat Ortega", email="cat@acme.example")
    on.slack.channel(on.support).members.add(user)
    return user


@asynccontextmanager
async def backlog(on: Stage) -> AsyncIterator[None]:
    """Let requests wait: nothing is decided until the context ends."""
    worker = on.bridge.worker
    at_once, worker.at_once = worker.at_once, 0
    yield
    worker.at_once = at_once
    worker.wake()


def heard(on: Stage, user: str) -> list[str]:
    """Return the first lines of what this person was told privately, oldest first."""
    return [text.split("\n")[0].partition(" · ")[0] for text in on.seen_by(user)]
