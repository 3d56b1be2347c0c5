"""Who answers the questions of `setup`: a person at a terminal, or nobody."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from getpass import getpass
from typing import Protocol

import typer

from bot.cli.console import CommandFailed
from bot.settings.environment import SOURCES

_NO_ARGV = (
    "Secrets are not taken as options: every user of the machine can read those, and the shell "
    "keeps them."
)


class Asker(Protocol):
    """`option` and `variable` are how the answer is given without a question."""

    attended: bool

    def line(self, question: str, default: str | None, option: str) -> str:
        """A line, or the default."""

    def secret(self, question: str, variable: str, *, may_be_empty: bool = False) -> str:
        """A line that is not shown."""

    def yes(self, question: str, *, default: bool) -> bool: ...


class Terminal:
    """Asks the person at the terminal. Who breaks off raises Abort, KeyboardInterrupt, EOFError."""

    attended = True

    def line(self, question: str, default: str | None, option: str) -> str:  # noqa: ARG002
        answer: str = typer.prompt(question, default=default or "", show_default=bool(default))
        return answer.strip()

    def secret(self, question: str, variable: str, *, may_be_empty: bool = False) -> str:  # noqa: ARG002
        while True:
            # Not typer's: that shows the question before it stops showing what is typed.
            answer = getpass(f"{question}: ").strip()
            if answer or may_be_empty:
                return answer

    def yes(self, question: str, *, default: bool) -> bool:
        return typer.confirm(question, default=default)


class Nobody:
    """Takes the defaults. Raises CommandFailed, with what to give, where there is none."""

    attended = False

    def line(self, question: str, default: str | None, option: str) -> str:
        if default is None:
            raise CommandFailed(f"{question}: say it with {option}")
        return default

    def secret(self, question: str, variable: str, *, may_be_empty: bool = False) -> str:  # noqa: ARG002
        raise CommandFailed(not_given([variable]))

    def yes(self, question: str, *, default: bool) -> bool:  # noqa: ARG002
        return default


def not_given(variables: Sequence[str]) -> str:
    """Where to get each of these secrets, and how to give them where nobody can be asked."""
    lines = [f"{name} is not set: {SOURCES[name.lower()]}." for name in variables]
    them = "it" if len(variables) == 1 else "them"
    ways = f"Set {them} in the environment, or in a file or on standard input with --secrets."
    return "\n".join([*lines, f"{ways} {_NO_ARGV}"])


def submitter(*, yes: bool) -> Asker:
    """Nobody with `--yes`; CommandFailed where there is nobody to ask."""
    if yes:
        return Nobody()
    if not sys.stdin.isatty():
        raise CommandFailed(
            "there is no terminal to ask questions at: run `plain-bridge setup` in one, or add "
            "--yes, and set SLACK_BOT_TOKEN, PLAIN_API_KEY, and SLACK_APP_TOKEN or "
            "SLACK_SIGNING_SECRET in the environment"
        )
    return Terminal()
