"""`plain-bridge run`, `worker` and `migrate`: run the bridge and bring its database up to date."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from collections.abc import Coroutine
from typing import Any

from bot import process, server, telemetry
from bot.cli import console, services
from bot.cli.console import CommandFailed
from bot.settings import Settings, load
from bot.store import migrating, suitable


def run() -> None:
    """Run the bridge: HTTP, Socket Mode if SLACK_APP_TOKEN is set, and the delivery worker."""
    settings = load(needs=("slack_bot_token", "slack_signing_secret", "plain_api_key"))
    _run(settings, process.serve(settings))


def worker() -> None:
    """Run only a delivery worker, for bridges that share a PostgreSQL database.

    It serves /healthz, /readyz and /metrics.
    """
    settings = load(needs=("slack_bot_token", "plain_api_key"))
    _run(settings, process.serve(settings, hears=False))


def migrate() -> None:
    """Upgrade the database to this release's schema."""
    database = services.connect(load())
    try:
        suitable.check(database)
        before = migrating.revision(database)
        migrating.migrate(database)
        migrating.check_columns(database)
    finally:
        database.close()
    after = migrating.head()
    if before == after:
        console.say(f"The database is already at {after}.")
    else:
        console.say(f"The database is now at {after}.")


def _run(settings: Settings, work: Coroutine[Any, Any, None]) -> None:
    colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    telemetry.set_up(settings.log_level, settings.log_format, colors=colors)
    try:
        with asyncio.Runner(loop_factory=server.loop_factory()) as runner:
            runner.run(work)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        why = error.strerror
        if error.errno == errno.EADDRINUSE:
            why = "another program or bridge uses it; stop that one, or set PORT to a free port"
        raise CommandFailed(f"the bridge cannot listen on {where}: {why}") from None
