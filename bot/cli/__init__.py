"""The command `plain-bridge`."""

from __future__ import annotations

import sqlite3
from importlib.metadata import version
from typing import Annotated, Any

import typer
from sqlalchemy.exc import DBAPIError
from typer.core import TyperCommand, TyperGroup

from bot import proxies, telemetry, wiring
from bot.cli import console, doctor, explain, ledger, people, reconcile, rules, run, sandbox, setup
from bot.cli.console import CommandFailed
from bot.core.faults import Fault, Refused, TryLater
from bot.settings import SettingsError
from bot.slack.views import rejections
from bot.store import cluster, suitable

__all__ = ["app", "main"]


EXPECTED = (
    CommandFailed,
    SettingsError,
    proxies.ProxyMistake,
    cluster.AlreadyRunning,
    suitable.Unsuitable,
    wiring.NotAtHead,
    wiring.TokenRefused,
)
"""What says in its own words why a command could not do its work."""


_CAUSES = {
    "database_busy": "it is busy; try again",
    "database_slow": "it is too slow just now; try again",
    "database_file_gone": (
        "its file was removed or replaced meanwhile; put the same file back, or run the command "
        "again to go on with what is there"
    ),
}
"""What the store raises, in words. `database` alone goes with what the driver says."""


class Commands(TyperGroup):
    """Tells what can be expected to go wrong in a sentence, with exit status 1."""

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
    """Shows what must be given as `NAME`, as every other command line does, not as `{NAME}`."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [
            piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)
        ]


app = typer.Typer(
    name="plain-bridge",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A bridge from Slack messages to Plain threads.",
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

for one in (app, people.app, ledger.app, rules.app):
    for command in one.registered_commands:
        command.cls = Command


def _tell_version(asked: bool) -> None:
    if asked:
        console.say(f"plain-bridge {version('plain-bridge')}")
        raise typer.Exit


@app.callback()
def _before(
    version: Annotated[  # noqa: ARG001 — its callback does it
        bool,
        typer.Option(
            "--version", callback=_tell_version, is_eager=True, help="Show the version, and exit."
        ),
    ] = False,
) -> None:
    # Standard output is for the command's own; `run` and `worker` set up their log anew.
    telemetry.set_up("WARNING")


def main() -> None:
    """The console script."""
    app()


def _words(fault: Fault) -> str:
    match fault:
        case TryLater(cause=cause) if cause.startswith("database"):
            driver = getattr(fault.__cause__, "orig", None)
            return _without_database(cause if driver is None or cause in _CAUSES else str(driver))
        case TryLater(cause=cause):
            return f"it did not work just now: {rejections.cause(cause)} ({cause}); try again"
        case Refused(reason=reason, data=data):
            told = ", ".join(f"{name} {value}" for name, value in data.items())
            words = rejections.short(reason.value, data)
            return telemetry.masked(f"refused: {words}{f' ({told})' if told else ''}")
    return "it did not work just now; try again"


def _without_database(why: str) -> str:
    """Return why nothing can be done with it; `why` is one of `_CAUSES`, or the driver's words."""
    words = _CAUSES.get(why, "it does not answer; try again" if why == "database" else why)
    return telemetry.masked(f"the database cannot be used: {words}")
