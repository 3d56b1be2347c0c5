"""`plain-bridge setup`: from nothing to a configuration with which `run` works."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from bot.cli import console
from bot.cli import run as running
from bot.cli.console import CommandFailed
from bot.cli.doctor.plain import OPTIONAL, Feature
from bot.cli.setup import questions
from bot.cli.setup.steps import Options, Setup
from bot.cli.setup.variables import NAMES, DotEnv, Values, parsed
from bot.settings import DEFAULT_FILE

Listed = list[str] | None


def setup(
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing: take the options and the defaults.")
    ] = False,
    connection: Annotated[
        str | None, typer.Option(metavar="socket|http", help="How Slack reaches the bridge.")
    ] = None,
    public_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where Slack reaches it, for http.")
    ] = None,
    emoji: Annotated[str | None, typer.Option(help="The first rule's emoji.")] = None,
    label: Annotated[
        Listed, typer.Option(help="A label type's name or id, for the rule; may be repeated.")
    ] = None,
    channel: Annotated[
        Listed, typer.Option(help="A channel's #name or id, for the rule; may be repeated.")
    ] = None,
    without: Annotated[
        Listed, typer.Option(help=f"Of {', '.join(OPTIONAL)}, what to leave out.")
    ] = None,
    secrets: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A file of lines NAME=value; - is standard input."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write plain-bridge.toml over an old one.")
    ] = False,
    run: Annotated[
        bool | None, typer.Option("--run/--no-run", help="Run the bridge at the end.")
    ] = None,
) -> None:
    """Set up the bridge in this folder: Slack app, tokens, Plain key, first rule.

    Each token is looked at at once and kept in .env as soon as it is good, so that a run that was
    broken off goes on where it was. Secrets are asked for without showing them, or taken from the
    environment, from .env, or from --secrets; never from options, which every user of the machine
    can read and the shell keeps.
    """
    environ = dict(os.environ)
    given = _secrets(secrets) if secrets else {}
    options = _options(connection, public_url, emoji, label, channel, without, yes, overwrite)
    ask = questions.asker(yes=yes)
    dotenv = DotEnv(Path(".env"))
    values = Values(dotenv, environ, given)
    config = values.known("PLAIN_BRIDGE_CONFIG")[0] or DEFAULT_FILE
    if ask.attended:
        console.say(questions.BEGIN)
    try:
        Setup(Path(), config, options, values, ask).go()
        start = run if run is not None else ask.yes(questions.RUN_NOW, default=False)
    except (typer.Abort, KeyboardInterrupt, EOFError):
        raise CommandFailed(questions.BROKEN_OFF) from None
    if start:
        running.run()


def _options(
    connection: str | None,
    public_url: str | None,
    emoji: str | None,
    label: Listed,
    channel: Listed,
    without: Listed,
    yes: bool,
    overwrite: bool,
) -> Options:
    if connection not in (None, "socket", "http"):
        raise CommandFailed(f"--connection {connection}: {questions.NO_CONNECTION}")
    if unknown := [one for one in without or () if one not in OPTIONAL]:
        raise CommandFailed(f"--without: {questions.no_feature(unknown, OPTIONAL)}")
    return Options(
        connection=connection,  # type: ignore[arg-type]  # looked at above
        public_url=public_url,
        emoji=emoji,
        labels=_given(label, yes),
        channels=_given(channel, yes),
        without=frozenset(map(Feature, without or ())) if without or yes else None,
        overwrite=overwrite,
    )


def _given(listed: Listed, yes: bool) -> tuple[str, ...] | None:
    """None where it is to be asked."""
    return tuple(listed or ()) if listed or yes else None


def _secrets(name: str) -> dict[str, str]:
    """The secrets of a file of lines NAME=value."""
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise CommandFailed(f"--secrets {name}: cannot be read as UTF-8 text") from None
    read = parsed(text)
    if read is None or not read.keys() <= NAMES.keys():  # what it holds instead may be a secret
        raise CommandFailed(f"--secrets {name}: takes lines of {', '.join(NAMES)}, each with its =")
    return read
