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
    "This sets up Plain Bridge in this folder, in 5 steps. It validates each answer as you go and "
    "keeps it in .env, which only you can read. Ctrl-C stops; run it again to continue."
)
STOPPED = "Stopped. Valid answers are kept in .env; run `plain-bridge setup` again to continue."

CONNECTION = (
    'How should Slack reach the bridge? "socket": the bridge connects to Slack, no public address '
    'needed. "http": Slack calls the bridge'
)
NO_CONNECTION = 'Enter "socket" or "http".'
PUBLIC_URL = "Address where Slack will reach the bridge (https://…; empty to fill it in later)"
APP_IS_THERE = "There is already a bot token, so the app exists."

WITHOUT = (
    "Which features should be left out? additions (more messages of a Slack thread go to its "
    "ticket), files, undo, tenants; separated by commas; Enter keeps all"
)
WITHOUT_LACKING = (
    "Which features should be left out? Enter leaves out those that the key lacks permissions for, "
    '"none" keeps all'
)
NONE = "none"

EMOJI = "Which emoji should create a ticket?"
CHANNELS = "In which channels? #names or ids, separated by commas; empty for all"
LABELS = "Which labels should the ticket get? Numbers or names, separated by commas; empty for none"
NO_LABELS = "This Plain workspace has no label types, so the rule gets no label."

UNSET_SOCKET_MODE = (
    "SLACK_APP_TOKEN is set in the environment, which means Socket Mode: unset it, or use "
    "--connection socket"
)
SOCKET_MODE_TAKEN_OUT = "SLACK_APP_TOKEN in .env means Socket Mode: its line is now a comment."

FIX_AND_RUN_AGAIN = "Correct this, and run `plain-bridge setup` again."
RUN_NOW = "Run the bridge now?"


def step(number: int, what: str) -> str:
    return f"{number}/{STEPS} {what}"


APP_PAGE = "create-slack-app.html"
"""The page with the link that creates the app; its 3,000 characters are too many for a terminal."""


def create_app(manifest: Path, link: str | None = None) -> list[str]:
    """Return how to create the app; `link` if the page could not be written."""
    by_hand = 'https://api.slack.com/apps, "Create New App", "From a manifest", and paste'
    return [
        f"Open {APP_PAGE} (in this folder) in a browser and follow its link."
        if link is None
        else f"Open this link: {link}",
        "Choose the workspace and press Create, then Install to Workspace.",
        f"Or by hand: {by_hand} {manifest}.",
    ]


def connected(connection: str, name: str) -> str:
    how = "Socket Mode" if connection == "socket" else "HTTP"
    other = "http" if connection == "socket" else "socket"
    return f"{name} is already set, so {how} is used; --connection {other} changes that."


def create_key(needed: Mapping[str, str]) -> list[str]:
    where = 'In Plain, Settings, "Machine users & API keys"'
    return [
        f"{where}: add a machine user and an API key with these permissions:",
        *(f"  {permission}  ({what})" for permission, what in sorted(needed.items())),
    ]


def taken_from(name: str, origin: str) -> str:
    return f"Using {name} from {origin}."


def paste(name: str) -> str:
    source = SOURCES[name.lower()].partition("; or set ")[0]
    return f"Paste {source} (hidden)"


def paste_again(name: str) -> str:
    return f"Press Enter to check again once it is fixed, or paste {NAMES[name]} again"


def no_public_url(given: str) -> str:
    return f"{given} is not an address Slack can call: use https:// and a host name"


def no_feature(unknown: Iterable[str], known: Iterable[str]) -> str:
    return f"There is no {', '.join(unknown)}: choose from {', '.join(known)}."


def label_list(known: Sequence[LabelType]) -> list[str]:
    return [f"  {number:>2}  {label.name}" for number, label in enumerate(known, 1)]


def no_label(wrong: Iterable[str]) -> str:
    return f"{', '.join(wrong)}: no such label type, or several; use its number or id (lt_…)"


def overwrite(config: str) -> str:
    return f"{config} already exists. Overwrite it?"


def left_as_it_is(config: str) -> str:
    return f"{config} already exists and is left unchanged."


def wrote(config: str, rule: FirstRule) -> str:
    where = f" in {', '.join(rule.channels)}" if rule.channels else ""
    labelled = ", ".join(label.name for label in rule.labels)
    what = f" with the label {labelled}" if labelled else ""
    return f"Wrote {config}: :{rule.emoji}:{where} creates a ticket{what}."


def done(connection: str, public_url: str | None) -> list[str]:
    """Return what is left to do once everything is written."""
    lines = [
        "Done. What is left:",
        "  plain-bridge run     runs the bridge",
        "  plain-bridge doctor  checks everything when something seems wrong",
        "  /invite @plain-bridge in every Slack channel where the emoji should work",
    ]
    if connection == "http":
        address = f"{(public_url or 'https://YOUR-HOST').rstrip('/')}/slack/events"
        lines.append(
            "  with the bridge running, https://api.slack.com/apps, your app: turn Socket Mode "
            f"off, and check that the request URLs are {address}"
        )
    return lines


_NO_ARGV = (
    "Secrets can't be given as options: every user of the machine could read them, and the shell "
    "history keeps them."
)


class Asker(Protocol):
    """Answers questions; `option` and `variable` say how to answer without being asked."""

    attended: bool

    def line(self, question: str, default: str | None, option: str) -> str:
        """Return a line, or the default."""

    def secret(self, question: str, variable: str, *, may_be_empty: bool = False) -> str:
        """Return a line that is not shown."""

    def yes(self, question: str, *, default: bool) -> bool: ...


class Terminal:
    """Asks the person at the terminal. Stopping raises Abort, KeyboardInterrupt or EOFError."""

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


class Unattended:
    """Takes the defaults. Raises CommandFailed, with what to give, if there is none."""

    attended = False

    def line(self, question: str, default: str | None, option: str) -> str:
        if default is None:
            raise CommandFailed(f"{question}: answer with {option}")
        return default

    def secret(self, question: str, variable: str, *, may_be_empty: bool = False) -> str:  # noqa: ARG002
        raise CommandFailed(not_given([variable]))

    def yes(self, question: str, *, default: bool) -> bool:  # noqa: ARG002
        return default


def not_given(variables: Sequence[str]) -> str:
    """Return where to get each of these secrets, and how to give them without a terminal."""
    lines = [f"{name} is not set: {SOURCES[name.lower()]}." for name in variables]
    them = "it" if len(variables) == 1 else "them"
    how = f"Set {them} in the environment, or pass a file or standard input with --secrets."
    return "\n".join([*lines, f"{how} {_NO_ARGV}"])


def asker(*, yes: bool) -> Asker:
    """Return who answers: nobody with `--yes`. Raise CommandFailed without a terminal."""
    if yes:
        return Unattended()
    if not sys.stdin.isatty():
        raise CommandFailed(
            "there is no terminal: run `plain-bridge setup` in one, or add "
            "--yes and set SLACK_BOT_TOKEN, PLAIN_API_KEY, and SLACK_APP_TOKEN or "
            "SLACK_SIGNING_SECRET in the environment"
        )
    return Terminal()
