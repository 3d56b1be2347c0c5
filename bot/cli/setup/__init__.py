"""`plain-bridge setup`: create a configuration that `run` works with."""

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
        bool, typer.Option("--yes", help="Ask nothing: use the options and the defaults.")
    ] = False,
    connection: Annotated[
        str | None,
        typer.Option(metavar="socket|http", help="How Slack reaches the bridge (default: socket)."),
    ] = None,
    public_url: Annotated[
        str | None, typer.Option(metavar="URL", help="The bridge's public address, for http.")
    ] = None,
    emoji: Annotated[
        str | None, typer.Option(metavar="EMOJI", help="The first rule's emoji (default: ticket).")
    ] = None,
    label: Annotated[
        Listed,
        typer.Option(metavar="LABEL", help="A label type for the rule, name or id; repeatable."),
    ] = None,
    channel: Annotated[
        Listed,
        typer.Option(metavar="CHANNEL", help="A channel for the rule, #name or id; repeatable."),
    ] = None,
    without: Annotated[
        Listed,
        typer.Option(metavar="FEATURE", help=f"Leave out {', '.join(OPTIONAL)}; repeatable."),
    ] = None,
    secrets: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A file of lines NAME=value; - for standard input."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Overwrite an existing plain-bridge.toml.")
    ] = False,
    run: Annotated[
        bool | None, typer.Option("--run/--no-run", help="Run the bridge at the end.")
    ] = None,
) -> None:
    """Set up the bridge in this folder: Slack app, tokens, Plain key, first rule.

    Validates each token as you go and keeps it in .env, so that setup continues where it stopped.
    Secrets are typed without being shown, or taken from the environment, .env or --secrets; never
    from options, which every user of the machine can read and the shell history keeps.
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
        raise CommandFailed(questions.STOPPED) from None
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
        connection=connection,  # type: ignore[arg-type]  # checked above
        public_url=public_url,
        emoji=emoji,
        labels=_given(label, yes),
        channels=_given(channel, yes),
        without=frozenset(map(Feature, without or ())) if without or yes else None,
        overwrite=overwrite,
    )


def _given(listed: Listed, yes: bool) -> tuple[str, ...] | None:
    """Return None if it has to be asked."""
    return tuple(listed or ()) if listed or yes else None


def _secrets(name: str) -> dict[str, str]:
    """Return the secrets in a file of lines NAME=value."""
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise CommandFailed(f"--secrets {name}: not a readable UTF-8 file") from None
    read = parsed(text)
    if read is None or not read.keys() <= NAMES.keys():  # its content may be a secret
        raise CommandFailed(f"--secrets {name}: write lines NAME=value, with {', '.join(NAMES)}")
    return read
