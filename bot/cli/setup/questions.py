"""Ask the questions of `setup`: every sentence, and who answers them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from getpass import getpass
from pathlib import Path
from typing import Protocol

import typer

from bot.cli.console import CommandFailed
from bot.cli.setup.files import FirstRule
from bot.cli.setup.variables import NAMES
from bot.core.model import LabelType
from bot.settings.environment import SOURCES

STEPS = 5

BEGIN = (
    "This sets up Plain Bridge in this folder, in 5 steps. What is found good is kept in .env, "
    "which only you can read. Ctrl-C breaks off; run it again to go on."
)
BROKEN_OFF = (
    "Broken off. What was found good is in .env; run `plain-bridge setup` again to go on there."
)

CONNECTION = (
    'How shall Slack reach the bridge? "socket": the bridge calls Slack, no public address is '
    'needed. "http": Slack calls the bridge'
)
NO_CONNECTION = 'Write "socket" or "http".'
PUBLIC_URL = "Address at which Slack will reach the bridge (https://…; empty: fill it in later)"
APP_IS_THERE = "A bot token is there already, so the app is too."

WITHOUT = (
    "Which features shall be left out? additions (more messages of a Slack thread go to its "
    "ticket), files, undo, tenants; several with commas; Enter keeps all"
)
WITHOUT_LACKING = (
    "Which features shall be left out? Those that the key may not do are named; Enter takes them, "
    '"none" keeps all'
)
NONE = "none"

EMOJI = "Which emoji makes a ticket?"
CHANNELS = "In which channels? #names or ids, several with commas; empty: all"
LABELS = "Which labels shall the ticket get? Numbers or names, several with commas; empty: none"
NO_LABELS = "This Plain workspace has no label types; the rule gets no label."

UNSET_SOCKET_MODE = (
    "SLACK_APP_TOKEN is set in the environment, which means Socket Mode: unset it, or choose "
    "--connection socket"
)
SOCKET_MODE_TAKEN_OUT = "SLACK_APP_TOKEN in .env means Socket Mode: its line is a comment now."

MEND_AND_RUN_AGAIN = "Correct what is named, and run `plain-bridge setup` again."
RUN_NOW = "Run the bridge now?"


def step(number: int, what: str) -> str:
    return f"{number}/{STEPS} {what}"


APP_PAGE = "create-slack-app.html"
"""The page with the link that creates the app: 3,000 characters, too many for a terminal."""


def create_app(manifest: Path, link: str | None = None) -> list[str]:
    """How to make the app; `link` where the page could not be written."""
    by_hand = 'https://api.slack.com/apps, "Create New App", "From a manifest", and paste'
    return [
        f"Open {APP_PAGE} (written here) in a browser and follow its link."
        if link is None
        else f"Open this link: {link}",
        "Choose the workspace, and press Create; then Install to Workspace.",
        f"Or by hand: {by_hand} {manifest}.",
    ]


def connected(connection: str, name: str) -> str:
    how = "the bridge calls Slack (Socket Mode)" if connection == "socket" else "Slack calls it"
    other = "http" if connection == "socket" else "socket"
    return f"{name} is there already: {how}. --connection {other} changes that."


def create_key(needed: Mapping[str, str]) -> list[str]:
    where = 'In Plain, Settings, "Machine users & API keys"'
    return [
        f"{where}: add a machine user, and an API key with these permissions:",
        *(f"  {permission}  ({what})" for permission, what in sorted(needed.items())),
    ]


def taken_from(name: str, origin: str) -> str:
    return f"{name} is taken from {origin}."


def paste(name: str) -> str:
    source = SOURCES[name.lower()].partition("; or set ")[0]
    return f"Paste {source} (it is not shown)"


def paste_again(name: str) -> str:
    return f"Enter looks again once it is mended; or paste {NAMES[name]} anew"


def no_public_url(given: str) -> str:
    return f"{given} is no address that Slack calls: it begins with https:// and has a host's name"


def no_feature(unknown: Iterable[str], known: Iterable[str]) -> str:
    return f"There is no {', '.join(unknown)}: write of {', '.join(known)}, or nothing."


def label_list(known: Sequence[LabelType]) -> list[str]:
    return [f"  {number:>2}  {label.name}" for number, label in enumerate(known, 1)]


def no_label(wrong: Iterable[str]) -> str:
    return (
        f"{', '.join(wrong)}: no label type, or several of this name; write its number or id (lt_…)"
    )


def overwrite(config: str) -> str:
    return f"{config} is there already. Write a new one over it?"


def left_as_it_is(config: str) -> str:
    return f"{config} is there already, and is left as it is."


def wrote(config: str, rule: FirstRule) -> str:
    where = f" in {', '.join(rule.channels)}" if rule.channels else ""
    labelled = ", ".join(label.name for label in rule.labels)
    what = f" with the label {labelled}" if labelled else ""
    return f"{config} is written: :{rule.emoji}:{where} makes a ticket{what}."


def done(connection: str, public_url: str | None) -> list[str]:
    """What is left to do once everything is written."""
    lines = [
        "Everything is there. What is left:",
        "  plain-bridge run     runs the bridge",
        "  plain-bridge doctor  checks everything, whenever something seems wrong",
        "  /invite @plain-bridge in each channel of Slack where the emoji shall count",
    ]
    if connection == "http":
        address = f"{(public_url or 'https://YOUR-HOST').rstrip('/')}/slack/events"
        lines.append(
            "  with the bridge running, https://api.slack.com/apps, your app: turn Socket Mode "
            f"off, and see that the request URLs are {address}"
        )
    return lines


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


def asker(*, yes: bool) -> Asker:
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
