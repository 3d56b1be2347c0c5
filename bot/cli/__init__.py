"""Join the commands into `plain-bridge`, and report what makes one fail in a sentence."""

from __future__ import annotations

import sqlite3
from importlib.metadata import version
from typing import Annotated, Any

import typer
from sqlalchemy.exc import DBAPIError
from typer.core import TyperCommand, TyperGroup

from bot import build, proxies, telemetry
from bot.cli import console, doctor, explain, ledger, people, reconcile, rules, run, sandbox, setup
from bot.cli.console import CommandFailed
from bot.core.faults import Fault, Rejected, TryLater
from bot.settings import SettingsError
from bot.slack.views import rejections
from bot.store import cluster, suitable
from bot.store.rejections import to_data

__all__ = ["app", "main"]


EXPECTED = (
    CommandFailed,
    SettingsError,
    proxies.ProxyMistake,
    cluster.AlreadyRunning,
    suitable.Unsuitable,
    build.NotAtHead,
    build.TokenRefused,
)
"""Errors whose own text tells a person why a command failed."""


_CAUSES = {
    "database_busy": "it is busy; try again",
    "database_slow": "it is too slow right now; try again",
    "database_file_gone": (
        "its file was removed or replaced in the meantime; put it back, or run the command again "
        "to use the file that is there now"
    ),
}
"""The causes that the store raises, in words; plain `database` goes with the driver's text."""


class Commands(TyperGroup):
    """Reports expected errors as a sentence on standard error, with exit status 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except EXPECTED as error:
            console.complain(str(error))
        except Fault as fault:
            console.complain(_words(fault))
        except (DBAPIError, sqlite3.Error) as error:  # while it is opened, locked or migrated
            console.complain(_without_database(str(getattr(error, "orig", error))))
        raise typer.Exit(1)


class Command(TyperCommand):
    """Shows required arguments as `NAME`, as other command lines do, not as `{NAME}`."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [
            piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)
        ]


app = typer.Typer(
    name="plain-bridge",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Turn Slack messages into Plain threads.",
)
app.command("run")(run.run)
app.command("worker")(run.worker)
app.command("migrate")(run.migrate)
app.command("sandbox")(sandbox.sandbox)
app.add_typer(people.app, name="people")
app.add_typer(ledger.app, name="ledger")
app.add_typer(rules.app, name="rules")
app.command("explain")(explain.explain)
app.command("reconcile")(reconcile.reconcile)
app.command("setup")(setup.setup)
app.command("doctor")(doctor.doctor)

for group in (app, people.app, ledger.app, rules.app):
    for command in group.registered_commands:
        command.cls = Command


def _show_version(wanted: bool) -> None:
    if wanted:
        console.say(f"plain-bridge {version('plain-bridge')}")
        raise typer.Exit


@app.callback()
def _before(
    version: Annotated[  # noqa: ARG001 — its callback does it
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    # Standard output is for the command's own; `run` and `worker` set up their log anew.
    telemetry.set_up("WARNING")


def main() -> None:
    """Run the console script."""
    app()


def _words(fault: Fault) -> str:
    match fault:
        case TryLater(cause=cause) if cause.startswith("database"):
            driver = getattr(fault.__cause__, "orig", None)
            return _without_database(cause if driver is None or cause in _CAUSES else str(driver))
        case TryLater(cause=cause):
            return f"failed for now: {rejections.cause(cause)} ({cause}); try again"
        case Rejected(rejection=rejection):
            details = ", ".join(f"{name} {value}" for name, value in to_data(rejection).items())
            words = rejections.short(rejection.reason, rejection)
            return telemetry.masked(f"refused: {words}{f' ({details})' if details else ''}")
    return "failed for now; try again"


def _without_database(why: str) -> str:
    """Return why the database cannot be used; `why`: one of `_CAUSES`, or the driver's text."""
    words = _CAUSES.get(why, "it does not answer; try again" if why == "database" else why)
    return telemetry.masked(f"the database cannot be used: {words}")
