"""Settings loaded from a folder, and the mistakes in them."""

from __future__ import annotations

from pathlib import Path

from bot.settings import Settings, load


def loaded(folder: Path, toml: str = "", **environ: str) -> Settings:
    (folder / "plain-bridge.toml").write_text(toml, encoding="utf-8")
    return load(environ, folder)
