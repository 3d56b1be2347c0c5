"""Run `plain-bridge`, also as `python -m bot`."""

from __future__ import annotations

from bot.heap import frozen_gc, limit_malloc_arenas
from bot.home import ensure_home


def main() -> None:
    """Run the console script."""
    limit_malloc_arenas()
    ensure_home()
    with frozen_gc():
        from bot.cli import main as command
    command()


if __name__ == "__main__":
    main()
