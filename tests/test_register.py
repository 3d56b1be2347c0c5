"""Every id of the manifest has its listener, and every id is listened to once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from bot.app import register

MANIFEST = Path(__file__).resolve().parent.parent / "manifest.yml"


class Anything:
    """Has every attribute."""

    def __getattr__(self, name: str) -> Anything:
        return Anything()


class App:
    """Keeps what is registered, by the method that registers it."""

    def __init__(self) -> None:
        self.registered: dict[str, list[Any]] = {}

    def __getattr__(self, kind: str) -> Any:
        def constrained(constraint: Any, **_: Any) -> Any:
            self.registered.setdefault(kind, []).append(constraint)
            return lambda _listener: None

        return constrained


def test_the_manifest_names_what_is_registered() -> None:
    app = App()
    register(app, Anything())  # type: ignore[arg-type]
    manifest = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    shortcuts = [one["callback_id"] for one in manifest["features"]["shortcuts"]]
    commands = [one["command"] for one in manifest["features"]["slash_commands"]]
    events = manifest["settings"]["event_subscriptions"]["bot_events"]
    assert sorted(app.registered["shortcut"]) == sorted(shortcuts)
    assert app.registered["command"] == commands
    assert sorted(app.registered["event"]) == sorted(events)
    for constraints in app.registered.values():
        assert all(constraints.count(one) == 1 for one in constraints)
