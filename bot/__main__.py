"""The command `plain-bridge`, and `python -m bot`."""

from __future__ import annotations

from bot.heap import few_arenas, staying
from bot.home import ensure_home


def main() -> None:
    """The console script."""
    few_arenas()
    ensure_home()
    with staying():
        from bot.cli import main as command
    command()


if __name__ == "__main__":
    main()
