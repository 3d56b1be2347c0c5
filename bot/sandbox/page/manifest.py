"""What the app's manifest adds to Slack: shortcuts in menus, slash commands, the bot's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_BOT = Path(__file__).parents[2]
_PLACES = (_BOT / "manifest.yml", _BOT.parent / "manifest.yml")
"""In an installed package it lies inside the package, in a checkout beside it."""


@dataclass(frozen=True)
class Shortcut:
    name: str
    callback_id: str


@dataclass(frozen=True)
class Command:
    command: str
    description: str
    usage_hint: str


@dataclass(frozen=True)
class Manifest:
    """https://docs.slack.dev/reference/app-manifest"""

    name: str
    bot_name: str
    of_messages: tuple[Shortcut, ...]
    of_everything: tuple[Shortcut, ...]
    commands: tuple[Command, ...]
    takes_messages: bool


def read() -> Manifest:
    """The manifest that this version of the bridge comes with."""
    path = next(place for place in _PLACES if place.exists())
    return parsed(yaml.safe_load(path.read_text(encoding="utf-8")))


def parsed(document: Mapping[str, Any]) -> Manifest:
    features = document["features"]
    shortcuts = features.get("shortcuts", ())
    return Manifest(
        document["display_information"]["name"],
        features["bot_user"]["display_name"],
        _shortcuts(shortcuts, "message"),
        _shortcuts(shortcuts, "global"),
        tuple(
            Command(one["command"], one["description"], one.get("usage_hint", ""))
            for one in features.get("slash_commands", ())
        ),
        takes_messages=_takes_messages(features.get("app_home", {})),
    )


def _takes_messages(home: Mapping[str, Any]) -> bool:
    """Return whether people can write in the app's Messages tab."""
    read_only = home.get("messages_tab_read_only_enabled", True)
    return bool(home.get("messages_tab_enabled", False)) and not read_only


def _shortcuts(given: Any, of: str) -> tuple[Shortcut, ...]:
    return tuple(Shortcut(one["name"], one["callback_id"]) for one in given if one["type"] == of)
