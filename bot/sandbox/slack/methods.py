"""What the Web API's methods have in common: their scopes, their arguments, their channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from bot.sandbox.slack.nouns import Conversation, Json, SlackError
from bot.sandbox.slack.world import World


@dataclass(frozen=True)
class Method:
    """`scopes`: at least one of them is needed; `caller`: whose token it takes."""

    run: Callable[[Json], Json]
    scopes: tuple[str, ...] = ()
    caller: Literal["bot", "app"] = "bot"


KINDS = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}


def of_kinds(what: str) -> tuple[str, ...]:
    """The scopes for each kind of conversation: "channels:read", "groups:read", …"""
    return tuple(f"{kind}:{what}" for kind in KINDS.values())


def need(world: World, *scopes: str) -> None:
    """https://docs.slack.dev/authentication/installing-with-oauth: the error names both sides."""
    if scopes and not world.scopes.intersection(scopes):
        raise SlackError(
            "missing_scope", needed=",".join(scopes), provided=",".join(sorted(world.scopes))
        )


def need_for(world: World, channel: Conversation, what: str) -> None:
    need(world, f"{KINDS[channel.kind]}:{what}")


def text_of(arguments: Json, name: str) -> str:
    """A required argument."""
    if arguments.get(name) in (None, ""):
        message = f"[ERROR] missing required field: {name}"
        raise SlackError("invalid_arguments", response_metadata={"messages": [message]})
    return str(arguments[name])


def flag(value: Any) -> bool:
    """A boolean, which forms and queries carry as a word."""
    return value in (True, 1, "1", "true", "True")


def number(value: Any, default: int) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return default
